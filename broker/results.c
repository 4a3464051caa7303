#include "results.h"

#include "advisory_share.h"
#include "image_load.h"
#include "match/match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct results {
	struct catalog             *catalog;
	struct advisory_share      *share;
	struct advisory_generation *generation;
	struct advisories          *advisories; /* NULL: no matching */
	char                        notice[512];
};

static void close_advisories(struct results *results)
{
	advisory_reader_close(results->advisories);
	results->advisories = NULL;
}

/* Reads from the current generation, from another one when that has become current. */
static void refresh_advisories(struct results *results)
{
	struct advisory_generation *before = results->generation;
	struct err                  err = {0};

	if (before && advisory_share_is_current(results->share, before))
		return;
	close_advisories(results); /* before its generation may be closed */
	results->generation = advisory_share_current(results->share, before, &err);
	if (results->generation &&
	    advisory_reader_open(advisory_generation_store(results->generation), &results->advisories, &err) < 0)
		results->advisories = NULL;
	snprintf(results->notice, sizeof(results->notice), "%s", results->advisories ? "" : err.text);
}

static struct results *results_new(struct catalog *catalog, struct advisory_share *share)
{
	struct results *results = calloc(1, sizeof(*results));

	if (!results) {
		advisory_share_release(share);
		return NULL;
	}
	results->catalog = catalog;
	results->share = share;
	refresh_advisories(results);
	return results;
}

int results_open(struct catalog *catalog, const char *db_dir, struct results **out, struct err *err)
{
	struct advisory_share *share;
	char                   dir[4200];

	snprintf(dir, sizeof(dir), db_dir ? "%s" : "%s/advisories", db_dir ? db_dir : catalog_dir(catalog));
	share = advisory_share_new(dir);
	*out = share ? results_new(catalog, share) : NULL;
	return *out ? 0 : err_set(err, ERR_MEM, "results: out of memory");
}

struct results *results_open_beside(const struct results *other)
{
	return results_new(other->catalog, advisory_share_hold(other->share));
}

void results_close(struct results *results)
{
	if (!results)
		return;
	close_advisories(results);
	advisory_share_drop(results->share, results->generation);
	advisory_share_release(results->share);
	free(results);
}

struct advisory_share *results_share(const struct results *results)
{
	return results->share;
}

const char *results_notice(const struct results *results)
{
	return results->notice;
}

int results_load(struct results *results, uint64_t job, uint64_t image, struct arena *arena, struct image_result *out,
		 struct err *err)
{
	struct job_image stored;
	struct image     record;
	int              status;

	*out = (struct image_result){0};
	refresh_advisories(results);
	if ((status = image_load(results->catalog, job, image, arena, &stored, &record, err)) < 0)
		return status;
	if ((status = image_aggregate(results->catalog, job, &record, &stored, arena, out, err)) < 0)
		return status;
	return match_image(results->advisories, arena, out, err);
}
