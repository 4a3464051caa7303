#include "wire/message.h"
#include "wire/message_internal.h"

#include "base/msgpack_read.h"
#include "base/msgpack_write.h"

void wire_put_query(struct buf *frame, uint64_t correlation, struct slice request)
{
	wire_begin(frame, WIRE_QUERY, correlation);
	msgpack_write_array(frame, 1);
	msgpack_write_str(frame, request);
	wire_end(frame);
}

int wire_get_query(struct slice body, struct slice *request, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 1);

	*request = msgpack_read_bytes(&r);
	if (request->len > WIRE_QUERY_BYTES_MAX)
		msgpack_fail(&r);
	msgpack_end_record(&r, fields, 1);
	return wire_finish(&r, "QUERY", err);
}

void wire_put_query_part(struct buf *frame, uint64_t correlation, const struct wire_query_part *m)
{
	wire_begin(frame, WIRE_QUERY_PART, correlation);
	msgpack_write_array(frame, 3);
	msgpack_write_uint(frame, m->number);
	msgpack_write_bool(frame, m->last);
	msgpack_write_bin(frame, m->bytes);
	wire_end(frame);
}

int wire_get_query_part(struct slice body, struct wire_query_part *m, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(body);
	size_t                fields = msgpack_begin_record(&r, 3);

	m->number = wire_read_u32(&r);
	m->last = msgpack_read_bool(&r);
	m->bytes = msgpack_read_bytes(&r);
	msgpack_end_record(&r, fields, 3);
	return wire_finish(&r, "QUERY_PART", err);
}
