#include "base/hash.h"
#include "wire/message_internal.h"

/* --- submit side --- */

void wire_put_submit(struct buf *frame, uint64_t correlation, const struct wire_submit *m)
{
	wire_begin(frame, WIRE_SUBMIT, correlation);
	msgpack_write_array(frame, 10);
	msgpack_write_bin(frame, slice_of(m->token, sizeof(m->token)));
	msgpack_write_str(frame, m->label);
	msgpack_write_uint(frame, m->priority);
	msgpack_write_str(frame, m->platform);
	wire_write_strings(frame, &m->include);
	wire_write_strings(frame, &m->exclude);
	msgpack_write_uint(frame, m->newest);
	msgpack_write_uint(frame, m->flags);
	msgpack_write_uint(frame, m->retry_of);
	msgpack_write_str(frame, m->every);
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
	m->every = fields > 9 ? msgpack_read_bytes(&r) : SLICE_EMPTY;
	msgpack_end_record(&r, fields, 10);
	return wire_finish(&r, "SUBMIT", err);
}

void wire_put_job(struct buf *frame, uint64_t correlation, const struct wire_job *m)
{
	wire_begin(frame, WIRE_JOB, correlation);
	msgpack_write_array(frame, 4);
	msgpack_write_uint(frame, m->job);
	msgpack_write_uint(frame, m->number);
	msgpack_write_uint(frame, m->references);
	msgpack_write_uint(frame, m->sum);
	wire_end(frame);
}

int wire_get_job(struct slice body, struct wire_job *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 1);

	m->job = msgpack_read_uint(&r);
	m->number = fields > 1 ? wire_read_u32(&r) : 0;
	m->references = fields > 2 ? msgpack_read_uint(&r) : 0;
	m->sum = fields > 3 ? msgpack_read_uint(&r) : 0;
	msgpack_end_record(&r, fields, 4);
	return wire_finish(&r, "JOB", err);
}

uint64_t wire_references_sum(uint64_t sum, const struct wire_strings *references)
{
	for (size_t i = 0; i < references->count; i++)
		sum = xxh64_once(references->items[i], sum);
	return sum ? sum : 1;
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

/* --- read side (statuses: message_status.c) --- */

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
	msgpack_write_array(frame, 5);
	msgpack_write_uint(frame, m->job);
	msgpack_write_uint(frame, m->from);
	msgpack_write_uint(frame, m->credit);
	msgpack_write_bool(frame, m->only_failed);
	msgpack_write_bool(frame, m->only_news);
	wire_end(frame);
}

int wire_get_results(struct slice body, struct wire_results *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 3);

	m->job = msgpack_read_uint(&r);
	m->from = msgpack_read_uint(&r);
	m->credit = wire_read_u32(&r);
	m->only_failed = fields > 3 && msgpack_read_bool(&r);
	m->only_news = fields > 4 && msgpack_read_bool(&r);
	msgpack_end_record(&r, fields, 5);
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
