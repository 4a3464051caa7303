/* resolve.h - from manifest bytes to image records: which children of an index are meant, their configs, what failed and why.
 *
 * Knows no transport: it reads documents through a blob_reader. Records and texts live in the list's arena. What cannot
 * be resolved becomes a record with IMAGE_FAILED or IMAGE_SKIPPED; only ERR_MEM and ERR_CANCELLED are errors of a call. */
#ifndef VARVE_WORKER_SOURCE_RESOLVE_H
#define VARVE_WORKER_SOURCE_RESOLVE_H

#include "source/manifest.h"

/* Each appends one document, verified against digest and size (UINT64_MAX = not known), to `out`, whose bytes_max is
 * the ceiling. */
struct blob_reader {
	int (*manifest)(void *data, const struct digest *digest, uint64_t size, struct buf *out, struct err *err);
	int (*config)(void *data, const struct digest *digest, uint64_t size, struct buf *out, struct err *err);
	void *data;
};

struct image_list {
	struct arena *arena;
	struct image *images;
	size_t        count, capacity;
};

struct resolve_job {
	const struct blob_reader *reader;
	struct slice              reference; /* for the records; copied */
	const struct platform    *want;
};

/* A new record with this reference; NULL when the arena is full. */
struct image *image_list_add(struct image_list *list, struct slice reference);

/* A record that failed (or was skipped, code 0) with this reason. 0 or ERR_MEM; ERR_MEM and ERR_CANCELLED as `code` are
 * no record but are returned. */
int image_list_put(struct image_list *list, struct slice reference, int code, const char *reason, struct err *err);

/* What `bytes` (a manifest or index whose digest is `digest`) stands for. */
int resolve_manifest(const struct resolve_job *job, struct slice bytes, const struct digest *digest,
		     struct image_list *out, struct err *err);

/* As resolve_manifest(), for a document that is still to be read. */
int resolve_descriptor(const struct resolve_job *job, const struct descriptor *descriptor, struct image_list *out,
		       struct err *err);

/* The children of an index that was parsed already (the index.json of a layout). */
int resolve_children(const struct resolve_job *job, const struct manifest *index, const struct digest *digest,
		     struct image_list *out, struct err *err);

#endif
