#include "failed_list.h"

#include "base/file.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "interrupt.h"
#include "model/platform.h"
#include "report/grid.h"
#include "report/table_parts.h"
#include "results.h"
#include "store/store_dir.h"

#include <stdio.h>

enum { ROWS_TOGETHER = 256, TEXT_BYTES_MAX = 16 << 20 };

static const struct grid_column columns[] = {
	{.title = "REFERENCE", .width_min = 24, .keep_end = true},
	{.title = "LAYER"},
	{.title = "REASON", .width_min = 24},
};

struct failed_writer {
	const struct failed_query *query;
	int                        fd;
	struct buf                 text;
	struct grid                grid;
	size_t                     rows, printed;
	struct json_writer         json;
	struct arena               arena;
};

static int flush(struct failed_writer *w, struct err *err)
{
	int rc;

	if (!w->query->json && w->rows) {
		grid_print(&w->grid, &w->text, 0, w->query->columns, w->printed == 0, w->query->colour);
		grid_deinit(&w->grid);
		grid_init(&w->grid, columns, sizeof(columns) / sizeof(*columns));
		w->printed += w->rows;
		w->rows = 0;
	}
	rc = buf_ok(&w->text) ? file_write_all(w->fd, buf_slice(&w->text), "standard output", err)
			      : err_set(err, ERR_MEM, "printing what failed: no memory");
	buf_clear(&w->text);
	return rc;
}

static void put_row(struct failed_writer *w, const struct image *image, const struct digest *layer, struct slice reason)
{
	char digest[DIGEST_TEXT_BYTES];

	grid_cell(&w->grid, STYLE_PLAIN, table_reference(image->reference));
	if (layer) {
		digest_text(layer, digest);
		grid_cell(&w->grid, STYLE_PLAIN, slice_sub(slice_str(digest), 0, 7 + 12));
	} else {
		grid_cell(&w->grid, STYLE_DIM, SLICE_LIT("-"));
	}
	grid_cell(&w->grid, STYLE_RED, reason);
}

static void put_digest(struct json_writer *json, const char *key, const struct digest *digest)
{
	char text[DIGEST_TEXT_BYTES];

	if (!digest || digest_is_zero(digest)) {
		json_put_null(json, key);
		return;
	}
	digest_text(digest, text);
	json_put_str(json, key, text);
}

static void put_object(struct failed_writer *w, const struct image *image, const struct digest *layer,
		       struct slice reason)
{
	char platform[96];

	platform_text(&image->platform, platform);
	json_begin_object(&w->json, NULL);
	json_put_text(&w->json, "reference", image->reference);
	put_digest(&w->json, "digest", &image->digest);
	json_put_str(&w->json, "platform", platform);
	json_put_str(&w->json, "status", image->status == IMAGE_FAILED ? "failed" : "incomplete");
	put_digest(&w->json, "layer", layer);
	json_put_text(&w->json, "reason", reason);
	json_end_object(&w->json);
}

static int put(struct failed_writer *w, const struct image *image, const struct digest *layer, struct slice reason,
	       struct err *err)
{
	if (w->query->json)
		put_object(w, image, layer, reason);
	else
		put_row(w, image, layer, reason);
	return ++w->rows % ROWS_TOGETHER == 0 ? flush(w, err) : 0;
}

/* Nothing of an image that went well: an older broker tells of all. */
static int put_image(struct failed_writer *w, const struct image_result *result, struct err *err)
{
	size_t before = w->rows + w->printed;
	int    rc = 0;

	if (result->image.status == IMAGE_FAILED)
		return put(w, &result->image, NULL, result->image.reason, err);
	for (size_t i = 0; i < result->layers_count && rc == 0; i++) {
		const struct result_layer *layer = &result->layers[i];

		if (layer->status == LAYER_FAILED || layer->status == LAYER_PARTIAL)
			rc = put(w, &result->image, &layer->digest, layer->reason, err);
	}
	if (rc == 0 && w->rows + w->printed == before && result->image.status == IMAGE_OK && !result->complete)
		rc = put(w, &result->image, NULL, result->incomplete_reason, err);
	return rc;
}

/* --- from a broker --- */

static int take_result(void *data, uint64_t image, struct slice encoded, struct err *err)
{
	struct failed_writer *w = data;
	struct image_result   result;
	int                   rc = result_decode(encoded, &w->arena, &result, err);

	(void)image;
	if (rc == 0)
		rc = put_image(w, &result, err);
	arena_reset(&w->arena);
	return rc;
}

/* Of a job that runs: those that have failed so far. */
static int ask_broker(struct failed_writer *w, struct client *client, int interrupt_fd, struct err *err)
{
	struct client_run run = {.result = take_result, .data = w, .only_failed = true, .interrupt_fd = interrupt_fd};
	struct wire_status_reply reply;
	uint64_t                 bad;
	int                      rc = client_status(client, w->query->job, &w->arena, &reply, err);

	if (rc != 0)
		return rc;
	run.job = reply.jobs[0].job;
	bad = reply.jobs[0].images_failed + reply.jobs[0].images_incomplete;
	run.images_max = reply.jobs[0].state == JOB_RUNNING ? bad : 0;
	arena_reset(&w->arena);
	return bad ? client_run(client, &run, err) : 0;
}

static int from_broker(struct failed_writer *w, struct err *err)
{
	struct broker_link link = {0};
	int                interrupt_fd = interrupt_open(err), rc = interrupt_fd < 0 ? interrupt_fd : 0;

	if (rc == 0)
		rc = broker_link_open(w->query->broker, &link, err);
	if (rc == 0)
		rc = ask_broker(w, link.client, interrupt_fd, err);
	broker_link_close(&link);
	interrupt_close(interrupt_fd);
	return rc;
}

/* --- from a store --- */

static int take_stored(struct failed_writer *w, struct results *results, uint64_t number, struct err *err)
{
	struct image_result result;
	int                 rc = results_load(results, w->query->job, number, &w->arena, &result, err);

	if (rc == 0)
		rc = put_image(w, &result, err);
	arena_reset(&w->arena);
	return rc;
}

/* The next image that may have failed, from `number` on; *number = `count` when there is none. */
static int next_stored(struct catalog *catalog, const struct job_record *job, uint64_t count, uint64_t *number,
		       struct err *err)
{
	struct err why = {0};
	int        rc;

	if (!job->failed_indexed || *number >= count)
		return 0;
	rc = catalog_image_failed_next(catalog, job->job, *number, number, &why);
	if (rc == ERR_NOT_FOUND)
		*number = count;
	return rc == 0 || rc == ERR_NOT_FOUND ? 0 : err_set(err, rc, "%s", why.text);
}

static int each_stored(struct failed_writer *w, struct catalog *catalog, struct results *results, struct err *err)
{
	struct job_record job;
	uint64_t          number = 0, count;
	int               rc = catalog_job_get(catalog, w->query->job, &w->arena, &job, err);

	if (rc != 0)
		return rc;
	count = job.images_count;
	arena_reset(&w->arena);
	while ((rc = next_stored(catalog, &job, count, &number, err)) == 0 && number < count && rc == 0)
		if ((rc = take_stored(w, results, number++, err)) != 0)
			return rc;
	return rc;
}

static int from_store(struct failed_writer *w, struct err *err)
{
	struct catalog_config config = {.read_only = true};
	struct catalog       *catalog = NULL;
	struct results       *results = NULL;
	struct buf            dir = {0};
	int                   rc = store_dir(w->query->store, &dir, err);

	if (rc == 0)
		rc = catalog_open((const char *)dir.ptr, &config, &catalog, err);
	if (rc == 0)
		rc = results_open(catalog, NULL, &results, err);
	if (rc == 0)
		rc = each_stored(w, catalog, results, err);
	results_close(results);
	catalog_close(catalog);
	buf_deinit(&dir);
	return rc;
}

/* --- both --- */

static void begin(struct failed_writer *w)
{
	buf_init(&w->text, TEXT_BYTES_MAX);
	arena_init(&w->arena, LIMIT_REPORT_BYTES);
	grid_init(&w->grid, columns, sizeof(columns) / sizeof(*columns));
	w->json = json_writer_of(&w->text, 2);
	if (!w->query->json)
		return;
	json_begin_object(&w->json, NULL);
	json_put_uint(&w->json, "job", w->query->job);
	json_begin_array(&w->json, "failed");
}

static int end(struct failed_writer *w, struct err *err)
{
	if (w->query->json) {
		json_end_array(&w->json);
		json_end_object(&w->json);
		buf_byte(&w->text, '\n');
	} else if (!w->rows && !w->printed) {
		buf_printf(&w->text, "nothing has failed in job %llu\n", (unsigned long long)w->query->job);
	}
	return flush(w, err);
}

int failed_list(const struct failed_query *query, int fd, struct err *err)
{
	struct failed_writer w = {.query = query, .fd = fd};
	int                  rc;

	begin(&w);
	rc = query->store ? from_store(&w, err) : from_broker(&w, err);
	if (rc == 0)
		rc = end(&w, err);
	grid_deinit(&w.grid);
	arena_deinit(&w.arena);
	buf_deinit(&w.text);
	return rc;
}
