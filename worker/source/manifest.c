#include "source/manifest.h"

#include "base/base64.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/limits.h"
#include "source/manifest_kind.h"

#include <string.h>

/* A foreign text, shortened and made safe to stand in a reason. */
static struct slice shown(struct arena *arena, struct slice text)
{
	struct buf   safe;
	struct slice copy;

	buf_init(&safe, 4096);
	escape_terminal(&safe, slice_sub(text, 0, 200));
	copy = arena_copy(arena, buf_slice(&safe));
	buf_deinit(&safe);
	return copy;
}

/* ---- descriptors ---- */

enum { MEDIA_TYPE_BYTES_MAX = 255 }; /* RFC 6838, 4.2: 127 + 1 + 127; a longer one is none that is known */

static struct slice media_type_of(const struct json *object, struct arena *arena)
{
	return arena_copy(arena, slice_sub(json_get_text(object, "mediaType"), 0, MEDIA_TYPE_BYTES_MAX));
}

static int read_size(const struct json *object, uint64_t *size, struct err *err)
{
	const struct json *node = json_get(object, "size");
	int64_t            value = json_int(node, -1);

	*size = UINT64_MAX;
	if (!node || json_kind(node) == JSON_KIND_NULL)
		return 0;
	if (value < 0)
		return err_set(err, ERR_FORMAT, "descriptor size is no number of bytes");
	*size = (uint64_t)value;
	return 0;
}

static int check_data(const struct descriptor *out, struct slice data, struct err *err)
{
	struct digest actual;

	if (out->size != UINT64_MAX && out->size != data.len)
		return err_set(err, ERR_DIGEST, "inline data has %zu bytes, its descriptor says %llu", data.len,
			       (unsigned long long)out->size);
	digest_of(data, &actual);
	if (!digest_eq(&actual, &out->digest))
		return err_set(err, ERR_DIGEST, "inline data does not match its descriptor's digest");
	return 0;
}

static int read_data(const struct json *object, struct arena *arena, struct descriptor *out, struct err *err)
{
	struct slice text = json_get_text(object, "data");
	struct buf   data;
	int          status;

	if (text.len == 0)
		return 0;
	buf_init(&data, LIMIT_MANIFEST_BYTES);
	if (base64_decode(text, &data))
		status = check_data(out, buf_slice(&data), err);
	else
		status = err_set(err, ERR_FORMAT, "inline data is not base64");
	if (!status)
		out->data = arena_copy(arena, buf_slice(&data));
	buf_deinit(&data);
	return status;
}

static void read_platform(const struct json *object, struct platform *out)
{
	platform_set(out, json_get_text(object, "os"), json_get_text(object, "architecture"),
		     json_get_text(object, "variant"));
}

static int read_descriptor(const struct json *object, struct arena *arena, struct descriptor *out, struct err *err)
{
	const struct json *annotations = json_get(object, "annotations");
	int                status;

	memset(out, 0, sizeof(*out));
	out->size = UINT64_MAX;
	if (json_kind(object) != JSON_KIND_OBJECT)
		return err_set(err, ERR_FORMAT, "descriptor is not an object");
	out->media_type = media_type_of(object, arena);
	out->artifact_type = arena_copy(arena, json_get_text(object, "artifactType"));
	out->ref_name = arena_copy(arena, json_get_text(annotations, "org.opencontainers.image.ref.name"));
	out->encrypted = slice_ends(out->media_type, "+encrypted");
	if (json_kind(json_get(object, "platform")) == JSON_KIND_OBJECT)
		read_platform(json_get(object, "platform"), &out->platform);
	if ((status = digest_parse(json_get_text(object, "digest"), &out->digest, err)) ||
	    (status = read_size(object, &out->size, err)))
		return status;
	return read_data(object, arena, out, err);
}

static int make_items(const struct json *array, size_t max, const char *name, struct arena *arena, struct manifest *out,
		      struct err *err)
{
	size_t count = json_count(array);

	if (array && json_kind(array) != JSON_KIND_ARRAY && json_kind(array) != JSON_KIND_NULL)
		return err_set(err, ERR_FORMAT, "\"%s\" is not an array", name);
	if (count > max)
		return err_set(err, ERR_LIMIT, "%zu %s, more than %zu", count, name, max);
	out->items = arena_array(arena, count, sizeof(*out->items));
	if (count && !out->items)
		return err_set(err, ERR_MEM, "out of memory for %zu %s", count, name);
	out->items_count = count;
	return 0;
}

/* ---- indexes ---- */

/* What a child of an index is when it is no image; NULL when it may be one. */
static const char *child_is_no_image(const struct json *object, const struct descriptor *child)
{
	struct slice kind = json_get_text(json_get(object, "annotations"), "vnd.docker.reference.type");
	bool unknown = strcmp(child->platform.os, "unknown") == 0 && strcmp(child->platform.arch, "unknown") == 0;

	if (kind.len && slice_starts(kind, "attestation"))
		return "attestation";
	if (child->artifact_type.len && !config_type_is_image(child->artifact_type)) {
		const char *name = artifact_name(child->artifact_type);

		return name ? name : "artifact";
	}
	if (unknown)
		return "attestation or other artifact (platform unknown/unknown)";
	/* schema 1 is an image: reading it says why it cannot be scanned */
	if (child->media_type.len && !manifest_type_is_image(child->media_type) &&
	    !manifest_type_is_index(child->media_type) &&
	    !slice_starts(child->media_type, "application/vnd.docker.distribution.manifest.v1")) {
		const char *name = artifact_name(child->media_type);

		return name ? name : "neither a manifest nor an index";
	}
	return NULL;
}

static int read_index(const struct json *root, struct arena *arena, struct manifest *out, struct err *err)
{
	const struct json *children = json_get(root, "manifests");
	int                status = make_items(children, LIMIT_INDEX_MANIFESTS, "manifests", arena, out, err);

	out->kind = MANIFEST_INDEX;
	for (size_t i = 0; !status && i < out->items_count; i++) {
		struct descriptor *child = &out->items[i];
		const struct json *object = json_at(children, i);
		struct err         why = {0};
		const char        *other;

		child->error = read_descriptor(object, arena, child, &why);
		other = child->error == 0 ? child_is_no_image(object, child) : NULL;
		if (child->error)
			child->skip_reason = arena_printf(arena, "manifest %zu of the index: %s", i + 1, why.text);
		else if (other)
			child->skip_reason = arena_copy(arena, slice_str(other));
	}
	return status;
}

/* ---- images ---- */

/* Signatures and attestations of some tools have an image's config type: then their layers tell. A layer type that nobody
 * knows tells nothing: its bytes decide. */
static bool every_layer_is_artifact(const struct manifest *m)
{
	for (size_t i = 0; i < m->items_count; i++)
		if (!artifact_name(m->items[i].media_type))
			return false;
	return m->items_count > 0;
}

static struct slice name_artifact(struct arena *arena, struct slice type, struct slice layer_type)
{
	const char *name = artifact_name(type);

	if (!name || slice_starts(type, "application/vnd.oci.empty"))
		name = artifact_name(layer_type) ? artifact_name(layer_type) : name;
	if (name)
		return arena_copy(arena, slice_str(name));
	type = shown(arena, type.len ? type : layer_type);
	return arena_printf(arena, "artifact of type %.*s", SLICE_FMT(type));
}

static void tell_artifacts(const struct json *root, struct arena *arena, struct manifest *out)
{
	struct slice type = json_get_text(root, "artifactType"), layer_type = SLICE_EMPTY;

	if (out->items_count)
		layer_type = out->items[0].media_type;
	if (config_type_is_image(out->config.media_type) && !every_layer_is_artifact(out))
		return;
	out->kind = MANIFEST_ARTIFACT;
	if (type.len == 0)
		type = config_type_is_image(out->config.media_type) ? layer_type : out->config.media_type;
	out->skip_reason = name_artifact(arena, type, layer_type);
}

/* Artifacts are told by their media types alone: how well-formed the rest is does not matter then. */
static void glance(const struct json *root, struct arena *arena, struct manifest *out)
{
	const struct json *layers = json_get(root, "layers");

	out->config.media_type = media_type_of(json_get(root, "config"), arena);
	for (size_t i = 0; i < out->items_count; i++)
		out->items[i].media_type = media_type_of(json_at(layers, i), arena);
	tell_artifacts(root, arena, out);
}

static int read_image(const struct json *root, struct arena *arena, struct manifest *out, struct err *err)
{
	const struct json *layers = json_get(root, "layers");
	int                status = make_items(layers, LIMIT_LAYERS_PER_IMAGE, "layers", arena, out, err);

	out->kind = MANIFEST_IMAGE;
	if (status)
		return status;
	glance(root, arena, out);
	if (out->kind == MANIFEST_ARTIFACT)
		return 0;
	if (read_descriptor(json_get(root, "config"), arena, &out->config, err))
		return err_prefix(err, "config");
	for (size_t i = 0; i < out->items_count; i++)
		if (read_descriptor(json_at(layers, i), arena, &out->items[i], err))
			return err_prefix(err, "layer %zu", i + 1);
	return 0;
}

/* ---- the document ---- */

static int check_version(const struct json *root, struct err *err)
{
	const struct json *version = json_get(root, "schemaVersion");
	int64_t            number = json_int(version, 0);

	if (number == 1 || json_get(root, "fsLayers"))
		return err_set(err, ERR_UNSUPPORTED,
			       "Docker schema 1 manifest: obsolete; push the image again with a current tool");
	if (version && number != 2)
		return err_set(err, ERR_UNSUPPORTED, "manifest schema version %lld is unknown", (long long)number);
	return 0;
}

static int check_type(const struct json *root, struct slice type, struct arena *arena, struct err *err)
{
	bool has_manifests = json_get(root, "manifests") != NULL;
	bool has_layers = json_get(root, "layers") != NULL || json_get(root, "config") != NULL;

	if (has_manifests && has_layers)
		return err_set(err, ERR_FORMAT, "manifest has layers and manifests: image and index at once");
	if (manifest_type_is_index(type) && has_layers)
		return err_set(err, ERR_FORMAT, "manifest calls itself an index but holds layers");
	if (manifest_type_is_image(type) && has_manifests)
		return err_set(err, ERR_FORMAT, "manifest calls itself an image but holds manifests");
	if (!has_manifests && !has_layers)
		return err_set(err, ERR_FORMAT,
			       "neither image manifest nor index: no \"layers\", \"config\" or \"manifests\"");
	if (type.len && !manifest_type_is_image(type) && !manifest_type_is_index(type)) {
		struct slice safe = shown(arena, type);

		return err_set(err, ERR_UNSUPPORTED, "manifest media type %.*s is unknown", SLICE_FMT(safe));
	}
	return 0;
}

static int read_document(const struct json *root, struct arena *arena, struct manifest *out, struct err *err)
{
	const char *name;
	int         status;

	if (json_kind(root) != JSON_KIND_OBJECT)
		return err_set(err, ERR_FORMAT, "manifest is not a JSON object");
	out->media_type = media_type_of(root, arena);
	name = artifact_name(out->media_type);
	if (name) {
		out->kind = MANIFEST_ARTIFACT;
		out->skip_reason = arena_copy(arena, slice_str(name));
		return 0;
	}
	if ((status = check_version(root, err)) || (status = check_type(root, out->media_type, arena, err)))
		return status;
	return json_get(root, "manifests") ? read_index(root, arena, out, err) : read_image(root, arena, out, err);
}

int manifest_parse(struct slice bytes, struct arena *arena, struct manifest *out, struct err *err)
{
	struct json *root;
	int          status;

	memset(out, 0, sizeof(*out));
	if (bytes.len > LIMIT_MANIFEST_BYTES)
		return err_set(err, ERR_LIMIT, "manifest has %zu bytes, more than %u", bytes.len, LIMIT_MANIFEST_BYTES);
	status = json_parse(bytes, &root, err);
	if (status) {
		err_prefix(err, "manifest");
		return status;
	}
	status = read_document(root, arena, out, err);
	json_free(root);
	if (!status && arena_failed(arena))
		status = err_set(err, ERR_MEM, "out of memory for a manifest");
	return status;
}
