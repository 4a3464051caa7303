#include "loop_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "model/platform.h"
#include "model/reference.h"

#include <stdlib.h>
#include <string.h>

enum { WATCH_MIN_MS = 100, WATCH_MAX_MS = 5000, STATUS_JOBS_MAX = 1000, NOTICES_MAX = 100 };

static void reply_number(struct loop *loop, const struct wire_peer *peer, enum wire_type type, uint64_t correlation,
			 uint64_t number)
{
	struct buf *frame = loop_send(loop, peer);

	if (frame)
		wire_put_number(frame, type, correlation, number);
}

static void reply_ok(struct loop *loop, const struct wire_peer *peer, uint64_t correlation)
{
	struct buf *frame = loop_send(loop, peer);

	if (frame)
		wire_put_empty(frame, WIRE_OK, correlation);
}

/* --- submit --- */

static int check_submit(const struct wire_submit *m, struct err *err)
{
	struct platform platform;

	if (m->priority > WIRE_PRIORITY_BULK)
		return err_set(err, ERR_USAGE, "priority %u is neither ad hoc (0) nor bulk (1)", m->priority);
	if (m->label.len > WIRE_LABEL_BYTES_MAX || slice_find(m->label, '\n') != SIZE_MAX)
		return err_set(err, ERR_USAGE, "a label is one line of at most %d bytes", WIRE_LABEL_BYTES_MAX);
	if (m->flags & ~(uint32_t)JOB_NO_REUSE)
		return err_set(err, ERR_USAGE, "unknown job flags 0x%x", m->flags);
	return platform_parse(m->platform, &platform, err);
}

static bool image_needs_retry(const struct job_image *stored, const struct image *image)
{
	bool incomplete = image->status == IMAGE_FAILED;

	for (size_t i = 0; i < stored->layers_count; i++)
		incomplete |= stored->layers[i].status == LAYER_FAILED || stored->layers[i].status == LAYER_PARTIAL;
	return incomplete;
}

static int add_retries(struct loop *loop, struct loop_job *job, uint64_t of, struct err *err)
{
	struct job_image stored;
	struct image     image;
	struct arena     arena;
	int              status = 0;

	arena_init(&arena, 256 << 20);
	for (uint64_t number = 0; status >= 0; number++) {
		arena_reset(&arena);
		if (catalog_image_get(loop->catalog, of, number, &arena, &stored, NULL) < 0)
			break;
		if (image_decode(stored.image, &arena, &image, NULL) >= 0 && image_needs_retry(&stored, &image) &&
		    !loop_reference_add(loop, job, image.reference, err))
			status = err->code;
	}
	arena_deinit(&arena);
	return status;
}

static void close_references(struct loop *loop, struct loop_job *job)
{
	struct core_event closed = {.kind = CORE_JOB_CLOSED, .job = job->record.job};

	job->record.references_closed = true;
	job->changed = true;
	loop_step(loop, &closed);
}

static void open_in_core(struct loop *loop, const struct job_record *record)
{
	struct core_event open = {.kind = CORE_JOB_OPEN,
				  .job = record->job,
				  .priority = record->priority,
				  .no_reuse = record->flags & JOB_NO_REUSE,
				  .again = record->retry_of != 0};

	loop_step(loop, &open);
}

static void describe_job(const struct loop *loop, const struct wire_submit *m, struct job_record *record)
{
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
				      .owner = catalog_owner(loop->catalog),
				      .embedded = loop->config.embedded,
				      .submitted_ms = clock_unix_ms()};
	memcpy(record->token, m->token, sizeof(record->token));
}

static void submit(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	struct wire_submit m;
	struct job_record  record, earlier;
	struct loop_job   *job;
	struct err         err = {0};
	int                status;

	if (wire_get_submit(body, &loop->arena, &m, &err) < 0 || check_submit(&m, &err) < 0 ||
	    (m.retry_of && catalog_job_get(loop->catalog, m.retry_of, &loop->arena, &earlier, &err) < 0)) {
		loop_reply_error(loop, peer, correlation, &err);
		return;
	}
	describe_job(loop, &m, &record);
	if (!loop_write(loop)) {
		loop_reply_error(loop, peer, correlation, &loop->broken);
		return;
	}
	status = catalog_job_new(loop->catalog, &record, &err);
	if (status == ERR_BUSY) { /* the same token: the same job */
		reply_number(loop, peer, WIRE_JOB, correlation, record.job);
		return;
	}
	job = status < 0 ? NULL : loop_job_add(loop, &record);
	if (!job) {
		err_set(&err, ERR_MEM, "broker: out of memory");
		loop_broken(loop, &err);
		loop_reply_error(loop, peer, correlation, &loop->broken);
		return;
	}
	open_in_core(loop, &record);
	if (m.retry_of) {
		if (add_retries(loop, job, m.retry_of, &err) < 0)
			log_line(LOG_WARNING, "broker", "job %llu: %s", (unsigned long long)record.job, err.text);
		close_references(loop, job);
	}
	reply_number(loop, peer, WIRE_JOB, correlation, record.job);
}

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

/* REFERENCES of a job that does not run any more: what was taken before is said to be so, after a restart too. */
static int take_again(struct loop *loop, const struct wire_references *m, struct err *err)
{
	struct job_record record;

	if (catalog_job_get(loop->catalog, m->job, &loop->arena, &record, NULL) >= 0 &&
	    m->number < record.references_batches)
		return 0;
	return err_set(err, ERR_NOT_FOUND, "job %llu is not running here", (unsigned long long)m->job);
}

static int take_references(struct loop *loop, const struct wire_references *m, struct err *err)
{
	struct loop_job *job = loop_job_find(loop, m->job);

	if (!job)
		return take_again(loop, m, err);
	if (m->number < job->record.references_batches)
		return 0; /* came before */
	if (m->number > job->record.references_batches || job->record.references_closed)
		return err_set(err, ERR_PROTOCOL, "job %llu: references number %u came instead of %llu",
			       (unsigned long long)m->job, m->number,
			       (unsigned long long)job->record.references_batches);
	if (check_references(loop, m, err) < 0)
		return err->code;
	for (size_t i = 0; i < m->references.count; i++)
		if (!loop_reference_add(loop, job, m->references.items[i], err))
			return err->code;
	job->record.references_batches++;
	job->changed = true;
	if (m->last)
		close_references(loop, job);
	return 0;
}

static void references(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	struct wire_references m;
	struct err             err = {0};

	if (wire_get_references(body, &loop->arena, &m, &err) < 0 || take_references(loop, &m, &err) < 0)
		loop_reply_error(loop, peer, correlation, &err);
	else
		reply_ok(loop, peer, correlation);
}

static void cancel(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	struct core_event event = {.kind = CORE_JOB_CANCEL};
	struct err        err = {0};

	if (wire_get_number(body, &event.job, &err) < 0) {
		loop_reply_error(loop, peer, correlation, &err);
	} else if (!loop_job_find(loop, event.job)) {
		err_set(&err, ERR_NOT_FOUND, "job %llu is not running here", (unsigned long long)event.job);
		loop_reply_error(loop, peer, correlation, &err);
	} else {
		loop_step(loop, &event);
		reply_ok(loop, peer, correlation);
	}
}

/* --- status --- */

static int stored_status(struct loop *loop, uint64_t job, struct arena *arena, struct wire_job_status *out,
			 struct err *err)
{
	const struct loop_job *running = loop_job_find(loop, job);
	struct job_record      record;
	int                    status;

	if (running) {
		loop_job_status(loop, running, out);
		return 0;
	}
	if ((status = catalog_job_get(loop->catalog, job, arena, &record, err)) >= 0)
		loop_job_status_stored(&record, out);
	return status;
}

static void all_jobs(struct loop *loop, struct wire_status_reply *reply)
{
	uint64_t id = 0;

	while (reply->jobs_count < STATUS_JOBS_MAX && catalog_job_newest(loop->catalog, id, &id, NULL) >= 0) {
		if (stored_status(loop, id, &loop->arena, &reply->jobs[reply->jobs_count], NULL) >= 0)
			reply->jobs_count++;
		if (id == 1)
			break;
	}
}

static void status_request(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	struct wire_status_reply reply = {0};
	struct err               err = {0};
	uint64_t                 job;
	struct buf              *frame;

	reply.jobs = arena_array(&loop->arena, STATUS_JOBS_MAX, sizeof(*reply.jobs));
	reply.notices.items = arena_array(&loop->arena, NOTICES_MAX, sizeof(struct slice));
	if (!reply.jobs || !reply.notices.items)
		err_set(&err, ERR_MEM, "broker: out of memory");
	else if (wire_get_number(body, &job, &err) >= 0 && job &&
		 stored_status(loop, job, &loop->arena, &reply.jobs[0], &err) >= 0)
		reply.jobs_count = 1;
	else if (!err.code)
		all_jobs(loop, &reply);
	if (err.code) {
		loop_reply_error(loop, peer, correlation, &err);
		return;
	}
	reply.notices.count = core_notices(loop->core, &loop->arena, reply.notices.items, NOTICES_MAX);
	if ((frame = loop_send(loop, peer)) != NULL)
		wire_put_status_reply(frame, correlation, &reply);
}

/* --- watch --- */

static void watch(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	struct wire_watch      m;
	struct wire_job_status status;
	struct loop_watch     *entry;
	struct err             err = {0};

	if (wire_get_watch(body, &m, &err) < 0 || stored_status(loop, m.job, &loop->arena, &status, &err) < 0) {
		loop_reply_error(loop, peer, correlation, &err);
		return;
	}
	if (loop->watches_count == LOOP_WATCHES_MAX || (entry = calloc(1, sizeof(*entry))) == NULL) {
		err_set(&err, ERR_BUSY, "the broker is watched by %zu others already", loop->watches_count);
		loop_reply_error(loop, peer, correlation, &err);
		return;
	}
	loop->watches_count++;
	*entry = (struct loop_watch){.peer = *peer,
				     .correlation = correlation,
				     .job = m.job,
				     .interval_ms = m.interval_ms < WATCH_MIN_MS   ? WATCH_MIN_MS
						    : m.interval_ms > WATCH_MAX_MS ? WATCH_MAX_MS
										   : m.interval_ms,
				     .next = loop->watches};
	loop->watches = entry;
}

uint64_t loop_watches_due(const struct loop *loop)
{
	uint64_t due = UINT64_MAX;

	for (const struct loop_watch *entry = loop->watches; entry; entry = entry->next)
		if (entry->sent_ms + entry->interval_ms < due)
			due = entry->sent_ms + entry->interval_ms;
	return due;
}

/* True while the watch goes on. */
static bool watch_turn(struct loop *loop, struct loop_watch *entry)
{
	struct wire_job_status status;
	struct err             err = {0};
	struct buf            *frame;

	arena_reset(&loop->arena);
	if (stored_status(loop, entry->job, &loop->arena, &status, &err) < 0) {
		loop_reply_error(loop, &entry->peer, entry->correlation, &err);
		return false;
	}
	if (status.state == JOB_RUNNING && entry->sent_ms && loop->now < entry->sent_ms + entry->interval_ms)
		return true;
	entry->sent_ms = loop->now;
	if ((frame = loop_send(loop, &entry->peer)) != NULL)
		wire_put_job_progress(frame, entry->correlation, &status);
	return status.state == JOB_RUNNING;
}

void loop_watches_turn(struct loop *loop)
{
	struct loop_watch **link = &loop->watches;

	while (*link) {
		struct loop_watch *entry = *link;

		if (watch_turn(loop, entry)) {
			link = &entry->next;
			continue;
		}
		*link = entry->next;
		loop->watches_count--;
		free(entry);
	}
}

/* --- results --- */

static void results(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	struct wire_results    m;
	struct wire_job_status status;
	struct err             err = {0};

	if (wire_get_results(body, &m, &err) < 0 || stored_status(loop, m.job, &loop->arena, &status, &err) < 0)
		loop_reply_error(loop, peer, correlation, &err);
	else
		loop_feed_open(loop, peer, correlation, &m);
}

static void results_credit(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	uint64_t   credit;
	struct err err = {0};

	if (wire_get_number(body, &credit, &err) < 0)
		loop_reply_error(loop, peer, correlation, &err);
	else
		loop_feed_credit(loop, peer, correlation, credit);
}

void loop_client_gone(struct loop *loop, const struct wire_peer *peer)
{
	struct loop_watch **link = &loop->watches;

	while (*link) {
		struct loop_watch *entry = *link;

		if (memcmp(&entry->peer, peer, sizeof(*peer)) != 0) {
			link = &entry->next;
			continue;
		}
		*link = entry->next;
		loop->watches_count--;
		free(entry);
	}
	for (struct loop_feed *feed = loop->feeds; feed; feed = feed->next)
		if (memcmp(&feed->peer, peer, sizeof(*peer)) == 0)
			feed->gone = true;
}

void loop_clients_free(struct loop *loop)
{
	while (loop->watches) {
		struct loop_watch *entry = loop->watches;

		loop->watches = entry->next;
		free(entry);
	}
}

void loop_client_message(struct loop *loop, const struct wire_peer *peer, const struct wire_header *header,
			 struct slice body)
{
	static const struct {
		enum wire_type type;
		void (*handle)(struct loop *loop, const struct wire_peer *peer, uint64_t correlation,
			       struct slice body);
	} handlers[] = {{WIRE_SUBMIT, submit},
			{WIRE_REFERENCES, references},
			{WIRE_CANCEL, cancel},
			{WIRE_STATUS, status_request},
			{WIRE_WATCH, watch},
			{WIRE_RESULTS, results},
			{WIRE_RESULTS_CREDIT, results_credit}};

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (header->type == handlers[i].type)
			handlers[i].handle(loop, peer, header->correlation, body);
}
