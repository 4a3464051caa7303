#include "store/catalog_index_internal.h"

#include "base/clock.h"

#include <stdlib.h>

enum { VIEW_MAX_MS = 100, WALK_ROWS = 4096 };

int catalog_view_open(struct catalog *catalog, bool snapshot, struct catalog_view **out, struct err *err)
{
	struct catalog_view *view = calloc(1, sizeof(*view));
	int                  status;

	if (!view)
		return err_set(err, ERR_MEM, "store %s: out of memory", catalog->dir);
	*view = (struct catalog_view){.catalog = catalog, .snapshot = snapshot, .begun_ms = clock_ms()};
	status = catalog_read_begin(catalog, &view->read, err);
	if (status < 0) {
		free(view);
		return status;
	}
	*out = view;
	return 0;
}

void catalog_view_close(struct catalog_view *view)
{
	if (!view)
		return;
	if (view->read.txn)
		catalog_read_end(&view->read);
	free(view);
}

int catalog_view_rest(struct catalog_view *view, struct err *err)
{
	uint64_t now = clock_ms();
	int      status;

	if (view->snapshot || !view->read.own || now < view->begun_ms + VIEW_MAX_MS)
		return 0;
	catalog_read_end(&view->read);
	view->read = (struct catalog_read){.txn = NULL};
	view->begun_ms = now;
	status = catalog_read_begin(view->catalog, &view->read, err);
	if (status < 0)
		view->read.txn = NULL;
	return status;
}

struct catalog *catalog_view_catalog(const struct catalog_view *view)
{
	return view->catalog;
}

/* --- walks --- */

static int open_cursor(struct index_walk *walk, struct err *err)
{
	walk->rows = 0;
	return db_cursor_open(walk->view->read.txn, walk->table, slice_of(walk->place.key, walk->place.len),
			      &walk->cursor, err);
}

int index_walk_begin(struct index_walk *walk, struct catalog_view *view, unsigned table, struct slice from,
		     struct slice prefix, bool rests, struct err *err)
{
	*walk = (struct index_walk){.view = view, .table = table, .rests = rests, .prefix = prefix};
	walk->place.len = from.len < sizeof(walk->place.key) ? from.len : sizeof(walk->place.key);
	if (walk->place.len)
		memcpy(walk->place.key, from.ptr, walk->place.len);
	return open_cursor(walk, err);
}

void index_walk_end(struct index_walk *walk)
{
	db_cursor_close(walk->cursor);
	walk->cursor = NULL;
}

static int rest(struct index_walk *walk, struct err *err)
{
	int status;

	index_walk_end(walk);
	status = catalog_view_rest(walk->view, err);
	return status < 0 ? status : open_cursor(walk, err);
}

int index_walk_next(struct index_walk *walk, struct slice *key, struct slice *value, struct err *err)
{
	int status;

	if (walk->rests && walk->rows == WALK_ROWS && (status = rest(walk, err)) < 0)
		return status;
	status = db_cursor_next(walk->cursor, key, value, err);
	if (status <= 0)
		return status;
	if (!slice_eq(slice_sub(*key, 0, walk->prefix.len), walk->prefix))
		return 0;
	if (++walk->rows == WALK_ROWS && walk->rests)
		catalog_place_behind(&walk->place, *key);
	return 1;
}
