#include "lib/core_history.h"

static void random_image(struct core_history *history, uint64_t job_id, uint64_t number)
{
	char letters[5] = {0};

	for (size_t i = 0; i < rng_below(&history->rng, 5); i++)
		letters[i] = (char)('a' + rng_below(&history->rng, 26));
	shell_image(history->shell, job_id, number, letters, rng_below(&history->rng, 2) ? "r" : "s",
		    rng_below(&history->rng, 2) ? "x" : "y");
}

static void random_answer(struct core_history *history, const struct core_action *task)
{
	struct core_lease_info info;

	if (!core_lease_info(history->shell->core, task->lease, &info))
		return;
	if (rng_below(&history->rng, 6) == 0) {
		shell_failed(history->shell, task->lease, (enum core_fail_class)rng_below(&history->rng, 4),
			     rng_below(&history->rng, 5) ? ERR_NET : ERR_RATE);
		return;
	}
	if (task->task_kind == CORE_RESOLVE && info.current)
		for (uint64_t i = 0; i <= rng_below(&history->rng, 3); i++)
			random_image(history, task->job, task->reference);
	shell_done(history->shell, task->lease);
}

/* A heartbeat, a reconnect, or a greeting after a silence: with leases of this worker, of others, and unknown ones. */
static void random_list(struct core_history *history)
{
	static const enum core_event_kind kinds[] = {CORE_WORKER_PROGRESS, CORE_WORKER_PROGRESS, CORE_WORKER_BACK,
						     CORE_WORKER_HELLO};
	uint64_t                          leases[64], bytes[64], worker = 1 + rng_below(&history->rng, 3);
	size_t                            count = 0;

	for (size_t i = history->shell->sent_count; i-- > 0 && count < 64 && i + 100 > history->shell->sent_count;)
		if (history->shell->sent[i].worker == worker ? rng_below(&history->rng, 8)
							     : !rng_below(&history->rng, 50)) {
			bytes[count] = rng_below(&history->rng, 100);
			leases[count++] = history->shell->sent[i].lease;
		}
	shell_holds(history->shell, kinds[rng_below(&history->rng, 4)], worker, leases, bytes, count);
}

static void random_send_failure(struct core_history *history)
{
	struct core_event      lost = {.kind = CORE_SEND_FAILED};
	struct core_lease_info info;

	if (!history->shell->sent_count)
		return;
	lost.lease = history->shell->sent[rng_below(&history->rng, history->shell->sent_count)].lease;
	history->not_sent +=
		core_lease_info(history->shell->core, lost.lease, &info) && info.current && info.kind == CORE_LAYER;
	shell_feed(history->shell, &lost);
}

static void random_job_event(struct core_history *history)
{
	const uint64_t job = 1 + rng_below(&history->rng, history->jobs);

	if (rng_below(&history->rng, 30) == 0)
		shell_job_event(history->shell, CORE_JOB_CANCEL, job);
	else
		shell_job_event(history->shell, rng_below(&history->rng, 3) ? CORE_JOB_RESUME : CORE_JOB_PAUSE, job);
}

static void random_worker_event(struct core_history *history)
{
	const struct core_event gone = {.kind = CORE_WORKER_GONE,
					.worker = 1 + rng_below(&history->rng, 3),
					.orderly = rng_below(&history->rng, 2)};

	switch (rng_below(&history->rng, 4)) {
	case 0:
		shell_feed(history->shell, &gone);
		break;
	case 1:
		shell_worker_event(history->shell, CORE_WORKER_DRAIN, 1 + rng_below(&history->rng, 3));
		break;
	case 2:
		shell_worker_for(history->shell, 1 + rng_below(&history->rng, 3), 2,
				 rng_below(&history->rng, 2) ? "r" : "s");
		break;
	default:
		shell_worker(history->shell, 1 + rng_below(&history->rng, 3),
			     (uint32_t)(1 + rng_below(&history->rng, 4)));
	}
}

void core_history_event(struct core_history *history)
{
	struct core_event heard = {.kind = CORE_WORKER_HEARD};

	history->shell->answer = (enum core_claim)rng_below(&history->rng, 4);
	history->shell->here = rng_below(&history->rng, 2);
	switch (rng_below(&history->rng, 14)) {
	case 0:
	case 1:
		random_worker_event(history);
		break;
	case 2:
		shell_tick(history->shell, rng_below(&history->rng, 3000));
		break;
	case 3:
		random_send_failure(history);
		break;
	case 4:
		random_job_event(history);
		break;
	case 5:
		random_list(history);
		break;
	default:
		if (history->answered < history->shell->sent_count)
			random_answer(history, &history->shell->sent[history->answered++]);
	}
	for (heard.worker = 1; heard.worker <= 3; heard.worker++)
		shell_feed(history->shell, &heard);
}

static void random_config(struct core_history *history, uint64_t seed, struct core_config *config)
{
	*config = (struct core_config){.seed = seed,
				       .backoff_ms = 10,
				       .backoff_max_ms = 100,
				       .busy_poll_ms = 10,
				       .stall_ms = 1000 + rng_below(&history->rng, 30000),
				       .host_dead_ms = 2000,
				       .host_rate_ms = 5000,
				       .host_leases_max = (uint32_t)rng_below(&history->rng, 4),
				       .host_bytes_per_s = rng_below(&history->rng, 2) ? 10000 : 0,
				       .images_open_max = (uint32_t)rng_below(&history->rng, 4)};
}

void core_history_open(struct core_history *history, struct shell *shell, uint64_t seed)
{
	struct core_config config;

	*history = (struct core_history){.shell = shell, .rng = rng_seeded(seed), .jobs = 3};
	random_config(history, seed, &config);
	shell_open(shell, &config);
	for (uint64_t id = 1; id <= history->jobs; id++) {
		shell_job(shell, id, id % 2 ? 1 : 0);
		for (uint64_t number = 0; number < 8; number++)
			shell_reference(shell, id, number, rng_below(&history->rng, 2) ? "r" : "s");
		shell_closed(shell, id);
	}
}

void core_history_finish(struct core_history *history)
{
	history->shell->answer = CORE_CLAIM_GRANTED;
	for (uint64_t id = 1; id <= history->jobs; id++)
		shell_job_event(history->shell, CORE_JOB_RESUME, id);
	for (uint64_t id = 1; id <= 3; id++)
		shell_worker(history->shell, id, 4);
	for (int i = 0;
	     i < 20000 && history->shell->jobs_done < history->jobs && history->shell->sent_count < ACTIONS_MAX - 64;
	     i++) {
		shell_worker_event(history->shell, CORE_WORKER_HEARD, 1 + (uint64_t)i % 3);
		if (history->answered < history->shell->sent_count && rng_below(&history->rng, 2)) {
			const struct core_action *task = &history->shell->sent[history->answered++];
			struct core_lease_info    info;

			if (task->task_kind == CORE_RESOLVE &&
			    core_lease_info(history->shell->core, task->lease, &info) && info.current)
				random_image(history, task->job, task->reference);
			shell_done(history->shell, task->lease);
		} else {
			shell_tick(history->shell, 50);
		}
	}
}
