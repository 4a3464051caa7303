#include "judge_internal.h"

#include "match/advisory_delta.h"

#include <stdio.h>

enum { DELTA_BYTES_MAX = 512 << 20, DELTA_KEY_BYTES_MAX = 1024 };

void judge_delta_init(struct judge_delta *delta)
{
	*delta = (struct judge_delta){0};
	arena_init(&delta->arena, DELTA_BYTES_MAX);
}

void judge_delta_deinit(struct judge_delta *delta)
{
	map_deinit(&delta->names);
	arena_deinit(&delta->arena);
}

/* "Debian" of "Debian:12": a target's strings share it, those that came or went with a generation too, so that a package is
 * matched again whichever of its strings has changed. */
static struct slice without_suffix(struct slice ecosystem)
{
	return slice_sub(ecosystem, 0, slice_find(ecosystem, ':'));
}

static void make_key(struct buf *key, struct slice ecosystem)
{
	buf_clear(key);
	buf_append(key, without_suffix(ecosystem));
	buf_byte(key, 0);
}

struct reading {
	struct judge_delta *delta;
	struct buf          key;
	struct err         *err;
};

static int note_name(void *data, struct slice ecosystem, struct slice name)
{
	struct reading *reading = data;
	struct slice    copy;

	make_key(&reading->key, ecosystem);
	buf_append(&reading->key, name);
	buf_byte(&reading->key, 0);
	if (map_get(&reading->delta->names, buf_slice(&reading->key)))
		return 0;
	copy = arena_copy(&reading->delta->arena, buf_slice(&reading->key));
	if (!buf_ok(&reading->key) || arena_failed(&reading->delta->arena) ||
	    !map_put(&reading->delta->names, copy, reading->delta))
		return err_set(reading->err, ERR_MEM, "judging: out of memory");
	return 0;
}

int judge_delta_read(struct judge_delta *delta, struct advisory_store *store, struct slice since, struct err *err)
{
	struct reading reading = {.delta = delta, .key = {.bytes_max = DELTA_KEY_BYTES_MAX}, .err = err};
	int            status = advisory_delta_each(store, since, note_name, &reading, err);

	buf_deinit(&reading.key);
	if (status == ERR_NOT_FOUND) {
		err_clear(err);
		delta->all = true;
		return 0;
	}
	return status;
}

bool judge_delta_has(const struct judge_delta *delta, const struct match_key *key)
{
	uint8_t    bytes[DELTA_KEY_BYTES_MAX];
	struct buf text = {.ptr = bytes, .capacity = sizeof(bytes), .bytes_max = sizeof(bytes)};

	if (delta->all)
		return true;
	make_key(&text, key->ecosystem);
	advisory_key_part(&text, key->name);
	return map_get(&delta->names, buf_slice(&text)) != NULL;
}
