#include "index_image.h"

#include "base/limits.h"
#include "image_load.h"
#include "match/match_unique.h"

#include <stdlib.h>

/* Raised when an aggregation or a unique package would come out otherwise from the same inventories. */
enum { COMPUTATION_VERSION = 1, FILE_PREFIX_BYTES = 4 };

struct computing {
	struct catalog_view    *view;
	struct catalog         *catalog;
	uint64_t                job;
	struct job_image        stored;
	struct image            record;
	struct arena           *keep;
	struct arena            scratch;
	struct buf              bytes; /* of one record */
	struct index_new_image *out;
	struct err             *err;
};

static int out_of_memory(struct computing *c)
{
	return err_set(c->err, ERR_MEM, "index: out of memory");
}

/* --- what the set is computed from --- */

static void put_u64(struct buf *out, uint64_t value)
{
	for (unsigned shift = 64; shift; shift -= 8)
		buf_byte(out, (uint8_t)(value >> (shift - 8)));
}

static void put_text(struct buf *out, struct slice text)
{
	put_u64(out, text.len);
	buf_append(out, text);
}

/* Whether it was read now or before is no difference. */
static enum layer_status status_of(const struct computing *c, size_t index)
{
	enum layer_status status = image_layer_status(&c->stored, index);

	return status == LAYER_REUSED ? LAYER_SCANNED : status;
}

static int put_layer_identity(struct computing *c, size_t index)
{
	bool             pseudo;
	struct layer_key key = image_layer_key(c->job, &c->stored, &c->record, index, &pseudo);
	uint64_t         epoch;
	int              status = catalog_index_layer_epoch(c->view, &key, &epoch, c->err);

	buf_append(&c->bytes, digest_slice(&key.digest));
	buf_append(&c->bytes, digest_slice(&c->record.layers[index].diff_id));
	put_u64(&c->bytes, epoch << 8 | (uint64_t)status_of(c, index) << 1 | pseudo);
	return status;
}

static int hash_content(struct computing *c)
{
	const struct platform *platform = &c->record.platform;
	int                    status = 0;

	buf_clear(&c->bytes);
	put_u64(&c->bytes, COMPUTATION_VERSION);
	put_u64(&c->bytes, c->stored.set);
	put_u64(&c->bytes, (uint64_t)c->record.status << 1 | slice_starts(c->record.reference, "rootfs:"));
	put_text(&c->bytes, slice_str(platform->os));
	put_text(&c->bytes, slice_str(platform->arch));
	put_text(&c->bytes, slice_str(platform->variant));
	for (size_t i = 0; i < c->record.layers_count && status >= 0; i++)
		status = put_layer_identity(c, i);
	if (!buf_ok(&c->bytes))
		return out_of_memory(c);
	digest_of(buf_slice(&c->bytes), &c->out->content);
	return status;
}

/* --- layers --- */

static int compare_prefixes(const void *a, const void *b)
{
	return memcmp(a, b, FILE_PREFIX_BYTES);
}

static struct slice file_prefixes(const struct inventory *inventory, struct arena *keep)
{
	uint8_t *prefixes = arena_array(keep, inventory->hashes_count + 1, FILE_PREFIX_BYTES);
	size_t   count = 0;

	if (!prefixes)
		return SLICE_EMPTY;
	for (size_t i = 0; i < inventory->hashes_count; i++)
		memcpy(prefixes + FILE_PREFIX_BYTES * i, inventory->hashes[i].sha256.bytes, FILE_PREFIX_BYTES);
	if (inventory->hashes_count)
		qsort(prefixes, inventory->hashes_count, FILE_PREFIX_BYTES, compare_prefixes);
	for (size_t i = 0; i < inventory->hashes_count; i++) {
		const uint8_t *prefix = prefixes + FILE_PREFIX_BYTES * i;

		if (count && memcmp(prefix, prefixes + FILE_PREFIX_BYTES * (count - 1), FILE_PREFIX_BYTES) == 0)
			continue;
		memmove(prefixes + FILE_PREFIX_BYTES * count++, prefix, FILE_PREFIX_BYTES);
	}
	return slice_of(prefixes, FILE_PREFIX_BYTES * count);
}

/* Of an inventory that cannot be read nothing is known. */
static struct slice files_of(struct computing *c, const struct layer_key *key)
{
	struct inventory inventory;
	struct buf       encoded;
	struct slice     files = SLICE_EMPTY;

	buf_init(&encoded, LIMIT_INVENTORY_BYTES);
	inventory_init(&inventory);
	if (catalog_inventory(c->catalog, key, &encoded, NULL) >= 0 &&
	    inventory_decode_parts(buf_slice(&encoded), INVENTORY_HASHES, &inventory, NULL) >= 0)
		files = file_prefixes(&inventory, c->keep);
	inventory_deinit(&inventory);
	buf_deinit(&encoded);
	return files;
}

/* Of a layer whose record cannot be read the diffID is not known. */
static void describe_layer(struct computing *c, struct index_new_layer *new)
{
	new->files = files_of(c, &new->layer.key);
	if (new->layer.pseudo || catalog_layer_diff_id(c->catalog, &new->layer.key, &new->diff_id, NULL) < 0)
		new->diff_id = (struct digest){0};
}

static int add_layer(struct computing *c, size_t index)
{
	struct index_new_layer *new = &c->out->layers[index];
	enum layer_status ended = image_layer_status(&c->stored, index);
	int               status = 0;

	new->layer.key = image_layer_key(c->job, &c->stored, &c->record, index, &new->layer.pseudo);
	new->layer.status = (uint32_t)status_of(c, index);
	new->content = image_layer_has_content(ended);
	if (new->content)
		status = catalog_index_layer_find(c->view, &new->layer.key, &new->layer.number, c->err);
	if (status >= 0 && new->content && !new->layer.number)
		describe_layer(c, new);
	return status;
}

/* --- packages --- */

void index_names_of(const struct package *package, struct slice names[INDEX_NAME_KINDS])
{
	size_t slash = slice_rfind(package->name, '/'), colon = slice_rfind(package->name, ':');
	size_t at = slash == SIZE_MAX ? colon : colon == SIZE_MAX || slash > colon ? slash : colon;

	names[INDEX_NAME_WHOLE] = package->name;
	names[INDEX_NAME_LAST_PART] = at == SIZE_MAX ? SLICE_EMPTY : slice_from(package->name, at + 1);
	names[INDEX_NAME_SOURCE] = slice_eq(package->source_name, package->name) ? SLICE_EMPTY : package->source_name;
}

static int hash_record(struct computing *c, struct digest *hash, struct err *why)
{
	if (!buf_ok(&c->bytes))
		return err_set(c->err, ERR_MEM, "index: %s", why->text);
	digest_of(buf_slice(&c->bytes), hash);
	return 0;
}

static int find_identity(struct computing *c, const struct unique_package *package, struct index_new_package *new)
{
	struct err why = {0};
	int        status;

	buf_clear(&c->bytes);
	unique_package_encode(package, &c->bytes, &why);
	status = hash_record(c, &new->identity_hash, &why);
	if (status >= 0)
		status = catalog_index_package_find(c->view, &new->identity_hash, &new->package, c->err);
	if (status < 0 || new->package)
		return status;
	new->identity = arena_copy(c->keep, buf_slice(&c->bytes));
	index_names_of(&package->package, new->names);
	for (unsigned i = 0; i < INDEX_NAME_KINDS; i++)
		new->names[i] = arena_copy(c->keep, new->names[i]);
	return 0;
}

static int find_evidence(struct computing *c, const struct result_package *package, struct index_new_package *new)
{
	const struct package_evidence evidence = {
		.paths = package->paths, .paths_count = package->paths_count, .owner = package->owner};
	struct err why = {0};
	int        status;

	buf_clear(&c->bytes);
	package_evidence_encode(&evidence, &c->bytes, &why);
	status = hash_record(c, &new->evidence_hash, &why);
	if (status >= 0)
		status = catalog_index_evidence_find(c->view, &new->evidence_hash, &new->evidence, c->err);
	if (status >= 0 && !new->evidence)
		new->evidence_bytes = arena_copy(c->keep, buf_slice(&c->bytes));
	return status;
}

static struct slice keep_context(struct computing *c, const struct package_context *context, struct digest *hash)
{
	buf_clear(&c->bytes);
	package_context_encode(context, &c->bytes, NULL);
	digest_of(buf_slice(&c->bytes), hash);
	return arena_copy(c->keep, buf_slice(&c->bytes));
}

static int add_packages(struct computing *c, const struct image_result *result)
{
	const struct package_context os = match_context_of(result), language = match_language_context_of(result);
	struct digest                os_hash, language_hash;
	int                          status = 0;

	c->out->context = keep_context(c, &os, &os_hash);
	c->out->package_context = keep_context(c, &language, &language_hash);
	c->out->packages = arena_array(c->keep, result->packages_count + 1, sizeof(*c->out->packages));
	if (!c->out->packages)
		return out_of_memory(c);
	for (size_t i = 0; i < result->packages_count && status >= 0; i++) {
		const struct result_package *package = &result->packages[i];
		struct index_new_package *new = &c->out->packages[c->out->packages_count++];
		struct unique_package unique = match_unique_of(result, i, &c->scratch);

		unique.context = package_type_is_os(package->package.type) ? os_hash : language_hash;
		new->layer = package->layer;
		new->flags = (package->owner.len ? INDEX_ENTRY_OWNED : 0u) |
			     (package->suppressed == PACKAGE_IS_DECLARED ? INDEX_ENTRY_DECLARED : 0u);
		status = find_identity(c, &unique, new);
		if (status >= 0)
			status = find_evidence(c, package, new);
	}
	return status;
}

/* What is too much for one image counts as an image of which no package is known. */
static int aggregate(struct computing *c, struct image_result *result)
{
	int status = image_aggregate(c->catalog, c->job, &c->record, &c->stored, &c->scratch, result, c->err);

	if (status == ERR_LIMIT) {
		*result = (struct image_result){.image = c->record};
		arena_reset(&c->scratch);
		return 0;
	}
	return status;
}

static int compute(struct computing *c)
{
	struct image_result result;
	int                 status = aggregate(c, &result);

	if (status < 0)
		return status;
	c->out->complete = result.complete;
	c->out->layers_count = c->record.layers_count;
	c->out->layers = arena_array(c->keep, c->record.layers_count + 1, sizeof(*c->out->layers));
	if (!c->out->layers)
		return out_of_memory(c);
	for (size_t i = 0; i < c->record.layers_count && status >= 0; i++)
		status = add_layer(c, i);
	return status < 0 ? status : add_packages(c, &result);
}

static int load(struct computing *c, const struct index_queued *queued)
{
	int status = catalog_index_stamp(c->view, &c->out->stamp, c->err);

	if (status < 0)
		return status;
	status = image_load(c->catalog, queued->job, queued->number, &c->scratch, &c->stored, &c->record, c->err);
	c->out->unreadable = status < 0 && status != ERR_MEM && status != ERR_LIMIT;
	c->out->manifest = c->record.digest;
	return c->out->unreadable ? 0 : status;
}

int index_image_compute(struct catalog_view *view, const struct index_queued *queued, struct arena *keep,
			struct index_new_image *out, struct err *err)
{
	struct computing c = {.view = view,
			      .catalog = catalog_view_catalog(view),
			      .job = queued->job,
			      .keep = keep,
			      .out = out,
			      .err = err};
	int              status;

	*out = (struct index_new_image){.job = queued->job, .number = queued->number};
	out->place = arena_copy(keep, queued->place);
	arena_init(&c.scratch, 4ull << 30); /* as results.c has it */
	buf_init(&c.bytes, 1u << 30);
	status = load(&c, queued);
	if (status >= 0 && !out->unreadable)
		status = hash_content(&c);
	if (status >= 0 && !out->unreadable)
		status = catalog_index_content_find(view, &out->content, &out->set, err);
	if (status >= 0 && !out->unreadable && !out->set)
		status = compute(&c);
	arena_deinit(&c.scratch);
	buf_deinit(&c.bytes);
	return status >= 0 && arena_failed(keep) ? err_set(err, ERR_MEM, "index: out of memory") : status;
}
