/* oci_layout.h - images of an OCI image layout, in a folder (oci:) or a tar file (oci-archive:).
 *
 * Source: OCI image-spec image-layout.md; containers-transports(5) for names: "NAME" is an entry's annotation
 * org.opencontainers.image.ref.name, "@N" the N-th entry of index.json. Without a name all entries are meant; an
 * index.json whose entries have no names but platforms is read as one image index. */
#ifndef VARVE_WORKER_SOURCE_OCI_LAYOUT_H
#define VARVE_WORKER_SOURCE_OCI_LAYOUT_H

#include "model/reference.h"
#include "source/member_store.h"
#include "source/resolve.h"
#include "source/source.h"

int oci_layout_resolve(const struct member_store *store, const struct reference *reference, const struct platform *want,
		       struct image_list *out, struct err *err);

/* One reference per entry; `found` as in source_enumerate(). */
int oci_layout_list(const struct member_store *store, const struct reference          *where,
		    int (*found)(void *data, const struct reference *reference), void *data, struct err *err);

/* Any blob as a verified stream. */
struct stream *oci_layout_open_blob(const struct member_store *store, const struct digest *digest, uint64_t size,
				    struct err *err);

bool oci_layout_is_one(const struct member_store *store); /* has an index.json */

#endif
