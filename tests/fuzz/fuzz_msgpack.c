/* msgpack_skip over any bytes, and a walk by peeked types. */
#include "base/msgpack_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct msgpack_reader r = msgpack_reader_of(slice_of(data, size));

	while (!msgpack_at_end(&r))
		msgpack_skip(&r);
	r = msgpack_reader_of(slice_of(data, size));
	while (msgpack_ok(&r) && !msgpack_at_end(&r)) {
		switch (msgpack_peek(&r)) {
		case MSGPACK_ARRAY:
			msgpack_read_array(&r);
			break;
		case MSGPACK_MAP:
			msgpack_read_map(&r);
			break;
		case MSGPACK_BYTES:
			msgpack_read_bytes(&r);
			break;
		default:
			msgpack_skip(&r);
		}
	}
	return 0;
}
