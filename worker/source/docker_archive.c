#include "source/docker_archive.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/verify_stream.h"
#include "source/oci_blob_name.h"
#include "source/oci_layout.h"

#include <stdio.h>
#include <string.h>

/* ---- manifest.json ---- */

static int check_list(const struct json *root, struct err *err)
{
	if (json_kind(root) != JSON_KIND_ARRAY || json_count(root) == 0)
		return err_set(err, ERR_FORMAT, "manifest.json lists no images");
	if (json_count(root) > LIMIT_INDEX_MANIFESTS)
		return err_set(err, ERR_LIMIT, "manifest.json lists %zu images, more than %u", json_count(root),
			       LIMIT_INDEX_MANIFESTS);
	return 0;
}

static bool has_member(const struct member_store *store, const char *name)
{
	struct stream *stream = member_store_stream(store, slice_str(name), NULL);

	stream_close(stream);
	return stream != NULL;
}

static int read_list(const struct member_store *store, struct json **root, struct err *err)
{
	struct buf bytes;
	int        status;

	*root = NULL;
	if (!has_member(store, "manifest.json") && has_member(store, "repositories"))
		return err_set(err, ERR_UNSUPPORTED, "saved by Docker before 1.10: no manifest.json");
	buf_init(&bytes, LIMIT_MANIFEST_BYTES);
	if (!has_member(store, "manifest.json"))
		status = err_set(err, ERR_FORMAT, "not an archive of docker save: no manifest.json");
	else
		status = member_store_read(store, SLICE_LIT("manifest.json"), &bytes, err);
	if (!status && (status = json_parse(buf_slice(&bytes), root, err)))
		err_prefix(err, "manifest.json");
	if (!status)
		status = check_list(*root, err);
	buf_deinit(&bytes);
	if (status) {
		json_free(*root);
		*root = NULL;
	}
	return status;
}

static bool is_layout_only(const struct member_store *store)
{
	return !has_member(store, "manifest.json") && oci_layout_is_one(store);
}

/* ---- names ---- */

static bool same_image_name(struct slice tag, const char *wanted)
{
	struct reference a, b;

	if (slice_eq_str(tag, wanted))
		return true;
	return reference_parse(tag, &a, NULL) == 0 && reference_parse(slice_str(wanted), &b, NULL) == 0 &&
	       a.transport == TRANSPORT_DOCKER && b.transport == TRANSPORT_DOCKER && strcmp(a.host, b.host) == 0 &&
	       strcmp(a.path, b.path) == 0 && strcmp(a.tag, b.tag) == 0;
}

static bool is_meant(const struct json *entry, size_t position, const char *name)
{
	const struct json *tags = json_get(entry, "RepoTags");
	uint64_t           number;

	if (!name[0])
		return true;
	if (name[0] == '@' && slice_u64(slice_str(name + 1), &number))
		return number == position;
	for (size_t i = 0; i < json_count(tags); i++)
		if (same_image_name(json_text(json_at(tags, i)), name))
			return true;
	return false;
}

static void entry_reference(const struct reference *where, const struct json *entry, size_t position, size_t count,
			    struct reference *out)
{
	struct slice tag = json_text(json_at(json_get(entry, "RepoTags"), 0));

	*out = *where;
	if (tag.len && tag.len < sizeof(out->tag) && tag.ptr[0] != '@' && slice_find(tag, '\0') == SIZE_MAX)
		snprintf(out->tag, sizeof(out->tag), "%.*s", SLICE_FMT(tag));
	else if (count > 1)
		snprintf(out->tag, sizeof(out->tag), "@%zu", position);
}

/* ---- one image ---- */

/* A blob of the new layout is asked for by its name's digest; one that is missing fails as it is opened. */
static int identify_layer(const struct member_store *store, struct slice name, struct descriptor *out, struct err *err)
{
	struct digest actual;
	struct err    why = {0};
	bool          named = oci_blob_name_parse(name, &out->digest);
	int           status = member_store_identify(store, name, &actual, &out->size, &why);

	if (status && named) {
		out->size = UINT64_MAX;
		return 0;
	}
	if (status)
		return err_set(err, status, "%s", why.text);
	if (!named)
		out->digest = actual;
	return 0;
}

/* Lost bytes have no digest. The config's claim must not stand for them: if that content is known from elsewhere it
 * would be reported as what this archive holds. The layer fails as it is opened; its diffID tells what is missing. */
static void lose_layer(struct descriptor *out)
{
	out->digest = (struct digest){{0}};
	out->size = UINT64_MAX;
}

static int read_layers(const struct member_store *store, const struct json *names, const struct image_config *config,
		       struct arena *arena, struct manifest *out, struct err *err)
{
	size_t count = json_count(names);

	out->kind = MANIFEST_IMAGE;
	if (count > LIMIT_LAYERS_PER_IMAGE)
		return err_set(err, ERR_LIMIT, "%zu layers, more than %u", count, LIMIT_LAYERS_PER_IMAGE);
	out->items = arena_array(arena, count, sizeof(*out->items));
	if (count && !out->items)
		return err_set(err, ERR_MEM, "out of memory for %zu layers", count);
	out->items_count = count;
	for (size_t i = 0; i < count; i++) {
		struct err why = {0};
		int        status = identify_layer(store, json_text(json_at(names, i)), &out->items[i], &why);

		if (status && config && config->diff_ids_count == count)
			lose_layer(&out->items[i]);
		else if (status)
			return err_set(err, status, "layer %zu: %s", i + 1, why.text);
	}
	return 0;
}

static void set_locations(struct image *image, const struct json *names, struct arena *arena)
{
	for (size_t i = 0; i < image->layers_count; i++)
		image->layers[i].location = arena_copy(arena, json_text(json_at(names, i)));
}

/* Names of configs are digests in every layout; a name that says something else is worth a word. */
static void check_config_name(struct image *image, struct slice name, struct arena *arena)
{
	char         hex[2 * SHA256_BYTES + 1];
	struct slice stem = name;

	if (slice_starts(stem, "blobs/sha256/"))
		stem = slice_from(stem, 13);
	else if (slice_starts(stem, "sha256:"))
		stem = slice_from(stem, 7);
	if (slice_ends(stem, ".json"))
		stem.len -= 5;
	digest_hex(image->config_digest.bytes, SHA256_BYTES, hex);
	if (stem.len == sizeof(hex) - 1 && !slice_eq_str(stem, hex))
		image_warn(image, arena, "config: its name says %.*s, its bytes are sha256:%s", SLICE_FMT(stem), hex);
}

static int read_config(const struct member_store *store, struct slice name, struct arena *arena,
		       struct image_config *out, struct digest *digest, struct err *err)
{
	struct buf bytes;
	int        status;

	buf_init(&bytes, LIMIT_CONFIG_BYTES);
	status = name.len ? member_store_read(store, name, &bytes, err)
			  : err_set(err, ERR_FORMAT, "manifest.json names none");
	if (!status)
		status = image_config_parse(buf_slice(&bytes), arena, out, err);
	if (!status)
		digest_of(buf_slice(&bytes), digest);
	buf_deinit(&bytes);
	return status;
}

static int fill_entry(const struct member_store *store, const struct json *entry, struct image *image,
		      struct arena *arena, struct err *err)
{
	const struct json  *names = json_get_kind(entry, "Layers", JSON_KIND_ARRAY);
	struct slice        config_name = json_get_text(entry, "Config");
	struct image_config config;
	struct manifest     manifest = {0};
	struct err          bad = {0};
	int                 status = read_config(store, config_name, arena, &config, &manifest.config.digest, &bad);

	if (status == ERR_MEM)
		return err_set(err, ERR_MEM, "%s", bad.text);
	if ((status = read_layers(store, names, bad.code ? NULL : &config, arena, &manifest, err)) ||
	    (status = image_fill(image, &manifest, bad.code ? NULL : &config, arena, err)))
		return status;
	set_locations(image, names, arena);
	if (bad.code)
		image_warn(image, arena, "config: %s; diff_ids not known", bad.text);
	else
		check_config_name(image, config_name, arena);
	return 0;
}

static int resolve_entry(const struct member_store *store, const struct reference *own, const struct json *entry,
			 struct image_list *out, struct err *err)
{
	char          text[REFERENCE_TEXT_BYTES];
	struct err    why = {0};
	struct image *image;
	int           status;

	reference_text(own, text);
	image = image_list_add(out, slice_str(text));
	if (!image)
		return err_set(err, ERR_MEM, "resolving %s: out of memory", text);
	status = fill_entry(store, entry, image, out->arena, &why);
	if (!status)
		return 0;
	out->count--;
	return image_list_put(out, slice_str(text), status, why.text, err);
}

static int resolve_list(const struct member_store *store, const struct reference *reference, const struct json *root,
			struct image_list *out, struct err *err)
{
	size_t           meant = 0;
	struct reference own;
	char             text[REFERENCE_TEXT_BYTES], reason[400];
	int              status = 0;

	for (size_t i = 0; !status && i < json_count(root); i++) {
		if (!is_meant(json_at(root, i), i, reference->tag))
			continue;
		meant++;
		own = *reference;
		if (!reference->tag[0])
			entry_reference(reference, json_at(root, i), i, json_count(root), &own);
		status = resolve_entry(store, &own, json_at(root, i), out, err);
	}
	if (status || meant)
		return status;
	reference_text(reference, text);
	snprintf(reason, sizeof(reason), "no image \"%.100s\" among the %zu of its manifest.json", reference->tag,
		 json_count(root));
	return image_list_put(out, slice_str(text), ERR_NOT_FOUND, reason, err);
}

int docker_archive_resolve(const struct member_store *store, const struct reference *reference,
			   const struct platform *want, struct image_list *out, struct err *err)
{
	struct json *root;
	struct err   why = {0};
	char         text[REFERENCE_TEXT_BYTES];
	int          status;

	if (is_layout_only(store))
		return oci_layout_resolve(store, reference, want, out, err);
	status = read_list(store, &root, &why);
	reference_text(reference, text);
	if (status)
		return image_list_put(out, slice_str(text), status, why.text, err);
	status = resolve_list(store, reference, root, out, err);
	json_free(root);
	return status;
}

int docker_archive_list(const struct member_store *store, const struct reference          *where,
			int (*found)(void *data, const struct reference *reference), void *data, struct err *err)
{
	struct json *root;
	int          status;

	if (is_layout_only(store))
		return oci_layout_list(store, where, found, data, err);
	if (where->tag[0])
		return found(data, where);
	status = read_list(store, &root, err);
	for (size_t i = 0; !status && i < json_count(root); i++) {
		struct reference entry;

		entry_reference(where, json_at(root, i), i, json_count(root), &entry);
		status = found(data, &entry);
	}
	json_free(root);
	return status;
}

struct stream *docker_archive_open_layer(const struct member_store *store, const struct image_layer *layer,
					 struct err *err)
{
	struct stream *bytes;

	if (layer->location.len == 0)
		return oci_layout_open_blob(store, &layer->digest, layer->size, err);
	bytes = member_store_stream(store, layer->location, err);
	return bytes ? verify_stream_new(bytes, &layer->digest, layer->size, err) : NULL;
}
