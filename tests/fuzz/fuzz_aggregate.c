/* Aggregation of one or two layers whose inventory and path table are the input: u16be length of the inventory, the
 * inventory, the rest is the table. Both layers are made of it, so that the upper one meets what the lower one left. */
#include "aggregate/owners.h"
#include "base/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor          c = cursor_of(slice_of(data, size));
	size_t                 length = cursor_u16be(&c);
	struct aggregate_layer layers[2] = {{.status = LAYER_SCANNED}};
	struct image_layer     image_layers[2] = {{.size = 1}, {.size = UINT64_MAX}};
	struct image           image = {.layers = image_layers, .layers_count = 2};
	struct image_result    result;
	struct owned_paths     owned;
	struct arena           arena;

	layers[0].inventory = cursor_take(&c, length);
	layers[0].path_table = cursor_rest(&c);
	layers[1] = layers[0];
	arena_init(&arena, 16 << 20);
	(void)aggregate_image(&image, layers, 2, &arena, &result, NULL);
	arena_reset(&arena);
	(void)aggregate_owners(layers, 2, &arena, &owned, NULL);
	arena_deinit(&arena);
	return 0;
}
