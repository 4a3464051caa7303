#include "store/catalog_index_internal.h"

#include "base/varint.h"

enum { SET_VERSION = 1, FLAG_BITS = 2, FLAG_MASK = (1 << FLAG_BITS) - 1, STATUS_MAX = 255, LAYERS_MAX = 1 << 20 };

/* --- keys --- */

struct slice index_key_number(uint64_t number, uint8_t out[KEY_NUMBER_BYTES])
{
	catalog_key_u64(out, number);
	return slice_of(out, KEY_NUMBER_BYTES);
}

struct slice index_key_kind(enum index_kind kind, uint64_t number, uint8_t out[KEY_KIND_BYTES])
{
	out[0] = (uint8_t)kind;
	catalog_key_u64(out + 1, number);
	return slice_of(out, KEY_KIND_BYTES);
}

struct slice index_key_hash(enum index_kind kind, const struct digest *hash, uint8_t out[KEY_HASH_BYTES])
{
	out[0] = (uint8_t)kind;
	memcpy(out + 1, hash->bytes, SHA256_BYTES);
	return slice_of(out, KEY_HASH_BYTES);
}

struct slice index_key_diff_id(const struct digest *diff_id, uint64_t layer, uint8_t out[KEY_DIFF_ID_BYTES])
{
	index_key_hash(INDEX_DIFF_ID, diff_id, out);
	catalog_key_u64(out + KEY_HASH_BYTES, layer);
	return slice_of(out, KEY_DIFF_ID_BYTES);
}

struct slice index_key_posting(enum index_kind kind, uint64_t number, uint64_t first, uint8_t out[KEY_POSTING_BYTES])
{
	index_key_kind(kind, number, out);
	catalog_key_u64(out + KEY_KIND_BYTES, first);
	return slice_of(out, KEY_POSTING_BYTES);
}

struct slice index_key_set_place(uint64_t set, struct slice place, uint8_t out[KEY_SET_PLACE_BYTES_MAX])
{
	struct slice text = slice_sub(place, 0, KEY_PLACE_BYTES_MAX);

	catalog_key_u64(out, set);
	if (text.len)
		memcpy(out + 8, text.ptr, text.len);
	return slice_of(out, 8 + text.len);
}

static bool is_separator(uint8_t c)
{
	return c == '-' || c == '_' || c == '.';
}

size_t index_fold_name(struct slice name, uint8_t out[NAME_BYTES_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < name.len && len < NAME_BYTES_MAX; i++) {
		uint8_t c = name.ptr[i];

		if (is_separator(c) && i && is_separator(name.ptr[i - 1]))
			continue;
		out[len++] = is_separator(c) ? '-' : c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
	}
	return len;
}

struct slice index_key_name(struct slice name, enum index_name_kind kind, uint64_t package,
			    uint8_t out[KEY_NAME_BYTES_MAX])
{
	size_t len = index_fold_name(name, out);

	out[len++] = 0;
	out[len++] = (uint8_t)kind;
	catalog_key_u64(out + len, package);
	return slice_of(out, len + 8);
}

uint64_t index_number_of(struct slice bytes)
{
	struct cursor c = cursor_of(bytes);
	uint64_t      number = cursor_u64be(&c);

	return cursor_ok(&c) && cursor_at_end(&c) ? number : 0;
}

/* --- layers --- */

void index_layer_key_pack(struct buf *out, const struct layer_key *key)
{
	uint8_t name[KEY_LAYER_BYTES];

	buf_append(out, catalog_key_layer(&key->digest, key->set, name));
}

static void take_layer_key(struct cursor *c, struct layer_key *out)
{
	struct slice digest = cursor_take(c, SHA256_BYTES);

	*out = (struct layer_key){.set = cursor_u64be(c)};
	if (cursor_ok(c))
		memcpy(out->digest.bytes, digest.ptr, SHA256_BYTES);
}

bool index_layer_key_unpack(struct slice bytes, struct layer_key *out)
{
	struct cursor c = cursor_of(bytes);

	take_layer_key(&c, out);
	return cursor_ok(&c) && cursor_at_end(&c);
}

struct digest index_layer_hash(const struct layer_key *key)
{
	uint8_t       name[KEY_LAYER_BYTES];
	struct digest hash;

	digest_of(catalog_key_layer(&key->digest, key->set, name), &hash);
	return hash;
}

/* --- sets --- */

static void pack_place(struct buf *out, uint32_t layer, uint32_t flags, uint64_t evidence)
{
	varint_put(out, (uint64_t)layer << FLAG_BITS | (flags & FLAG_MASK));
	varint_put(out, evidence);
}

static void take_place(struct cursor *c, uint32_t *layer, uint32_t *flags, uint64_t *evidence)
{
	uint64_t both = varint_take(c);

	if (both >> FLAG_BITS > LAYERS_MAX)
		cursor_fail(c);
	*layer = (uint32_t)(both >> FLAG_BITS);
	*flags = (uint32_t)(both & FLAG_MASK);
	*evidence = varint_take(c);
}

void index_set_pack(struct buf *out, const struct index_set *set)
{
	uint64_t before = 0;

	varint_put(out, SET_VERSION);
	varint_put(out, set->complete);
	buf_append(out, digest_slice(&set->context));
	varint_put(out, set->layers_count);
	for (size_t i = 0; i < set->layers_count; i++) {
		const struct index_layer *layer = &set->layers[i];

		varint_put(out, layer->number);
		varint_put(out, (uint64_t)layer->status << 1 | layer->pseudo);
		if (!layer->number)
			index_layer_key_pack(out, &layer->key);
	}
	varint_put(out, set->entries_count);
	for (size_t i = 0; i < set->entries_count; i++) {
		const struct index_entry *entry = &set->entries[i];

		varint_put(out, entry->package - before);
		before = entry->package;
		pack_place(out, entry->layer, entry->flags, entry->evidence);
	}
}

static bool unpack_head(struct cursor *c, struct arena *arena, struct index_set *out)
{
	struct slice context;
	uint64_t     version = varint_take(c), count;

	out->complete = varint_take(c) != 0;
	context = cursor_take(c, SHA256_BYTES);
	count = varint_take(c);
	if (!cursor_ok(c) || version != SET_VERSION || count > c->left)
		return false;
	memcpy(out->context.bytes, context.ptr, SHA256_BYTES);
	out->layers = arena_array(arena, count ? count : 1, sizeof(*out->layers));
	for (; out->layers && out->layers_count < count && cursor_ok(c); out->layers_count++) {
		struct index_layer *layer = &out->layers[out->layers_count];
		uint64_t            status;

		layer->number = varint_take(c);
		status = varint_take(c);
		layer->pseudo = status & 1;
		layer->status = (uint32_t)(status >> 1 & STATUS_MAX);
		if (!layer->number)
			take_layer_key(c, &layer->key);
	}
	return out->layers && cursor_ok(c);
}

bool index_set_unpack_layers(struct slice bytes, struct arena *arena, struct index_set *out)
{
	struct cursor c = cursor_of(bytes);

	return unpack_head(&c, arena, out);
}

bool index_set_unpack(struct slice bytes, struct arena *arena, struct index_set *out)
{
	struct cursor c = cursor_of(bytes);
	uint64_t      count, before = 0;

	if (!unpack_head(&c, arena, out))
		return false;
	count = varint_take(&c);
	if (!cursor_ok(&c) || count > c.left)
		return false;
	out->entries = arena_array(arena, count ? count : 1, sizeof(*out->entries));
	for (; out->entries && out->entries_count < count && cursor_ok(&c); out->entries_count++) {
		struct index_entry *entry = &out->entries[out->entries_count];

		entry->package = before += varint_take(&c);
		take_place(&c, &entry->layer, &entry->flags, &entry->evidence);
		if (entry->layer >= out->layers_count)
			cursor_fail(&c);
	}
	return out->entries && cursor_ok(&c) && cursor_at_end(&c);
}

/* --- postings --- */

void index_posting_pack(struct buf *block, uint64_t *last, const struct index_posting *posting)
{
	varint_put(block, posting->set - *last);
	pack_place(block, posting->layer, posting->flags, posting->evidence);
	*last = posting->set;
	if (buf_ok(block))
		catalog_key_u64(block->ptr, posting->set);
}

bool index_postings_open(struct slice block, uint64_t first, struct index_posting_reader *out, uint64_t *last)
{
	*out = (struct index_posting_reader){.c = cursor_of(block), .set = first};
	*last = cursor_u64be(&out->c);
	return cursor_ok(&out->c);
}

int index_postings_next(struct index_posting_reader *r, struct index_posting *out)
{
	if (cursor_ok(&r->c) && cursor_at_end(&r->c))
		return 0;
	r->set += varint_take(&r->c);
	out->set = r->set;
	take_place(&r->c, &out->layer, &out->flags, &out->evidence);
	return cursor_ok(&r->c) ? 1 : ERR_FORMAT;
}
