#include "source/oci_blob_name.h"

#include <stdio.h>
#include <string.h>

static const char folder[] = "blobs/sha256/";

void oci_blob_name(const struct digest *digest, char out[OCI_BLOB_NAME_BYTES])
{
	memcpy(out, folder, sizeof(folder) - 1);
	digest_hex(digest->bytes, SHA256_BYTES, out + sizeof(folder) - 1);
}

bool oci_blob_name_parse(struct slice name, struct digest *out)
{
	char text[DIGEST_TEXT_BYTES];

	if (!slice_starts(name, folder) || name.len != OCI_BLOB_NAME_BYTES - 1)
		return false;
	snprintf(text, sizeof(text), "sha256:%.64s", (const char *)name.ptr + sizeof(folder) - 1);
	return digest_parse(slice_str(text), out, NULL) == 0;
}
