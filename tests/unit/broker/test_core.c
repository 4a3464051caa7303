/* The broker's core by its rules, then by a seeded random driver that checks what must always hold. */
#include "lib/check.h"

#include "base/rng.h"
#include "core.h"
#include "heap.h"

#include <stdlib.h>
#include <string.h>

enum { ACTIONS_MAX = 4096, SET = 7 };

/* A shell without I/O: answers claims at once, remembers what was sent. */
struct shell {
	struct core       *core;
	uint64_t           now;
	struct core_action sent[ACTIONS_MAX]; /* SEND_TASK, in order */
	size_t             sent_count;
	struct core_outcome outcomes[ACTIONS_MAX][4]; /* of finished images */
	char               reasons[ACTIONS_MAX][128];
	size_t             images_done, references_done, references_failed, jobs_done, retries, releases, failures, drops;
	enum core_claim    answer;
	bool               verify;
	size_t             claims;
};

static void feed(struct shell *shell, const struct core_event *event);

static void image_done(struct shell *shell, struct core_image *image)
{
	for (size_t i = 0; i < image->image.layers_count && i < 4; i++) {
		shell->outcomes[shell->images_done][i].status = image->outcomes[i].status;
		snprintf(shell->reasons[shell->images_done], 128, "%.*s", SLICE_FMT(image->outcomes[i].reason));
	}
	shell->images_done++;
	core_image_free(image);
}

static void carry_out(struct shell *shell, const struct core_action *action, struct core_event *answers, size_t *answers_count)
{
	switch (action->kind) {
	case CORE_CLAIM:
		shell->claims++;
		answers[(*answers_count)++] = (struct core_event){.kind = CORE_CLAIMED, .layer = action->layer, .claim = shell->answer, .verify = shell->verify};
		break;
	case CORE_SEND_TASK:
		shell->sent[shell->sent_count++] = *action;
		break;
	case CORE_IMAGE_DONE:
		image_done(shell, action->image);
		break;
	case CORE_REFERENCE_FAILED:
		shell->references_failed++;
		break;
	case CORE_REFERENCE_DONE:
		shell->references_done++;
		break;
	case CORE_JOB_DONE:
		shell->jobs_done++;
		break;
	case CORE_COUNT_RETRY:
		shell->retries++;
		break;
	case CORE_RELEASE:
		shell->releases++;
		break;
	case CORE_RECORD_FAILURE:
		shell->failures++;
		break;
	case CORE_DROP_LEASE:
		shell->drops++;
		break;
	case CORE_COUNT_LATE:
		break;
	}
}

static void feed(struct shell *shell, const struct core_event *event)
{
	static struct core_event answers[ACTIONS_MAX];
	const struct core_action *actions;
	size_t                    count, answers_count = 0, taken = 0;
	const struct core_event  *next = event;

	while (next) {
		assert_int_equal(core_step(shell->core, next, shell->now, &actions, &count), 0);
		for (size_t i = 0; i < count; i++)
			carry_out(shell, &actions[i], answers, &answers_count);
		next = taken < answers_count ? &answers[taken++] : NULL;
	}
	if (core_check(shell->core))
		fail_msg("%s", core_check(shell->core));
}

static void tick(struct shell *shell, uint64_t ms)
{
	const struct core_event event = {.kind = CORE_TICK};

	shell->now += ms;
	feed(shell, &event);
}

static void open_shell(struct shell *shell, const struct core_config *config)
{
	memset(shell, 0, sizeof(*shell));
	shell->core = core_new(config);
	shell->now = 1000;
	assert_non_null(shell->core);
}

static void worker(struct shell *shell, uint64_t id, uint32_t slots)
{
	const struct core_event hello = {.kind = CORE_WORKER_HELLO, .worker = id, .set = SET, .layer_slots = slots, .light_slots = slots};

	feed(shell, &hello);
}

static void job(struct shell *shell, uint64_t id, uint32_t priority)
{
	const struct core_event open = {.kind = CORE_JOB_OPEN, .job = id, .priority = priority};

	feed(shell, &open);
}

static void reference(struct shell *shell, uint64_t job_id, uint64_t number, const char *host)
{
	const struct core_event event = {.kind = CORE_JOB_REFERENCE, .job = job_id, .reference = number, .task_kind = CORE_RESOLVE,
	                                 .host = slice_str(host), .text = SLICE_LIT("docker://r/x")};

	feed(shell, &event);
}

static void closed(struct shell *shell, uint64_t job_id)
{
	const struct core_event event = {.kind = CORE_JOB_CLOSED, .job = job_id};

	feed(shell, &event);
}

/* An image whose layers are single letters: equal letters are equal layers, 'a' is larger than 'b'. */
static void image(struct shell *shell, uint64_t job_id, uint64_t number, const char *letters, const char *host, const char *repository)
{
	struct core_image *image = core_image_new();
	struct core_event  event = {.kind = CORE_IMAGE_FOUND, .image = image, .set = SET};

	image->job = job_id;
	image->reference = number;
	image->host = arena_copy(&image->arena, slice_str(host));
	image->location = arena_printf(&image->arena, "%s/%s", host, repository);
	image->image.layers_count = strlen(letters);
	image->image.layers = arena_array(&image->arena, strlen(letters) + 1, sizeof(struct image_layer));
	for (size_t i = 0; letters[i]; i++) {
		image->image.layers[i].digest.bytes[0] = (uint8_t)letters[i];
		image->image.layers[i].size = (uint64_t)(1000 - letters[i]);
	}
	feed(shell, &event);
}

static void done(struct shell *shell, uint64_t lease)
{
	const struct core_event event = {.kind = CORE_TASK_DONE, .lease = lease, .reusable = true};

	feed(shell, &event);
}

static void failed(struct shell *shell, uint64_t lease, enum core_fail_class fail_class, int code)
{
	const struct core_event event = {.kind = CORE_TASK_FAILED, .lease = lease, .fail_class = fail_class, .code = code, .text = SLICE_LIT("why")};

	feed(shell, &event);
}

/* The lease of the last task sent for a layer letter; 0 = none. */
static uint64_t lease_of(const struct shell *shell, char letter)
{
	for (size_t i = shell->sent_count; i-- > 0;)
		if (shell->sent[i].task_kind == CORE_LAYER && shell->sent[i].key.digest.bytes[0] == letter)
			return shell->sent[i].lease;
	return 0;
}

static size_t sends_of(const struct shell *shell, char letter)
{
	size_t count = 0;

	for (size_t i = 0; i < shell->sent_count; i++)
		count += shell->sent[i].task_kind == CORE_LAYER && shell->sent[i].key.digest.bytes[0] == letter;
	return count;
}

/* One job, one worker, one reference that is resolved to an image of these layers. */
static void one_image(struct shell *shell, const struct core_config *config, const char *letters)
{
	open_shell(shell, config);
	worker(shell, 1, 8);
	job(shell, 1, 1);
	reference(shell, 1, 0, "r");
	closed(shell, 1);
	image(shell, 1, 0, letters, "r", "x");
	done(shell, shell->sent[0].lease);
}

static struct shell shell;

static void layer_of_many_images_is_leased_once(void **state)
{
	struct core_config config = {0};

	(void)state;
	open_shell(&shell, &config);
	worker(&shell, 1, 8);
	worker(&shell, 2, 8);
	job(&shell, 1, 1);
	for (uint64_t i = 0; i < 3; i++)
		reference(&shell, 1, i, "r");
	closed(&shell, 1);
	for (uint64_t i = 0; i < 3; i++)
		image(&shell, 1, i, "ab", "r", "x");
	for (uint64_t i = 0; i < 3; i++)
		done(&shell, shell.sent[i].lease);
	assert_int_equal(sends_of(&shell, 'a'), 1);
	done(&shell, lease_of(&shell, 'a'));
	assert_int_equal(shell.jobs_done, 0);
	done(&shell, lease_of(&shell, 'b'));
	assert_int_equal(shell.images_done, 3);
	assert_int_equal(shell.jobs_done, 1);
	assert_int_equal(shell.outcomes[0][0].status + shell.outcomes[1][0].status + shell.outcomes[2][0].status,
	                 LAYER_SCANNED + 2 * LAYER_REUSED);
	core_free(shell.core);
}

static void known_layer_is_not_leased(void **state)
{
	struct core_config config = {0};

	(void)state;
	open_shell(&shell, &config);
	shell.answer = CORE_CLAIM_KNOWN;
	worker(&shell, 1, 8);
	job(&shell, 1, 1);
	reference(&shell, 1, 0, "r");
	closed(&shell, 1);
	image(&shell, 1, 0, "abc", "r", "x");
	done(&shell, shell.sent[0].lease);
	assert_int_equal(shell.sent_count, 1);
	assert_int_equal(shell.jobs_done, 1);
	assert_int_equal(shell.outcomes[0][2].status, LAYER_REUSED);
	core_free(shell.core);
}

static void busy_layer_is_asked_for_again_until_its_owner_ends(void **state)
{
	struct core_config config = {.busy_poll_ms = 100};

	(void)state;
	open_shell(&shell, &config);
	shell.answer = CORE_CLAIM_BUSY;
	worker(&shell, 1, 8);
	job(&shell, 1, 1);
	reference(&shell, 1, 0, "r");
	closed(&shell, 1);
	image(&shell, 1, 0, "a", "r", "x");
	done(&shell, shell.sent[0].lease);
	assert_int_equal(shell.claims, 1);
	tick(&shell, 99);
	assert_int_equal(shell.claims, 1);
	tick(&shell, 1);
	assert_int_equal(shell.claims, 2);
	shell.answer = CORE_CLAIM_GRANTED; /* the owner died */
	tick(&shell, 200);
	assert_int_equal(sends_of(&shell, 'a'), 1);
	done(&shell, lease_of(&shell, 'a'));
	assert_int_equal(shell.jobs_done, 1);
	core_free(shell.core);
}

static void largest_layer_goes_first(void **state)
{
	struct core_config config = {0};

	(void)state;
	open_shell(&shell, &config);
	job(&shell, 1, 1);
	reference(&shell, 1, 0, "r");
	image(&shell, 1, 0, "cab", "r", "x");
	worker(&shell, 1, 1);
	for (const char *letter = "abc"; *letter; letter++) {
		assert_int_equal(shell.sent[shell.sent_count - 1].task_kind, CORE_LAYER);
		assert_int_equal(shell.sent[shell.sent_count - 1].key.digest.bytes[0], *letter);
		done(&shell, shell.sent[shell.sent_count - 1].lease);
	}
	core_free(shell.core);
}

static void ad_hoc_overtakes_bulk_also_for_a_layer_that_bulk_has_queued(void **state)
{
	struct core_config config = {0};

	(void)state;
	open_shell(&shell, &config);
	job(&shell, 1, 1);
	reference(&shell, 1, 0, "r");
	image(&shell, 1, 0, "abz", "r", "x");
	job(&shell, 2, 0);
	reference(&shell, 2, 0, "r");
	image(&shell, 2, 0, "z", "r", "x");
	worker(&shell, 1, 1);
	assert_int_equal(lease_of(&shell, 'a'), 0);
	assert_int_not_equal(lease_of(&shell, 'z'), 0);
	core_free(shell.core);
}

static void transient_failure_is_tried_again_later_and_counted(void **state)
{
	struct core_config config = {.attempts_max = 3, .backoff_ms = 1000};

	(void)state;
	one_image(&shell, &config, "a");
	failed(&shell, lease_of(&shell, 'a'), CORE_TRANSIENT, ERR_NET);
	assert_int_equal(sends_of(&shell, 'a'), 1);
	tick(&shell, 1000);
	assert_int_equal(sends_of(&shell, 'a'), 2);
	assert_int_equal(shell.retries, 1);
	failed(&shell, lease_of(&shell, 'a'), CORE_TRANSIENT, ERR_NET);
	tick(&shell, 2000);
	failed(&shell, lease_of(&shell, 'a'), CORE_TRANSIENT, ERR_NET);
	assert_int_equal(sends_of(&shell, 'a'), 3);
	assert_int_equal(shell.jobs_done, 1);
	assert_int_equal(shell.outcomes[0][0].status, LAYER_FAILED);
	assert_string_equal(shell.reasons[0], "why");
	assert_int_equal(shell.failures, 1);
	assert_int_equal(shell.releases, 1);
	core_free(shell.core);
}

static void another_location_is_tried_before_a_layer_fails(void **state)
{
	struct core_config config = {0};

	(void)state;
	open_shell(&shell, &config);
	worker(&shell, 1, 8);
	job(&shell, 1, 1);
	reference(&shell, 1, 0, "r");
	reference(&shell, 1, 1, "s");
	closed(&shell, 1);
	image(&shell, 1, 0, "a", "r", "x");
	image(&shell, 1, 1, "a", "s", "y");
	done(&shell, shell.sent[0].lease);
	done(&shell, shell.sent[1].lease);
	failed(&shell, lease_of(&shell, 'a'), CORE_PERMANENT, ERR_DIGEST);
	assert_int_equal(sends_of(&shell, 'a'), 2);
	assert_slice_equal(shell.sent[shell.sent_count - 1].image->location, "s/y");
	done(&shell, lease_of(&shell, 'a'));
	assert_int_equal(shell.images_done, 2);
	assert_int_not_equal(shell.outcomes[0][0].status, LAYER_FAILED);
	core_free(shell.core);
}

static void not_here_goes_to_another_worker_and_fails_when_there_is_none(void **state)
{
	struct core_config config = {0};
	struct core_event  event = {.kind = CORE_TASK_FAILED, .fail_class = CORE_NOT_HERE, .code = ERR_AUTH, .text = SLICE_LIT("401")};

	(void)state;
	one_image(&shell, &config, "a");
	worker(&shell, 2, 8);
	event.lease = lease_of(&shell, 'a');
	feed(&shell, &event);
	assert_int_equal(sends_of(&shell, 'a'), 2);
	assert_int_equal(shell.sent[shell.sent_count - 1].worker, 2);
	event.lease = lease_of(&shell, 'a');
	feed(&shell, &event);
	assert_int_equal(sends_of(&shell, 'a'), 2);
	assert_int_equal(shell.outcomes[0][0].status, LAYER_FAILED);
	assert_int_equal(shell.jobs_done, 1);
	core_free(shell.core);
}

static void poison_is_tried_once_more_alone(void **state)
{
	struct core_config config = {.backoff_ms = 10};

	(void)state;
	one_image(&shell, &config, "ab");
	failed(&shell, lease_of(&shell, 'a'), CORE_POISON, ERR_MEM);
	tick(&shell, 100);
	assert_int_equal(sends_of(&shell, 'a'), 1); /* b is still running */
	done(&shell, lease_of(&shell, 'b'));
	assert_int_equal(sends_of(&shell, 'a'), 2);
	failed(&shell, lease_of(&shell, 'a'), CORE_POISON, ERR_MEM);
	assert_int_equal(shell.outcomes[0][0].status, LAYER_FAILED);
	assert_int_equal(shell.jobs_done, 1);
	core_free(shell.core);
}

static void silent_worker_loses_its_leases_to_others(void **state)
{
	struct core_config     config = {.silence_ms = 5000};
	struct core_event      heard = {.kind = CORE_WORKER_HEARD, .worker = 2};
	struct core_lease_info info;
	uint64_t               lease;

	(void)state;
	one_image(&shell, &config, "a");
	lease = lease_of(&shell, 'a');
	shell.now += 3000;
	worker(&shell, 2, 8);
	feed(&shell, &heard);
	tick(&shell, 2000);
	assert_int_equal(sends_of(&shell, 'a'), 2);
	assert_int_equal(shell.retries, 1);
	assert_true(core_lease_info(shell.core, lease, &info));
	assert_false(info.current);
	done(&shell, lease); /* late, but first */
	assert_int_equal(shell.jobs_done, 1);
	assert_int_equal(shell.drops, 1); /* the second lease is told to stop */
	assert_false(core_lease_info(shell.core, lease, &info));
	core_free(shell.core);
}

static void rate_limit_pauses_the_host_only(void **state)
{
	struct core_config config = {.silence_ms = 100000};
	struct core_event  event = {.kind = CORE_TASK_FAILED, .fail_class = CORE_TRANSIENT, .code = ERR_RATE, .retry_after_ms = 30000, .text = SLICE_LIT("429")};

	(void)state;
	open_shell(&shell, &config);
	worker(&shell, 1, 1);
	job(&shell, 1, 1);
	reference(&shell, 1, 0, "r");
	reference(&shell, 1, 1, "r");
	reference(&shell, 1, 2, "s");
	event.lease = shell.sent[0].lease;
	feed(&shell, &event);
	assert_int_equal(shell.sent[shell.sent_count - 1].reference, 2); /* not number 1, which is of the same host */
	done(&shell, shell.sent[shell.sent_count - 1].lease);
	assert_int_equal(shell.sent_count, 2);
	tick(&shell, 30000);
	assert_int_equal(shell.sent_count, 3);
	core_free(shell.core);
}

static void cancelled_job_ends_and_gives_its_claims_back(void **state)
{
	struct core_config config = {0};
	struct core_event  cancel = {.kind = CORE_JOB_CANCEL, .job = 1};

	(void)state;
	one_image(&shell, &config, "ab");
	feed(&shell, &cancel);
	assert_int_equal(shell.jobs_done, 1);
	assert_int_equal(shell.releases, 2);
	assert_int_equal(shell.drops, 2);
	core_free(shell.core);
}

static void failed_layer_is_tried_again_by_a_new_job(void **state)
{
	struct core_config config = {0};

	(void)state;
	open_shell(&shell, &config);
	worker(&shell, 1, 8);
	job(&shell, 1, 1);
	reference(&shell, 1, 0, "r");
	image(&shell, 1, 0, "a", "r", "x");
	failed(&shell, lease_of(&shell, 'a'), CORE_PERMANENT, ERR_FORMAT);
	reference(&shell, 1, 1, "r");
	image(&shell, 1, 1, "a", "r", "x"); /* the same job, the same place: not again */
	assert_int_equal(sends_of(&shell, 'a'), 1);
	assert_int_equal(shell.images_done, 2);
	job(&shell, 2, 1);
	reference(&shell, 2, 0, "r");
	image(&shell, 2, 0, "a", "r", "x");
	assert_int_equal(sends_of(&shell, 'a'), 2);
	core_free(shell.core);
}

static void waiting_for_nobody_is_told(void **state)
{
	struct core_config config = {0};
	struct arena       arena;
	struct slice       notices[4];

	(void)state;
	open_shell(&shell, &config);
	job(&shell, 1, 1);
	reference(&shell, 1, 0, "registry.example");
	arena_init(&arena, 1 << 16);
	assert_int_equal(core_notices(shell.core, &arena, notices, 4), 1);
	assert_slice_equal(notices[0], "no worker for registry.example: 1 tasks wait");
	worker(&shell, 1, 1);
	assert_int_equal(core_notices(shell.core, &arena, notices, 4), 0);
	arena_deinit(&arena);
	core_free(shell.core);
}

/* --- random driver --- */


static void random_image(struct rng *rng, uint64_t job_id, uint64_t number)
{
	char letters[5] = {0};

	for (size_t i = 0; i < rng_below(rng, 5); i++)
		letters[i] = (char)('a' + rng_below(rng, 26));
	image(&shell, job_id, number, letters, rng_below(rng, 2) ? "r" : "s", rng_below(rng, 2) ? "x" : "y");
}

static void random_answer(struct rng *rng, const struct core_action *task)
{
	struct core_lease_info info;

	if (!core_lease_info(shell.core, task->lease, &info))
		return;
	if (rng_below(rng, 6) == 0) {
		failed(&shell, task->lease, (enum core_fail_class)rng_below(rng, 4), rng_below(rng, 5) ? ERR_NET : ERR_RATE);
		return;
	}
	if (task->task_kind == CORE_RESOLVE && info.current)
		for (uint64_t i = 0; i <= rng_below(rng, 3); i++)
			random_image(rng, task->job, task->reference);
	done(&shell, task->lease);
}

static void random_event(struct rng *rng, uint64_t *answered, uint64_t jobs)
{
	struct core_event gone = {.kind = CORE_WORKER_GONE, .worker = 1 + rng_below(rng, 3), .orderly = rng_below(rng, 2)};
	struct core_event heard = {.kind = CORE_WORKER_HEARD};
	struct core_event lost = {.kind = CORE_SEND_FAILED};

	shell.answer = (enum core_claim)rng_below(rng, 3);
	switch (rng_below(rng, 12)) {
	case 0:
		feed(&shell, &gone);
		break;
	case 1:
		worker(&shell, 1 + rng_below(rng, 3), (uint32_t)(1 + rng_below(rng, 4)));
		break;
	case 2:
		tick(&shell, rng_below(rng, 3000));
		break;
	case 3:
		if (shell.sent_count) {
			lost.lease = shell.sent[rng_below(rng, shell.sent_count)].lease;
			feed(&shell, &lost);
		}
		break;
	case 4: {
		const struct core_event cancel = {.kind = CORE_JOB_CANCEL, .job = 1 + rng_below(rng, jobs)};

		if (rng_below(rng, 20) == 0)
			feed(&shell, &cancel);
		break;
	}
	default:
		if (*answered < shell.sent_count)
			random_answer(rng, &shell.sent[(*answered)++]);
	}
	for (heard.worker = 1; heard.worker <= 3; heard.worker++)
		feed(&shell, &heard);
}

/* Whatever happens, as long as workers come back, every job ends once, and every image and reference ends. */
static void random_run(uint64_t seed)
{
	struct core_config config = {.seed = seed, .backoff_ms = 10, .backoff_max_ms = 100, .busy_poll_ms = 10};
	struct rng         rng = rng_seeded(seed);
	uint64_t           answered = 0, jobs = 3;

	open_shell(&shell, &config);
	for (uint64_t id = 1; id <= jobs; id++) {
		job(&shell, id, id % 2 ? 1 : 0);
		for (uint64_t number = 0; number < 8; number++)
			reference(&shell, id, number, rng_below(&rng, 2) ? "r" : "s");
		closed(&shell, id);
	}
	for (int i = 0; i < 400 && shell.sent_count < ACTIONS_MAX / 2; i++)
		random_event(&rng, &answered, jobs);
	shell.answer = CORE_CLAIM_GRANTED;
	for (uint64_t id = 1; id <= 3; id++)
		worker(&shell, id, 4);
	for (int i = 0; i < 20000 && shell.jobs_done < jobs && shell.sent_count < ACTIONS_MAX - 64; i++) {
		const struct core_event heard = {.kind = CORE_WORKER_HEARD, .worker = 1 + (uint64_t)i % 3};

		feed(&shell, &heard);
		if (answered < shell.sent_count && rng_below(&rng, 2)) {
			const struct core_action *task = &shell.sent[answered++];
			struct core_lease_info    info;

			if (task->task_kind == CORE_RESOLVE && core_lease_info(shell.core, task->lease, &info) && info.current)
				random_image(&rng, task->job, task->reference);
			done(&shell, task->lease);
		} else {
			tick(&shell, 50);
		}
	}
	if (shell.jobs_done != jobs)
		fail_msg("seed %llu: %zu of %llu jobs ended", (unsigned long long)seed, shell.jobs_done, (unsigned long long)jobs);
	core_free(shell.core);
}

static void random_histories_keep_the_invariants(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++)
		random_run(seed);
}

/* --- heap --- */

struct number {
	struct heap_item item;
	uint64_t         value;
};

static bool smaller(const struct heap_item *a, const struct heap_item *b)
{
	return ((const struct number *)(const void *)a)->value < ((const struct number *)(const void *)b)->value;
}

static void heap_gives_back_in_order_also_after_removals(void **state)
{
	enum { COUNT = 500 };
	static struct number numbers[COUNT];
	struct heap          heap = {.before = smaller};
	struct rng           rng = rng_seeded(1);
	uint64_t             last = 0;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		numbers[i] = (struct number){.value = rng_below(&rng, 100)};
		assert_true(heap_push(&heap, &numbers[i].item));
	}
	for (size_t i = 0; i < COUNT; i += 3)
		heap_remove(&numbers[i].item);
	while (heap.count) {
		struct number *first = (struct number *)(void *)heap.items[0];

		assert_true(first->value >= last);
		last = first->value;
		heap_remove(&first->item);
	}
	heap_deinit(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(layer_of_many_images_is_leased_once),
	        cmocka_unit_test(known_layer_is_not_leased),
	        cmocka_unit_test(busy_layer_is_asked_for_again_until_its_owner_ends),
	        cmocka_unit_test(largest_layer_goes_first),
	        cmocka_unit_test(ad_hoc_overtakes_bulk_also_for_a_layer_that_bulk_has_queued),
	        cmocka_unit_test(transient_failure_is_tried_again_later_and_counted),
	        cmocka_unit_test(another_location_is_tried_before_a_layer_fails),
	        cmocka_unit_test(not_here_goes_to_another_worker_and_fails_when_there_is_none),
	        cmocka_unit_test(poison_is_tried_once_more_alone),
	        cmocka_unit_test(silent_worker_loses_its_leases_to_others),
	        cmocka_unit_test(rate_limit_pauses_the_host_only),
	        cmocka_unit_test(cancelled_job_ends_and_gives_its_claims_back),
	        cmocka_unit_test(failed_layer_is_tried_again_by_a_new_job),
	        cmocka_unit_test(waiting_for_nobody_is_told),
	        cmocka_unit_test(random_histories_keep_the_invariants),
	        cmocka_unit_test(heap_gives_back_in_order_also_after_removals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
