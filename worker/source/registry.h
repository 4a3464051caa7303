/* registry.h - client of the OCI distribution API: manifests, blobs, listings, with all that stands in between
 * (authentication, mirrors, certificates, retries).
 *
 * Sources: distribution-spec 1.1; containers-auth.json(5), containers-registries.conf(5), containers-certs.d(5);
 * distribution's token authentication; RFC 9110. One client serves all registries of a process; any thread may call, a
 * call blocks its caller. What a registry says is hostile.
 *
 * `where` gives host, repository and, unless a digest is given beside it, what to ask for: its digest, else its tag,
 * else "latest". Mirrors of registries.conf are asked first, in their order, the registry itself last; listings go to
 * the registry itself. Credentials are looked up under the name the user wrote or under the mirror's own, and sent to
 * that host alone. Transient failures (ERR_NET, ERR_RATE) were retried before they are returned. */
#ifndef VARVE_WORKER_SOURCE_REGISTRY_H
#define VARVE_WORKER_SOURCE_REGISTRY_H

#include "source/source.h"

struct registry_client;

struct registry_client *registry_client_new(const struct source_config *config, struct err *err);
void                    registry_client_stop(struct registry_client *client); /* every call ends with ERR_CANCELLED */
void                    registry_client_free(struct registry_client *client); /* all streams are closed */

struct registry_manifest {
	struct buf    bytes;           /* at most LIMIT_MANIFEST_BYTES */
	char          media_type[256]; /* Content-Type without parameters; the document's own mediaType may differ */
	struct digest digest;          /* of `bytes`: computed, and equal to what was asked for */
};

/* A manifest or index by `digest`, or (NULL) by what `where` names. ERR_NOT_FOUND, ERR_AUTH, ERR_DIGEST, ERR_LIMIT …;
 * `out` needs no preparation, and registry_manifest_deinit() in any case. */
int  registry_get_manifest(struct registry_client *client, struct source_call *call, const struct reference *where,
			   const struct digest *digest, struct registry_manifest *out, struct err *err);
void registry_manifest_deinit(struct registry_manifest *manifest);

/* Only the digest that `where` stands for now (HEAD; GET where the registry gives no Docker-Content-Digest). */
int registry_head_manifest(struct registry_client *client, struct source_call *call, const struct reference *where,
			   struct digest *digest, struct err *err);

/* A small blob (an image config) appended to `out`, whose bytes_max is the ceiling; verified. `size` UINT64_MAX =
 * not known. */
int registry_get_blob(struct registry_client *client, struct source_call *call, const struct reference *where,
		      const struct digest *digest, uint64_t size, struct buf *out, struct err *err);

/* A blob as a verified stream (base/verify_stream.h): a cut transfer is resumed with Range, STREAM_END comes only when
 * digest and size are right. NULL with err set when it cannot be opened. */
struct stream *registry_open_blob(struct registry_client *client, struct source_call *call,
				  const struct reference *where, const struct digest *digest, uint64_t size,
				  struct err *err);

/* All repositories of the host below the prefix where->path ("" = all; "team" takes team and team/…, as does "team/"),
 * and their tags, page by page; as source_enumerate(). Signature, attestation and SBOM tags that tools derive from a
 * digest ("sha256-<hex>.sig") are left out. With filter->newest tags are ordered by registry_tag_cmp(), as registries
 * do not tell when a tag was pushed. A repository that cannot be listed is an error after all others were. */
int registry_list(struct registry_client *client, struct source_call *call, const struct reference *where,
		  const struct listing_filter *filter, int (*found)(void *data, const struct reference *reference),
		  void *data, struct err *err);

/* Which tag is newer, by name alone: "latest" is newest; else runs of digits compare as numbers and the rest as text
 * ("1.9" < "1.10", "build-99" < "build-100"); a pre-release is older than its release ("2.0-rc1" < "2.0"). */
int registry_tag_cmp(struct slice a, struct slice b);

void registry_stats_get(struct registry_client *client, struct source_stats *out);
void registry_hosts_each(struct registry_client *client, void (*each)(void *data, const struct source_host_stats *host),
			 void                   *data);

#endif
