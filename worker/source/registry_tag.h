/* registry_tag.h - what a tag's name alone tells: age, and whether tools derived it from a digest. Pure. */
#ifndef VARVE_WORKER_SOURCE_REGISTRY_TAG_H
#define VARVE_WORKER_SOURCE_REGISTRY_TAG_H

#include "base/slice.h"

/* "sha256-<64 hex digits>" with or without ".sig", ".att", ".sbom" …: cosign's signatures, the referrers tag schema. */
bool registry_tag_is_derived(struct slice tag);

/* registry_tag_cmp() is in registry.h. */

#endif
