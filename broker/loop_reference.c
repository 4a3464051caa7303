#include "loop_internal.h"

#include "base/log.h"
#include "model/reference.h"

/* --- new ones --- */

bool loop_reference_add(struct loop *loop, struct loop_job *job, struct slice text, struct loop_added *added,
			struct err *err)
{
	struct reference reference;
	char             canonical[REFERENCE_TEXT_BYTES];
	bool             fresh, listing;

	if (reference_parse(text, &reference, err) < 0)
		return false;
	if (reference_is_local(&reference) && !loop->config.embedded) {
		err_set(err, ERR_USAGE, "%.*s: local sources are read by `varve scan`, not by a broker's workers",
			SLICE_FMT(slice_sub(text, 0, 200)));
		return false;
	}
	reference_text(&reference, canonical);
	if (!loop_write(loop)) {
		err_set(err, loop->broken.code, "%s", loop->broken.text);
		return false;
	}
	if (catalog_reference_add(loop->catalog, job->record.job, job->record.references_count, slice_str(canonical),
				  &fresh, err) < 0) {
		loop_broken(loop, err);
		return false;
	}
	if (!fresh)
		return true;
	listing = reference_is_listing(&reference);
	job->record.references_count++;
	job->record.listings_open += listing;
	job->changed = true;
	added->listings += listing;
	added->images += !listing;
	return true;
}

void loop_references_added(struct loop *loop, const struct loop_job *job, const struct loop_added *added)
{
	struct core_event stored = {
		.kind = CORE_JOB_STORED, .job = job->record.job, .count = added->images, .listings = added->listings};

	if (job->record.state == JOB_RUNNING && added->images + added->listings)
		loop_step(loop, &stored);
}

void loop_references_close(struct loop *loop, struct loop_job *job)
{
	struct core_event closed = {.kind = CORE_JOB_CLOSED, .job = job->record.job};

	job->record.references_closed = true;
	job->changed = true;
	if (job->record.state == JOB_RUNNING)
		loop_step(loop, &closed);
}

void loop_lists_turn(struct loop *loop)
{
	for (struct loop_job *job = loop->jobs; job && !loop->broken.code; job = job->next) {
		if (job->record.state != JOB_RUNNING || job->record.references_closed || job->record.filling ||
		    loop->now < job->listed_ms + loop->config.list_idle_ms)
			continue;
		log_about(LOG_WARNING, "broker", LOG_JOB(job->record.job),
			  "job %llu: nobody continues its list: it ends with the references that it has",
			  (unsigned long long)job->record.job);
		if (loop_write(loop))
			loop_references_close(loop, job); /* it may end by that; others in the next turn */
		loop->again = true;
		return;
	}
}

/* --- the window: the core asks for the next open ones --- */

static void feed(struct loop *loop, uint64_t job, const struct open_reference *open, const struct reference *reference)
{
	struct core_event event = {
		.kind = CORE_JOB_REFERENCE, .job = job, .reference = open->number, .text = open->text};

	event.task_kind = reference_is_listing(reference) ? CORE_ENUMERATE : CORE_RESOLVE;
	event.local = reference_is_local(reference);
	if (!event.local)
		event.host = arena_copy(&loop->event_texts, slice_str(reference->host));
	loop_queue_event(loop, &event);
}

/* One whose record is damaged is listed as an image that failed; the core never hears of it. */
static int give_up(struct loop *loop, struct loop_job *job, uint64_t number, struct err *err)
{
	struct slice text =
		arena_printf(&loop->event_texts, "(reference %llu that cannot be read)", (unsigned long long)number);
	bool added;
	int  status =
		loop_reference_failed(loop, job, text, ERR_STORE,
				      SLICE_LIT("its record in the store is damaged: submit it again"), &added, err);

	if (status < 0 || (status = loop_reference_done(loop, job->record.job, number, err)) < 0)
		return status;
	job->base[1] += added; /* done and failed; the total has it since it was stored */
	job->base[2] += added;
	return 0;
}

/* What is passed over is done. */
static void mark_done(struct loop_job *job, uint64_t from, const struct open_reference *open,
		      const struct references_read *read)
{
	size_t at = 0;

	for (uint64_t number = from; number < read->next; number++)
		if (at < read->count && open[at].number == number)
			at++;
		else
			loop_marks_set(&job->done, number);
}

int loop_references_fetch(struct loop *loop, const struct core_action *action, struct err *err)
{
	struct loop_job       *job = loop_job_running(loop, action->job);
	struct core_event      fed = {.kind = CORE_JOB_FED, .job = action->job, .none_left = true};
	struct references_read read = {0};
	struct open_reference *open;
	uint64_t               from = action->reference;
	int                    status = 0;

	if (job && from < job->done.first)
		from = job->done.first;
	if (job)
		status = catalog_references_open(loop->catalog, action->job, from, action->count, &loop->event_texts,
						 &open, &read, err);
	for (size_t i = 0; status >= 0 && i < read.count; i++) {
		struct reference reference;

		if (open[i].text.len && reference_parse(open[i].text, &reference, NULL) >= 0)
			feed(loop, action->job, &open[i], &reference);
		else
			status = give_up(loop, job, open[i].number, err);
	}
	if (status < 0)
		return status;
	if (job) {
		mark_done(job, from, open, &read);
		fed.reference = read.next;
		fed.none_left = read.ended;
	}
	loop_queue_event(loop, &fed);
	return 0;
}

/* --- their end --- */

int loop_reference_done(struct loop *loop, uint64_t job_id, uint64_t number, struct err *err)
{
	struct loop_job *job = loop_job_running(loop, job_id);
	struct buf       text;
	int              status;

	buf_init(&text, LIMIT_MESSAGE_BYTES);
	status = catalog_reference_done(loop->catalog, job_id, number, &text, err);
	if (status >= 0 && job) {
		if (slice_starts(buf_slice(&text), "registry://") && job->record.listings_open)
			job->record.listings_open--;
		loop_marks_set(&job->done, number);
		job->record.references_cursor = job->done.first;
		job->record.references_done++;
		job->changed = true;
	}
	buf_deinit(&text);
	return status;
}

int loop_reference_failed(struct loop *loop, struct loop_job *job, struct slice text, int code, struct slice why,
			  bool *added, struct err *err)
{
	struct image     image = {.reference = text, .status = IMAGE_FAILED, .error = code, .reason = why};
	struct job_image stored = {.number = job->record.images_count, .failed = true};
	struct buf       encoded, place;
	int              status;

	buf_init(&encoded, 1 << 20);
	buf_init(&place, 1 << 20);
	buf_append(&place, text);
	buf_byte(&place, ' ');
	buf_append(&place, job->record.platform);
	status = image_encode(&image, &encoded, err);
	stored.image = buf_slice(&encoded);
	if (status >= 0)
		status = catalog_image_add(loop->catalog, job->record.job, &stored, buf_slice(&place), added, err);
	if (status >= 0 && *added) {
		job->record.images_count++;
		loop_index_news(loop);
		catalog_count(loop->catalog, FLEET_IMAGES, 1);
		catalog_count(loop->catalog, FLEET_IMAGES_FAILED, 1);
	}
	job->changed = true;
	buf_deinit(&encoded);
	buf_deinit(&place);
	return status;
}
