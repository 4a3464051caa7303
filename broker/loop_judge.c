/* loop_judge.c - keeps findings up to date: a thread judges what is new and what newer advisories have changed (judge.h), the
 * loop puts it, a batch a turn, in the commit that it makes anyway; then receivers are told (announce.h). */
#include "loop_internal.h"

#include "announce.h"
#include "base/clock.h"
#include "base/log.h"
#include "history.h"
#include "judge.h"

#include <stdlib.h>
#include <unistd.h>

enum {
	LOOK_EVERY_MS = 2000, /* whether a generation has landed */
	AGAIN_MS = 30000,     /* after an error */
	WAIT_MS = 50,
	FINISH_MS = 10000,
	ROW_BYTES_MAX = 64 << 20,
};

/* What the loop is to put: a batch of findings, or a row of the history. */
struct judge_work {
	struct judge_batch *batch;
	struct arena        arena;
	struct history_row  row;
};

struct loop_judge {
	struct loop           *loop;
	struct advisory_share *share; /* held */
	struct judge          *judge;
	struct announce       *announce; /* NULL: nobody is to be told */
	pthread_t              thread;
	bool                   running;
	_Atomic bool           stopping;
	_Atomic uint64_t       asked, answered; /* as of loop_index.c */
	_Atomic bool           outstanding;     /* one piece of work is not committed yet */
	bool                   put;             /* it is in the loop's batch */
	uint64_t               ended;           /* the judgement that ends with the loop's batch */
	_Atomic uint64_t       told;            /* to be written down; 0 = nothing is */
	struct queue          *pokes, *works;
};

static void work_free(struct judge_work *work)
{
	if (!work)
		return;
	judge_batch_free(work->batch);
	arena_deinit(&work->arena);
	free(work);
}

/* --- the thread --- */

static bool hand_over(struct loop_judge *judge, struct judge_work *work)
{
	uint64_t one = 1;

	atomic_store(&judge->outstanding, true);
	if (!queue_push(judge->works, work)) {
		atomic_store(&judge->outstanding, false);
		work_free(work);
		return false;
	}
	if (write(judge->loop->wake_fd, &one, sizeof(one)) < 0)
		return true; /* it is readable already */
	return true;
}

static void wait_for_commit(struct loop_judge *judge)
{
	while (atomic_load(&judge->outstanding) && !atomic_load(&judge->stopping))
		queue_pop_ms(judge->pokes, LOOK_EVERY_MS);
}

static int next_work(struct loop_judge *judge, bool history, struct judge_work *work, struct err *err)
{
	int status = judge_step(judge->judge, &work->batch, err);

	return status || !history ? status
				  : history_next(judge->loop->catalog, judge->share, &work->arena, &work->row, err);
}

/* Everything there is to do. ERR_*. */
static int work_off(struct loop_judge *judge, bool history, struct err *err)
{
	int status = 1;

	while (status > 0 && !atomic_load(&judge->stopping)) {
		struct judge_work *work = calloc(1, sizeof(*work));

		if (!work)
			return err_set(err, ERR_MEM, "judging: out of memory");
		arena_init(&work->arena, ROW_BYTES_MAX);
		status = next_work(judge, history, work, err);
		if (status <= 0)
			work_free(work);
		else if (hand_over(judge, work))
			wait_for_commit(judge);
	}
	return status;
}

static void *run(void *data)
{
	struct loop_judge *judge = data;
	bool               history = true;

	while (!atomic_load(&judge->stopping)) {
		uint64_t   asked = atomic_load(&judge->asked);
		struct err err = {0};
		int        status = work_off(judge, history, &err);

		if (status < 0)
			log_line(LOG_WARNING, "judge", "%s", err.text);
		atomic_store(&judge->answered, asked);
		if (asked == atomic_load(&judge->asked))
			queue_pop_ms(judge->pokes, status < 0 ? AGAIN_MS : LOOK_EVERY_MS);
		history =
			asked != atomic_load(&judge->asked); /* rows can be missing only when something has happened */
	}
	return NULL;
}

/* --- the loop's side --- */

static void put(struct loop *loop, struct judge_work *work)
{
	struct loop_judge *judge = loop->judge;
	struct err         err = {0};
	int                status;

	if (work->batch) {
		status = judge_put(loop->catalog, work->batch, &err);
		judge->ended = judge_batch_ends(work->batch);
	} else {
		status = catalog_history_put(loop->catalog, &work->row, &err);
	}
	if (status < 0)
		loop_broken(loop, &err);
	judge->put = true;
}

static bool put_next(struct loop *loop, uint64_t wait_ms)
{
	struct judge_work *work = queue_pop_ms(loop->judge->works, wait_ms);
	bool               written = work && loop_write(loop);

	if (written)
		put(loop, work);
	work_free(work);
	return written;
}

static void put_told(struct loop *loop, uint64_t judgement)
{
	struct findings_state state;
	struct catalog_view  *view = NULL;
	struct err            err = {0};
	int                   status = catalog_view_open(loop->catalog, false, &view, &err);

	if (!status)
		status = catalog_findings_state(view, &state, &err);
	catalog_view_close(view);
	if (!status && state.told < judgement) {
		state.told = judgement;
		status = catalog_findings_state_put(loop->catalog, &state, &err);
		log_line(LOG_INFO, "notify", "told of judgement %llu", (unsigned long long)judgement);
	}
	if (status < 0)
		loop_broken(loop, &err);
}

void loop_judge_turn(struct loop *loop)
{
	uint64_t told;

	if (!loop->judge)
		return;
	if (put_next(loop, 0))
		loop->again = true;
	told = atomic_exchange(&loop->judge->told, 0);
	if (told && loop_write(loop))
		put_told(loop, told);
}

void loop_judge_news(struct loop *loop)
{
	if (!loop->judge)
		return;
	atomic_fetch_add(&loop->judge->asked, 1);
	queue_try_push(loop->judge->pokes, loop->judge);
}

void loop_judge_committed(struct loop *loop)
{
	struct loop_judge *judge = loop->judge;

	if (!judge || !judge->put)
		return;
	if (judge->ended) {
		log_line(loop->config.embedded ? LOG_DEBUG : LOG_INFO, "judge", "judgement %llu has ended",
			 (unsigned long long)judge->ended);
		atomic_fetch_add(&judge->asked, 1);
		if (judge->announce)
			announce_look(judge->announce);
		else if (!loop->config.embedded)
			atomic_store(&judge->told, judge->ended); /* nobody wants to hear of it later */
	}
	judge->ended = 0;
	judge->put = false;
	atomic_store(&judge->outstanding, false);
	queue_try_push(judge->pokes, judge);
}

void loop_judge_counts(const struct loop *loop, uint64_t *judgement, struct announce_counts *counts)
{
	struct findings_state state;
	struct catalog_view  *view = NULL;

	*counts = (struct announce_counts){0};
	*judgement = 0;
	if (loop->judge && loop->judge->announce)
		announce_counts_get(loop->judge->announce, counts);
	if (catalog_view_open(loop->catalog, false, &view, NULL) == 0 &&
	    catalog_findings_state(view, &state, NULL) == 0)
		*judgement = state.judgement;
	catalog_view_close(view);
}

void loop_judge_finish(struct loop *loop, void (*commit)(struct loop *loop))
{
	struct loop_judge *judge = loop->judge;
	uint64_t           until = clock_ms() + FINISH_MS;

	if (!judge)
		return;
	loop_judge_news(loop);
	while (atomic_load(&judge->answered) != atomic_load(&judge->asked) && clock_ms() < until && !loop->broken.code)
		if (put_next(loop, WAIT_MS))
			commit(loop);
}

/* --- life --- */

static void note_told(void *data, uint64_t judgement)
{
	struct loop_judge *judge = data;
	uint64_t           one = 1;

	atomic_store(&judge->told, judgement);
	if (write(judge->loop->wake_fd, &one, sizeof(one)) < 0)
		return; /* it is readable already */
}

static int start_announcing(struct loop *loop, struct err *err)
{
	const struct announce_config config = {.catalog = loop->catalog,
					       .share = loop->judge->share,
					       .deliver = loop->config.deliver,
					       .told = note_told,
					       .data = loop->judge};

	return loop->config.deliver ? announce_start(&config, &loop->judge->announce, err) : 0;
}

int loop_judge_start(struct loop *loop, struct err *err)
{
	struct loop_judge *judge = calloc(1, sizeof(*judge));
	int                status;

	loop->judge = judge;
	if (!judge)
		return err_set(err, ERR_MEM, "broker: out of memory");
	judge->loop = loop;
	judge->share = advisory_share_hold(results_share(loop->results[0]));
	judge->judge = judge_open(loop->catalog, judge->share, 0);
	judge->pokes = queue_new(1);
	judge->works = queue_new(1);
	if (!judge->judge || !judge->pokes || !judge->works)
		return err_set(err, ERR_MEM, "broker: out of memory");
	if ((status = start_announcing(loop, err)) < 0)
		return status;
	judge->asked = 1; /* what is there from before */
	judge->running = pthread_create(&judge->thread, NULL, run, judge) == 0;
	return judge->running ? 0 : err_set(err, ERR_MEM, "broker: cannot start a thread");
}

void loop_judge_stop(struct loop *loop)
{
	struct loop_judge *judge = loop->judge;
	struct judge_work *work;

	if (!judge)
		return;
	atomic_store(&judge->stopping, true);
	announce_stop(judge->announce);
	if (judge->works)
		queue_close(judge->works);
	if (judge->pokes)
		queue_close(judge->pokes);
	if (judge->running)
		pthread_join(judge->thread, NULL);
	while (judge->works && (work = queue_pop_ms(judge->works, 0)) != NULL)
		work_free(work);
	queue_free(judge->works);
	queue_free(judge->pokes);
	judge_close(judge->judge);
	advisory_share_release(judge->share);
	free(judge);
	loop->judge = NULL;
}
