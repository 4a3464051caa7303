/* manifest.h - what a registry or an archive says an image is made of: manifests, indexes and image configs.
 *
 * Sources: OCI image-spec 1.1 manifest.md, image-index.md, config.md, descriptor.md; Docker image manifest schema 2 and
 * manifest list. Pure functions of bytes; hostile input. Every slice and array is copied into the arena. The document's
 * own mediaType decides; where it has none its content does; a document that is two kinds at once is refused (a
 * registry and a runtime could read it differently). Unknown fields are ignored. Ceilings: limits.h. */
#ifndef VARVE_WORKER_SOURCE_MANIFEST_H
#define VARVE_WORKER_SOURCE_MANIFEST_H

#include "base/arena.h"
#include "base/digest.h"
#include "model/image.h"

struct descriptor {
	struct slice    media_type, artifact_type;
	struct digest   digest;
	uint64_t        size;     /* UINT64_MAX when it is not given */
	struct slice    data;     /* inline content, compared with digest and size; empty = none */
	struct platform platform; /* children of an index; empty strings when not given */
	struct slice    ref_name; /* annotation org.opencontainers.image.ref.name */
	bool            encrypted;
	struct slice    skip_reason; /* child of an index that is no image ("attestation"); empty = may be one */
	int             error;       /* child of an index that cannot be read: the ERR_*; its text is in skip_reason */
};

enum manifest_kind {
	MANIFEST_IMAGE,    /* items are the layers, lowest first */
	MANIFEST_INDEX,    /* items are images, indexes, or others with a skip_reason */
	MANIFEST_ARTIFACT, /* not an image; skip_reason says what it is */
};

struct manifest {
	enum manifest_kind kind;
	struct slice       media_type; /* as the document says; empty when it does not */
	struct descriptor  config;     /* of an image */
	struct descriptor *items;
	size_t             items_count;
	struct slice       skip_reason;
};

/* ERR_FORMAT, ERR_UNSUPPORTED (schema 1, unknown media type, sha512), ERR_DIGEST (inline data), ERR_LIMIT, ERR_MEM.
 * A bad child of an index is an error of that child only. */
int manifest_parse(struct slice bytes, struct arena *arena, struct manifest *out, struct err *err);

struct image_config {
	struct platform platform;
	struct slice    created; /* RFC 3339, as written */
	struct digest  *diff_ids;
	size_t          diff_ids_count;
	struct slice diff_ids_problem; /* why there are none, when they cannot be read ("digest algorithm sha512 …") */
	struct slice *created_by;      /* of each history entry that made a layer */
	size_t        created_by_count;
};

int image_config_parse(struct slice bytes, struct arena *arena, struct image_config *out, struct err *err);

/* The layers of an image record from its manifest and config (NULL: none could be read). Claims and instructions are
 * given only where their number is that of the layers (TRAPS A4, A5); what does not agree becomes a warning. */
int image_fill(struct image *image, const struct manifest *manifest, const struct image_config *config,
	       struct arena *arena, struct err *err);

void image_warn(struct image *image, struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

bool manifest_type_is_index(struct slice media_type);

/* The default ceiling of memory for all that one reference resolves to. */
enum { MANIFEST_ARENA_BYTES = 64 << 20 };

#endif
