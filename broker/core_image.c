#include "core.h"

#include "base/hash.h"

#include <stdlib.h>

enum { IMAGE_BYTES_MAX = 64 << 20 };

struct core_image *core_image_new(void)
{
	struct core_image *image = calloc(1, sizeof(*image));

	if (image)
		arena_init(&image->arena, IMAGE_BYTES_MAX);
	return image;
}

void core_image_free(struct core_image *image)
{
	if (!image)
		return;
	arena_deinit(&image->arena);
	free(image);
}

void core_pseudo_digest(uint64_t job, struct slice reference, size_t index, struct digest *out)
{
	struct sha256 *hash = sha256_new();
	uint64_t       numbers[2] = {job, index};

	*out = (struct digest){0};
	if (!hash)
		return;
	sha256_update(hash, SLICE_LIT("varve layer without digest"));
	sha256_update(hash, slice_of(numbers, sizeof(numbers)));
	sha256_update(hash, reference);
	sha256_final(hash, out->bytes);
	sha256_free(hash);
}

uint64_t core_layer_hash(const struct core_key *key)
{
	uint8_t bytes[SHA256_BYTES + 8];

	for (size_t i = 0; i < SHA256_BYTES; i++)
		bytes[i] = key->digest.bytes[i];
	for (size_t i = 0; i < 8; i++)
		bytes[SHA256_BYTES + i] = (uint8_t)(key->set >> (8 * i));
	return xxh64_once(slice_of(bytes, sizeof(bytes)), 0);
}

const char *core_retry_name(enum core_retry_reason reason)
{
	static const char *const names[CORE_RETRY_REASONS] = {
		"none",        "transient",   "worker_lost", "stalled", "not_here", "poison_alone",
		"other_place", "verify_lost", "owner_died",  "forced",  "again",    "not_sent"};

	return reason < CORE_RETRY_REASONS ? names[reason] : "unknown";
}
