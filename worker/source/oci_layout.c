#include "source/oci_layout.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/verify_stream.h"
#include "source/oci_blob_name.h"

#include <stdio.h>
#include <string.h>

struct stream *oci_layout_open_blob(const struct member_store *store, const struct digest *digest, uint64_t size,
				    struct err *err)
{
	char           name[OCI_BLOB_NAME_BYTES];
	struct stream *bytes;

	oci_blob_name(digest, name);
	bytes = member_store_stream(store, slice_str(name), err);
	return bytes ? verify_stream_new(bytes, digest, size, err) : NULL;
}

static int read_blob(void *data, const struct digest *digest, uint64_t size, struct buf *out, struct err *err)
{
	struct stream *stream = oci_layout_open_blob(data, digest, size, err);
	int            status;

	if (!stream)
		return err->code;
	status = stream_read_all(stream, out, err);
	stream_close(stream);
	return status;
}

bool oci_layout_is_one(const struct member_store *store)
{
	struct stream *stream = member_store_stream(store, SLICE_LIT("index.json"), NULL);

	stream_close(stream);
	return stream != NULL;
}

/* The marker file may be missing, as many readers tolerate; a version that is not 1.x is another format. */
static int check_marker(const struct member_store *store, struct err *err)
{
	struct json *root = NULL;
	struct buf   bytes;
	struct slice version;
	int          status = 0;

	buf_init(&bytes, 64 * 1024);
	if (member_store_read(store, SLICE_LIT("oci-layout"), &bytes, NULL) == 0 &&
	    json_parse(buf_slice(&bytes), &root, NULL) == 0) {
		version = json_get_text(root, "imageLayoutVersion");
		if (version.len && !slice_starts(version, "1."))
			status = err_set(err, ERR_UNSUPPORTED, "oci-layout: image layout version %.*s",
					 (int)(version.len < 40 ? version.len : 40), (const char *)version.ptr);
	}
	json_free(root);
	buf_deinit(&bytes);
	return status;
}

static int read_index(const struct member_store *store, struct arena *arena, struct manifest *index,
		      struct digest *digest, struct err *err)
{
	struct buf bytes;
	struct err why = {0};
	int        status = check_marker(store, err);

	if (status)
		return status;
	buf_init(&bytes, LIMIT_MANIFEST_BYTES);
	status = member_store_read(store, SLICE_LIT("index.json"), &bytes, &why);
	if (status)
		err_set(err, status, "%s",
			status == ERR_NOT_FOUND ? "not an OCI image layout: no index.json" : why.text);
	if (!status && (status = manifest_parse(buf_slice(&bytes), arena, index, err)))
		err_prefix(err, "index.json");
	if (!status && index->kind != MANIFEST_INDEX)
		status = err_set(err, ERR_FORMAT, "index.json is no image index");
	if (!status)
		digest_of(buf_slice(&bytes), digest);
	buf_deinit(&bytes);
	return status;
}

/* Children of several platforms and without names: index.json is itself the index of one image. */
static bool is_one_index(const struct manifest *index)
{
	for (size_t i = 0; i < index->items_count; i++)
		if (!index->items[i].error && index->items[i].skip_reason.len == 0 &&
		    (index->items[i].ref_name.len || !index->items[i].platform.os[0]))
			return false;
	return index->items_count > 1;
}

static bool is_meant(const struct descriptor *entry, size_t position, const char *name)
{
	uint64_t number;

	if (!name[0])
		return true;
	if (name[0] == '@' && slice_u64(slice_str(name + 1), &number))
		return number == position;
	return slice_eq_str(entry->ref_name, name);
}

/* A name that a reference cannot hold, or that is missing, is replaced by the position. */
static void entry_reference(const struct reference *where, const struct manifest *index, size_t position,
			    struct reference *out)
{
	struct slice name = index->items[position].ref_name;

	*out = *where;
	if (index->items_count == 1 && name.len == 0)
		return;
	if (name.len && name.len < sizeof(out->tag) && name.ptr[0] != '@' && slice_find(name, '\0') == SIZE_MAX)
		snprintf(out->tag, sizeof(out->tag), "%.*s", SLICE_FMT(name));
	else
		snprintf(out->tag, sizeof(out->tag), "@%zu", position);
}

static int resolve_entry(struct resolve_job *job, const struct reference *where, const struct manifest *index,
			 size_t position, struct image_list *out, struct err *err)
{
	const struct descriptor *entry = &index->items[position];
	struct reference         own;
	char                     text[REFERENCE_TEXT_BYTES], reason[512];

	entry_reference(where, index, position, &own);
	reference_text(&own, text);
	job->reference = slice_str(text);
	if (!entry->error && entry->skip_reason.len == 0)
		return resolve_descriptor(job, entry, out, err);
	snprintf(reason, sizeof(reason), "%.*s", SLICE_FMT(entry->skip_reason));
	return image_list_put(out, job->reference, entry->error, reason, err);
}

static int resolve_entries(struct resolve_job *job, const struct reference *reference, const struct manifest *index,
			   struct image_list *out, struct err *err)
{
	size_t meant = 0;
	char   text[REFERENCE_TEXT_BYTES], reason[400];
	int    status = 0;

	for (size_t i = 0; !status && i < index->items_count; i++) {
		if (!is_meant(&index->items[i], i, reference->tag))
			continue;
		meant++;
		status = resolve_entry(job, reference, index, i, out, err);
	}
	if (status || meant)
		return status;
	reference_text(reference, text);
	snprintf(reason, sizeof(reason),
		 reference->tag[0] ? "no image \"%.100s\" among the %zu of its index.json"
				   : "%.0sits index.json lists %zu images",
		 reference->tag, index->items_count);
	return image_list_put(out, slice_str(text), ERR_NOT_FOUND, reason, err);
}

int oci_layout_resolve(const struct member_store *store, const struct reference *reference, const struct platform *want,
		       struct image_list *out, struct err *err)
{
	struct blob_reader reader = {.manifest = read_blob, .config = read_blob, .data = (void *)(uintptr_t)store};
	struct resolve_job job = {.reader = &reader, .want = want};
	struct manifest    index;
	struct digest      digest;
	struct err         why = {0};
	char               text[REFERENCE_TEXT_BYTES];
	int                status = read_index(store, out->arena, &index, &digest, &why);

	reference_text(reference, text);
	job.reference = slice_str(text);
	if (status)
		return image_list_put(out, job.reference, status, why.text, err);
	if (!reference->tag[0] && is_one_index(&index))
		return resolve_children(&job, &index, &digest, out, err);
	return resolve_entries(&job, reference, &index, out, err);
}

int oci_layout_list(const struct member_store *store, const struct reference          *where,
		    int (*found)(void *data, const struct reference *reference), void *data, struct err *err)
{
	struct arena    arena;
	struct manifest index;
	struct digest   digest;
	int             status;

	arena_init(&arena, MANIFEST_ARENA_BYTES);
	status = read_index(store, &arena, &index, &digest, err);
	if (!status && (where->tag[0] || is_one_index(&index))) {
		status = found(data, where);
	} else if (!status) {
		for (size_t i = 0; !status && i < index.items_count; i++) {
			struct reference entry;

			entry_reference(where, &index, i, &entry);
			status = found(data, &entry);
		}
	}
	arena_deinit(&arena);
	return status;
}
