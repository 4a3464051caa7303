#include "loop_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "model/platform.h"
#include "model/reference.h"

#include <string.h>

/* --- SUBMIT --- */

static int check_submit(const struct wire_submit *m, struct err *err)
{
	struct platform platform;
	struct schedule schedule;

	if (m->priority > WIRE_PRIORITY_BULK)
		return err_set(err, ERR_USAGE, "priority %u is neither ad hoc (0) nor bulk (1)", m->priority);
	if (m->label.len > WIRE_LABEL_BYTES_MAX || slice_find(m->label, '\n') != SIZE_MAX)
		return err_set(err, ERR_USAGE, "a label is one line of at most %d bytes", WIRE_LABEL_BYTES_MAX);
	if (m->flags & ~(uint32_t)JOB_NO_REUSE)
		return err_set(err, ERR_USAGE, "unknown job flags 0x%x", m->flags);
	if (m->every.len > WIRE_EVERY_BYTES_MAX)
		return err_set(err, ERR_USAGE, "a schedule is at most %d bytes long", WIRE_EVERY_BYTES_MAX);
	if (m->every.len && m->retry_of)
		return err_set(err, ERR_USAGE, "what failed in a job cannot be made a schedule");
	if (m->every.len && schedule_parse(m->every, &schedule, err) < 0)
		return err->code;
	return platform_parse(m->platform, &platform, err);
}

static void describe_job(const struct loop *loop, const struct wire_submit *m, struct job_record *record)
{
	struct schedule schedule;

	*record = (struct job_record){.label = m->label,
				      .platform = m->platform,
				      .include = m->include.items,
				      .include_count = m->include.count,
				      .exclude = m->exclude.items,
				      .exclude_count = m->exclude.count,
				      .priority = m->priority,
				      .newest = m->newest,
				      .flags = m->flags,
				      .retry_of = m->retry_of,
				      .filling = m->retry_of != 0,
				      .every = m->every,
				      .state = m->every.len ? JOB_SCHEDULED : JOB_RUNNING,
				      .failed_indexed = true,
				      .owner = catalog_owner(loop->catalog),
				      .embedded = loop->config.embedded,
				      .submitted_ms = clock_unix_ms()};
	memcpy(record->token, m->token, sizeof(record->token));
	if (m->every.len && schedule_parse(m->every, &schedule, NULL) >= 0)
		record->next_ms = schedule_next(&schedule, record->submitted_ms, record->submitted_ms);
}

static void reply_job(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, uint64_t id)
{
	const struct loop_job *job = loop_job_find(loop, id);
	struct wire_job        m = {.job = id};
	struct job_record      stored;
	struct buf            *frame = loop_send(loop, peer);

	if (job) {
		m.number = (uint32_t)job->record.references_batches;
		m.references = job->record.references_count;
		m.sum = job->record.references_sum;
	} else if (catalog_job_get(loop->catalog, id, &loop->arena, &stored, NULL) >= 0) {
		m.number = (uint32_t)stored.references_batches;
		m.references = stored.references_count;
		m.sum = stored.references_sum;
	}
	if (frame)
		wire_put_job(frame, correlation, &m);
}

static struct loop_job *open_job(struct loop *loop, struct job_record *record, struct err *err)
{
	struct loop_job *job = loop_job_add(loop, record);

	if (!job) {
		err_set(err, ERR_MEM, "broker: out of memory");
		loop_broken(loop, err);
		return NULL;
	}
	if (record->state == JOB_RUNNING)
		loop_job_open(loop, job);
	catalog_count(loop->catalog, FLEET_JOBS, 1);
	if (!loop->config.embedded)
		log_about(LOG_INFO, "broker", LOG_JOB(record->job), "job %llu %s", (unsigned long long)record->job,
			  record->state == JOB_SCHEDULED ? "is a schedule" : "is open");
	return job;
}

/* A job whose failed images are asked for: a schedule has none, its runs have. */
static int check_earlier(struct loop *loop, uint64_t id, struct err *err)
{
	struct job_record earlier;
	int               status = catalog_job_get(loop->catalog, id, &loop->arena, &earlier, err);

	if (status < 0)
		return status;
	return earlier.every.len ? err_set(err, ERR_USAGE, "job %llu is a schedule: name one of the jobs it has opened",
					   (unsigned long long)id)
				 : 0;
}

/* The same token gives the same job; what was asked for must be of its kind, else the asker believes in what is not there. */
static int check_same_kind(struct loop *loop, const struct wire_submit *m, uint64_t id, struct err *err)
{
	struct job_record before;
	int               status = catalog_job_get(loop->catalog, id, &loop->arena, &before, err);

	if (status < 0 || slice_eq(before.every, m->every))
		return status;
	return err_set(err, ERR_USAGE,
		       "this token is that of job %llu, which is %s%.*s%s: another submission needs another token",
		       (unsigned long long)id, before.every.len ? "the schedule \"" : "no schedule",
		       SLICE_FMT(before.every), before.every.len ? "\"" : "");
}

void loop_submit(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	struct wire_submit m;
	struct job_record  record;
	struct err         err = {0};
	int                status;

	if (wire_get_submit(body, &loop->arena, &m, &err) >= 0 && check_submit(&m, &err) >= 0) {
		if (loop->draining)
			err_set(&err, ERR_BUSY, "the broker is draining: it takes no new jobs");
		else if (m.retry_of)
			check_earlier(loop, m.retry_of, &err);
	}
	if (!err.code) {
		describe_job(loop, &m, &record);
		if (!loop_write(loop))
			err = loop->broken;
	}
	if (err.code) {
		loop_reply_error(loop, peer, correlation, &err);
		return;
	}
	status = catalog_job_new(loop->catalog, &record, &err);
	if (status < 0 && status != ERR_BUSY) {
		loop_broken(loop, &err);
	} else {
		err_clear(&err);
		if (status == ERR_BUSY)
			check_same_kind(loop, &m, record.job, &err);
		else
			open_job(loop, &record, &err);
	}
	if (loop->broken.code)
		loop_reply_error(loop, peer, correlation, &loop->broken);
	else if (err.code)
		loop_reply_error(loop, peer, correlation, &err);
	else
		reply_job(loop, peer, correlation, record.job);
}

/* --- REFERENCES --- */

/* A batch is taken as a whole or not at all: every reference must be one before the first is stored. */
static int check_references(const struct loop *loop, const struct wire_references *m, struct err *err)
{
	for (size_t i = 0; i < m->references.count; i++) {
		struct reference reference;
		int              status = reference_parse(m->references.items[i], &reference, err);

		if (status < 0)
			return status;
		if (reference_is_local(&reference) && !loop->config.embedded)
			return err_set(err, ERR_USAGE,
				       "%.*s: local sources are read by `varve scan`, not by a broker's workers",
				       SLICE_FMT(slice_sub(m->references.items[i], 0, 200)));
	}
	return 0;
}

/* Why an order for a job cannot be followed: it has ended, or there is none. */
static int not_running(struct loop *loop, uint64_t id, struct err *err)
{
	struct job_record record;

	if (catalog_job_get(loop->catalog, id, &loop->arena, &record, NULL) < 0)
		return err_set(err, ERR_NOT_FOUND, "there is no job %llu", (unsigned long long)id);
	if (record.state == JOB_RUNNING || record.state == JOB_SCHEDULED)
		return err_set(err, ERR_NOT_FOUND, "job %llu is another process's", (unsigned long long)id);
	return err_set(err, ERR_NOT_FOUND, "job %llu has ended", (unsigned long long)id);
}

static int is_known(struct loop *loop, uint64_t job, struct slice text, bool *known, struct err *err)
{
	struct reference reference;
	char             canonical[REFERENCE_TEXT_BYTES];
	int              status = reference_parse(text, &reference, err);

	if (status < 0)
		return status;
	reference_text(&reference, canonical);
	return catalog_reference_known(loop->catalog, job, slice_str(canonical), known, err);
}

/* REFERENCES with a number that the job has already: the same list said again. What the job has not would be lost if it
 * were acknowledged. */
static int take_again(struct loop *loop, const struct job_record *record, const struct wire_references *m,
		      struct err *err)
{
	bool known = m->number < record->references_batches &&
		     m->last == (record->references_closed && m->number + 1 == record->references_batches);

	for (size_t i = 0; known && i < m->references.count; i++)
		if (is_known(loop, record->job, m->references.items[i], &known, err) < 0)
			return err->code;
	return known ? 0
		     : err_set(err, ERR_USAGE,
			       "job %llu was submitted with another list: another one needs another token",
			       (unsigned long long)record->job);
}

static int take_after_end(struct loop *loop, const struct wire_references *m, struct err *err)
{
	struct job_record record;

	if (catalog_job_get(loop->catalog, m->job, &loop->arena, &record, NULL) < 0 ||
	    (m->number >= record.references_batches && !record.references_closed))
		return not_running(loop, m->job, err);
	return take_again(loop, &record, m, err);
}

static int take_references(struct loop *loop, const struct wire_references *m, struct err *err)
{
	struct loop_job  *job = loop_job_find(loop, m->job);
	struct loop_added added = {0};

	if (!job)
		return take_after_end(loop, m, err);
	if (m->number < job->record.references_batches || job->record.references_closed)
		return take_again(loop, &job->record, m, err);
	if (m->number > job->record.references_batches || job->record.filling)
		return err_set(err, ERR_PROTOCOL, "job %llu: references number %u came instead of %llu",
			       (unsigned long long)m->job, m->number,
			       (unsigned long long)job->record.references_batches);
	if (check_references(loop, m, err) < 0)
		return err->code;
	for (size_t i = 0; i < m->references.count; i++)
		if (!loop_reference_add(loop, job, m->references.items[i], &added, err))
			return err->code;
	if (m->number == 0 || job->record.references_sum) /* a Varve before has not begun it */
		job->record.references_sum = wire_references_sum(job->record.references_sum, &m->references);
	job->record.references_batches++;
	job->listed_ms = loop->now;
	job->changed = true;
	loop_references_added(loop, job, &added);
	if (m->last)
		loop_references_close(loop, job);
	return 0;
}

void loop_references(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	struct wire_references m;
	struct err             err = {0};

	if (wire_get_references(body, &loop->arena, &m, &err) < 0 || take_references(loop, &m, &err) < 0)
		loop_reply_error(loop, peer, correlation, &err);
	else
		loop_reply_empty(loop, peer, WIRE_OK, correlation);
}

/* --- CANCEL, PAUSE, RESUME --- */

/* The job that a message names, running or a schedule; NULL when it was answered with why not. */
static struct loop_job *named_job(struct loop *loop, const struct wire_peer *peer, uint64_t correlation,
				  struct slice body)
{
	struct loop_job *job = NULL;
	struct err       err = {0};
	uint64_t         id;

	if (wire_get_number(body, &id, &err) >= 0 && (job = loop_job_find(loop, id)) == NULL)
		not_running(loop, id, &err);
	if (!job)
		loop_reply_error(loop, peer, correlation, &err);
	return job;
}

void loop_cancel(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	struct loop_job  *job = named_job(loop, peer, correlation, body);
	struct core_event event = {.kind = CORE_JOB_CANCEL};

	if (!job)
		return;
	event.job = job->record.job;
	if (job->record.state == JOB_SCHEDULED) {
		job->record.state = JOB_CANCELLED;
		job->record.finished_ms = clock_unix_ms();
	}
	job->record.filling = false;
	job->changed = true;
	loop_step(loop, &event);
	loop_reply_empty(loop, peer, WIRE_OK, correlation);
}

static void set_paused(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body,
		       bool paused)
{
	struct loop_job  *job = named_job(loop, peer, correlation, body);
	struct core_event event = {.kind = paused ? CORE_JOB_PAUSE : CORE_JOB_RESUME};
	uint64_t          now = clock_unix_ms();

	if (!job)
		return;
	event.job = job->record.job;
	if (!paused && job->record.paused && job->record.state == JOB_SCHEDULED && job->record.next_ms < now)
		job->record.next_ms = schedule_next(&job->schedule, job->record.next_ms, now);
	job->record.paused = paused;
	job->changed = true;
	log_about(LOG_INFO, "broker", LOG_JOB(event.job), "job %llu %s", (unsigned long long)event.job,
		  paused ? "is paused" : "goes on");
	if (job->record.state == JOB_RUNNING)
		loop_step(loop, &event);
	loop_reply_empty(loop, peer, WIRE_OK, correlation);
}

void loop_pause(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	set_paused(loop, peer, correlation, body, true);
}

void loop_resume(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	set_paused(loop, peer, correlation, body, false);
}

/* --- DRAIN_WORKER --- */

void loop_drain_begin(struct loop *loop)
{
	const struct core_event drain = {.kind = CORE_DRAIN};

	if (loop->draining)
		return;
	loop->draining = true;
	log_line(LOG_INFO, "broker", "draining: no new work is given out; the end comes when none is out");
	loop_step(loop, &drain);
}

void loop_drain_worker(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	struct loop_worker *worker;
	struct err          err = {0};
	uint64_t            id;

	if (wire_get_number(body, &id, &err) < 0) {
		loop_reply_error(loop, peer, correlation, &err);
	} else if (id == 0) {
		loop_reply_empty(loop, peer, WIRE_OK, correlation);
		loop_drain_begin(loop);
	} else if ((worker = loop_worker_find(loop, id)) == NULL) {
		err_set(&err, ERR_NOT_FOUND, "worker %llu is not here", (unsigned long long)id);
		loop_reply_error(loop, peer, correlation, &err);
	} else {
		loop_worker_drain(loop, worker);
		loop_reply_empty(loop, peer, WIRE_OK, correlation);
	}
}
