#include "wire/message_internal.h"

/* --- submit side --- */

void wire_put_submit(struct buf *frame, uint64_t correlation, const struct wire_submit *m)
{
	wire_begin(frame, WIRE_SUBMIT, correlation);
	msgpack_write_array(frame, 9);
	msgpack_write_bin(frame, slice_of(m->token, sizeof(m->token)));
	msgpack_write_str(frame, m->label);
	msgpack_write_uint(frame, m->priority);
	msgpack_write_str(frame, m->platform);
	wire_write_strings(frame, &m->include);
	wire_write_strings(frame, &m->exclude);
	msgpack_write_uint(frame, m->newest);
	msgpack_write_uint(frame, m->flags);
	msgpack_write_uint(frame, m->retry_of);
	wire_end(frame);
}

int wire_get_submit(struct slice body, struct arena *arena, struct wire_submit *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 9);

	msgpack_read_fixed(&r, m->token, sizeof(m->token));
	m->label = msgpack_read_bytes(&r);
	m->priority = wire_read_u32(&r);
	m->platform = msgpack_read_bytes(&r);
	wire_read_strings(&r, arena, WIRE_STRINGS_MAX, &m->include);
	wire_read_strings(&r, arena, WIRE_STRINGS_MAX, &m->exclude);
	m->newest = wire_read_u32(&r);
	m->flags = wire_read_u32(&r);
	m->retry_of = msgpack_read_uint(&r);
	msgpack_end_record(&r, fields, 9);
	return wire_finish(&r, "SUBMIT", err);
}

void wire_put_references(struct buf *frame, uint64_t correlation, const struct wire_references *m)
{
	wire_begin(frame, WIRE_REFERENCES, correlation);
	msgpack_write_array(frame, 4);
	msgpack_write_uint(frame, m->job);
	msgpack_write_uint(frame, m->number);
	msgpack_write_bool(frame, m->last);
	wire_write_strings(frame, &m->references);
	wire_end(frame);
}

int wire_get_references(struct slice body, struct arena *arena, struct wire_references *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 4);

	m->job = msgpack_read_uint(&r);
	m->number = wire_read_u32(&r);
	m->last = msgpack_read_bool(&r);
	wire_read_strings(&r, arena, WIRE_REFERENCES_MAX, &m->references);
	msgpack_end_record(&r, fields, 4);
	return wire_finish(&r, "REFERENCES", err);
}

/* --- read side --- */

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

enum { JOB_STATUS_NUMBERS = 22, JOB_STATUS_HEAD = 5 };

static void write_status(struct buf *out, const struct wire_job_status *m)
{
	struct wire_job_status copy = *m;
	uint64_t              *numbers[JOB_STATUS_NUMBERS];

	status_numbers(&copy, numbers);
	msgpack_write_array(out, JOB_STATUS_HEAD + JOB_STATUS_NUMBERS);
	msgpack_write_uint(out, m->job);
	msgpack_write_str(out, m->label);
	msgpack_write_uint(out, m->state);
	msgpack_write_uint(out, m->priority);
	msgpack_write_bool(out, m->growing);
	for (size_t i = 0; i < JOB_STATUS_NUMBERS; i++)
		msgpack_write_uint(out, *numbers[i]);
}

static void read_status(struct msgpack_reader *r, struct wire_job_status *m)
{
	uint64_t *numbers[JOB_STATUS_NUMBERS];
	size_t    fields = msgpack_begin_record(r, JOB_STATUS_HEAD + JOB_STATUS_NUMBERS);

	*m = (struct wire_job_status){0};
	status_numbers(m, numbers);
	m->job = msgpack_read_uint(r);
	m->label = msgpack_read_bytes(r);
	m->state = wire_read_u32(r);
	m->priority = wire_read_u32(r);
	m->growing = msgpack_read_bool(r);
	for (size_t i = 0; i < JOB_STATUS_NUMBERS; i++)
		*numbers[i] = msgpack_read_uint(r);
	msgpack_end_record(r, fields, JOB_STATUS_HEAD + JOB_STATUS_NUMBERS);
}

void wire_put_status_reply(struct buf *frame, uint64_t correlation, const struct wire_status_reply *m)
{
	wire_begin(frame, WIRE_STATUS_REPLY, correlation);
	msgpack_write_array(frame, 2);
	msgpack_write_array(frame, m->jobs_count);
	for (size_t i = 0; i < m->jobs_count; i++)
		write_status(frame, &m->jobs[i]);
	wire_write_strings(frame, &m->notices);
	wire_end(frame);
}

int wire_get_status_reply(struct slice body, struct arena *arena, struct wire_status_reply *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 2), count = msgpack_read_array(&r);

	*m = (struct wire_status_reply){0};
	if (count > WIRE_JOBS_MAX)
		return err_set(err, ERR_PROTOCOL, "message STATUS_REPLY: %zu jobs", count);
	m->jobs = arena_array(arena, count ? count : 1, sizeof(*m->jobs));
	if (!m->jobs)
		return err_set(err, ERR_MEM, "message STATUS_REPLY: out of memory");
	for (size_t i = 0; i < count && msgpack_ok(&r); i++)
		read_status(&r, &m->jobs[m->jobs_count++]);
	wire_read_strings(&r, arena, WIRE_STRINGS_MAX, &m->notices);
	msgpack_end_record(&r, fields, 2);
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

void wire_put_watch(struct buf *frame, uint64_t correlation, const struct wire_watch *m)
{
	wire_begin(frame, WIRE_WATCH, correlation);
	msgpack_write_array(frame, 2);
	msgpack_write_uint(frame, m->job);
	msgpack_write_uint(frame, m->interval_ms);
	wire_end(frame);
}

int wire_get_watch(struct slice body, struct wire_watch *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 2);

	m->job = msgpack_read_uint(&r);
	m->interval_ms = wire_read_u32(&r);
	msgpack_end_record(&r, fields, 2);
	return wire_finish(&r, "WATCH", err);
}

void wire_put_results(struct buf *frame, uint64_t correlation, const struct wire_results *m)
{
	wire_begin(frame, WIRE_RESULTS, correlation);
	msgpack_write_array(frame, 3);
	msgpack_write_uint(frame, m->job);
	msgpack_write_uint(frame, m->from);
	msgpack_write_uint(frame, m->credit);
	wire_end(frame);
}

int wire_get_results(struct slice body, struct wire_results *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 3);

	m->job = msgpack_read_uint(&r);
	m->from = msgpack_read_uint(&r);
	m->credit = wire_read_u32(&r);
	msgpack_end_record(&r, fields, 3);
	return wire_finish(&r, "RESULTS", err);
}

void wire_put_result_part(struct buf *frame, uint64_t correlation, const struct wire_result_part *m)
{
	wire_begin(frame, WIRE_RESULT_PART, correlation);
	msgpack_write_array(frame, 4);
	msgpack_write_uint(frame, m->image);
	msgpack_write_uint(frame, m->number);
	msgpack_write_bool(frame, m->last);
	msgpack_write_bin(frame, m->bytes);
	wire_end(frame);
}

int wire_get_result_part(struct slice body, struct wire_result_part *m, struct err *err)
{
	return wire_get_chunk(body, &m->image, &m->number, &m->last, &m->bytes, "RESULT_PART", err);
}
