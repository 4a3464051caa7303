/* source.h - where images come from: a reference becomes images, a layer of an image becomes a verified byte stream.
 *
 * One `source` per transport and place (a registry host, an archive file, a layout folder, a root folder); it may be
 * used by several threads at once (fetches run beside each other). All calls block the calling thread; registry
 * transfers are driven by the one curl-multi thread of net/http.h. Registries and archives are hostile. A `call` may be
 * NULL: nobody stops it, nobody watches. */
#ifndef VARVE_WORKER_SOURCE_SOURCE_H
#define VARVE_WORKER_SOURCE_SOURCE_H

#include "base/stream.h"
#include "model/image.h"
#include "model/listing.h"
#include "model/reference.h"

struct source_config {
	bool plain_http;       /* --plain-http: http for every registry; loopback hosts fall back to it by themselves */
	bool tls_verify;       /* --tls-verify */
	const char *cert_dir;  /* containers-certs.d(5) layout; NULL = the default places */
	const char *auth_file; /* containers-auth.json(5); NULL = the default places */
	const char *registries_conf;      /* mirrors per host; NULL = the default places */
	unsigned    host_connections_max; /* concurrent transfers per registry host; 0 = 8 */
	uint64_t    fetch_buffer_bytes;   /* per transfer; the transfer pauses when full; 0 = 1 MiB */
	unsigned    retries_max;          /* attempts after the first, transient failures only; 0 = 4 */
	const char *spool_dir;            /* for archives that are compressed; NULL = $TMPDIR, else /var/tmp */
};

/* One task's say in the calls made for it, and what comes of them. Lives as long as the calls and streams it was given to. */
struct source_call {
	const _Atomic bool *cancel; /* NULL, or: once true, whatever waits for a registry ends with ERR_CANCELLED */
	_Atomic uint64_t   *moved;  /* NULL, or: grows while bytes come, or its turn is waited for */
	uint64_t wait_ms_max; /* a registry that wants to be left alone (429, Retry-After) for longer is not waited for:
			       * ERR_RATE with retry_after_ms. 0 = it is, within the patience of registry_patience.h */
	_Atomic uint64_t retry_after_ms; /* out: 0 = it was not that */
};

struct sources; /* all that a process has open; shares connections, tokens and credentials */

struct sources *sources_new(const struct source_config *config, struct err *err);
void sources_stop(struct sources *sources); /* every call that waits for a registry ends with ERR_CANCELLED */
void sources_free(struct sources *sources); /* no call runs, all streams are closed */

/* Listing: registry://HOST[/prefix] and archives or layouts with several images. Calls `found` for each reference, as
 * soon as it is known; a non-zero answer stops the listing and is returned. */
int source_enumerate(struct sources *sources, struct source_call *call, const struct reference *where,
		     const struct listing_filter *filter, int (*found)(void *data, const struct reference *reference),
		     void *data, struct err *err);

/* Image records of one reference: one for a plain platform, one per child for "all", at least one always; one per image
 * of an archive or layout when the reference names none ("oci:dir": each record then has its own reference). What fails
 * is an image with status IMAGE_FAILED, not an error of the call. Records live in `arena`. ERR_MEM, ERR_CANCELLED. */
int source_resolve(struct sources *sources, struct source_call *call, const struct reference *reference,
		   const struct platform *want, struct arena *arena, struct image **images, size_t *images_count,
		   struct err *err);

/* Raise it when the same manifests and configs would give other image records: those of before are then made again. */
enum { SOURCE_RESOLVER_VERSION = 1 };

/* Whether `known`, all records of an earlier resolve of `reference` for the same platform, are what it would give now:
 * 1 when the registry still has it under the digest they came from (HEAD; no document is fetched). 0: no, or it cannot
 * be told (a local source, records that failed or are another's): resolve it. ERR_NET, ERR_RATE, ERR_CANCELLED. */
int source_still_is(struct sources *sources, struct source_call *call, const struct reference *reference,
		    const struct image *known, size_t known_count, struct err *err);

/* The bytes of a layer, verified against its digest and size as they stream past: ERR_DIGEST instead of STREAM_END when
 * they do not match. The caller closes the stream. rootfs: gives a tar stream made on the fly, not verified. */
struct stream *source_open_layer(struct sources *sources, struct source_call *call, const struct reference *reference,
				 const struct image_layer *layer, struct err *err);

struct source_stats {
	uint64_t requests, bytes_fetched, retries, rate_limited, token_requests; /* so far */
	uint64_t transfers;                                                      /* under way */
};
void source_stats_get(struct sources *sources, struct source_stats *out);

/* How requests to a registry or mirror ended, for metrics: token services and the first look for a scheme left out. */
enum source_answer {
	SOURCE_ANSWER_OK,
	SOURCE_ANSWER_UNAUTHORIZED, /* 401: usual once per token */
	SOURCE_ANSWER_FORBIDDEN,
	SOURCE_ANSWER_NOT_FOUND,
	SOURCE_ANSWER_RATE_LIMITED, /* 429 */
	SOURCE_ANSWER_SERVER_ERROR, /* 5xx */
	SOURCE_ANSWER_OTHER,
	SOURCE_ANSWER_NO_ANSWER, /* no connection, cut, timed out */
	SOURCE_ANSWER_TLS,
	SOURCE_ANSWERS
};
const char *source_answer_name(enum source_answer answer); /* "ok", "rate_limited" …: stable */

struct source_host_stats {
	struct slice name; /* as the user or a mirror entry spells it; while `sources` lives */
	uint64_t     answers[SOURCE_ANSWERS];
};
void source_hosts_each(struct sources *sources, void (*each)(void *data, const struct source_host_stats *host),
		       void           *data);

#endif
