/* image.h - one image of one platform as its manifest and config describe it: what `resolve` gives the broker.
 *
 * Slices and arrays live in the arena handed to whoever made the record. Encoded as msgpack for wire and catalog
 * (docs/PROTOCOL.md); decoding treats the bytes as hostile. */
#ifndef VARVE_MODEL_IMAGE_H
#define VARVE_MODEL_IMAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/digest.h"
#include "model/platform.h"

enum image_status {
	IMAGE_OK,      /* layers are listed; they may still fail one by one */
	IMAGE_SKIPPED, /* not an image (attestation, signature, chart, SBOM artifact): no failure; `reason` says what */
	IMAGE_FAILED,  /* could not be resolved; `reason` says why, `error` is the ERR_* */
};

struct image_layer {
	struct digest digest;     /* of the blob; zero for rootfs: */
	struct digest diff_id;    /* what the config claims; zero if it claims none */
	uint64_t      size;       /* from the descriptor; UINT64_MAX when unknown */
	struct slice  media_type; /* from the descriptor: information, the magic decides */
	struct slice  created_by; /* history instruction, only where history and layers match (TRAPS A5) */
	struct slice  location; /* where its bytes are, when not beside the image's manifest (archives: member name) */
};

struct image {
	struct slice        reference;    /* as the user will recognise it: "docker://host/repo:tag", "oci:dir:tag" */
	struct digest       digest;       /* of the manifest; zero where there is none */
	struct digest       index_digest; /* zero when not reached through an index */
	struct digest       config_digest;
	struct platform     platform;
	enum image_status   status;
	int                 error; /* enum err_code when IMAGE_FAILED */
	struct slice        reason;
	struct image_layer *layers; /* lowest first */
	size_t              layers_count;
	struct slice       *warnings; /* "config: 3 diff_ids for 4 layers" … shown in reports */
	size_t              warnings_count;
};

int image_encode(const struct image *image, struct buf *out, struct err *err);
int image_decode(struct slice bytes, struct arena *arena, struct image *image, struct err *err);
/* Its strings are borrowed from `bytes`; arrays are in the arena. */
int image_decode_borrowed(struct slice bytes, struct arena *arena, struct image *image, struct err *err);

#endif
