#include "loop_internal.h"

#include "answer.h"
#include "base/log.h"

#include <stdlib.h>
#include <unistd.h>

enum { RESULT_BYTES_MAX = 512 << 20 };

/* Stands for an image whose result cannot be computed; `known` is as far as it came. */
static struct image_result failed_result(const struct image_result *known, const struct err *why)
{
	struct image_result out = {.incomplete_reason = slice_str(why->text)};

	out.image.reference =
		known->image.reference.len ? known->image.reference : SLICE_LIT("(image record that cannot be read)");
	out.image.status = IMAGE_FAILED;
	out.image.error = why->code;
	out.image.reason = slice_str(why->text);
	return out;
}

static void compute(struct results *results, struct loop_request *request)
{
	struct image_result result;
	struct arena        arena;
	struct err          err = {0};

	arena_init(&arena, 4ull << 30);
	buf_init(&request->bytes, RESULT_BYTES_MAX);
	if (results_load(results, request->job, request->image, &arena, &result, &err) < 0 ||
	    result_encode(&result, &request->bytes, &err) < 0) {
		struct image_result failed = failed_result(&result, &err);

		buf_clear(&request->bytes);
		result_encode(&failed, &request->bytes, NULL);
	}
	arena_deinit(&arena);
}

/* One that cannot be read is worth showing, too. */
static bool is_failed(struct catalog *catalog, uint64_t job, uint64_t number)
{
	struct job_image stored;
	struct image     image;
	struct arena     arena;
	bool             failed;

	arena_init(&arena, 256 << 20);
	failed = catalog_image_get(catalog, job, number, &arena, &stored, NULL) < 0 ||
		 image_decode(stored.image, &arena, &image, NULL) < 0 ||
		 loop_image_needs_retry(&image, stored.layers, stored.layers_count);
	arena_deinit(&arena);
	return failed;
}

/* The first failed image from request->image on; jobs of format 2 have no list of them. */
static void find_failed(struct catalog *catalog, struct loop_request *request)
{
	if (request->indexed) {
		request->none =
			catalog_image_failed_next(catalog, request->job, request->image, &request->image, NULL) < 0 ||
			request->image >= request->end;
		return;
	}
	while (request->image < request->end && !is_failed(catalog, request->job, request->image))
		request->image++;
	request->none = request->image == request->end;
}

static void answer_question(struct loop *loop, struct results *results, struct loop_request *request)
{
	int status;

	buf_init(&request->bytes, RESULT_BYTES_MAX);
	status = answer(loop->catalog, results_share(results), buf_slice(&request->question), &request->bytes,
			&request->why);
	if (status < 0)
		err_set(&request->why, status, "the question cannot be answered");
}

void *loop_compute_run(void *data)
{
	struct loop         *loop = data;
	struct results      *results = loop->results[atomic_fetch_add(&loop->results_taken, 1)];
	struct loop_request *request;
	uint64_t             one = 1;

	while ((request = queue_pop(loop->asked)) != NULL) {
		if (request->query)
			answer_question(loop, results, request);
		else if (request->only_failed)
			find_failed(loop->catalog, request);
		else if (request->only_news)
			request->none = catalog_image_news_next(loop->catalog, request->job, request->image,
								request->end, &request->image, NULL) < 0;
		if (!request->none && !request->query)
			compute(results, request);
		if (!queue_push(loop->answered, request))
			loop_request_free(request);
		if (write(loop->wake_fd, &one, sizeof(one)) < 0)
			continue; /* it is readable already */
	}
	return NULL;
}
