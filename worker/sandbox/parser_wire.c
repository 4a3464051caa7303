#include "sandbox/parser_wire.h"

#include "base/limits.h"
#include "base/msgpack_read.h"
#include "base/msgpack_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FRAME_BYTES_MAX = LIMIT_MEMO_FACTS_BYTES + 4096, TEXT_BYTES_MAX = 400 };

/* --- frames --- */

void parser_inbox_init(struct parser_inbox *inbox)
{
	*inbox = (struct parser_inbox){0};
	buf_init(&inbox->bytes, 2 * (size_t)(FRAME_BYTES_MAX + PARSER_FRAME_HEADER_BYTES) + PARSER_PART_BYTES);
}

void parser_inbox_deinit(struct parser_inbox *inbox)
{
	buf_deinit(&inbox->bytes);
}

int parser_inbox_add(struct parser_inbox *inbox, struct slice bytes, struct err *err)
{
	struct buf *buf = &inbox->bytes;

	if (inbox->read) {
		memmove(buf->ptr, buf->ptr + inbox->read, buf->len - inbox->read);
		buf->len -= inbox->read;
		inbox->read = 0;
	}
	buf_append(buf, bytes);
	return buf_ok(buf) ? 0 : err_set(err, ERR_MEM, "parser channel: out of memory");
}

int parser_inbox_next(struct parser_inbox *inbox, struct parser_frame *frame, struct err *err)
{
	struct cursor c = cursor_of(slice_from(buf_slice(&inbox->bytes), inbox->read));
	uint8_t       kind = cursor_u8(&c);
	uint32_t      size = cursor_u32be(&c);

	if (!cursor_ok(&c))
		return 0;
	if (size > FRAME_BYTES_MAX)
		return err_set(err, ERR_PROTOCOL, "a frame of %" PRIu32 " bytes", size);
	frame->kind = kind;
	frame->payload = cursor_take(&c, size);
	if (!cursor_ok(&c))
		return 0;
	inbox->read += PARSER_FRAME_HEADER_BYTES + (size_t)size;
	return 1;
}

void parser_write_frame(struct buf *out, enum parser_frame_kind kind, struct slice payload)
{
	uint32_t size = (uint32_t)payload.len;
	uint8_t  header[PARSER_FRAME_HEADER_BYTES] = {(uint8_t)kind, (uint8_t)(size >> 24), (uint8_t)(size >> 16),
						      (uint8_t)(size >> 8), (uint8_t)size};

	buf_append(out, slice_of(header, sizeof(header)));
	buf_append(out, payload);
}

/* --- up --- */

static void write_packed(struct buf *out, enum parser_frame_kind kind, struct buf *packed)
{
	parser_write_frame(out, kind, buf_slice(packed));
	if (!buf_ok(packed))
		out->failed = true;
	buf_deinit(packed);
}

void parser_write_memo_keep(struct buf *out, const struct digest *key, struct slice facts)
{
	struct buf packed;

	buf_init(&packed, FRAME_BYTES_MAX);
	msgpack_write_array(&packed, 2);
	msgpack_write_bin(&packed, digest_slice(key));
	msgpack_write_bin(&packed, facts);
	write_packed(out, PARSER_MEMO_KEEP, &packed);
}

void parser_write_result(struct buf *out, const struct parse_result *result)
{
	struct buf packed;

	buf_init(&packed, 4096);
	msgpack_write_array(&packed, 7);
	msgpack_write_bin(&packed, digest_slice(&result->diff_id));
	msgpack_write_uint(&packed, result->blob_bytes);
	msgpack_write_uint(&packed, result->tar_bytes);
	msgpack_write_uint(&packed, result->entries);
	msgpack_write_uint(&packed, result->files_analyzed);
	msgpack_write_bool(&packed, result->partial);
	msgpack_write_bool(&packed, result->by_resource);
	write_packed(out, PARSER_RESULT, &packed);
}

void parser_write_failed(struct buf *out, int code, struct slice text)
{
	struct buf packed;

	buf_init(&packed, 4096);
	msgpack_write_array(&packed, 2);
	msgpack_write_int(&packed, code);
	msgpack_write_str(&packed, slice_sub(text, 0, TEXT_BYTES_MAX));
	write_packed(out, PARSER_FAILED, &packed);
}

static int nonsense(struct err *err, const char *what)
{
	return err_set(err, ERR_PROTOCOL, "%s", what);
}

static int take_part(struct buf *into, struct slice part, struct err *err)
{
	buf_append(into, part);
	return buf_ok(into) ? 0 : err_set(err, ERR_PROTOCOL, "more than %zu bytes of facts", into->bytes_max);
}

static int take_result(struct parser_report *report, struct slice payload, struct err *err)
{
	const struct parse_request *request = report->request;
	struct parse_result         result = {0};
	struct msgpack_reader       r = msgpack_reader_of(payload);
	size_t                      fields = msgpack_begin_record(&r, 7);

	msgpack_read_fixed(&r, result.diff_id.bytes, SHA256_BYTES);
	result.blob_bytes = msgpack_read_uint(&r);
	result.tar_bytes = msgpack_read_uint(&r);
	result.entries = msgpack_read_uint(&r);
	result.files_analyzed = msgpack_read_uint(&r);
	result.partial = msgpack_read_bool(&r);
	result.by_resource = msgpack_read_bool(&r);
	msgpack_end_record(&r, fields, 7);
	if (!msgpack_at_end(&r) || !msgpack_ok(&r))
		return nonsense(err, "a result that cannot be read");
	if (result.entries > (request->entries_max ? request->entries_max : LIMIT_ENTRIES) ||
	    result.files_analyzed > LIMIT_ENTRIES)
		return nonsense(err, "a result with more entries than are allowed");
	report->result = result;
	report->ended = true;
	return 0;
}

/* What parse_layer() may fail with. */
static bool may_fail_with(int64_t code)
{
	switch (code) {
	case ERR_MEM:
	case ERR_IO:
	case ERR_LIMIT:
	case ERR_FORMAT:
	case ERR_TRUNCATED:
	case ERR_UNSUPPORTED:
	case ERR_FULL:
	case ERR_INTERNAL:
		return true;
	default:
		return false;
	}
}

static int take_failure(struct parser_report *report, struct slice payload, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(payload);
	size_t                fields = msgpack_begin_record(&r, 2);
	int64_t               code = msgpack_read_int(&r);
	struct slice          text = msgpack_read_bytes(&r);

	msgpack_end_record(&r, fields, 2);
	if (!msgpack_at_end(&r) || !msgpack_ok(&r) || !may_fail_with(code))
		return nonsense(err, "a failure that cannot be");
	report->code = (int)code;
	report->ended = true;
	snprintf(report->text, sizeof(report->text), "%.*s", SLICE_FMT(slice_sub(text, 0, TEXT_BYTES_MAX)));
	return 0;
}

static int take_keep(struct slice payload, struct parser_demand *demand, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(payload);
	size_t                fields = msgpack_begin_record(&r, 2);

	msgpack_read_fixed(&r, demand->key.bytes, SHA256_BYTES);
	demand->facts = msgpack_read_bytes(&r);
	msgpack_end_record(&r, fields, 2);
	demand->wish = PARSER_WISH_KEEP;
	if (!msgpack_at_end(&r) || !msgpack_ok(&r) || demand->facts.len > LIMIT_MEMO_FACTS_BYTES)
		return nonsense(err, "facts of a file that cannot be read");
	return 0;
}

static int take_window(struct parser_report *report, bool take, struct parser_demand *demand, struct err *err)
{
	if (!report->request->window || report->window == take)
		return nonsense(err, "the window is not there to be taken or given");
	report->window = take;
	demand->wish = take ? PARSER_WISH_WINDOW : PARSER_WISH_UNWINDOW;
	return 0;
}

static int take_find(const struct parser_report *report, struct slice payload, struct parser_demand *demand,
		     struct err *err)
{
	if (!report->request->memo || payload.len != SHA256_BYTES)
		return nonsense(err, "a question that the memo cannot answer");
	memcpy(demand->key.bytes, payload.ptr, SHA256_BYTES);
	demand->wish = PARSER_WISH_FIND;
	return 0;
}

int parser_report_take(struct parser_report *report, const struct parser_frame *frame, struct parser_demand *demand,
		       struct err *err)
{
	*demand = (struct parser_demand){0};
	if (report->ended)
		return nonsense(err, "a frame behind the last");
	if (frame->kind < PARSER_INVENTORY && ++report->questions > LIMIT_PARSER_QUESTIONS)
		return err_set(err, ERR_PROTOCOL, "more than %u questions", LIMIT_PARSER_QUESTIONS);
	switch (frame->kind) {
	case PARSER_TAKE_WINDOW:
	case PARSER_GIVE_WINDOW:
		return take_window(report, frame->kind == PARSER_TAKE_WINDOW, demand, err);
	case PARSER_MEMO_FIND:
		return take_find(report, frame->payload, demand, err);
	case PARSER_MEMO_KEEP:
		return report->request->memo ? take_keep(frame->payload, demand, err)
					     : nonsense(err, "there is no memo");
	case PARSER_INVENTORY:
		return take_part(report->inventory, frame->payload, err);
	case PARSER_PATH_TABLE:
		return take_part(report->path_table, frame->payload, err);
	case PARSER_RESULT:
		return take_result(report, frame->payload, err);
	case PARSER_FAILED:
		return take_failure(report, frame->payload, err);
	default:
		return nonsense(err, "a frame of no known kind");
	}
}

/* --- down --- */

void parser_write_answer(struct buf *out, int status, struct slice facts)
{
	struct buf packed;

	buf_init(&packed, FRAME_BYTES_MAX);
	msgpack_write_array(&packed, 2);
	msgpack_write_int(&packed, status);
	msgpack_write_bin(&packed, facts);
	write_packed(out, PARSER_ANSWER, &packed);
}

int parser_read_answer(struct slice payload, int *status, struct slice *facts)
{
	struct msgpack_reader r = msgpack_reader_of(payload);
	size_t                fields = msgpack_begin_record(&r, 2);

	*status = (int)msgpack_read_int(&r);
	*facts = msgpack_read_bytes(&r);
	msgpack_end_record(&r, fields, 2);
	return msgpack_ok(&r) ? 0 : ERR_PROTOCOL;
}

/* --- control --- */

void parser_write_hello(struct buf *out, struct slice lacking)
{
	buf_byte(out, PARSER_HELLO);
	msgpack_write_array(out, 3);
	msgpack_write_uint(out, PARSER_PROTOCOL);
	msgpack_write_str(out, slice_str(VARVE_VERSION));
	msgpack_write_str(out, slice_sub(lacking, 0, PARSER_CONTROL_BYTES / 2));
}

static struct msgpack_reader control_of(struct slice message, enum parser_control_kind kind)
{
	struct msgpack_reader r = msgpack_reader_of(slice_from(message, message.len ? 1 : 0));

	if (!message.len || message.ptr[0] != kind)
		msgpack_fail(&r);
	return r;
}

int parser_read_hello(struct slice message, struct slice *version, struct slice *lacking)
{
	struct msgpack_reader r = control_of(message, PARSER_HELLO);
	size_t                fields = msgpack_begin_record(&r, 3);
	uint64_t              protocol = msgpack_read_uint(&r);

	*version = msgpack_read_bytes(&r);
	*lacking = msgpack_read_bytes(&r);
	msgpack_end_record(&r, fields, 3);
	return msgpack_ok(&r) && protocol == PARSER_PROTOCOL ? 0 : ERR_PROTOCOL;
}

void parser_write_order(struct buf *out, const struct parser_order *order)
{
	buf_byte(out, PARSER_ORDER);
	msgpack_write_array(out, 9);
	msgpack_write_bin(out, digest_slice(&order->blob_digest));
	msgpack_write_uint(out, order->tar_bytes_max);
	msgpack_write_uint(out, order->entries_max);
	msgpack_write_uint(out, order->spool_bytes_max);
	msgpack_write_uint(out, order->seconds_max);
	msgpack_write_bool(out, order->ahead);
	msgpack_write_bool(out, order->has_spool);
	msgpack_write_bool(out, order->has_memo);
	msgpack_write_bool(out, order->has_window);
}

int parser_read_order(struct slice message, struct parser_order *order)
{
	struct msgpack_reader r = control_of(message, PARSER_ORDER);
	size_t                fields = msgpack_begin_record(&r, 9);

	msgpack_read_fixed(&r, order->blob_digest.bytes, SHA256_BYTES);
	order->tar_bytes_max = msgpack_read_uint(&r);
	order->entries_max = msgpack_read_uint(&r);
	order->spool_bytes_max = msgpack_read_uint(&r);
	order->seconds_max = msgpack_read_uint(&r);
	order->ahead = msgpack_read_bool(&r);
	order->has_spool = msgpack_read_bool(&r);
	order->has_memo = msgpack_read_bool(&r);
	order->has_window = msgpack_read_bool(&r);
	msgpack_end_record(&r, fields, 9);
	return msgpack_ok(&r) ? 0 : ERR_PROTOCOL;
}

void parser_write_ended(struct buf *out, int wait_status)
{
	buf_byte(out, PARSER_ENDED);
	msgpack_write_array(out, 1);
	msgpack_write_int(out, wait_status);
}

int parser_read_ended(struct slice message, int *wait_status)
{
	struct msgpack_reader r = control_of(message, PARSER_ENDED);
	size_t                fields = msgpack_begin_record(&r, 1);

	*wait_status = (int)msgpack_read_int(&r);
	msgpack_end_record(&r, fields, 1);
	return msgpack_ok(&r) ? 0 : ERR_PROTOCOL;
}
