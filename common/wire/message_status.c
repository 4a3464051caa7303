#include "wire/message_internal.h"

#include "base/digest.h"

/* The numbers of a job status behind its label, in wire order. */
static void status_numbers(struct wire_job_status *m, uint64_t **numbers)
{
	size_t n = 0;

	numbers[n++] = &m->submitted_ms;
	numbers[n++] = &m->finished_ms;
	numbers[n++] = &m->images_total;
	numbers[n++] = &m->images_done;
	numbers[n++] = &m->images_failed;
	numbers[n++] = &m->images_incomplete;
	numbers[n++] = &m->images_skipped;
	numbers[n++] = &m->layers_total;
	numbers[n++] = &m->layers_done;
	numbers[n++] = &m->layers_scanned;
	numbers[n++] = &m->layers_reused;
	numbers[n++] = &m->layers_verified;
	numbers[n++] = &m->layers_failed;
	numbers[n++] = &m->layer_uses;
	numbers[n++] = &m->bytes_total;
	numbers[n++] = &m->bytes_done;
	numbers[n++] = &m->bytes_fetched;
	numbers[n++] = &m->tar_bytes;
	numbers[n++] = &m->entries;
	numbers[n++] = &m->files_analyzed;
	numbers[n++] = &m->memo_hits;
	numbers[n++] = &m->retries;
}

enum {
	JOB_STATUS_NUMBERS = 22,
	JOB_STATUS_HEAD = 5,
	JOB_STATUS_FIRST = JOB_STATUS_HEAD + JOB_STATUS_NUMBERS, /* what the first readers and writers know */
	JOB_STATUS_FIELDS = JOB_STATUS_FIRST + 6,
	WORKER_STATUS_FIELDS = 12,
};

static void write_status(struct buf *out, const struct wire_job_status *m)
{
	struct wire_job_status copy = *m;
	uint64_t              *numbers[JOB_STATUS_NUMBERS];

	status_numbers(&copy, numbers);
	msgpack_write_array(out, JOB_STATUS_FIELDS);
	msgpack_write_uint(out, m->job);
	msgpack_write_str(out, m->label);
	msgpack_write_uint(out, m->state);
	msgpack_write_uint(out, m->priority);
	msgpack_write_bool(out, m->growing);
	for (size_t i = 0; i < JOB_STATUS_NUMBERS; i++)
		msgpack_write_uint(out, *numbers[i]);
	msgpack_write_bool(out, m->paused);
	msgpack_write_str(out, m->every);
	msgpack_write_uint(out, m->next_ms);
	msgpack_write_uint(out, m->schedule);
	msgpack_write_uint(out, m->memo_lookups);
	msgpack_write_uint(out, m->memo_kept);
}

static void read_status(struct msgpack_reader *r, struct wire_job_status *m)
{
	uint64_t *numbers[JOB_STATUS_NUMBERS];
	size_t    fields = msgpack_begin_record(r, JOB_STATUS_FIRST);

	*m = (struct wire_job_status){0};
	status_numbers(m, numbers);
	m->job = msgpack_read_uint(r);
	m->label = msgpack_read_bytes(r);
	m->state = wire_read_u32(r);
	m->priority = wire_read_u32(r);
	m->growing = msgpack_read_bool(r);
	for (size_t i = 0; i < JOB_STATUS_NUMBERS; i++)
		*numbers[i] = msgpack_read_uint(r);
	m->paused = fields > JOB_STATUS_FIRST && msgpack_read_bool(r);
	m->every = fields > JOB_STATUS_FIRST + 1 ? msgpack_read_bytes(r) : SLICE_EMPTY;
	m->next_ms = fields > JOB_STATUS_FIRST + 2 ? msgpack_read_uint(r) : 0;
	m->schedule = fields > JOB_STATUS_FIRST + 3 ? msgpack_read_uint(r) : 0;
	m->memo_lookups = fields > JOB_STATUS_FIRST + 4 ? msgpack_read_uint(r) : 0;
	m->memo_kept = fields > JOB_STATUS_FIRST + 5 ? msgpack_read_uint(r) : 0;
	msgpack_end_record(r, fields, JOB_STATUS_FIELDS);
}

static void write_worker(struct buf *out, const struct wire_worker_status *m)
{
	msgpack_write_array(out, WORKER_STATUS_FIELDS);
	msgpack_write_uint(out, m->worker);
	msgpack_write_str(out, m->name);
	msgpack_write_str(out, m->version);
	msgpack_write_str(out, m->set);
	wire_write_strings(out, &m->hosts);
	msgpack_write_uint(out, m->layer_slots);
	msgpack_write_uint(out, m->light_slots);
	msgpack_write_uint(out, m->leases);
	msgpack_write_uint(out, m->oldest_lease_ms);
	msgpack_write_uint(out, m->heard_ms);
	msgpack_write_bool(out, m->draining);
	msgpack_write_uint(out, m->bytes_per_s);
}

static void read_worker(struct msgpack_reader *r, struct arena *arena, struct wire_worker_status *m)
{
	size_t fields = msgpack_begin_record(r, WORKER_STATUS_FIELDS);

	m->worker = msgpack_read_uint(r);
	m->name = msgpack_read_bytes(r);
	m->version = msgpack_read_bytes(r);
	m->set = msgpack_read_bytes(r);
	wire_read_strings(r, arena, WIRE_STRINGS_MAX, &m->hosts);
	m->layer_slots = wire_read_u32(r);
	m->light_slots = wire_read_u32(r);
	m->leases = wire_read_u32(r);
	m->oldest_lease_ms = msgpack_read_uint(r);
	m->heard_ms = msgpack_read_uint(r);
	m->draining = msgpack_read_bool(r);
	m->bytes_per_s = msgpack_read_uint(r);
	msgpack_end_record(r, fields, WORKER_STATUS_FIELDS);
}

/* The count of an array, with room for its items; a failed reader when there are too many, or no memory. */
static size_t begin_items(struct msgpack_reader *r, struct arena *arena, size_t count_max, size_t item_bytes,
			  void **items)
{
	size_t count = msgpack_read_array(r);

	*items = count <= count_max ? arena_array(arena, count + 1, item_bytes) : NULL;
	if (*items)
		return count;
	msgpack_fail(r);
	return 0;
}

static void read_workers(struct msgpack_reader *r, struct arena *arena, struct wire_status_reply *m)
{
	void  *items;
	size_t count = begin_items(r, arena, WIRE_WORKERS_MAX, sizeof(*m->workers), &items);

	m->workers = items;
	while (m->workers_count < count && msgpack_ok(r))
		read_worker(r, arena, &m->workers[m->workers_count++]);
}

static void read_counters(struct msgpack_reader *r, struct arena *arena, struct wire_status_reply *m)
{
	void  *items;
	size_t count = begin_items(r, arena, WIRE_COUNTERS_MAX, sizeof(*m->counters), &items);

	m->counters = items;
	while (m->counters_count < count && msgpack_ok(r)) {
		struct wire_counter *counter = &m->counters[m->counters_count++];
		size_t               fields = msgpack_begin_record(r, 2);

		counter->name = msgpack_read_bytes(r);
		counter->value = msgpack_read_uint(r);
		msgpack_end_record(r, fields, 2);
	}
}

static void read_jobs(struct msgpack_reader *r, struct arena *arena, struct wire_status_reply *m)
{
	void  *items;
	size_t count = begin_items(r, arena, WIRE_JOBS_MAX, sizeof(*m->jobs), &items);

	m->jobs = items;
	while (m->jobs_count < count && msgpack_ok(r))
		read_status(r, &m->jobs[m->jobs_count++]);
}

void wire_put_status_reply(struct buf *frame, uint64_t correlation, const struct wire_status_reply *m)
{
	wire_begin(frame, WIRE_STATUS_REPLY, correlation);
	msgpack_write_array(frame, 4);
	msgpack_write_array(frame, m->jobs_count);
	for (size_t i = 0; i < m->jobs_count; i++)
		write_status(frame, &m->jobs[i]);
	wire_write_strings(frame, &m->notices);
	msgpack_write_array(frame, m->workers_count);
	for (size_t i = 0; i < m->workers_count; i++)
		write_worker(frame, &m->workers[i]);
	msgpack_write_array(frame, m->counters_count);
	for (size_t i = 0; i < m->counters_count; i++) {
		msgpack_write_array(frame, 2);
		msgpack_write_str(frame, m->counters[i].name);
		msgpack_write_uint(frame, m->counters[i].value);
	}
	wire_end(frame);
}

int wire_get_status_reply(struct slice body, struct arena *arena, struct wire_status_reply *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 2);

	*m = (struct wire_status_reply){0};
	read_jobs(&r, arena, m);
	wire_read_strings(&r, arena, WIRE_STRINGS_MAX, &m->notices);
	if (fields > 2)
		read_workers(&r, arena, m);
	if (fields > 3)
		read_counters(&r, arena, m);
	msgpack_end_record(&r, fields, 4);
	return wire_finish(&r, "STATUS_REPLY", err);
}

void wire_put_job_progress(struct buf *frame, uint64_t correlation, const struct wire_job_status *m)
{
	wire_begin(frame, WIRE_JOB_PROGRESS, correlation);
	write_status(frame, m);
	wire_end(frame);
}

int wire_get_job_progress(struct slice body, struct wire_job_status *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);

	read_status(&r, m);
	return wire_finish(&r, "JOB_PROGRESS", err);
}

void wire_set_name(struct slice analyzer_set, char out[WIRE_SET_NAME_BYTES])
{
	struct digest digest;

	digest_of(analyzer_set, &digest);
	digest_hex(digest.bytes, (WIRE_SET_NAME_BYTES - 1) / 2, out);
}
