#include "lib/result_fixture.h"

#include "base/err.h"

#include <string.h>

const char *const result_fixture_names[FIXTURE_COUNT] = {
	"debian", "nasty", "no_source", "clean", "failed", "incomplete", "skipped", "no_database",
};

static struct digest digest_filled(uint8_t byte)
{
	struct digest digest;

	memset(digest.bytes, byte, sizeof(digest.bytes));
	return digest;
}

static void add_layers(struct image_result *r, struct arena *arena, const uint8_t *bytes, size_t count)
{
	r->layers = arena_array(arena, count, sizeof(*r->layers));
	r->layers_count = count;
	for (size_t i = 0; i < count; i++)
		r->layers[i] = (struct result_layer){
			.digest = digest_filled(bytes[i]),
			.diff_id = digest_filled((uint8_t)(bytes[i] + 1)),
			.size = 1000000u * bytes[i],
			.media_type = SLICE_LIT("application/vnd.oci.image.layer.v1.tar+gzip"),
			.status = i ? LAYER_SCANNED : LAYER_REUSED,
			.created_by = SLICE_LIT("COPY app /app # buildkit"),
		};
}

static void add_package(struct image_result *r, struct arena *arena, const char *type, const char *name,
			const char *version, const char *purl, uint32_t layer)
{
	struct result_package *p;

	if (!r->packages)
		r->packages = arena_array(arena, 16, sizeof(*r->packages));
	p = &r->packages[r->packages_count++];
	p->package = (struct package){.type = slice_str(type),
				      .name = slice_str(name),
				      .version = slice_str(version),
				      .arch = SLICE_LIT("amd64"),
				      .license = SLICE_LIT("GPL-2+ AND MIT"),
				      .vendor = SLICE_LIT("Debian Team")};
	p->purl = slice_str(purl);
	p->layer = layer;
	p->paths = arena_array(arena, 1, sizeof(*p->paths));
	p->paths[0] = SLICE_LIT("var/lib/dpkg/status");
	p->paths_count = 1;
}

static struct result_vulnerability *add_vulnerability(struct image_result *r, struct arena *arena, const char *id,
						      uint32_t package, enum severity severity, const char *fixed)
{
	struct result_vulnerability *v;

	if (!r->vulnerabilities)
		r->vulnerabilities = arena_array(arena, 16, sizeof(*r->vulnerabilities));
	v = &r->vulnerabilities[r->vulnerabilities_count++];
	*v = (struct result_vulnerability){.id = slice_str(id),
					   .package = package,
					   .severity = severity,
					   .fixed = slice_str(fixed),
					   .cvss_score = -1};
	return v;
}

static void add_coverage(struct image_result *r, struct arena *arena, const char *ecosystem, enum coverage_state state,
			 const char *feed_date, const char *remark)
{
	r->coverage = arena_array(arena, 1, sizeof(*r->coverage));
	r->coverage_count = 1;
	r->coverage[0] = (struct result_coverage){.ecosystem = slice_str(ecosystem),
						  .packages = r->packages_count,
						  .state = state,
						  .feed_date = slice_str(feed_date),
						  .remark = slice_str(remark)};
}

static void set_advisories(struct image_result *r)
{
	r->advisories_generation = SLICE_LIT("3fa9c1d2e4b5a6978899aabbccddeeff");
	r->advisories_date = SLICE_LIT("2026-11-24T03:00:00Z");
}

static void make_debian(struct image_result *r, struct arena *arena)
{
	static const uint8_t         layers[] = {0x11, 0x22, 0x33};
	struct result_vulnerability *v;

	r->image.reference = SLICE_LIT("docker://registry.example:5000/team/shop/checkout-service:2026.11.3");
	r->image.index_digest = digest_filled(0xb1);
	r->os = (struct os_release){.id = SLICE_LIT("debian"),
				    .version_id = SLICE_LIT("12"),
				    .pretty_name = SLICE_LIT("Debian GNU/Linux 12 (bookworm)")};
	add_layers(r, arena, layers, 3);
	add_package(r, arena, "deb", "libssl3", "3.0.11-1~deb12u2",
		    "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12", 0);
	r->packages[0].package.source_name = SLICE_LIT("openssl");
	r->packages[0].package.source_version = SLICE_LIT("3.0.11-1~deb12u2");
	add_package(r, arena, "deb", "libstdc++6", "12.2.0-14",
		    "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14?arch=amd64&distro=debian-12", 0);
	add_package(r, arena, "deb", "zlib1g", "1:1.2.13.dfsg-1",
		    "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64&distro=debian-12", 2);
	r->packages[2].package.flags = PACKAGE_THIRD_PARTY | PACKAGE_NOT_CONFIGURED;
	v = add_vulnerability(r, arena, "CVE-2024-5535", 0, SEVERITY_CRITICAL, "3.0.15-1~deb12u1");
	v->aliases = arena_array(arena, 2, sizeof(*v->aliases));
	v->aliases[0] = SLICE_LIT("DEBIAN-CVE-2024-5535");
	v->aliases[1] = SLICE_LIT("DSA-5764-1");
	v->aliases_count = 2;
	v->cvss_score = 9.1;
	v->cvss_vector = SLICE_LIT("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:H");
	v->severity_source = SLICE_LIT("DEBIAN-CVE-2024-5535 severity[0]");
	v->summary = SLICE_LIT("SSL_select_next_proto buffer overread");
	add_vulnerability(r, arena, "CVE-2023-45853", 2, SEVERITY_HIGH, "")->approximate = true;
	add_vulnerability(r, arena, "CVE-2024-0727", 0, SEVERITY_MEDIUM, "3.0.13-1~deb12u1");
	add_vulnerability(r, arena, "CVE-2023-4039", 1, SEVERITY_LOW, "");
	add_vulnerability(r, arena, "DSA-9999-1", 2, SEVERITY_UNKNOWN, "1:1.2.13.dfsg-2");
	add_vulnerability(r, arena, "CVE-2022-27943", 1, SEVERITY_NEGLIGIBLE, "");
	add_coverage(r, arena, "Debian:12", COVERAGE_MATCHED, "2026-11-23T00:00:00Z", "");
	set_advisories(r);
}

static void make_nasty(struct image_result *r, struct arena *arena)
{
	static const uint8_t layers[] = {0x11, 0x44};
	static const char    bad[] =
		"=cmd|' /C calc'!A0 \x1b[2J\x1b]0;owned\x07 \xe2\x80\xaegnp.exe \xff\xc3( \"<script>\\";
	struct result_vulnerability *v;

	r->image.reference = slice_str(bad);
	r->os = (struct os_release){
		.id = slice_str(bad), .version_id = SLICE_LIT("\n\n1"), .pretty_name = slice_str(bad)};
	add_layers(r, arena, layers, 2);
	r->layers[1].status = LAYER_PARTIAL;
	r->layers[1].reason = slice_str(bad);
	r->layers[1].created_by = slice_str(bad);
	add_package(r, arena, "apk", bad, bad, "pkg:apk/alpine/%FF@1", 1);
	r->packages[0].package.license = r->packages[0].package.vendor = slice_str(bad);
	r->packages[0].paths[0] = slice_str(bad);
	add_package(r, arena, "apk", bad, bad, "pkg:apk/alpine/%FF@1", 1); /* the same twice: bom-refs must differ */
	v = add_vulnerability(r, arena, bad, 0, SEVERITY_HIGH, bad);
	v->summary = v->severity_source = v->cvss_vector = slice_str(bad);
	v->cvss_score = 7.2;
	add_vulnerability(r, arena, bad, 77, SEVERITY_LOW, "")->summary = SLICE_LIT("package index beyond the list");
	r->findings = arena_array(arena, 1, sizeof(*r->findings));
	r->findings[r->findings_count++] = (struct result_finding){.kind = SLICE_LIT("diff_id_mismatch"),
								   .text = slice_str(bad),
								   .path = slice_str(bad),
								   .layer = UINT32_MAX,
								   .severity = SEVERITY_HIGH};
	r->notes = arena_array(arena, 1, sizeof(*r->notes));
	r->notes_layer = arena_array(arena, 1, sizeof(*r->notes_layer));
	r->notes[r->notes_count++] =
		(struct note){.kind = NOTE_PARTIAL, .path = slice_str(bad), .reason = slice_str(bad)};
	r->notes_layer[0] = 1;
	r->image.warnings = arena_array(arena, 1, sizeof(*r->image.warnings));
	r->image.warnings[r->image.warnings_count++] = slice_str(bad);
	add_coverage(r, arena, bad, COVERAGE_MATCHED, bad, bad);
	r->complete = false;
	r->incomplete_reason = slice_str(bad);
	set_advisories(r);
}

static void make_alpine(struct image_result *r, struct arena *arena, const char *version, bool matched)
{
	static const uint8_t layers[] = {0x55, 0x33};

	r->image.reference = slice_str(matched ? "docker.io/library/alpine:3.10" : "docker.io/library/alpine:3.20");
	r->os = (struct os_release){
		.id = SLICE_LIT("alpine"), .version_id = slice_str(version), .pretty_name = SLICE_LIT("Alpine Linux")};
	add_layers(r, arena, layers, 2);
	add_package(r, arena, "apk", "busybox", "1.30.1-r5", "pkg:apk/alpine/busybox@1.30.1-r5?arch=x86_64", 0);
	add_package(r, arena, "apk", "musl", "1.1.22-r4", "pkg:apk/alpine/musl@1.1.22-r4?arch=x86_64", 0);
	if (matched)
		add_coverage(r, arena, "Alpine:v3.10", COVERAGE_MATCHED, "2026-11-22T00:00:00Z", "");
	else
		add_coverage(r, arena, "Alpine:v3.20", COVERAGE_NO_ADVISORY_SOURCE, "", "");
	set_advisories(r);
}

static void make_incomplete(struct image_result *r, struct arena *arena)
{
	make_alpine(r, arena, "3.10.9", true);
	r->image.reference = SLICE_LIT("docker.io/library/alpine:broken");
	r->complete = false;
	r->incomplete_reason = SLICE_LIT("layer 1 of 2: gzip: CRC of member 1 is wrong at byte 123456");
	r->layers[1].status = LAYER_FAILED;
	r->layers[1].reason = SLICE_LIT("gzip: CRC of member 1 is wrong at byte 123456");
	add_coverage(r, arena, "Alpine:v3.10", COVERAGE_MATCHED, "2026-11-22T00:00:00Z",
		     "feed holds fixed issues only");
}

static void make_unread(struct image_result *r, bool failed)
{
	r->image.status = failed ? IMAGE_FAILED : IMAGE_SKIPPED;
	r->image.error = failed ? ERR_NOT_FOUND : 0;
	r->image.digest = (struct digest){{0}};
	r->image.reference = slice_str(failed ? "docker://registry.example:5000/team/gone:1"
					      : "docker://registry.example:5000/team/app:sha256-77.att");
	r->image.reason = slice_str(
		failed ? "fetching the manifest of team/gone:1 from registry.example:5000: HTTP 404 MANIFEST_UNKNOWN"
		       : "attestation (application/vnd.in-toto+json)");
	r->complete = !failed;
}

void result_fixture_make(enum result_fixture which, struct arena *arena, struct image_result *r)
{
	memset(r, 0, sizeof(*r));
	r->image.digest = digest_filled((uint8_t)(0xa0u + which));
	r->complete = true;
	platform_set(&r->image.platform, SLICE_LIT("linux"), SLICE_LIT("amd64"), SLICE_EMPTY);
	switch (which) {
	case FIXTURE_DEBIAN:
		make_debian(r, arena);
		return;
	case FIXTURE_NASTY:
		make_nasty(r, arena);
		return;
	case FIXTURE_INCOMPLETE:
		make_incomplete(r, arena);
		return;
	case FIXTURE_FAILED:
	case FIXTURE_SKIPPED:
		make_unread(r, which == FIXTURE_FAILED);
		return;
	case FIXTURE_NO_DATABASE:
		make_alpine(r, arena, "3.10.9", true);
		r->image.reference = SLICE_LIT("oci:/srv/images/alpine:3.10");
		add_coverage(r, arena, "Alpine:v3.10", COVERAGE_NO_ADVISORY_SOURCE, "", "no advisory database");
		r->advisories_generation = r->advisories_date = SLICE_EMPTY;
		return;
	default:
		make_alpine(r, arena, which == FIXTURE_CLEAN ? "3.10.9" : "3.20.3", which == FIXTURE_CLEAN);
	}
}
