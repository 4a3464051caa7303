#include "store/catalog_index_internal.h"

#include "base/cursor.h"
#include "base/msgpack_write.h"

static int damaged(const struct catalog_view *view, const char *what, struct err *err)
{
	return catalog_malformed(view->catalog, what, err);
}

/* What the index has for a place; zero when it has nothing. */
static int read_place(struct catalog_view *view, struct slice key, struct index_place *out, struct err *err)
{
	struct slice  value, digest;
	struct cursor c;
	int           status = db_borrow(view->read.txn, TABLE_PLACE_SETS, key, &value, err);

	*out = (struct index_place){.place = catalog_place_text(key), .key = key};
	if (status < 0)
		return status == ERR_NOT_FOUND ? 0 : status;
	c = cursor_of(value);
	out->job = cursor_u64be(&c);
	out->number = cursor_u64be(&c);
	out->set = cursor_u64be(&c);
	digest = cursor_take(&c, SHA256_BYTES);
	if (cursor_ok(&c))
		memcpy(out->image.bytes, digest.ptr, SHA256_BYTES);
	return cursor_ok(&c) ? 0 : damaged(view, "place of the index", err);
}

int catalog_index_places_each(struct catalog_view *view, struct slice                         prefix,
			      int (*each)(void *data, const struct index_place *place), void *data, struct err *err)
{
	struct slice      start = slice_sub(prefix, 0, PLACE_TEXT_BYTES), key, value;
	struct index_walk walk;
	int               status = index_walk_begin(&walk, view, TABLE_LATEST, start, start, true, err);

	while (status >= 0 && (status = index_walk_next(&walk, &key, &value, err)) > 0) {
		struct catalog_latest latest;
		struct index_place    place;

		if ((status = read_place(view, key, &place, err)) < 0)
			break;
		if (!catalog_latest_decode(key, value, &latest)) {
			status = damaged(view, "latest image of a place", err);
			break;
		}
		if (place.job != latest.job || place.number != latest.number)
			place = (struct index_place){.place = place.place, .key = key};
		place.job = latest.job;
		place.number = latest.number;
		/* The prefix may end within the hash behind a short text. */
		status = place.place.len < start.len || latest.retired_ms ? 0 : each(data, &place);
		if (status)
			break;
	}
	index_walk_end(&walk);
	return status;
}

int catalog_index_places_count(struct catalog_view *view, struct slice prefix, uint64_t *count, struct err *err)
{
	struct slice      start = slice_sub(prefix, 0, PLACE_TEXT_BYTES), key, value;
	struct index_walk walk;
	int               status = 0;

	*count = start.len ? 0 : db_count(view->read.txn, TABLE_PLACE_SETS);
	if (start.len == 0)
		return 0;
	status = index_walk_begin(&walk, view, TABLE_PLACE_SETS, start, start, true, err);
	while (status >= 0 && (status = index_walk_next(&walk, &key, &value, err)) > 0)
		*count += catalog_place_text(key).len >= start.len;
	index_walk_end(&walk);
	return status;
}

int catalog_index_set_places_each(struct catalog_view *view, uint64_t                             set,
				  int (*each)(void *data, const struct index_place *place), void *data, struct err *err)
{
	uint8_t           name[KEY_NUMBER_BYTES];
	struct slice      prefix = index_key_number(set, name), key, value;
	struct index_walk walk;
	int               status = index_walk_begin(&walk, view, TABLE_SET_PLACES, prefix, prefix, false, err);

	while (status >= 0 && (status = index_walk_next(&walk, &key, &value, err)) > 0) {
		struct index_place place;

		status = read_place(view, slice_from(key, 8), &place, err);
		if (status >= 0 && place.set != set)
			status = damaged(view, "a place of the index names another set", err);
		if (status >= 0)
			status = each(data, &place);
		if (status)
			break;
	}
	index_walk_end(&walk);
	return status;
}

/* --- images of jobs --- */

int catalog_index_image_set(struct catalog_view *view, uint64_t job, uint64_t number, uint64_t *set, struct err *err)
{
	uint8_t      name[KEY_PAIR_BYTES];
	struct slice value;
	int status = db_borrow(view->read.txn, TABLE_IMAGE_SETS, catalog_key_pair(job, number, name), &value, err);

	if (status < 0)
		return status;
	*set = index_number_of(value);
	return *set ? 0 : damaged(view, "image of the index", err);
}

int catalog_index_job_images_each(struct catalog_view *view, uint64_t job, uint64_t from,
				  int (*each)(void *data, uint64_t number, uint64_t set), void *data, struct err *err)
{
	uint8_t           name[KEY_PAIR_BYTES], job_name[8];
	struct index_walk walk;
	struct slice      key, value;
	int               status;

	catalog_key_u64(job_name, job);
	status = index_walk_begin(&walk, view, TABLE_IMAGES, catalog_key_pair(job, from, name),
				  slice_of(job_name, sizeof(job_name)), true, err);
	while (status >= 0 && (status = index_walk_next(&walk, &key, &value, err)) > 0) {
		uint64_t number = index_number_of(slice_from(key, 8)), set = 0;

		status = catalog_index_image_set(view, job, number, &set, err);
		if (status >= 0 || status == ERR_NOT_FOUND)
			status = each(data, number, set);
		if (status)
			break;
	}
	index_walk_end(&walk);
	return status;
}

/* --- what is pending --- */

int catalog_index_pending_count(struct catalog_view *view, uint64_t *count, struct err *err)
{
	(void)err;
	*count = db_count(view->read.txn, TABLE_INDEX_QUEUE);
	return 0;
}

int catalog_index_pending_each(struct catalog_view *view, int (*each)(void *data, const struct index_pending *pending),
			       void *data, struct err *err)
{
	struct index_walk walk;
	struct slice      key, value;
	int status = index_walk_begin(&walk, view, TABLE_INDEX_QUEUE, SLICE_EMPTY, SLICE_EMPTY, true, err);

	while (status >= 0 && (status = index_walk_next(&walk, &key, &value, err)) > 0) {
		struct cursor        c = cursor_of(key);
		struct index_pending pending = {.place = catalog_place_text(value), .key = value};

		pending.job = cursor_u64be(&c);
		pending.number = cursor_u64be(&c);
		pending.latest = catalog_latest_is(view->read.txn, value, pending.job, pending.number);
		status = each(data, &pending);
		if (status)
			break;
	}
	index_walk_end(&walk);
	return status;
}
