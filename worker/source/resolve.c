#include "source/resolve.h"

#include "base/limits.h"

#include <stdio.h>
#include <string.h>

/* ---- records ---- */

struct image *image_list_add(struct image_list *list, struct slice reference)
{
	struct image *image;

	if (!arena_grow(list->arena, &list->images, &list->capacity, list->count, sizeof(*list->images)))
		return NULL;
	image = &list->images[list->count++];
	memset(image, 0, sizeof(*image));
	image->reference = arena_copy(list->arena, reference);
	return image;
}

static int no_memory(struct err *err)
{
	return err_set(err, ERR_MEM, "resolving an image: out of memory");
}

static void mark(struct image *image, struct arena *arena, int code, const char *reason)
{
	image->status = code ? IMAGE_FAILED : IMAGE_SKIPPED;
	image->error = code;
	image->reason = arena_copy(arena, slice_str(reason));
}

static bool is_fatal(int code)
{
	return code == ERR_MEM || code == ERR_CANCELLED;
}

static int put(struct image_list *list, struct slice reference, int code, const char *reason, const struct image *like,
	       struct err *err)
{
	struct image *image;

	if (is_fatal(code))
		return err_set(err, code, "%s", reason);
	image = image_list_add(list, reference);
	if (!image)
		return no_memory(err);
	if (like) {
		image->digest = like->digest;
		image->index_digest = like->index_digest;
		image->platform = like->platform;
	}
	mark(image, list->arena, code, reason);
	return arena_failed(list->arena) ? no_memory(err) : 0;
}

int image_list_put(struct image_list *list, struct slice reference, int code, const char *reason, struct err *err)
{
	return put(list, reference, code, reason, NULL, err);
}

/* ---- one image ---- */

static int read_document(int (*read)(void *, const struct digest *, uint64_t, struct buf *, struct err *), void *data,
			 const struct descriptor *from, struct buf *out, struct err *err)
{
	if (from->data.len) {
		buf_append(out, from->data);
		return buf_ok(out) ? 0
				   : err_set(err, ERR_LIMIT, "inline data is larger than %zu bytes", out->bytes_max);
	}
	if (from->size != UINT64_MAX && from->size > out->bytes_max)
		return err_set(err, ERR_LIMIT, "%llu bytes, more than %zu", (unsigned long long)from->size,
			       out->bytes_max);
	return read(data, &from->digest, from->size, out, err);
}

/* A config that is there but bad leaves the layers readable; one that could not be fetched may come at the next try. */
static bool config_is_bad(int code)
{
	return code == ERR_NOT_FOUND || code == ERR_DIGEST || code == ERR_FORMAT || code == ERR_LIMIT ||
	       code == ERR_TRUNCATED || code == ERR_UNSUPPORTED;
}

/* 0 with *out filled or *bad set. */
static int read_config(const struct resolve_job *job, const struct descriptor *from, struct arena *arena,
		       struct image_config *out, struct err *bad, struct err *err)
{
	struct buf bytes;
	int        status;

	buf_init(&bytes, LIMIT_CONFIG_BYTES);
	status = read_document(job->reader->config, job->reader->data, from, &bytes, bad);
	if (!status)
		status = image_config_parse(buf_slice(&bytes), arena, out, bad);
	buf_deinit(&bytes);
	if (!status || config_is_bad(status))
		return 0;
	return err_set(err, status, "config: %s", bad->text);
}

static int fill(const struct resolve_job *job, const struct manifest *manifest, struct image *image,
		struct arena *arena, struct err *err)
{
	struct image_config config;
	struct err          bad = {0};
	int                 status;

	if (manifest->kind == MANIFEST_INDEX)
		return err_set(err, ERR_FORMAT, "an index where the index above it promised an image");
	if (manifest->kind == MANIFEST_ARTIFACT) {
		image->status = IMAGE_SKIPPED;
		image->reason = manifest->skip_reason;
		return 0;
	}
	status = read_config(job, &manifest->config, arena, &config, &bad, err);
	if (status)
		return status;
	if (bad.code)
		image_warn(image, arena, "config: %s; diff_ids not known", bad.text);
	return image_fill(image, manifest, bad.code ? NULL : &config, arena, err);
}

static int add_image(const struct resolve_job *job, const struct manifest *manifest, const struct image *like,
		     struct image_list *out, struct err *err)
{
	struct image *image = image_list_add(out, job->reference);
	struct err    why = {0};
	int           status;

	if (!image)
		return no_memory(err);
	image->digest = like->digest;
	image->index_digest = like->index_digest;
	image->platform = like->platform;
	status = fill(job, manifest, image, out->arena, &why);
	if (is_fatal(status))
		return err_set(err, status, "%s", why.text);
	if (status)
		mark(image, out->arena, status, why.text);
	return arena_failed(out->arena) ? no_memory(err) : 0;
}

/* ---- indexes ---- */

struct pending {
	struct descriptor descriptor;
	unsigned          depth;
};

/* One index flattened: all leaves below it, in order. */
struct walk {
	const struct resolve_job *job;
	struct arena             *arena;
	struct digest             top;
	struct descriptor        *leaves;
	size_t                    leaves_count, leaves_capacity;
	struct pending           *indexes; /* every nested index ever seen; those from `next` on are still to be read */
	size_t                    indexes_count, indexes_capacity, next;
};

static int add_leaf(struct walk *walk, const struct descriptor *leaf, int error, const char *reason, struct err *err)
{
	struct descriptor *slot;

	if (walk->leaves_count >= LIMIT_INDEX_MANIFESTS)
		return err_set(err, ERR_LIMIT, "more than %u images in one index and those below it",
			       LIMIT_INDEX_MANIFESTS);
	if (!arena_grow(walk->arena, &walk->leaves, &walk->leaves_capacity, walk->leaves_count, sizeof(*walk->leaves)))
		return no_memory(err);
	slot = &walk->leaves[walk->leaves_count++];
	*slot = *leaf;
	if (reason) {
		slot->error = error;
		slot->skip_reason = arena_copy(walk->arena, slice_str(reason));
	}
	return 0;
}

static bool index_seen(const struct walk *walk, const struct digest *digest)
{
	if (digest_eq(&walk->top, digest))
		return true;
	for (size_t i = 0; i < walk->indexes_count; i++)
		if (digest_eq(&walk->indexes[i].descriptor.digest, digest))
			return true;
	return false;
}

static int add_index(struct walk *walk, const struct descriptor *child, unsigned depth, struct err *err)
{
	if (depth > LIMIT_INDEX_DEPTH)
		return add_leaf(walk, child, ERR_LIMIT, "indexes nested deeper than LIMIT_INDEX_DEPTH", err);
	if (walk->indexes_count >= LIMIT_INDEX_MANIFESTS)
		return err_set(err, ERR_LIMIT, "more than %u indexes below one index", LIMIT_INDEX_MANIFESTS);
	if (!arena_grow(walk->arena, &walk->indexes, &walk->indexes_capacity, walk->indexes_count,
			sizeof(*walk->indexes)))
		return no_memory(err);
	walk->indexes[walk->indexes_count++] = (struct pending){.descriptor = *child, .depth = depth};
	return 0;
}

/* An index met twice (a cycle, or listed twice) adds nothing the second time. */
static int add_children(struct walk *walk, const struct manifest *index, unsigned depth, struct err *err)
{
	int status = 0;

	for (size_t i = 0; !status && i < index->items_count; i++) {
		const struct descriptor *child = &index->items[i];

		if (child->error || child->skip_reason.len || !manifest_type_is_index(child->media_type))
			status = add_leaf(walk, child, 0, NULL, err);
		else if (!index_seen(walk, &child->digest))
			status = add_index(walk, child, depth + 1, err);
	}
	return status;
}

static int load(const struct resolve_job *job, const struct descriptor *from, struct arena *arena, struct manifest *out,
		struct err *err)
{
	struct buf bytes;
	int        status;

	buf_init(&bytes, LIMIT_MANIFEST_BYTES);
	status = read_document(job->reader->manifest, job->reader->data, from, &bytes, err);
	if (!status)
		status = manifest_parse(buf_slice(&bytes), arena, out, err);
	buf_deinit(&bytes);
	return status;
}

static int read_nested(struct walk *walk, const struct pending *pending, struct err *err)
{
	struct manifest   manifest;
	struct descriptor leaf = pending->descriptor;
	struct err        why = {0};
	int               status = load(walk->job, &leaf, walk->arena, &manifest, &why);

	if (is_fatal(status))
		return err_set(err, status, "%s", why.text);
	if (status) {
		err_prefix(&why, "nested index");
		return add_leaf(walk, &leaf, status, why.text, err);
	}
	if (manifest.kind == MANIFEST_INDEX)
		return add_children(walk, &manifest, pending->depth, err);
	if (manifest.kind == MANIFEST_ARTIFACT)
		leaf.skip_reason = manifest.skip_reason;
	return add_leaf(walk, &leaf, 0, NULL, err);
}

static int flatten(struct walk *walk, const struct manifest *index, struct err *err)
{
	int status = add_children(walk, index, 1, err);

	while (!status && walk->next < walk->indexes_count) {
		struct pending pending = walk->indexes[walk->next++];

		status = read_nested(walk, &pending, err);
	}
	return status;
}

/* ---- choosing ---- */

static struct image like_leaf(const struct walk *walk, const struct descriptor *leaf)
{
	return (struct image){.digest = leaf->digest, .index_digest = walk->top, .platform = leaf->platform};
}

static int add_from_leaf(const struct walk *walk, const struct descriptor *leaf, struct image_list *out,
			 struct err *err)
{
	struct image    like = like_leaf(walk, leaf);
	struct manifest manifest;
	struct err      why = {0};
	char            reason[sizeof(why.text)];
	int             status;

	if (leaf->error || leaf->skip_reason.len) {
		snprintf(reason, sizeof(reason), "%.*s", SLICE_FMT(leaf->skip_reason));
		return put(out, walk->job->reference, leaf->error, reason, &like, err);
	}
	status = load(walk->job, leaf, out->arena, &manifest, &why);
	if (status)
		return put(out, walk->job->reference, status, why.text, &like, err);
	return add_image(walk->job, &manifest, &like, out, err);
}

static bool may_be_image(const struct descriptor *leaf)
{
	return !leaf->error && leaf->skip_reason.len == 0;
}

static const struct descriptor *best_leaf(const struct walk *walk)
{
	const struct descriptor *best = NULL;
	int                      best_rank = 0;

	for (size_t i = 0; i < walk->leaves_count; i++) {
		int rank = platform_rank(walk->job->want, &walk->leaves[i].platform);

		if (may_be_image(&walk->leaves[i]) && rank > best_rank) {
			best = &walk->leaves[i];
			best_rank = rank;
		}
	}
	return best;
}

/* Children that the index gives no platform: their configs tell. 1 when one was added. */
static int try_unnamed(const struct walk *walk, struct image_list *out, struct err *err)
{
	for (size_t i = 0; i < walk->leaves_count; i++) {
		const struct descriptor *leaf = &walk->leaves[i];
		struct image            *image;
		int                      status;

		if (!may_be_image(leaf) || leaf->platform.os[0])
			continue;
		status = add_from_leaf(walk, leaf, out, err);
		if (status)
			return status;
		image = &out->images[out->count - 1];
		if (image->status != IMAGE_SKIPPED &&
		    (image->status == IMAGE_FAILED || platform_rank(walk->job->want, &image->platform) > 0))
			return 1;
		walk->leaves[i].platform = image->platform;
		out->count--;
	}
	return 0;
}

static void list_platforms(const struct walk *walk, struct buf *text, const struct descriptor **broken)
{
	for (size_t i = 0; i < walk->leaves_count; i++) {
		const struct descriptor *leaf = &walk->leaves[i];
		char                     name[96];

		if (leaf->error && !*broken)
			*broken = leaf;
		if (!may_be_image(leaf) || !leaf->platform.os[0])
			continue;
		platform_text(&leaf->platform, name);
		buf_printf(text, "%s%s", text->len ? ", " : "", name);
	}
}

/* The index has no image for the wish: say what there is. */
static int put_missing(const struct walk *walk, struct image_list *out, struct err *err)
{
	struct image             like = {.index_digest = walk->top};
	const struct descriptor *broken = NULL;
	struct buf               have;
	char                     want[96], reason[1024];
	int                      status, code = 0;

	buf_init(&have, 400);
	list_platforms(walk, &have, &broken);
	platform_text(walk->job->want, want);
	if (have.len || broken || walk->leaves_count == 0)
		code = broken ? broken->error : ERR_NOT_FOUND;
	if (code == 0)
		snprintf(reason, sizeof(reason), "index of artifacts only: %.*s",
			 SLICE_FMT(walk->leaves[0].skip_reason));
	else if (walk->leaves_count == 0)
		snprintf(reason, sizeof(reason), "the index lists nothing");
	else
		snprintf(reason, sizeof(reason), "no %s in the index; it has %.*s%s%s%.*s", want,
			 have.len ? (int)have.len : 9, have.len ? (const char *)have.ptr : "no images",
			 buf_ok(&have) ? "" : ", ...", broken ? "; " : "",
			 SLICE_FMT(broken ? broken->skip_reason : SLICE_EMPTY));
	status = put(out, walk->job->reference, code, reason, &like, err);
	buf_deinit(&have);
	return status;
}

static int add_all(const struct walk *walk, struct image_list *out, struct err *err)
{
	int status = 0;

	if (walk->leaves_count == 0)
		return put_missing(walk, out, err);
	for (size_t i = 0; !status && i < walk->leaves_count; i++)
		status = add_from_leaf(walk, &walk->leaves[i], out, err);
	return status;
}

static int add_chosen(const struct walk *walk, struct image_list *out, struct err *err)
{
	const struct descriptor *best = best_leaf(walk);
	int                      status;

	if (best)
		return add_from_leaf(walk, best, out, err);
	status = try_unnamed(walk, out, err);
	if (status)
		return status < 0 ? status : 0;
	return put_missing(walk, out, err);
}

int resolve_children(const struct resolve_job *job, const struct manifest *index, const struct digest *digest,
		     struct image_list *out, struct err *err)
{
	struct walk  walk = {.job = job, .arena = out->arena, .top = *digest};
	struct image like = {.index_digest = *digest};
	struct err   why = {0};
	int          status = flatten(&walk, index, &why);

	if (status)
		return put(out, job->reference, status, why.text, &like, err);
	return job->want->all ? add_all(&walk, out, err) : add_chosen(&walk, out, err);
}

int resolve_manifest(const struct resolve_job *job, struct slice bytes, const struct digest *digest,
		     struct image_list *out, struct err *err)
{
	struct image    like = {.digest = *digest};
	struct manifest manifest;
	struct err      why = {0};
	int             status = manifest_parse(bytes, out->arena, &manifest, &why);

	if (status)
		return put(out, job->reference, status, why.text, &like, err);
	if (manifest.kind == MANIFEST_INDEX)
		return resolve_children(job, &manifest, digest, out, err);
	return add_image(job, &manifest, &like, out, err);
}

int resolve_descriptor(const struct resolve_job *job, const struct descriptor *descriptor, struct image_list *out,
		       struct err *err)
{
	struct image like = {.digest = descriptor->digest};
	struct err   why = {0};
	struct buf   bytes;
	int          status;

	buf_init(&bytes, LIMIT_MANIFEST_BYTES);
	status = read_document(job->reader->manifest, job->reader->data, descriptor, &bytes, &why);
	if (status)
		status = put(out, job->reference, status, why.text, &like, err);
	else
		status = resolve_manifest(job, buf_slice(&bytes), &descriptor->digest, out, err);
	buf_deinit(&bytes);
	return status;
}
