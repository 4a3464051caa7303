/* oci_blob_name.h - how a blob is called in an OCI image layout: "blobs/sha256/<hex>" (image-layout.md). */
#ifndef VARVE_WORKER_SOURCE_OCI_BLOB_NAME_H
#define VARVE_WORKER_SOURCE_OCI_BLOB_NAME_H

#include "base/digest.h"

enum { OCI_BLOB_NAME_BYTES = 13 + 2 * SHA256_BYTES + 1 }; /* with the NUL */

void oci_blob_name(const struct digest *digest, char out[OCI_BLOB_NAME_BYTES]);
bool oci_blob_name_parse(struct slice name, struct digest *out); /* false: no such name */

#endif
