/* loop_index.c - keeps the catalog's index up to date: a thread computes finished images from the durable queue, the loop
 * puts what came out, a batch a turn, in the commit that it makes anyway. */
#include "loop_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "index_image.h"

#include <stdlib.h>
#include <unistd.h>

enum {
	BATCH_IMAGES_MAX = 64,
	BATCH_PACKAGES_MAX = 10000, /* what the loop puts in one turn: others wait for the commit */
	BATCH_BYTES_MAX = 256 << 20,
	BATCHES_MAX = 2,
	LOOK_EVERY_MS = 60000, /* an owner may have died */
	WAIT_MS = 50,
	FINISH_IMAGES_MAX = 1000,
	FINISH_MS = 5000,
};

struct index_batch {
	struct arena            arena;
	bool                    restart; /* the index is damaged */
	struct index_new_image *images;
	size_t                  count;
};

struct loop_index {
	struct catalog  *catalog;
	int              wake_fd;
	pthread_t        thread;
	bool             running;
	_Atomic bool     stopping;
	_Atomic uint64_t asked;       /* how often there was something new */
	_Atomic uint64_t answered;    /* `asked` when the queue was last found empty */
	_Atomic size_t   outstanding; /* batches that are not committed yet */
	size_t           put;         /* of them, in the loop's batch */
	bool             news;        /* images were queued in the loop's batch */
	struct queue    *pokes, *batches;
	uint64_t         job, number; /* where the thread is in the queue */
};

static void batch_free(struct index_batch *batch)
{
	if (!batch)
		return;
	arena_deinit(&batch->arena);
	free(batch);
}

static struct index_batch *batch_new(void)
{
	struct index_batch *batch = calloc(1, sizeof(*batch));

	if (batch)
		arena_init(&batch->arena, BATCH_BYTES_MAX * 4ull);
	return batch;
}

/* --- the thread --- */

static void hand_over(struct loop_index *index, struct index_batch *batch)
{
	uint64_t one = 1;

	atomic_fetch_add(&index->outstanding, 1);
	if (!queue_push(index->batches, batch)) {
		atomic_fetch_sub(&index->outstanding, 1);
		batch_free(batch);
	} else if (write(index->wake_fd, &one, sizeof(one)) < 0) {
		return; /* it is readable already */
	}
}

static void ask_for_restart(struct loop_index *index)
{
	struct index_batch *batch = batch_new();

	if (!batch)
		return;
	batch->restart = true;
	hand_over(index, batch);
}

/* How many were computed; ERR_STORE: the index is damaged. */
static int compute_batch(struct loop_index *index, struct catalog_view *view, const struct index_queued *queued,
			 size_t count, struct index_batch *batch)
{
	size_t packages = 0;

	batch->images = arena_array(&batch->arena, count, sizeof(*batch->images));
	for (size_t i = 0; i < count && batch->images && !atomic_load(&index->stopping); i++) {
		struct index_new_image *image = &batch->images[batch->count];
		struct err              err = {0};
		int                     status = index_image_compute(view, &queued[i], &batch->arena, image, &err);

		if (status == ERR_STORE)
			return status;
		index->job = queued[i].job;
		index->number = queued[i].number;
		if (status < 0) {
			log_about(LOG_WARNING, "index", LOG_JOB(queued[i].job), "image %llu of job %llu: %s",
				  (unsigned long long)queued[i].number, (unsigned long long)queued[i].job, err.text);
			continue;
		}
		packages += image->packages_count;
		batch->count++;
		if (packages > BATCH_PACKAGES_MAX || batch->arena.bytes_used > BATCH_BYTES_MAX)
			break;
	}
	return (int)batch->count;
}

/* The next images of the queue. 1; 0 at its end; ERR_*. *computed grows. */
static int next_batch(struct loop_index *index, struct catalog_view *view, size_t *computed, struct err *err)
{
	struct index_batch  *batch = batch_new();
	struct index_queued *queued;
	uint64_t             job = index->job, number = index->number;
	size_t               count;
	int                  status;

	if (!batch)
		return err_set(err, ERR_MEM, "index: out of memory");
	status = catalog_index_queue_read(index->catalog, &job, &number, BATCH_IMAGES_MAX, &batch->arena, &queued,
					  &count, err);
	if (status >= 0 && count)
		status = compute_batch(index, view, queued, count, batch);
	if (status < 0 || batch->count == 0)
		batch_free(batch);
	else
		hand_over(index, batch);
	if (status < 0)
		return status;
	*computed += (size_t)status;
	return count != 0;
}

/* Once through the queue. How many images were computed. */
static size_t pass(struct loop_index *index)
{
	struct catalog_view *view;
	struct err           err = {0};
	size_t               computed = 0;
	int                  status = 1;

	index->job = index->number = 0;
	while (status > 0 && !atomic_load(&index->stopping)) {
		status = catalog_view_open(index->catalog, false, &view, &err);
		if (status < 0)
			break;
		status = next_batch(index, view, &computed, &err);
		catalog_view_close(view);
	}
	if (status == ERR_STORE)
		ask_for_restart(index);
	else if (status < 0)
		log_line(LOG_WARNING, "index", "%s", err.text);
	return computed;
}

static void check(struct loop_index *index)
{
	struct err err = {0};
	uint64_t   damaged = 0;

	if (catalog_index_check(index->catalog, &damaged, &err) < 0)
		log_line(LOG_WARNING, "index", "%s", err.text);
	else if (damaged)
		ask_for_restart(index);
}

static void *run(void *data)
{
	struct loop_index *index = data;

	check(index);
	while (!atomic_load(&index->stopping)) {
		uint64_t asked = atomic_load(&index->asked);
		size_t   computed = pass(index);

		while (atomic_load(&index->outstanding) && !atomic_load(&index->stopping))
			queue_pop_ms(index->pokes, LOOK_EVERY_MS);
		if (computed)
			continue;
		atomic_store(&index->answered, asked);
		if (asked == atomic_load(&index->asked))
			queue_pop_ms(index->pokes, LOOK_EVERY_MS);
	}
	return NULL;
}

static void poke(struct loop_index *index)
{
	queue_try_push(index->pokes, index);
}

/* --- the loop's side --- */

static void put(struct loop *loop, struct index_batch *batch)
{
	struct err err = {0};
	int        status = batch->restart ? ERR_STORE : 0;

	if (status == 0)
		status = catalog_index_put(loop->catalog, batch->images, batch->count, &err);
	if (status == ERR_STORE) {
		log_line(LOG_WARNING, "index", "a record of the index is damaged: it is made again");
		status = catalog_index_restart(loop->catalog, &err);
	}
	if (status < 0)
		loop_broken(loop, &err);
	loop->index->put++;
}

/* True: something was put. */
static bool put_next(struct loop *loop, uint64_t wait_ms)
{
	struct index_batch *batch = queue_pop_ms(loop->index->batches, wait_ms);
	bool                written = batch && loop_write(loop);

	if (written)
		put(loop, batch);
	batch_free(batch);
	return written;
}

void loop_index_turn(struct loop *loop)
{
	if (loop->index && put_next(loop, 0))
		loop->again = true;
}

void loop_index_news(struct loop *loop)
{
	if (loop->index)
		loop->index->news = true;
}

void loop_index_committed(struct loop *loop)
{
	struct loop_index *index = loop->index;

	if (!index || (!index->news && !index->put))
		return;
	if (index->news)
		atomic_fetch_add(&index->asked, 1);
	atomic_fetch_sub(&index->outstanding, index->put);
	if (index->put)
		loop_judge_news(loop);
	index->put = 0;
	index->news = false;
	poke(index);
}

static uint64_t pending(struct loop *loop)
{
	struct catalog_view *view;
	uint64_t             count = 0;

	if (catalog_view_open(loop->catalog, false, &view, NULL) < 0)
		return 0;
	catalog_index_pending_count(view, &count, NULL);
	catalog_view_close(view);
	return count;
}

void loop_index_finish(struct loop *loop, void (*commit)(struct loop *loop))
{
	struct loop_index *index = loop->index;
	uint64_t           until = clock_ms() + FINISH_MS;

	if (!index || pending(loop) > FINISH_IMAGES_MAX)
		return;
	while (atomic_load(&index->answered) != atomic_load(&index->asked) && clock_ms() < until && !loop->broken.code)
		if (put_next(loop, WAIT_MS))
			commit(loop);
}

/* --- life --- */

int loop_index_start(struct loop *loop, struct err *err)
{
	struct loop_index *index = calloc(1, sizeof(*index));

	loop->index = index;
	if (!index)
		return err_set(err, ERR_MEM, "broker: out of memory");
	index->catalog = loop->catalog;
	index->wake_fd = loop->wake_fd;
	index->pokes = queue_new(1);
	index->batches = queue_new(BATCHES_MAX);
	if (!index->pokes || !index->batches)
		return err_set(err, ERR_MEM, "broker: out of memory");
	index->asked = 1; /* what is there from before */
	index->running = pthread_create(&index->thread, NULL, run, index) == 0;
	return index->running ? 0 : err_set(err, ERR_MEM, "broker: cannot start a thread");
}

void loop_index_stop(struct loop *loop)
{
	struct loop_index  *index = loop->index;
	struct index_batch *batch;

	if (!index)
		return;
	atomic_store(&index->stopping, true);
	if (index->batches)
		queue_close(index->batches);
	if (index->pokes)
		queue_close(index->pokes);
	if (index->running)
		pthread_join(index->thread, NULL);
	while (index->batches && (batch = queue_pop_ms(index->batches, 0)) != NULL)
		batch_free(batch);
	queue_free(index->batches);
	queue_free(index->pokes);
	free(index);
	loop->index = NULL;
}
