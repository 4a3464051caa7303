#include "agent_task.h"

#include "analyze/dispatch.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { TASK_BYTES_MAX = 256 << 20 };

struct agent_task *agent_task_new(void)
{
	struct agent_task *task = calloc(1, sizeof(*task));

	if (!task)
		return NULL;
	task->call = (struct source_call){
		.cancel = &task->cancel, .moved = &task->progress, .wait_ms_max = AGENT_WAIT_MS_MAX};
	arena_init(&task->arena, TASK_BYTES_MAX);
	buf_init(&task->inventory, LIMIT_INVENTORY_BYTES);
	buf_init(&task->path_table, LIMIT_INVENTORY_BYTES);
	buf_init(&task->result, 2ull * LIMIT_INVENTORY_BYTES + (1 << 20));
	return task;
}

void agent_task_free(struct agent_task *task)
{
	if (!task)
		return;
	stream_close(task->opened);
	arena_deinit(&task->arena);
	buf_deinit(&task->inventory);
	buf_deinit(&task->path_table);
	buf_deinit(&task->result);
	free(task);
}

void agent_task_open(struct agent_task *task, struct sources *sources)
{
	if (atomic_load(&task->cancel)) {
		task->status = ERR_CANCELLED;
		return;
	}
	task->opened = source_open_layer(sources, &task->call, &task->reference, &task->layer, &task->err);
	if (!task->opened) {
		char digest[DIGEST_TEXT_BYTES];

		digest_text(&task->layer.digest, digest);
		task->status = task->err.code ? task->err.code : err_set(&task->err, ERR_INTERNAL, "no stream");
		err_prefix(&task->err, "layer %s", digest_is_zero(&task->layer.digest) ? "without a digest" : digest);
	}
}

void agent_task_scan(struct agent_task *task, struct sources *sources, const struct scan_config *config)
{
	struct scan_config own = *config;

	if (task->status < 0)
		return;
	own.cancel = &task->cancel;
	own.progress = &task->progress;
	own.call = &task->call;
	own.opened = task->opened;
	own.no_reuse = task->no_reuse;
	task->opened = NULL;
	task->status = pipeline_scan_layer(sources, &task->reference, &task->layer, task->verify, &own, &task->outcome,
					   &task->inventory, &task->path_table, &task->err);
}

/* 1 when all that is known can be read and is still so: it is the answer. */
static int take_known(struct agent_task *task, struct sources *sources)
{
	struct image *known = arena_array(&task->arena, task->known_count + 1, sizeof(*known));
	int           status;

	for (size_t i = 0; known && i < task->known_count; i++)
		if (image_decode(task->known[i], &task->arena, &known[i], NULL) < 0)
			return 0;
	status = known ? source_still_is(sources, &task->call, &task->reference, known, task->known_count, &task->err)
		       : 0;
	if (status > 0) {
		task->images = known;
		task->images_count = task->known_count;
	}
	return status;
}

static bool may_pass(int code)
{
	return code == ERR_AUTH || agent_task_is_transient(code);
}

/* A lone image that failed for a passing reason, or for want of a credential, is the task's failure: others may do better.
 * So is each that was not waited for: later it will be had. */
static void weigh_images(struct agent_task *task)
{
	for (size_t i = 0; i < task->images_count && task->status >= 0; i++) {
		const struct image *image = &task->images[i];
		bool                later = image->error == ERR_RATE && task->call.retry_after_ms;

		if (image->status == IMAGE_FAILED && (later || (task->images_count == 1 && may_pass(image->error))))
			task->status =
				err_set(&task->err, image->error, "%.*s", SLICE_FMT(slice_sub(image->reason, 0, 400)));
	}
}

bool agent_task_is_transient(int code)
{
	switch (code) {
	case ERR_NET:
	case ERR_RATE:
	case ERR_MEM:
	case ERR_IO:
	case ERR_FULL:
	case ERR_BUSY:
	case ERR_CANCELLED:
		return true;
	default:
		return false;
	}
}

void agent_task_resolve(struct agent_task *task, struct sources *sources)
{
	int still = task->known_count ? take_known(task, sources) : 0;

	if (still) {
		task->status = still < 0 ? still : 0;
		return;
	}
	task->status = source_resolve(sources, &task->call, &task->reference, &task->platform, &task->arena,
				      &task->images, &task->images_count, &task->err);
	if (task->status >= 0 && task->images_count == 0)
		task->status = err_set(&task->err, ERR_INTERNAL, "no image came out");
	if (task->status >= 0)
		weigh_images(task);
}

void agent_task_enumerate(struct agent_task *task, struct sources                           *sources,
			  int (*found)(void *data, const struct reference *reference), void *data)
{
	const struct listing_filter filter = {
		.include = task->include, .exclude = task->exclude, .newest = task->newest};

	task->call.wait_ms_max = 0;
	task->status = source_enumerate(sources, &task->call, &task->reference, &filter, found, data, &task->err);
}

void agent_analyzer_set(struct buf *out)
{
	dispatch_analyzer_set(out);
	buf_printf(out, ";tar_bytes=%llu,entries=%u,path_bytes=%u,path_depth=%u,body_bytes=%u,spool_bytes=%llu",
		   (unsigned long long)LIMIT_LAYER_BYTES, LIMIT_ENTRIES, LIMIT_PATH_BYTES, LIMIT_PATH_DEPTH,
		   LIMIT_BODY_MEMORY_BYTES, (unsigned long long)LIMIT_SPOOL_BYTES);
}
