/* msgpack: what is written is read back; what is foreign is refused without allocating or leaving the input. */
#include "lib/check.h"

#include "base/msgpack_read.h"
#include "base/msgpack_write.h"

static void values_survive_a_round_trip(void **state)
{
	static const uint64_t unsigned_values[] = {
		0, 127, 128, 255, 256, 65535, 65536, UINT32_MAX, UINT32_MAX + 1ull, UINT64_MAX};
	static const int64_t  signed_values[] = {-1, -32, -33, -128, -129, -32769, INT32_MIN, INT64_MIN, INT64_MAX};
	struct buf            out = {.bytes_max = 1 << 20};
	struct msgpack_reader r;

	(void)state;
	for (size_t i = 0; i < 10; i++)
		msgpack_write_uint(&out, unsigned_values[i]);
	for (size_t i = 0; i < 9; i++)
		msgpack_write_int(&out, signed_values[i]);
	msgpack_write_bool(&out, true);
	msgpack_write_float(&out, 9.8);
	msgpack_write_str(&out, slice_str("text"));
	msgpack_write_bin(&out, SLICE_LIT("\0\1"));
	msgpack_write_nil(&out);
	r = msgpack_reader_of(buf_slice(&out));
	for (size_t i = 0; i < 10; i++)
		assert_true(msgpack_read_uint(&r) == unsigned_values[i]);
	for (size_t i = 0; i < 9; i++)
		assert_true(msgpack_read_int(&r) == signed_values[i]);
	assert_true(msgpack_read_bool(&r));
	assert_true(msgpack_read_float(&r) == 9.8);
	assert_slice_equal(msgpack_read_bytes(&r), "text");
	assert_int_equal(msgpack_read_bytes(&r).len, 2);
	assert_true(msgpack_read_nil(&r));
	assert_true(msgpack_ok(&r) && msgpack_at_end(&r));
	buf_deinit(&out);
}

static void a_count_larger_than_the_input_is_refused(void **state)
{
	static const char *const forged[] = {"\xdd\xff\xff\xff\xff", "\xdf\x7f\xff\xff\xff", "\xc6\xff\xff\xff\xff",
					     "\x92\x01", "\xc1"};
	static const size_t      lengths[] = {5, 5, 5, 2, 1};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct msgpack_reader r = msgpack_reader_of(slice_of(forged[i], lengths[i]));

		msgpack_skip(&r);
		assert_false(msgpack_ok(&r));
	}
}

static void skip_stops_at_the_depth_ceiling(void **state)
{
	uint8_t               nested[MSGPACK_DEPTH_MAX + 2];
	struct msgpack_reader r;

	(void)state;
	for (size_t i = 0; i < sizeof(nested); i++)
		nested[i] = 0x91;
	nested[sizeof(nested) - 1] = 0xc0;
	r = msgpack_reader_of(slice_of(nested, sizeof(nested)));
	msgpack_skip(&r);
	assert_false(msgpack_ok(&r));
	r = msgpack_reader_of(slice_of(nested + 3, sizeof(nested) - 3));
	msgpack_skip(&r);
	assert_true(msgpack_ok(&r) && msgpack_at_end(&r));
}

static void a_record_of_a_newer_writer_is_read_to_its_end(void **state)
{
	struct buf            out = {.bytes_max = 4096};
	struct msgpack_reader r;
	size_t                fields;

	(void)state;
	msgpack_write_array(&out, 3);
	msgpack_write_uint(&out, 1);
	msgpack_write_map(&out, 1);
	msgpack_write_str(&out, slice_str("new"));
	msgpack_write_array(&out, 0);
	msgpack_write_nil(&out);
	msgpack_write_uint(&out, 99);
	r = msgpack_reader_of(buf_slice(&out));
	fields = msgpack_begin_record(&r, 1);
	assert_int_equal(msgpack_read_uint(&r), 1);
	msgpack_end_record(&r, fields, 1);
	assert_int_equal(msgpack_read_uint(&r), 99);
	assert_true(msgpack_at_end(&r) && msgpack_ok(&r));
	buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_survive_a_round_trip),
		cmocka_unit_test(a_count_larger_than_the_input_is_refused),
		cmocka_unit_test(skip_stops_at_the_depth_ceiling),
		cmocka_unit_test(a_record_of_a_newer_writer_is_read_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
