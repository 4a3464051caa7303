#include "lib/core_shell.h"

#include "lib/check.h"

#include <string.h>

static void image_done(struct shell *shell, struct core_image *image)
{
	for (size_t i = 0; i < image->image.layers_count && i < 4; i++) {
		shell->outcomes[shell->images_done][i].status = image->outcomes[i].status;
		snprintf(shell->reasons[shell->images_done], 128, "%.*s", SLICE_FMT(image->outcomes[i].reason));
	}
	shell->images_done++;
	core_image_free(image);
}

/* The open references of a job from a number on, and the end of the answer. */
static void feed_references(const struct shell *shell, const struct core_action *fetch, struct core_event *answers,
			    size_t *answers_count)
{
	struct core_event fed = {
		.kind = CORE_JOB_FED, .job = fetch->job, .reference = fetch->reference, .none_left = true};
	size_t given = 0;

	for (size_t i = 0; i < shell->stored_count; i++) {
		const struct shell_reference *reference = &shell->stored[i];

		if (reference->job != fetch->job || reference->number < fetch->reference)
			continue;
		if (given++ == fetch->count) {
			fed.none_left = false;
			break;
		}
		answers[(*answers_count)++] = (struct core_event){.kind = CORE_JOB_REFERENCE,
								  .job = reference->job,
								  .reference = reference->number,
								  .task_kind = reference->kind,
								  .host = slice_str(reference->host),
								  .text = SLICE_LIT("docker://r/x")};
		fed.reference = reference->number + 1;
	}
	answers[(*answers_count)++] = fed;
}

static void carry_out(struct shell *shell, const struct core_action *action, struct core_event *answers,
		      size_t *answers_count)
{
	switch (action->kind) {
	case CORE_CLAIM:
		shell->claims++;
		shell->last_force = action->force;
		answers[(*answers_count)++] = (struct core_event){
			.kind = CORE_CLAIMED,
			.layer = action->layer,
			.claim = shell->answer == CORE_CLAIM_QUARANTINED && action->again ? CORE_CLAIM_GRANTED
											  : shell->answer,
			.verify = shell->verify,
			.here = shell->here,
			.code = ERR_LIMIT,
			.text = SLICE_LIT("in quarantine")};
		break;
	case CORE_FETCH_REFERENCES:
		shell->fetches++;
		feed_references(shell, action, answers, answers_count);
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
		shell->retried[action->reason]++;
		shell->last_reason = action->reason;
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
	case CORE_JOB_LAYER:
		shell->job_layers++;
		break;
	case CORE_QUARANTINE:
		shell->quarantines++;
		break;
	case CORE_WORKER_DRAINED:
		shell->workers_drained++;
		break;
	case CORE_DRAINED:
		shell->drained++;
		break;
	case CORE_COUNT_START:
		shell->starts++;
		break;
	case CORE_COUNT_LATE:
		shell->lates++;
		break;
	}
}

void shell_feed(struct shell *shell, const struct core_event *event)
{
	static struct core_event  answers[REFERENCES_MAX + ACTIONS_MAX];
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

void shell_tick(struct shell *shell, uint64_t ms)
{
	const struct core_event event = {.kind = CORE_TICK};

	shell->now += ms;
	shell_feed(shell, &event);
}

void shell_open(struct shell *shell, const struct core_config *config)
{
	memset(shell, 0, sizeof(*shell));
	shell->core = core_new(config);
	shell->now = 1000;
	assert_non_null(shell->core);
}

void shell_worker(struct shell *shell, uint64_t id, uint32_t slots)
{
	const struct core_event hello = {
		.kind = CORE_WORKER_HELLO, .worker = id, .set = SET, .layer_slots = slots, .light_slots = slots};

	shell_feed(shell, &hello);
}

void shell_job(struct shell *shell, uint64_t id, uint32_t priority)
{
	const struct core_event open = {.kind = CORE_JOB_OPEN, .job = id, .priority = priority};

	shell_feed(shell, &open);
}

void shell_reference(struct shell *shell, uint64_t job_id, uint64_t number, const char *host)
{
	const struct core_event event = {.kind = CORE_JOB_STORED, .job = job_id, .count = 1};
	struct shell_reference *stored = &shell->stored[shell->stored_count++];

	*stored = (struct shell_reference){.job = job_id, .number = number, .kind = CORE_RESOLVE};
	snprintf(stored->host, sizeof(stored->host), "%s", host);
	shell_feed(shell, &event);
}

void shell_closed(struct shell *shell, uint64_t job_id)
{
	const struct core_event event = {.kind = CORE_JOB_CLOSED, .job = job_id};

	shell_feed(shell, &event);
}

/* An image whose layers are single letters: equal letters are equal layers, 'a' is larger than 'b'. */
void shell_image(struct shell *shell, uint64_t job_id, uint64_t number, const char *letters, const char *host,
		 const char *repository)
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
	shell_feed(shell, &event);
}

void shell_done(struct shell *shell, uint64_t lease)
{
	const struct core_event event = {.kind = CORE_TASK_DONE, .lease = lease, .reusable = true};

	shell_feed(shell, &event);
}

void shell_failed(struct shell *shell, uint64_t lease, enum core_fail_class fail_class, int code)
{
	const struct core_event event = {.kind = CORE_TASK_FAILED,
					 .lease = lease,
					 .fail_class = fail_class,
					 .code = code,
					 .text = SLICE_LIT("why")};

	shell_feed(shell, &event);
}

void shell_worker_for(struct shell *shell, uint64_t id, uint32_t slots, const char *host)
{
	const struct slice      hosts[] = {slice_str(host)};
	const struct core_event hello = {.kind = CORE_WORKER_HELLO,
					 .worker = id,
					 .set = SET,
					 .layer_slots = slots,
					 .light_slots = slots,
					 .hosts = hosts,
					 .hosts_count = 1};

	shell_feed(shell, &hello);
}

void shell_references(struct shell *shell, uint64_t job_id, uint64_t from, size_t count, const char *host)
{
	const struct core_event event = {.kind = CORE_JOB_STORED, .job = job_id, .count = count};

	for (size_t i = 0; i < count; i++) {
		struct shell_reference *stored = &shell->stored[shell->stored_count++];

		*stored = (struct shell_reference){.job = job_id, .number = from + i, .kind = CORE_RESOLVE};
		snprintf(stored->host, sizeof(stored->host), "%s", host);
	}
	shell_feed(shell, &event);
}

void shell_job_event(struct shell *shell, enum core_event_kind kind, uint64_t job_id)
{
	const struct core_event event = {.kind = kind, .job = job_id};

	shell_feed(shell, &event);
}

void shell_worker_event(struct shell *shell, enum core_event_kind kind, uint64_t worker)
{
	const struct core_event event = {.kind = kind, .worker = worker};

	shell_feed(shell, &event);
}

void shell_holds(struct shell *shell, enum core_event_kind kind, uint64_t worker, const uint64_t *leases,
		 const uint64_t *bytes, size_t count)
{
	const struct core_event event = {.kind = kind,
					 .worker = worker,
					 .leases = leases,
					 .bytes = bytes,
					 .count = count,
					 .set = SET,
					 .layer_slots = 8,
					 .light_slots = 8};

	shell_feed(shell, &event);
}

uint64_t shell_lease_of(const struct shell *shell, char letter)
{
	for (size_t i = shell->sent_count; i-- > 0;)
		if (shell->sent[i].task_kind == CORE_LAYER && shell->sent[i].key.digest.bytes[0] == letter)
			return shell->sent[i].lease;
	return 0;
}

uint64_t shell_lease_of_reference(const struct shell *shell, uint64_t job_id, uint64_t number)
{
	for (size_t i = shell->sent_count; i-- > 0;)
		if (shell->sent[i].task_kind != CORE_LAYER && shell->sent[i].job == job_id &&
		    shell->sent[i].reference == number)
			return shell->sent[i].lease;
	return 0;
}

size_t shell_sends_of(const struct shell *shell, char letter)
{
	size_t count = 0;

	for (size_t i = 0; i < shell->sent_count; i++)
		count += shell->sent[i].task_kind == CORE_LAYER && shell->sent[i].key.digest.bytes[0] == letter;
	return count;
}

size_t shell_sends_of_job(const struct shell *shell, uint64_t job_id)
{
	size_t count = 0;

	for (size_t i = 0; i < shell->sent_count; i++)
		count += shell->sent[i].job == job_id;
	return count;
}

void shell_one_image(struct shell *shell, const struct core_config *config, const char *letters)
{
	shell_open(shell, config);
	shell_worker(shell, 1, 8);
	shell_job(shell, 1, 1);
	shell_reference(shell, 1, 0, "r");
	shell_closed(shell, 1);
	shell_image(shell, 1, 0, letters, "r", "x");
	shell_done(shell, shell->sent[0].lease);
}
