/* Manifests, indexes and image configs over any bytes, and a record made of both. */
#include "source/manifest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena        arena;
	struct manifest     manifest;
	struct image_config config;
	struct image        image = {0};
	bool                has_config;

	arena_init(&arena, MANIFEST_ARENA_BYTES);
	has_config = image_config_parse(slice_of(data, size), &arena, &config, NULL) == 0;
	if (manifest_parse(slice_of(data, size), &arena, &manifest, NULL) == 0 && manifest.kind == MANIFEST_IMAGE &&
	    image_fill(&image, &manifest, has_config ? &config : NULL, &arena, NULL) == 0 &&
	    image.layers_count != manifest.items_count)
		abort();
	arena_deinit(&arena);
	return 0;
}
