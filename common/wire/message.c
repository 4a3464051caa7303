#include "wire/message.h"

#include "base/cursor.h"
#include "base/msgpack_read.h"
#include "base/msgpack_write.h"

/* --- frames --- */

static void put_be(struct buf *out, uint64_t value, unsigned bytes)
{
	while (bytes--)
		buf_byte(out, (uint8_t)(value >> (8 * bytes)));
}

static void begin(struct buf *frame, enum wire_type type, uint64_t correlation)
{
	put_be(frame, WIRE_MAGIC, 4);
	put_be(frame, WIRE_VERSION, 2);
	put_be(frame, (uint64_t)type, 2);
	put_be(frame, correlation, 8);
	put_be(frame, 0, 4);
}

static void end(struct buf *frame)
{
	size_t length = frame->len - WIRE_HEADER_BYTES;

	if (!buf_ok(frame))
		return;
	for (unsigned i = 0; i < 4; i++)
		frame->ptr[WIRE_HEADER_BYTES - 4 + i] = (uint8_t)(length >> (8 * (3 - i)));
}

int wire_open_frame(struct slice frame, struct wire_header *header, struct slice *body, struct err *err)
{
	struct cursor c = cursor_of(frame);
	uint32_t      magic = cursor_u32be(&c);

	*header = (struct wire_header){0};
	header->version = cursor_u16be(&c);
	header->type = cursor_u16be(&c);
	header->correlation = cursor_u64be(&c);
	header->length = cursor_u32be(&c);
	*body = cursor_rest(&c);
	if (!cursor_ok(&c) || magic != WIRE_MAGIC)
		return err_set(err, ERR_PROTOCOL, "message of %zu bytes: not a Varve frame", frame.len);
	if (header->version != WIRE_VERSION)
		return err_set(err, ERR_VERSION, "message of protocol version %u: this program speaks version %d", header->version,
		               WIRE_VERSION);
	if (header->length != body->len)
		return err_set(err, ERR_PROTOCOL, "message type %u: says %u body bytes, has %zu", header->type, header->length,
		               body->len);
	return 0;
}

static int finish(const struct msgpack_reader *r, const char *what, struct err *err)
{
	if (!msgpack_ok(r) || !msgpack_at_end(r))
		return err_set(err, ERR_PROTOCOL, "message %s: malformed body", what);
	return 0;
}

/* --- parts of bodies --- */

static void write_strings(struct buf *out, const struct wire_strings *m)
{
	msgpack_write_array(out, m->count);
	for (size_t i = 0; i < m->count; i++)
		msgpack_write_str(out, m->items[i]);
}

static void read_strings(struct msgpack_reader *r, struct arena *arena, size_t count_max, struct wire_strings *m)
{
	size_t count = msgpack_read_array(r);

	*m = (struct wire_strings){0};
	if (count > count_max) {
		msgpack_fail(r);
		return;
	}
	m->items = arena_array(arena, count ? count : 1, sizeof(*m->items));
	if (!m->items) {
		msgpack_fail(r);
		return;
	}
	for (size_t i = 0; i < count && msgpack_ok(r); i++)
		m->items[m->count++] = msgpack_read_bytes(r);
}

static void write_digest(struct buf *out, const struct digest *digest)
{
	msgpack_write_bin(out, digest_slice(digest));
}

static void read_digest(struct msgpack_reader *r, struct digest *digest)
{
	msgpack_read_fixed(r, digest->bytes, sizeof(digest->bytes));
}

static uint32_t read_u32(struct msgpack_reader *r)
{
	uint64_t value = msgpack_read_uint(r);

	if (value > UINT32_MAX)
		msgpack_fail(r);
	return (uint32_t)value;
}

static int read_code(struct msgpack_reader *r)
{
	int64_t code = msgpack_read_int(r);

	if (code > 0 || code < -1000)
		msgpack_fail(r);
	return (int)code;
}

/* --- small messages --- */

void wire_put_empty(struct buf *frame, enum wire_type type, uint64_t correlation)
{
	begin(frame, type, correlation);
	msgpack_write_array(frame, 0);
	end(frame);
}

void wire_put_number(struct buf *frame, enum wire_type type, uint64_t correlation, uint64_t number)
{
	begin(frame, type, correlation);
	msgpack_write_array(frame, 1);
	msgpack_write_uint(frame, number);
	end(frame);
}

int wire_get_number(struct slice body, uint64_t *number, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 1);

	*number = msgpack_read_uint(&r);
	msgpack_end_record(&r, fields, 1);
	return finish(&r, "number", err);
}

void wire_put_error(struct buf *frame, uint64_t correlation, const struct wire_error *m)
{
	begin(frame, WIRE_ERROR, correlation);
	msgpack_write_array(frame, 2);
	msgpack_write_int(frame, m->code);
	msgpack_write_str(frame, m->text);
	end(frame);
}

int wire_get_error(struct slice body, struct wire_error *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 2);

	m->code = read_code(&r);
	m->text = msgpack_read_bytes(&r);
	msgpack_end_record(&r, fields, 2);
	return finish(&r, "ERROR", err);
}

/* --- worker side --- */

void wire_put_hello(struct buf *frame, uint64_t correlation, const struct wire_hello *m)
{
	begin(frame, WIRE_HELLO, correlation);
	msgpack_write_array(frame, 8);
	msgpack_write_str(frame, m->name);
	msgpack_write_str(frame, m->version);
	msgpack_write_str(frame, m->analyzer_set);
	write_strings(frame, &m->hosts);
	msgpack_write_uint(frame, m->layer_slots);
	msgpack_write_uint(frame, m->light_slots);
	msgpack_write_uint(frame, m->result_bytes);
	msgpack_write_bool(frame, m->local);
	end(frame);
}

int wire_get_hello(struct slice body, struct arena *arena, struct wire_hello *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 8);

	m->name = msgpack_read_bytes(&r);
	m->version = msgpack_read_bytes(&r);
	m->analyzer_set = msgpack_read_bytes(&r);
	read_strings(&r, arena, WIRE_STRINGS_MAX, &m->hosts);
	m->layer_slots = read_u32(&r);
	m->light_slots = read_u32(&r);
	m->result_bytes = msgpack_read_uint(&r);
	m->local = msgpack_read_bool(&r);
	msgpack_end_record(&r, fields, 8);
	return finish(&r, "HELLO", err);
}

void wire_put_welcome(struct buf *frame, uint64_t correlation, const struct wire_welcome *m)
{
	begin(frame, WIRE_WELCOME, correlation);
	msgpack_write_array(frame, 3);
	msgpack_write_uint(frame, m->worker);
	msgpack_write_uint(frame, m->heartbeat_ms);
	msgpack_write_uint(frame, m->silence_ms);
	end(frame);
}

int wire_get_welcome(struct slice body, struct wire_welcome *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 3);

	m->worker = msgpack_read_uint(&r);
	m->heartbeat_ms = read_u32(&r);
	m->silence_ms = read_u32(&r);
	msgpack_end_record(&r, fields, 3);
	return finish(&r, "WELCOME", err);
}

void wire_put_task(struct buf *frame, uint64_t correlation, const struct wire_task *m)
{
	begin(frame, WIRE_TASK, correlation);
	msgpack_write_array(frame, 14);
	msgpack_write_uint(frame, m->lease);
	msgpack_write_uint(frame, m->kind);
	msgpack_write_uint(frame, m->attempt);
	msgpack_write_str(frame, m->reference);
	msgpack_write_str(frame, m->platform);
	write_strings(frame, &m->include);
	write_strings(frame, &m->exclude);
	msgpack_write_uint(frame, m->newest);
	write_digest(frame, &m->digest);
	write_digest(frame, &m->diff_id);
	msgpack_write_uint(frame, m->size);
	msgpack_write_str(frame, m->media_type);
	msgpack_write_str(frame, m->location);
	msgpack_write_bool(frame, m->verify);
	end(frame);
}

int wire_get_task(struct slice body, struct arena *arena, struct wire_task *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 14);

	m->lease = msgpack_read_uint(&r);
	m->kind = read_u32(&r);
	m->attempt = read_u32(&r);
	m->reference = msgpack_read_bytes(&r);
	m->platform = msgpack_read_bytes(&r);
	read_strings(&r, arena, WIRE_STRINGS_MAX, &m->include);
	read_strings(&r, arena, WIRE_STRINGS_MAX, &m->exclude);
	m->newest = read_u32(&r);
	read_digest(&r, &m->digest);
	read_digest(&r, &m->diff_id);
	m->size = msgpack_read_uint(&r);
	m->media_type = msgpack_read_bytes(&r);
	m->location = msgpack_read_bytes(&r);
	m->verify = msgpack_read_bool(&r);
	msgpack_end_record(&r, fields, 14);
	return finish(&r, "TASK", err);
}

void wire_put_progress(struct buf *frame, uint64_t correlation, const struct wire_progress *m)
{
	begin(frame, WIRE_PROGRESS, correlation);
	msgpack_write_array(frame, 1);
	msgpack_write_array(frame, m->count);
	for (size_t i = 0; i < m->count; i++) {
		msgpack_write_array(frame, 2);
		msgpack_write_uint(frame, m->items[i].lease);
		msgpack_write_uint(frame, m->items[i].bytes);
	}
	end(frame);
}

int wire_get_progress(struct slice body, struct arena *arena, struct wire_progress *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 1), count = msgpack_read_array(&r);

	*m = (struct wire_progress){0};
	if (count > WIRE_LEASES_MAX)
		return err_set(err, ERR_PROTOCOL, "message PROGRESS: %zu leases", count);
	m->items = arena_array(arena, count ? count : 1, sizeof(*m->items));
	if (!m->items)
		return err_set(err, ERR_MEM, "message PROGRESS: out of memory");
	for (size_t i = 0; i < count && msgpack_ok(&r); i++) {
		size_t pair = msgpack_begin_record(&r, 2);

		m->items[i].lease = msgpack_read_uint(&r);
		m->items[i].bytes = msgpack_read_uint(&r);
		msgpack_end_record(&r, pair, 2);
		m->count++;
	}
	msgpack_end_record(&r, fields, 1);
	return finish(&r, "PROGRESS", err);
}

void wire_put_result(struct buf *frame, uint64_t correlation, const struct wire_result *m)
{
	begin(frame, WIRE_RESULT, correlation);
	msgpack_write_array(frame, 4);
	msgpack_write_uint(frame, m->lease);
	msgpack_write_uint(frame, m->number);
	msgpack_write_bool(frame, m->last);
	msgpack_write_bin(frame, m->bytes);
	end(frame);
}

static int get_chunk(struct slice body, uint64_t *id, uint32_t *number, bool *last, struct slice *bytes, const char *what,
                     struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 4);

	*id = msgpack_read_uint(&r);
	*number = read_u32(&r);
	*last = msgpack_read_bool(&r);
	*bytes = msgpack_read_bytes(&r);
	msgpack_end_record(&r, fields, 4);
	if (bytes->len > LIMIT_CHUNK_BYTES)
		return err_set(err, ERR_PROTOCOL, "message %s: chunk of %zu bytes", what, bytes->len);
	return finish(&r, what, err);
}

int wire_get_result(struct slice body, struct wire_result *m, struct err *err)
{
	return get_chunk(body, &m->lease, &m->number, &m->last, &m->bytes, "RESULT", err);
}

void wire_put_ack(struct buf *frame, uint64_t correlation, const struct wire_ack *m)
{
	begin(frame, WIRE_ACK, correlation);
	msgpack_write_array(frame, 3);
	msgpack_write_uint(frame, m->lease);
	msgpack_write_int(frame, m->code);
	msgpack_write_str(frame, m->text);
	end(frame);
}

int wire_get_ack(struct slice body, struct wire_ack *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 3);

	m->lease = msgpack_read_uint(&r);
	m->code = read_code(&r);
	m->text = msgpack_read_bytes(&r);
	msgpack_end_record(&r, fields, 3);
	return finish(&r, "ACK", err);
}

void wire_put_fail(struct buf *frame, uint64_t correlation, const struct wire_fail *m)
{
	begin(frame, WIRE_FAIL, correlation);
	msgpack_write_array(frame, 5);
	msgpack_write_uint(frame, m->lease);
	msgpack_write_uint(frame, m->fail_class);
	msgpack_write_int(frame, m->code);
	msgpack_write_uint(frame, m->retry_after_ms);
	msgpack_write_str(frame, m->text);
	end(frame);
}

int wire_get_fail(struct slice body, struct wire_fail *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 5);

	m->lease = msgpack_read_uint(&r);
	m->fail_class = read_u32(&r);
	m->code = read_code(&r);
	m->retry_after_ms = msgpack_read_uint(&r);
	m->text = msgpack_read_bytes(&r);
	msgpack_end_record(&r, fields, 5);
	if (m->fail_class > WIRE_FAIL_NOT_HERE)
		msgpack_fail(&r);
	return finish(&r, "FAIL", err);
}

/* --- submit side --- */

void wire_put_submit(struct buf *frame, uint64_t correlation, const struct wire_submit *m)
{
	begin(frame, WIRE_SUBMIT, correlation);
	msgpack_write_array(frame, 9);
	msgpack_write_bin(frame, slice_of(m->token, sizeof(m->token)));
	msgpack_write_str(frame, m->label);
	msgpack_write_uint(frame, m->priority);
	msgpack_write_str(frame, m->platform);
	write_strings(frame, &m->include);
	write_strings(frame, &m->exclude);
	msgpack_write_uint(frame, m->newest);
	msgpack_write_uint(frame, m->flags);
	msgpack_write_uint(frame, m->retry_of);
	end(frame);
}

int wire_get_submit(struct slice body, struct arena *arena, struct wire_submit *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 9);

	msgpack_read_fixed(&r, m->token, sizeof(m->token));
	m->label = msgpack_read_bytes(&r);
	m->priority = read_u32(&r);
	m->platform = msgpack_read_bytes(&r);
	read_strings(&r, arena, WIRE_STRINGS_MAX, &m->include);
	read_strings(&r, arena, WIRE_STRINGS_MAX, &m->exclude);
	m->newest = read_u32(&r);
	m->flags = read_u32(&r);
	m->retry_of = msgpack_read_uint(&r);
	msgpack_end_record(&r, fields, 9);
	return finish(&r, "SUBMIT", err);
}

void wire_put_references(struct buf *frame, uint64_t correlation, const struct wire_references *m)
{
	begin(frame, WIRE_REFERENCES, correlation);
	msgpack_write_array(frame, 4);
	msgpack_write_uint(frame, m->job);
	msgpack_write_uint(frame, m->number);
	msgpack_write_bool(frame, m->last);
	write_strings(frame, &m->references);
	end(frame);
}

int wire_get_references(struct slice body, struct arena *arena, struct wire_references *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 4);

	m->job = msgpack_read_uint(&r);
	m->number = read_u32(&r);
	m->last = msgpack_read_bool(&r);
	read_strings(&r, arena, WIRE_REFERENCES_MAX, &m->references);
	msgpack_end_record(&r, fields, 4);
	return finish(&r, "REFERENCES", err);
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
	m->state = read_u32(r);
	m->priority = read_u32(r);
	m->growing = msgpack_read_bool(r);
	for (size_t i = 0; i < JOB_STATUS_NUMBERS; i++)
		*numbers[i] = msgpack_read_uint(r);
	msgpack_end_record(r, fields, JOB_STATUS_HEAD + JOB_STATUS_NUMBERS);
}

void wire_put_status_reply(struct buf *frame, uint64_t correlation, const struct wire_status_reply *m)
{
	begin(frame, WIRE_STATUS_REPLY, correlation);
	msgpack_write_array(frame, 2);
	msgpack_write_array(frame, m->jobs_count);
	for (size_t i = 0; i < m->jobs_count; i++)
		write_status(frame, &m->jobs[i]);
	write_strings(frame, &m->notices);
	end(frame);
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
	read_strings(&r, arena, WIRE_STRINGS_MAX, &m->notices);
	msgpack_end_record(&r, fields, 2);
	return finish(&r, "STATUS_REPLY", err);
}

void wire_put_job_progress(struct buf *frame, uint64_t correlation, const struct wire_job_status *m)
{
	begin(frame, WIRE_JOB_PROGRESS, correlation);
	write_status(frame, m);
	end(frame);
}

int wire_get_job_progress(struct slice body, struct wire_job_status *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);

	read_status(&r, m);
	return finish(&r, "JOB_PROGRESS", err);
}

void wire_put_watch(struct buf *frame, uint64_t correlation, const struct wire_watch *m)
{
	begin(frame, WIRE_WATCH, correlation);
	msgpack_write_array(frame, 2);
	msgpack_write_uint(frame, m->job);
	msgpack_write_uint(frame, m->interval_ms);
	end(frame);
}

int wire_get_watch(struct slice body, struct wire_watch *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 2);

	m->job = msgpack_read_uint(&r);
	m->interval_ms = read_u32(&r);
	msgpack_end_record(&r, fields, 2);
	return finish(&r, "WATCH", err);
}

void wire_put_results(struct buf *frame, uint64_t correlation, const struct wire_results *m)
{
	begin(frame, WIRE_RESULTS, correlation);
	msgpack_write_array(frame, 3);
	msgpack_write_uint(frame, m->job);
	msgpack_write_uint(frame, m->from);
	msgpack_write_uint(frame, m->credit);
	end(frame);
}

int wire_get_results(struct slice body, struct wire_results *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 3);

	m->job = msgpack_read_uint(&r);
	m->from = msgpack_read_uint(&r);
	m->credit = read_u32(&r);
	msgpack_end_record(&r, fields, 3);
	return finish(&r, "RESULTS", err);
}

void wire_put_result_part(struct buf *frame, uint64_t correlation, const struct wire_result_part *m)
{
	begin(frame, WIRE_RESULT_PART, correlation);
	msgpack_write_array(frame, 4);
	msgpack_write_uint(frame, m->image);
	msgpack_write_uint(frame, m->number);
	msgpack_write_bool(frame, m->last);
	msgpack_write_bin(frame, m->bytes);
	end(frame);
}

int wire_get_result_part(struct slice body, struct wire_result_part *m, struct err *err)
{
	return get_chunk(body, &m->image, &m->number, &m->last, &m->bytes, "RESULT_PART", err);
}

/* --- payloads of RESULT --- */

enum { LAYER_RESULT_FIELDS = 11 };

void wire_put_layer_result(struct buf *out, const struct wire_layer_result *m)
{
	msgpack_write_array(out, LAYER_RESULT_FIELDS);
	write_digest(out, &m->diff_id);
	msgpack_write_uint(out, m->blob_bytes);
	msgpack_write_uint(out, m->tar_bytes);
	msgpack_write_uint(out, m->entries);
	msgpack_write_uint(out, m->files_analyzed);
	msgpack_write_uint(out, m->bytes_fetched);
	msgpack_write_bool(out, m->partial);
	msgpack_write_bool(out, m->by_resource);
	msgpack_write_bool(out, m->verified);
	msgpack_write_bin(out, m->inventory);
	msgpack_write_bin(out, m->path_table);
}

int wire_get_layer_result(struct slice bytes, struct wire_layer_result *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(bytes);
	size_t                fields = msgpack_begin_record(&r, LAYER_RESULT_FIELDS);

	read_digest(&r, &m->diff_id);
	m->blob_bytes = msgpack_read_uint(&r);
	m->tar_bytes = msgpack_read_uint(&r);
	m->entries = msgpack_read_uint(&r);
	m->files_analyzed = msgpack_read_uint(&r);
	m->bytes_fetched = msgpack_read_uint(&r);
	m->partial = msgpack_read_bool(&r);
	m->by_resource = msgpack_read_bool(&r);
	m->verified = msgpack_read_bool(&r);
	m->inventory = msgpack_read_bytes(&r);
	m->path_table = msgpack_read_bytes(&r);
	msgpack_end_record(&r, fields, LAYER_RESULT_FIELDS);
	return finish(&r, "layer result", err);
}

void wire_put_strings(struct buf *out, const struct wire_strings *m)
{
	write_strings(out, m);
}

int wire_get_strings(struct slice bytes, struct arena *arena, size_t count_max, struct wire_strings *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(bytes);

	read_strings(&r, arena, count_max, m);
	return finish(&r, "list", err);
}
