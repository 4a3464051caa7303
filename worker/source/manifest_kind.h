/* manifest_kind.h - tells images from everything else that registries hold: signatures, attestations, SBOMs, charts. */
#ifndef VARVE_WORKER_SOURCE_MANIFEST_KIND_H
#define VARVE_WORKER_SOURCE_MANIFEST_KIND_H

#include "base/slice.h"

/* What a media type stands for when it is no part of an image ("Helm chart", "cosign signature"); NULL when unknown. */
const char *artifact_name(struct slice media_type);

bool config_type_is_image(struct slice media_type); /* empty too: old manifests have none */
bool manifest_type_is_image(struct slice media_type);

#endif
