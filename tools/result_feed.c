#include "result_feed.h"

#include "base/limits.h"
#include "base/log.h"
#include "interrupt.h"
#include "progress.h"
#include "results.h"
#include "store/store_dir.h"

struct broker_feed {
	struct output   *output;
	struct progress *progress;
};

static void feed_progress(void *data, const struct wire_job_status *status)
{
	progress_update(((struct broker_feed *)data)->progress, status);
}

static int feed_result(void *data, uint64_t image, struct slice encoded, struct err *err)
{
	struct broker_feed *feed = data;

	(void)image;
	progress_hide(feed->progress);
	return output_encoded(feed->output, encoded, err);
}

/* The job that is meant, and how many of its images are finished. */
static int find_job(struct client *client, uint64_t *job, uint64_t *finished, struct err *err)
{
	struct wire_status_reply reply;
	struct arena             arena;
	int                      rc;

	arena_init(&arena, LIMIT_REPORT_BYTES);
	rc = client_status(client, *job, &arena, &reply, err);
	if (rc == 0 && reply.jobs_count == 0)
		rc = err_set(err, ERR_NOT_FOUND, "the broker has no job");
	if (rc == 0) {
		*job = reply.jobs[0].job;
		*finished = reply.jobs[0].images_done;
	}
	arena_deinit(&arena);
	return rc;
}

static int follow(struct result_feed *feed, struct broker_link *link, struct output *output, int interrupt_fd,
		  struct err *err)
{
	struct broker_feed data = {.output = output};
	struct client_run  run = {.progress = feed_progress,
				  .result = feed_result,
				  .data = &data,
				  .only_news = feed->since_last,
				  .interrupt_fd = interrupt_fd};
	uint64_t           finished = 0;
	int                rc = find_job(link->client, &feed->job, &finished, err);

	if (rc != 0 || (feed->finished_only && finished == 0))
		return rc;
	run.job = feed->job;
	run.images_max = feed->finished_only ? finished : 0;
	data.progress = progress_open(feed->quiet ? PROGRESS_NEVER : PROGRESS_AUTO, "results");
	rc = client_run(link->client, &run, err);
	progress_close(data.progress);
	return rc;
}

int result_feed_broker(struct result_feed *feed, struct output *output, struct err *err)
{
	struct broker_link link = {0};
	int                interrupt_fd = interrupt_open(err), rc = interrupt_fd < 0 ? interrupt_fd : 0;

	if (rc == 0)
		rc = broker_link_open(feed->broker, &link, err);
	if (rc == 0)
		rc = follow(feed, &link, output, interrupt_fd, err);
	broker_link_close(&link);
	interrupt_close(interrupt_fd);
	return rc;
}

struct store_feed {
	struct results *results;
	struct output  *output;
	const char     *prefix; /* NULL = all */
	bool            since_last;
	struct arena    arena;
	struct err     *err;
};

static bool begins_with(struct slice reference, const char *prefix)
{
	return slice_starts(reference, prefix) ||
	       (slice_starts(reference, "docker://") && slice_starts(slice_from(reference, 9), prefix));
}

static int feed_stored(void *data, uint64_t job, uint64_t number)
{
	struct store_feed  *feed = data;
	struct image_result result;
	int                 rc = results_load(feed->results, job, number, &feed->arena, &result, feed->err);

	if (rc == 0 && (!feed->prefix || begins_with(result.image.reference, feed->prefix)))
		rc = output_image(feed->output, &result, feed->err);
	arena_reset(&feed->arena);
	return rc;
}

static int feed_latest(void *data, const struct catalog_latest *latest)
{
	const struct store_feed *feed = data;

	if (feed->prefix && latest->place.len && !begins_with(latest->place, feed->prefix))
		return 0;
	return feed_stored(data, latest->job, latest->number);
}

/* The next one that is wanted, or the end. */
static uint64_t next_image(const struct store_feed *feed, struct catalog *catalog, uint64_t job, uint64_t from,
			   uint64_t end)
{
	uint64_t next = from;

	if (feed->since_last && catalog_image_news_next(catalog, job, from, end, &next, NULL) < 0)
		return end;
	return next;
}

static int feed_job(struct store_feed *feed, struct catalog *catalog, uint64_t job)
{
	struct job_record record;
	uint64_t          images;
	int               rc = job ? 0 : catalog_job_newest(catalog, 0, &job, feed->err);

	if (rc == 0)
		rc = catalog_job_get(catalog, job, &feed->arena, &record, feed->err);
	if (rc != 0)
		return rc;
	images = record.images_count;
	arena_reset(&feed->arena);
	for (uint64_t i = next_image(feed, catalog, job, 0, images); i < images && rc == 0;
	     i = next_image(feed, catalog, job, i + 1, images))
		rc = feed_stored(feed, job, i);
	return rc;
}

static int feed_catalog(struct result_feed *feed, struct catalog *catalog, struct output *output, struct err *err)
{
	struct store_feed data = {.output = output,
				  .prefix = feed->latest ? feed->prefix : NULL,
				  .since_last = feed->since_last,
				  .err = err};
	int               rc = results_open(catalog, feed->db, &data.results, err);

	if (rc != 0)
		return rc;
	if (results_notice(data.results)[0])
		log_line(LOG_WARNING, "report", "%s", results_notice(data.results));
	arena_init(&data.arena, LIMIT_REPORT_BYTES);
	rc = feed->latest ? catalog_latest_each(catalog, feed->which, feed_latest, &data, err)
			  : feed_job(&data, catalog, feed->job);
	arena_deinit(&data.arena);
	results_close(data.results);
	return rc;
}

int result_feed_store(struct result_feed *feed, struct output *output, struct err *err)
{
	struct catalog_config config = {.read_only = true};
	struct catalog       *catalog = NULL;
	struct buf            dir = {0};
	int                   rc = store_dir(feed->store, &dir, err);

	if (rc == 0)
		rc = catalog_open((const char *)dir.ptr, &config, &catalog, err);
	if (rc == 0)
		rc = feed_catalog(feed, catalog, output, err);
	catalog_close(catalog);
	buf_deinit(&dir);
	return rc;
}

int result_feed_end(struct output *output, int rc, enum exit_status *status, struct err *err)
{
	struct err close_err = {0};

	if (output_close(output, NULL, rc != 0, status, &close_err) != 0 && rc == 0)
		rc = err_set(err, close_err.code, "%s", close_err.text);
	return rc == 0 ? (int)*status : rc;
}
