#include "source/manifest_kind.h"

#include "source/manifest.h"

struct artifact_type {
	const char *start; /* of the media type */
	const char *name;
};

/* First match wins: longer prefixes stand before shorter ones. */
static const struct artifact_type artifact_types[] = {
	{"application/vnd.in-toto", "attestation (in-toto)"},
	{"application/vnd.dsse.envelope", "attestation (DSSE)"},
	{"application/vnd.dev.cosign.simplesigning", "cosign signature"},
	{"application/vnd.dev.cosign.artifact.sig", "cosign signature"},
	{"application/vnd.dev.cosign.artifact.sbom", "SBOM (cosign)"},
	{"application/vnd.dev.cosign", "cosign artifact"},
	{"application/vnd.dev.sigstore.bundle", "sigstore bundle"},
	{"application/vnd.cncf.notary", "notation signature"},
	{"application/vnd.cncf.helm", "Helm chart"},
	{"application/vnd.cncf.flux", "Flux artifact"},
	{"application/vnd.cncf.openpolicyagent", "Open Policy Agent bundle"},
	{"application/vnd.cncf.kubernetes.policy", "policy"},
	{"application/vnd.cncf.model", "model"},
	{"application/vnd.cyclonedx", "SBOM (CycloneDX)"},
	{"application/spdx", "SBOM (SPDX)"},
	{"text/spdx", "SBOM (SPDX)"},
	{"application/vnd.syft", "SBOM (Syft)"},
	{"application/vnd.openvex", "VEX document"},
	{"application/sarif", "SARIF report"},
	{"application/vnd.buildkit.cacheconfig", "BuildKit cache"},
	{"application/vnd.docker.plugin", "Docker plugin"},
	{"application/vnd.docker.ai", "model"},
	{"application/vnd.ollama", "model (Ollama)"},
	{"application/vnd.wasm", "WebAssembly module"},
	{"application/vnd.module.wasm", "WebAssembly module"},
	{"application/vnd.sylabs.sif", "Singularity image file"},
	{"application/vnd.oci.empty", "artifact without a config"},
	{"application/vnd.oci.artifact.manifest", "OCI artifact manifest"},
	{"application/vnd.aquasec.trivy", "Trivy database"},
};

const char *artifact_name(struct slice media_type)
{
	for (size_t i = 0; i < sizeof(artifact_types) / sizeof(artifact_types[0]); i++)
		if (slice_starts(media_type, artifact_types[i].start))
			return artifact_types[i].name;
	return NULL;
}

static bool says_nothing(struct slice media_type)
{
	return media_type.len == 0 || slice_eq_str(media_type, "application/octet-stream");
}

bool config_type_is_image(struct slice media_type)
{
	return says_nothing(media_type) || slice_starts(media_type, "application/vnd.oci.image.config.") ||
	       slice_starts(media_type, "application/vnd.docker.container.image.");
}

bool manifest_type_is_image(struct slice media_type)
{
	return slice_eq_str(media_type, "application/vnd.oci.image.manifest.v1+json") ||
	       slice_eq_str(media_type, "application/vnd.docker.distribution.manifest.v2+json");
}

bool manifest_type_is_index(struct slice media_type)
{
	return slice_eq_str(media_type, "application/vnd.oci.image.index.v1+json") ||
	       slice_eq_str(media_type, "application/vnd.docker.distribution.manifest.list.v2+json");
}
