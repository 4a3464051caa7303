/* Facts of a file as a memo gives them, from whom they may have come: either they are not known, or they all stand under the
 * path that was asked for, and the inventory with them can be encoded and read. */
#include "analyze/body_memo.h"

#include <stdlib.h>

static const struct slice path = SLICE_LIT("the/path");

static struct slice given;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int find(void *data, const struct digest *key, struct buf *facts)
{
	(void)data;
	(void)key;
	buf_append(facts, given);
	return buf_ok(facts);
}

static void keep(void *data, const struct digest *key, struct slice facts)
{
	(void)data;
	(void)key;
	(void)facts;
}

static bool all_under_path(const struct inventory *inv)
{
	bool good = inv->hashes_count == 0 && inv->links_count == 0;

	for (size_t i = 0; i < inv->dbs_count; i++)
		good = good && slice_eq(inv->dbs[i].path, path);
	for (size_t i = 0; i < inv->os_releases_count; i++)
		good = good && slice_eq(inv->os_releases[i].path, path);
	for (size_t i = 0; i < inv->owners_count; i++)
		good = good && slice_eq(inv->owners[i].path, path);
	for (size_t i = 0; i < inv->licenses_count; i++)
		good = good && slice_eq(inv->licenses[i].path, path);
	for (size_t i = 0; i < inv->notes_count; i++)
		good = good && slice_eq(inv->notes[i].path, path);
	return good;
}

static void check(const struct inventory *inv)
{
	struct buf       encoded = {.bytes_max = 64u << 20};
	struct inventory again;

	inventory_init(&again);
	if (!all_under_path(inv))
		abort();
	if (inventory_encode(inv, &encoded, NULL) == 0 && inventory_decode(buf_slice(&encoded), &again, NULL) < 0)
		abort();
	inventory_deinit(&again);
	buf_deinit(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct file_memo memo = {.find = find, .keep = keep};
	const struct digest    key = {{0}};
	struct body_memo       body;
	struct inventory       inv;
	bool                   known;

	given = slice_of(data, size);
	inventory_init(&inv);
	known = body_memo_init(&body, &memo) && body_memo_recall(&body, &key, path, &inv);
	if (!known && (inv.dbs_count || inv.notes_count || inv.owners_count || inv.os_releases_count))
		abort();
	check(&inv);
	body_memo_deinit(&body);
	inventory_deinit(&inv);
	return 0;
}
