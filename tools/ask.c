#include "ask.h"

#include "answer.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "history.h"
#include "judge.h"
#include "store/store_dir.h"

#include <stdio.h>
#include <unistd.h>

int ask_check(const struct ask_options *options, struct err *err)
{
	if (options->broker.endpoint && (options->store || options->db))
		return err_set(err, ERR_USAGE, "--broker excludes --store and --db");
	return 0;
}

/* ---- a store ---- */

enum { HISTORY_BYTES_MAX = 64 << 20 };

struct place {
	struct buf             store;
	char                   db[4200];
	struct catalog        *catalog;
	struct advisory_share *share;
};

static int open_catalog(struct place *place, bool read_only, struct err *err)
{
	const struct catalog_config config = {.read_only = read_only};

	catalog_close(place->catalog);
	place->catalog = NULL;
	return catalog_open((const char *)place->store.ptr, &config, &place->catalog, err);
}

static int write_history(struct place *place, struct err *err)
{
	struct history_row row;
	struct arena       arena;
	int                status;

	arena_init(&arena, HISTORY_BYTES_MAX);
	while ((status = history_next(place->catalog, place->share, &arena, &row, err)) > 0) {
		status = catalog_begin(place->catalog, err);
		if (!status && (status = catalog_history_put(place->catalog, &row, err)) != 0)
			catalog_abort(place->catalog);
		else if (!status)
			status = catalog_commit(place->catalog, err);
		arena_reset(&arena);
		if (status)
			break;
	}
	arena_deinit(&arena);
	return status;
}

/* What waits to be judged is judged; nothing is written, and nothing is opened for it, when nothing waits. */
static int bring_up_to_date(struct place *place, struct err *err)
{
	struct judge *judge = judge_open(place->catalog, place->share, 0);
	bool          needed = false;
	int           status = judge ? judge_is_needed(judge, &needed, err) : err_set(err, ERR_MEM, "out of memory");

	judge_close(judge);
	if (status || !needed)
		return status;
	status = open_catalog(place, false, err);
	judge = status ? NULL : judge_open(place->catalog, place->share, 0);
	if (!status)
		status = judge ? judge_all(place->catalog, judge, err) : err_set(err, ERR_MEM, "out of memory");
	judge_close(judge);
	return status ? status : write_history(place, err);
}

static void warn_of_pending(const struct place *place)
{
	struct catalog_view *view;
	uint64_t             pending = 0;

	if (catalog_view_open(place->catalog, false, &view, NULL) != 0)
		return;
	catalog_index_pending_count(view, &pending, NULL);
	catalog_view_close(view);
	if (pending)
		log_line(LOG_WARNING, "store",
			 "%llu images are not indexed yet and are missing in the answer: a broker or "
			 "`varve scan` on this store does that",
			 (unsigned long long)pending);
}

static int ask_store(const struct ask_options *options, struct slice request, struct buf *document, struct err *err)
{
	struct place place = {.store = {.bytes_max = 8192}};
	int          status = store_dir(options->store, &place.store, err);

	if (!status)
		status = open_catalog(&place, true, err);
	if (!status) {
		snprintf(place.db, sizeof(place.db), options->db ? "%s" : "%s/advisories",
			 options->db ? options->db : catalog_dir(place.catalog));
		place.share = advisory_share_new(place.db);
		status = !place.share        ? err_set(err, ERR_MEM, "out of memory")
			 : options->as_it_is ? 0
					     : bring_up_to_date(&place, err);
	}
	if (!status) {
		if (!options->as_it_is)
			warn_of_pending(&place);
		status = answer(place.catalog, place.share, request, document, err);
	}
	advisory_share_release(place.share);
	catalog_close(place.catalog);
	buf_deinit(&place.store);
	return status;
}

int ask(const struct ask_options *options, struct slice request, struct buf *document, struct err *err)
{
	struct broker_link link = {0};
	int                status;

	if (!options->broker.endpoint)
		return ask_store(options, request, document, err);
	status = broker_link_open(&options->broker, &link, err);
	if (!status)
		status = client_ask(link.client, request, document, err);
	broker_link_close(&link);
	return status;
}

int ask_print(struct slice text, struct err *err)
{
	return file_write_all(STDOUT_FILENO, text, "standard output", err);
}
