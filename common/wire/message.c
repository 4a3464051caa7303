#include "wire/message_internal.h"

#include "base/cursor.h"

/* --- frames --- */

static void put_be(struct buf *out, uint64_t value, unsigned bytes)
{
	while (bytes--)
		buf_byte(out, (uint8_t)(value >> (8 * bytes)));
}

void wire_begin(struct buf *frame, enum wire_type type, uint64_t correlation)
{
	put_be(frame, WIRE_MAGIC, 4);
	put_be(frame, WIRE_VERSION, 2);
	put_be(frame, (uint64_t)type, 2);
	put_be(frame, correlation, 8);
	put_be(frame, 0, 4);
}

void wire_end(struct buf *frame)
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
		return err_set(err, ERR_VERSION, "message of protocol version %u: this program speaks version %d",
			       header->version, WIRE_VERSION);
	if (header->length != body->len)
		return err_set(err, ERR_PROTOCOL, "message type %u: says %u body bytes, has %zu", header->type,
			       header->length, body->len);
	return 0;
}

int wire_finish(const struct msgpack_reader *r, const char *what, struct err *err)
{
	if (!msgpack_ok(r) || !msgpack_at_end(r))
		return err_set(err, ERR_PROTOCOL, "message %s: malformed body", what);
	return 0;
}

/* --- parts of bodies --- */

void wire_write_strings(struct buf *out, const struct wire_strings *m)
{
	msgpack_write_array(out, m->count);
	for (size_t i = 0; i < m->count; i++)
		msgpack_write_str(out, m->items[i]);
}

void wire_read_strings(struct msgpack_reader *r, struct arena *arena, size_t count_max, struct wire_strings *m)
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

uint32_t wire_read_u32(struct msgpack_reader *r)
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
	wire_begin(frame, type, correlation);
	msgpack_write_array(frame, 0);
	wire_end(frame);
}

void wire_put_number(struct buf *frame, enum wire_type type, uint64_t correlation, uint64_t number)
{
	wire_begin(frame, type, correlation);
	msgpack_write_array(frame, 1);
	msgpack_write_uint(frame, number);
	wire_end(frame);
}

int wire_get_number(struct slice body, uint64_t *number, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 1);

	*number = msgpack_read_uint(&r);
	msgpack_end_record(&r, fields, 1);
	return wire_finish(&r, "number", err);
}

void wire_put_error(struct buf *frame, uint64_t correlation, const struct wire_error *m)
{
	wire_begin(frame, WIRE_ERROR, correlation);
	msgpack_write_array(frame, 2);
	msgpack_write_int(frame, m->code);
	msgpack_write_str(frame, m->text);
	wire_end(frame);
}

int wire_get_error(struct slice body, struct wire_error *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 2);

	m->code = read_code(&r);
	m->text = msgpack_read_bytes(&r);
	msgpack_end_record(&r, fields, 2);
	return wire_finish(&r, "ERROR", err);
}

/* --- worker side --- */

void wire_put_hello(struct buf *frame, uint64_t correlation, const struct wire_hello *m)
{
	wire_begin(frame, WIRE_HELLO, correlation);
	msgpack_write_array(frame, 11);
	msgpack_write_str(frame, m->name);
	msgpack_write_str(frame, m->version);
	msgpack_write_str(frame, m->analyzer_set);
	wire_write_strings(frame, &m->hosts);
	msgpack_write_uint(frame, m->layer_slots);
	msgpack_write_uint(frame, m->light_slots);
	msgpack_write_uint(frame, m->result_bytes);
	msgpack_write_bool(frame, m->local);
	msgpack_write_uint(frame, m->resolver);
	msgpack_write_bin(frame, slice_of(m->instance, sizeof(m->instance)));
	msgpack_write_array(frame, m->leases_count);
	for (size_t i = 0; i < m->leases_count; i++)
		msgpack_write_uint(frame, m->leases[i]);
	wire_end(frame);
}

static void read_leases(struct msgpack_reader *r, struct arena *arena, struct wire_hello *m)
{
	size_t count = msgpack_read_array(r);

	if (count > WIRE_LEASES_MAX || !(m->leases = arena_array(arena, count + 1, sizeof(*m->leases)))) {
		msgpack_fail(r);
		return;
	}
	for (size_t i = 0; i < count && msgpack_ok(r); i++)
		m->leases[m->leases_count++] = msgpack_read_uint(r);
}

int wire_get_hello(struct slice body, struct arena *arena, struct wire_hello *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 8);

	*m = (struct wire_hello){0};
	m->name = msgpack_read_bytes(&r);
	m->version = msgpack_read_bytes(&r);
	m->analyzer_set = msgpack_read_bytes(&r);
	wire_read_strings(&r, arena, WIRE_STRINGS_MAX, &m->hosts);
	m->layer_slots = wire_read_u32(&r);
	m->light_slots = wire_read_u32(&r);
	m->result_bytes = msgpack_read_uint(&r);
	m->local = msgpack_read_bool(&r);
	m->resolver = fields > 8 ? wire_read_u32(&r) : 0;
	if (fields > 9)
		msgpack_read_fixed(&r, m->instance, sizeof(m->instance));
	if (fields > 10)
		read_leases(&r, arena, m);
	msgpack_end_record(&r, fields, 11);
	return wire_finish(&r, "HELLO", err);
}

void wire_put_welcome(struct buf *frame, uint64_t correlation, const struct wire_welcome *m)
{
	wire_begin(frame, WIRE_WELCOME, correlation);
	msgpack_write_array(frame, 4);
	msgpack_write_uint(frame, m->worker);
	msgpack_write_uint(frame, m->heartbeat_ms);
	msgpack_write_uint(frame, m->silence_ms);
	msgpack_write_uint(frame, m->result_bytes);
	wire_end(frame);
}

int wire_get_welcome(struct slice body, struct wire_welcome *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 3);

	m->worker = msgpack_read_uint(&r);
	m->heartbeat_ms = wire_read_u32(&r);
	m->silence_ms = wire_read_u32(&r);
	m->result_bytes = fields > 3 ? msgpack_read_uint(&r) : 0;
	msgpack_end_record(&r, fields, 4);
	return wire_finish(&r, "WELCOME", err);
}

void wire_put_task(struct buf *frame, uint64_t correlation, const struct wire_task *m)
{
	wire_begin(frame, WIRE_TASK, correlation);
	msgpack_write_array(frame, 17);
	msgpack_write_uint(frame, m->lease);
	msgpack_write_uint(frame, m->kind);
	msgpack_write_uint(frame, m->attempt);
	msgpack_write_str(frame, m->reference);
	msgpack_write_str(frame, m->platform);
	wire_write_strings(frame, &m->include);
	wire_write_strings(frame, &m->exclude);
	msgpack_write_uint(frame, m->newest);
	write_digest(frame, &m->digest);
	write_digest(frame, &m->diff_id);
	msgpack_write_uint(frame, m->size);
	msgpack_write_str(frame, m->media_type);
	msgpack_write_str(frame, m->location);
	msgpack_write_bool(frame, m->verify);
	wire_write_strings(frame, &m->known);
	msgpack_write_uint(frame, m->job);
	msgpack_write_bool(frame, m->no_reuse);
	wire_end(frame);
}

int wire_get_task(struct slice body, struct arena *arena, struct wire_task *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 14);

	m->lease = msgpack_read_uint(&r);
	m->kind = wire_read_u32(&r);
	m->attempt = wire_read_u32(&r);
	m->reference = msgpack_read_bytes(&r);
	m->platform = msgpack_read_bytes(&r);
	wire_read_strings(&r, arena, WIRE_STRINGS_MAX, &m->include);
	wire_read_strings(&r, arena, WIRE_STRINGS_MAX, &m->exclude);
	m->newest = wire_read_u32(&r);
	read_digest(&r, &m->digest);
	read_digest(&r, &m->diff_id);
	m->size = msgpack_read_uint(&r);
	m->media_type = msgpack_read_bytes(&r);
	m->location = msgpack_read_bytes(&r);
	m->verify = msgpack_read_bool(&r);
	m->known = (struct wire_strings){0};
	if (fields > 14)
		wire_read_strings(&r, arena, WIRE_STRINGS_MAX, &m->known);
	m->job = fields > 15 ? msgpack_read_uint(&r) : 0;
	m->no_reuse = fields > 16 && msgpack_read_bool(&r);
	msgpack_end_record(&r, fields, 17);
	return wire_finish(&r, "TASK", err);
}

void wire_put_progress(struct buf *frame, uint64_t correlation, const struct wire_progress *m)
{
	wire_begin(frame, WIRE_PROGRESS, correlation);
	msgpack_write_array(frame, 1);
	msgpack_write_array(frame, m->count);
	for (size_t i = 0; i < m->count; i++) {
		msgpack_write_array(frame, 2);
		msgpack_write_uint(frame, m->items[i].lease);
		msgpack_write_uint(frame, m->items[i].bytes);
	}
	wire_end(frame);
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
	return wire_finish(&r, "PROGRESS", err);
}

void wire_put_result(struct buf *frame, uint64_t correlation, const struct wire_result *m)
{
	wire_begin(frame, WIRE_RESULT, correlation);
	msgpack_write_array(frame, 4);
	msgpack_write_uint(frame, m->lease);
	msgpack_write_uint(frame, m->number);
	msgpack_write_bool(frame, m->last);
	msgpack_write_bin(frame, m->bytes);
	wire_end(frame);
}

int wire_get_chunk(struct slice body, uint64_t *id, uint32_t *number, bool *last, struct slice *bytes, const char *what,
		   struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 4);

	*id = msgpack_read_uint(&r);
	*number = wire_read_u32(&r);
	*last = msgpack_read_bool(&r);
	*bytes = msgpack_read_bytes(&r);
	msgpack_end_record(&r, fields, 4);
	if (bytes->len > LIMIT_CHUNK_BYTES)
		return err_set(err, ERR_PROTOCOL, "message %s: chunk of %zu bytes", what, bytes->len);
	return wire_finish(&r, what, err);
}

int wire_get_result(struct slice body, struct wire_result *m, struct err *err)
{
	return wire_get_chunk(body, &m->lease, &m->number, &m->last, &m->bytes, "RESULT", err);
}

void wire_put_ack(struct buf *frame, uint64_t correlation, const struct wire_ack *m)
{
	wire_begin(frame, WIRE_ACK, correlation);
	msgpack_write_array(frame, 3);
	msgpack_write_uint(frame, m->lease);
	msgpack_write_int(frame, m->code);
	msgpack_write_str(frame, m->text);
	wire_end(frame);
}

int wire_get_ack(struct slice body, struct wire_ack *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 3);

	m->lease = msgpack_read_uint(&r);
	m->code = read_code(&r);
	m->text = msgpack_read_bytes(&r);
	msgpack_end_record(&r, fields, 3);
	return wire_finish(&r, "ACK", err);
}

void wire_put_fail(struct buf *frame, uint64_t correlation, const struct wire_fail *m)
{
	wire_begin(frame, WIRE_FAIL, correlation);
	msgpack_write_array(frame, 5);
	msgpack_write_uint(frame, m->lease);
	msgpack_write_uint(frame, m->fail_class);
	msgpack_write_int(frame, m->code);
	msgpack_write_uint(frame, m->retry_after_ms);
	msgpack_write_str(frame, m->text);
	wire_end(frame);
}

int wire_get_fail(struct slice body, struct wire_fail *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 5);

	m->lease = msgpack_read_uint(&r);
	m->fail_class = wire_read_u32(&r);
	m->code = read_code(&r);
	m->retry_after_ms = msgpack_read_uint(&r);
	m->text = msgpack_read_bytes(&r);
	msgpack_end_record(&r, fields, 5);
	if (m->fail_class > WIRE_FAIL_NOT_HERE)
		msgpack_fail(&r);
	return wire_finish(&r, "FAIL", err);
}

/* --- payloads of RESULT --- */

enum { LAYER_RESULT_FIRST = 11, LAYER_RESULT_FIELDS = LAYER_RESULT_FIRST + 3 };

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
	msgpack_write_uint(out, m->memo_lookups);
	msgpack_write_uint(out, m->memo_hits);
	msgpack_write_uint(out, m->memo_kept);
}

int wire_get_layer_result(struct slice bytes, struct wire_layer_result *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(bytes);
	size_t                fields = msgpack_begin_record(&r, LAYER_RESULT_FIRST);

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
	m->memo_lookups = fields > LAYER_RESULT_FIRST ? msgpack_read_uint(&r) : 0;
	m->memo_hits = fields > LAYER_RESULT_FIRST + 1 ? msgpack_read_uint(&r) : 0;
	m->memo_kept = fields > LAYER_RESULT_FIRST + 2 ? msgpack_read_uint(&r) : 0;
	msgpack_end_record(&r, fields, LAYER_RESULT_FIELDS);
	return wire_finish(&r, "layer result", err);
}

void wire_put_strings(struct buf *out, const struct wire_strings *m)
{
	wire_write_strings(out, m);
}

int wire_get_strings(struct slice bytes, struct arena *arena, size_t count_max, struct wire_strings *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(bytes);

	wire_read_strings(&r, arena, count_max, m);
	return wire_finish(&r, "list", err);
}
