/* unique_package.h - a package without its image: what the catalog's index keeps once for all images that hold it.
 *
 * Everything that a match and a report need of the package beside the image: equal bytes are judged alike by any
 * generation of advisories. What makes a match of one image differ from another's is in it: the distribution (by its
 * context), the architecture, Ubuntu Pro, and the version under which an rpm's source is asked for. Encoded as msgpack;
 * decoding treats the bytes as hostile. Source: docs/STORE_FORMAT.md "Index". */
#ifndef VARVE_MODEL_UNIQUE_PACKAGE_H
#define VARVE_MODEL_UNIQUE_PACKAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/digest.h"
#include "model/inventory.h"

/* Of an image. Its OS packages hang on it as it is; packages of languages on one that holds the architecture alone. */
struct package_context {
	struct os_release os;         /* without its path; empty: no os-release, or of a language's packages */
	struct slice      arch;       /* as OCI names it; empty = not known */
	bool              ubuntu_pro; /* packages with ESM versions are installed */
};

struct unique_package {
	struct package package;
	struct digest  context; /* SHA-256 of the encoded context */
	struct slice
		subject_version; /* rpm: source version with the epoch that counts; empty = source_version as it is */
	bool    ignore_epoch;    /* rpm: no epoch of the source is known */
};

int package_context_encode(const struct package_context *context, struct buf *out, struct err *err);
int package_context_decode(struct slice bytes, struct arena *arena, struct package_context *out, struct err *err);

int unique_package_encode(const struct unique_package *package, struct buf *out, struct err *err);
int unique_package_decode(struct slice bytes, struct arena *arena, struct unique_package *out, struct err *err);
/* Strings are borrowed from `bytes`, nothing is allocated: for walks over all packages. */
int unique_package_decode_borrowed(struct slice bytes, struct unique_package *out, struct err *err);

/* Where a package lies in an image, and who owns it. */
struct package_evidence {
	struct slice *paths;
	size_t        paths_count;
	struct slice  owner;
};

int package_evidence_encode(const struct package_evidence *evidence, struct buf *out, struct err *err);
int package_evidence_decode(struct slice bytes, struct arena *arena, struct package_evidence *out, struct err *err);

#endif
