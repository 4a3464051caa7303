#include "analyze/body_memo.h"

#include "base/limits.h"
#include "base/path.h"

#include <string.h>

enum { KEY_FORMAT = 1, SCRATCH_BYTES_MAX = 32 << 20 };

/* --- keys --------------------------------------------------------------------------------------------------------- */

static void put_number(struct buf *out, uint64_t number)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(number >> (8 * (7 - i)));
	buf_append(out, slice_of(bytes, sizeof(bytes)));
}

/* Ceilings within one file: where one of them moves, the same bytes may give other facts. */
static void make_base(struct body_memo *m)
{
	static const uint64_t ceilings[] = {
		KEY_FORMAT,           INVENTORY_FORMAT_VERSION, LIMIT_STRING_BYTES, LIMIT_PATH_BYTES,
		LIMIT_PATH_DEPTH,     LIMIT_JSON_DEPTH,         LIMIT_JSON_VALUES,  LIMIT_YAML_DEPTH,
		LIMIT_XML_DEPTH,      LIMIT_LOCK_TREE_BYTES,    LIMIT_NESTED_DEPTH, LIMIT_NESTED_ARCHIVES,
		LIMIT_NESTED_MEMBERS, LIMIT_NESTED_HELD_BYTES,  LIMIT_NESTED_BYTES,
	};

	buf_str(&m->text, "varve file memo");
	for (size_t i = 0; i < sizeof(ceilings) / sizeof(ceilings[0]); i++)
		put_number(&m->text, ceilings[i]);
	digest_of(buf_slice(&m->text), &m->base);
}

/* How an analyzer came to want the body is part of it: what was found by content is marked. */
static uint32_t put_analyzers(struct buf *out, const struct analyzer_bits *bits, char how)
{
	uint32_t inputs = 0;

	for (size_t i = 0; (i = analyzer_bits_next(bits, i)) != SIZE_MAX; i++) {
		buf_byte(out, (uint8_t)how);
		buf_str(out, analyzer_at(i)->name);
		buf_byte(out, 0);
		put_number(out, analyzer_at(i)->version);
		inputs |= analyzer_at(i)->inputs;
	}
	return inputs;
}

void body_memo_key(struct body_memo *m, const struct analyzer_bits *wanted, const struct analyzer_bits *sniffed,
		   const struct entry *entry, const struct digest *sha256, struct digest *key)
{
	uint32_t inputs;

	buf_clear(&m->text);
	buf_append(&m->text, digest_slice(&m->base));
	buf_append(&m->text, digest_slice(sha256));
	put_number(&m->text, entry->size);
	inputs = put_analyzers(&m->text, wanted, 'n') | put_analyzers(&m->text, sniffed, 'm');
	buf_byte(&m->text, 0);
	put_number(&m->text, inputs & INPUT_MODE ? entry->mode : 0);
	if (inputs & (INPUT_PATH | INPUT_NAME))
		buf_append(&m->text, inputs & INPUT_PATH ? entry->path : path_basename(entry->path));
	sha256_update(m->sha256, buf_slice(&m->text));
	sha256_final(m->sha256, key->bytes);
}

/* --- facts as bytes ----------------------------------------------------------------------------------------------- */

struct body_mark body_mark_now(const struct inventory *inv)
{
	return (struct body_mark){.facts = fact_mark_now(inv),
				  .notes = inv->notes_count,
				  .packages = inv->packages_count,
				  .notes_dropped = inv->notes_dropped};
}

/* The items from `from` on. */
static void *copy_items(struct arena *arena, const void *items, size_t from, size_t count, size_t item_bytes)
{
	void *copy = arena_array(arena, count - from + 1, item_bytes);

	if (copy && count > from)
		memcpy(copy, (const uint8_t *)items + from * item_bytes, (count - from) * item_bytes);
	return copy;
}

/* Takes the path out; false where it is another. */
static bool take_out(struct slice *at, struct slice path)
{
	bool same = slice_eq(*at, path);

	*at = SLICE_EMPTY;
	return same;
}

static bool take_paths_out(struct inventory *view, struct slice path)
{
	bool same = true;

	for (size_t i = 0; i < view->dbs_count; i++)
		same &= take_out(&view->dbs[i].path, path);
	for (size_t i = 0; i < view->os_releases_count; i++)
		same &= take_out(&view->os_releases[i].path, path);
	for (size_t i = 0; i < view->owners_count; i++)
		same &= take_out(&view->owners[i].path, path);
	for (size_t i = 0; i < view->licenses_count; i++)
		same &= take_out(&view->licenses[i].path, path);
	for (size_t i = 0; i < view->notes_count; i++)
		same &= take_out(&view->notes[i].path, path);
	return same;
}

#define COPY(member, first)                                                                                            \
	(view->member = copy_items(&view->arena, inv->member, first, inv->member##_count, sizeof(*inv->member)),       \
	 view->member##_count = inv->member##_count - (first))

/* What `inv` has got since `from`, without its path, as an inventory of its own. */
static bool view_since(const struct inventory *inv, struct body_mark from, struct slice path, struct inventory *view)
{
	COPY(dbs, from.facts.dbs);
	COPY(os_releases, from.facts.os_releases);
	COPY(owners, from.facts.owners);
	COPY(licenses, from.facts.licenses);
	COPY(notes, from.notes);
	return !arena_failed(&view->arena) && take_paths_out(view, path);
}

static void scratch_clear(struct body_memo *m)
{
	arena_reset(&m->scratch.arena);
	m->scratch = (struct inventory){.arena = m->scratch.arena};
}

void body_memo_remember(struct body_memo *m, const struct digest *key, struct slice path, struct body_mark from,
			const struct inventory *inv)
{
	bool ceiling = inv->notes_dropped != from.notes_dropped || inv->notes_count > LIMIT_NOTES_PER_LAYER ||
		       inv->packages_count > LIMIT_PACKAGES_PER_LAYER || inventory_failed(inv);

	if (!m->memo || ceiling)
		return;
	scratch_clear(m);
	buf_clear(&m->facts);
	if (view_since(inv, from, path, &m->scratch) && inventory_encode(&m->scratch, &m->facts, NULL) == 0) {
		m->memo->keep(m->memo->data, key, buf_slice(&m->facts));
		m->counts.kept++;
	}
}

/* --- facts from bytes --------------------------------------------------------------------------------------------- */

/* An inventory that holds nothing but facts of one body, and no more of them than there is room for. */
static bool is_usable(const struct inventory *facts, const struct inventory *out)
{
	bool good = facts->hashes_count == 0 && facts->links_count == 0 && facts->notes_dropped == 0 &&
		    facts->notes_count <= LIMIT_NOTES_PER_LAYER &&
		    out->notes_count <= LIMIT_NOTES_PER_LAYER - facts->notes_count &&
		    out->packages_count <= LIMIT_PACKAGES_PER_LAYER - facts->packages_count;

	for (size_t i = 0; good && i < facts->notes_count; i++)
		good = facts->notes[i].path.len == 0;
	return good;
}

static void add_dbs(const struct inventory *facts, struct slice path, struct arena *arena, struct inventory *out)
{
	for (size_t i = 0; i < facts->dbs_count; i++) {
		const struct package_db *from = &facts->dbs[i];
		const char              *kind = arena_str(arena, from->kind);
		struct package_db       *db = kind ? inventory_add_db(out, path, kind) : NULL;

		if (!db)
			return;
		db->by_magic = from->by_magic;
		for (size_t j = 0; j < from->packages_count; j++)
			inventory_add_package(out, db, &from->packages[j]);
	}
}

static void add_owners(const struct inventory *facts, struct slice path, struct inventory *out)
{
	for (size_t i = 0; i < facts->owners_count; i++) {
		const struct owner_list *from = &facts->owners[i];
		struct owner_list       *list = inventory_add_owner(out, path, from->package);

		for (size_t j = 0; list && j < from->files_count; j++)
			inventory_add_owned_file(out, list, from->files[j]);
	}
}

static void add_facts(struct inventory *facts, struct slice path, struct inventory *out)
{
	add_dbs(facts, path, &facts->arena, out);
	for (size_t i = 0; i < facts->os_releases_count; i++) {
		facts->os_releases[i].path = path;
		inventory_add_os_release(out, &facts->os_releases[i]);
	}
	add_owners(facts, path, out);
	for (size_t i = 0; i < facts->licenses_count; i++)
		inventory_add_license(out, path, facts->licenses[i].package, facts->licenses[i].license);
	for (size_t i = 0; i < facts->notes_count; i++)
		inventory_note(out, facts->notes[i].kind, path, "%.*s", SLICE_FMT(facts->notes[i].reason));
}

bool body_memo_recall(struct body_memo *m, const struct digest *key, struct slice path, struct inventory *out)
{
	int found;

	if (!m->memo)
		return false;
	buf_clear(&m->facts);
	m->counts.lookups++;
	found = m->memo->find(m->memo->data, key, &m->facts);
	if (found < 0)
		m->memo = NULL;
	if (found != 1)
		return false;
	scratch_clear(m);
	if (inventory_decode(buf_slice(&m->facts), &m->scratch, NULL) < 0 || !is_usable(&m->scratch, out))
		return false;
	add_facts(&m->scratch, path, out);
	m->counts.hits++;
	return true;
}

/* --- the object --------------------------------------------------------------------------------------------------- */

bool body_memo_asks(const struct body_memo *m, const struct analyzer_bits *wanted, const struct analyzer_bits *sniffed,
		    uint64_t size)
{
	bool dear = false;

	if (!m->memo || size < BODY_MEMO_BYTES_MIN)
		return false;
	for (size_t i = 0; (i = analyzer_bits_next(wanted, i)) != SIZE_MAX; i++) {
		if (analyzer_at(i)->companion_suffix)
			return false;
		dear |= !analyzer_at(i)->skims;
	}
	for (size_t i = 0; (i = analyzer_bits_next(sniffed, i)) != SIZE_MAX; i++)
		dear |= !analyzer_at(i)->skims;
	return dear;
}

bool body_memo_init(struct body_memo *m, const struct file_memo *memo)
{
	*m = (struct body_memo){.memo = memo};
	buf_init(&m->text, LIMIT_PATH_BYTES + (64 << 10));
	buf_init(&m->facts, LIMIT_MEMO_FACTS_BYTES);
	inventory_init(&m->scratch);
	m->scratch.arena.bytes_max = SCRATCH_BYTES_MAX;
	m->sha256 = sha256_new();
	make_base(m);
	return m->sha256 && buf_ok(&m->text);
}

void body_memo_deinit(struct body_memo *m)
{
	sha256_free(m->sha256);
	buf_deinit(&m->text);
	buf_deinit(&m->facts);
	inventory_deinit(&m->scratch);
}
