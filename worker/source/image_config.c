#include "source/manifest.h"

#include "base/json.h"
#include "base/limits.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One claim that cannot be read leaves none: which layer the others belong to is no longer certain. */
static void read_diff_ids(const struct json *array, struct arena *arena, struct image_config *out)
{
	size_t count = json_count(array);

	if (json_kind(array) != JSON_KIND_ARRAY)
		return;
	if (count > LIMIT_LAYERS_PER_IMAGE) {
		out->diff_ids_problem =
			arena_printf(arena, "%zu diff_ids, more than %u", count, LIMIT_LAYERS_PER_IMAGE);
		return;
	}
	out->diff_ids = arena_array(arena, count, sizeof(*out->diff_ids));
	for (size_t i = 0; out->diff_ids && i < count; i++) {
		struct err why = {0};

		if (digest_parse(json_text(json_at(array, i)), &out->diff_ids[i], &why)) {
			out->diff_ids_problem = arena_printf(arena, "diff_id %zu: %s", i + 1, why.text);
			return;
		}
	}
	out->diff_ids_count = out->diff_ids ? count : 0;
}

static void read_history(const struct json *array, struct arena *arena, struct image_config *out)
{
	size_t count = json_count(array);
	size_t limit = LIMIT_LAYERS_PER_IMAGE;

	if (json_kind(array) != JSON_KIND_ARRAY || count == 0)
		return;
	out->created_by = arena_array(arena, count < limit ? count : limit, sizeof(*out->created_by));
	for (size_t i = 0; out->created_by && i < count; i++) {
		const struct json *entry = json_at(array, i);
		struct slice       text = json_get_text(entry, "created_by");

		if (json_bool(json_get(entry, "empty_layer"), false))
			continue;
		if (out->created_by_count == limit) {
			out->created_by_count = 0;
			return;
		}
		out->created_by[out->created_by_count++] = arena_copy(arena, slice_sub(text, 0, LIMIT_STRING_BYTES));
	}
}

int image_config_parse(struct slice bytes, struct arena *arena, struct image_config *out, struct err *err)
{
	struct json *root;
	int          status;

	memset(out, 0, sizeof(*out));
	if (bytes.len > LIMIT_CONFIG_BYTES)
		return err_set(err, ERR_LIMIT, "%zu bytes, more than %u", bytes.len, LIMIT_CONFIG_BYTES);
	status = json_parse(bytes, &root, err);
	if (status)
		return status;
	if (json_kind(root) == JSON_KIND_OBJECT) {
		platform_set(&out->platform, json_get_text(root, "os"), json_get_text(root, "architecture"),
			     json_get_text(root, "variant"));
		out->created = arena_copy(arena, json_get_text(root, "created"));
		read_diff_ids(json_get(json_get(root, "rootfs"), "diff_ids"), arena, out);
		read_history(json_get(root, "history"), arena, out);
	} else {
		status = err_set(err, ERR_FORMAT, "not a JSON object");
	}
	json_free(root);
	if (!status && arena_failed(arena))
		status = err_set(err, ERR_MEM, "out of memory");
	return status;
}

enum { WARNINGS_PER_IMAGE_MAX = 100 };

/* The array has room for a power of two: it is moved when its count reaches one. */
void image_warn(struct image *image, struct arena *arena, const char *format, ...)
{
	char    text[600];
	va_list args;
	size_t  count = image->warnings_count;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (count >= WARNINGS_PER_IMAGE_MAX)
		return;
	if ((count & (count - 1)) == 0) {
		struct slice *grown = arena_array(arena, count ? 2 * count : 1, sizeof(*grown));

		if (!grown)
			return;
		if (count)
			memcpy(grown, image->warnings, count * sizeof(*grown));
		image->warnings = grown;
	}
	image->warnings[image->warnings_count++] = arena_copy(arena, slice_str(text));
}

static bool claims_usable(struct image *image, const struct image_config *config, struct arena *arena)
{
	if (config->diff_ids_problem.len) {
		image_warn(image, arena, "config: %.*s", SLICE_FMT(config->diff_ids_problem));
		return false;
	}
	if (config->diff_ids_count == image->layers_count)
		return true;
	image_warn(image, arena, "config: %zu diff_ids for %zu layers", config->diff_ids_count, image->layers_count);
	return false;
}

/* Where index and config differ, the config is what a runtime goes by; where they agree, the index knows the variant. */
static void settle_platform(struct image *image, const struct image_config *config, struct arena *arena)
{
	char said[96], is[96];

	if (!config->platform.os[0] || !config->platform.arch[0])
		return;
	if (strcmp(image->platform.os, config->platform.os) == 0 &&
	    strcmp(image->platform.arch, config->platform.arch) == 0)
		return;
	platform_text(&image->platform, said);
	platform_text(&config->platform, is);
	if (image->platform.os[0])
		image_warn(image, arena, "the index says %s, the config %s", said, is);
	image->platform = config->platform;
}

static void fill_layer(struct image_layer *layer, const struct descriptor *from)
{
	layer->digest = from->digest;
	layer->size = from->size;
	layer->media_type = from->media_type;
}

int image_fill(struct image *image, const struct manifest *manifest, const struct image_config *config,
	       struct arena *arena, struct err *err)
{
	size_t count = manifest->items_count;
	bool   claims, history;

	image->status = IMAGE_OK;
	image->config_digest = manifest->config.digest;
	image->layers = arena_array(arena, count, sizeof(*image->layers));
	if (count && !image->layers)
		return err_set(err, ERR_MEM, "out of memory for %zu layers", count);
	image->layers_count = count;
	claims = config && claims_usable(image, config, arena);
	history = config && config->created_by_count == count;
	for (size_t i = 0; i < count; i++) {
		fill_layer(&image->layers[i], &manifest->items[i]);
		if (claims)
			image->layers[i].diff_id = config->diff_ids[i];
		if (history)
			image->layers[i].created_by = config->created_by[i];
		if (manifest->items[i].encrypted)
			image_warn(image, arena, "layer %zu is encrypted", i + 1);
	}
	if (config)
		settle_platform(image, config, arena);
	return arena_failed(arena) ? err_set(err, ERR_MEM, "out of memory for an image record") : 0;
}
