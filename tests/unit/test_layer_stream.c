/* Rules of layer.h, inflate.h and verify_stream.h: every format gives its plain bytes in blocks of any size, members
 * and padding pass, damage is told, and the diffID is that of all plain bytes. */
#include "base/verify_stream.h"
#include "layer/layer_codec.h"
#include "layer/layer.h"
#include "lib/check.h"
#include "lib/compress.h"

#include <sched.h>
#include <string.h>

static const char *const formats[] = {"none", "gzip", "zstd", "xz", "bzip2"};
enum { FORMATS = sizeof(formats) / sizeof(formats[0]), PLAIN_BYTES = 700 * 1000 };

static struct buf plain; /* compressible, but not too much */

static int make_plain(void **state)
{
	uint32_t seed = 1;

	(void)state;
	buf_init(&plain, 64u << 20);
	buf_reserve(&plain, PLAIN_BYTES + 4096); /* no growth, since it is copied from itself */
	while (plain.len < PLAIN_BYTES) {
		seed = seed * 1664525u + 1013904223u;
		if (seed >> 31 && plain.len > 4096)
			buf_append(&plain, slice_of(plain.ptr + plain.len - 4000, (seed >> 8) % 300 + 3));
		else
			buf_append(&plain, slice_of(&seed, sizeof(seed)));
	}
	return 0;
}

static int drop_plain(void **state)
{
	(void)state;
	buf_deinit(&plain);
	return 0;
}

struct outcome {
	int                  read; /* status of the tar stream */
	int                  finish;
	struct layer_summary summary;
	struct buf           tar;
	struct err           err;
};

static struct outcome run_once(struct slice blob, size_t block_bytes, const struct layer_config *config)
{
	struct outcome o = {0};
	struct stream *stream = stream_of_memory(blob, block_bytes);
	struct layer  *layer = layer_open(stream, config, &o.err);

	buf_init(&o.tar, 512u << 20);
	assert_non_null(layer);
	o.read = stream_read_all(layer_tar(layer), &o.tar, &o.err);
	o.finish = layer_finish(layer, &o.summary, &o.err);
	layer_close(layer);
	stream_close(stream);
	return o;
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
	assert_int_equal(a->read, b->read);
	assert_int_equal(a->finish, b->finish);
	assert_string_equal(a->err.text, b->err.text);
	assert_true(slice_eq(buf_slice(&a->tar), buf_slice(&b->tar)));
	assert_true(digest_eq(&a->summary.diff_id, &b->summary.diff_id));
	assert_int_equal(a->summary.blob_bytes, b->summary.blob_bytes);
	assert_int_equal(a->summary.tar_bytes, b->summary.tar_bytes);
	assert_string_equal(a->summary.media_type, b->summary.media_type);
	assert_int_equal(a->summary.trailing_bytes, b->summary.trailing_bytes);
	assert_int_equal(a->summary.status, b->summary.status);
	assert_string_equal(a->summary.why.text, b->summary.why.text);
}

/* On one thread and on two: whatever the layer is, nobody sees a difference. */
static struct outcome run(struct slice blob, size_t block_bytes, const struct layer_config *config)
{
	struct layer_config two = config ? *config : (struct layer_config){0}, one = two;
	struct outcome      first, second;

	two.ahead = true;
	first = run_once(blob, block_bytes, &one);
	second = run_once(blob, block_bytes, &two);
	assert_same(&first, &second);
	buf_deinit(&second.tar);
	return first;
}

static void assert_gives(struct outcome *o, struct slice expected)
{
	struct digest digest;

	digest_of(expected, &digest);
	if (o->err.code)
		fail_msg("%s", o->err.text);
	assert_int_equal(o->read, STREAM_END);
	assert_int_equal(o->finish, 0);
	assert_int_equal(o->summary.status, 0);
	assert_int_equal(o->tar.len, expected.len);
	assert_true(slice_eq(buf_slice(&o->tar), expected));
	assert_true(digest_eq(&o->summary.diff_id, &digest));
	assert_int_equal(o->summary.tar_bytes, expected.len);
	buf_deinit(&o->tar);
}

static void every_format_gives_its_plain_bytes_in_blocks_of_any_size(void **state)
{
	static const size_t block_bytes[] = {1, 7, 4096, 0};

	(void)state;
	for (size_t f = 0; f < FORMATS; f++) {
		struct buf blob = {.bytes_max = 64u << 20};

		assert_true(compress_append(formats[f], buf_slice(&plain), &blob));
		for (size_t b = 0; b < sizeof(block_bytes) / sizeof(block_bytes[0]); b++) {
			struct outcome o = run(buf_slice(&blob), block_bytes[b], NULL);

			assert_gives(&o, buf_slice(&plain));
			assert_int_equal(o.summary.blob_bytes, blob.len);
			assert_false(o.summary.trailing_bytes);
			assert_string_equal(o.summary.media_type + (f ? 4 : 0), f ? formats[f] : "tar");
		}
		buf_deinit(&blob);
	}
}

static void many_members_are_one_stream(void **state)
{
	static const size_t pieces[] = {0, 1, 5, 70000, 0, 511, 200000}; /* then the rest; empty ones too */

	(void)state;
	for (size_t f = 1; f < FORMATS; f++) {
		struct buf   blob = {.bytes_max = 64u << 20};
		struct slice rest = buf_slice(&plain);

		for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
			assert_true(compress_append(formats[f], slice_sub(rest, 0, pieces[i]), &blob));
			rest = slice_from(rest, pieces[i]);
		}
		assert_true(compress_append(formats[f], rest, &blob));
		for (size_t block_bytes = 0; block_bytes < 4; block_bytes++) {
			struct outcome o = run(buf_slice(&blob), block_bytes, NULL);

			assert_gives(&o, buf_slice(&plain));
			assert_false(o.summary.trailing_bytes);
		}
		buf_deinit(&blob);
	}
}

static void a_gzip_header_with_all_fields_may_be_split_anywhere(void **state)
{
	static const uint8_t header[] = "\x1f\x8b\x08\x1c\0\0\0\0\0\xff\x05\0extra"
					"name\0comment"; /* FEXTRA FNAME FCOMMENT; the NUL of the literal ends it */
	struct buf           blob = {.bytes_max = 1u << 20}, bare = {.bytes_max = 1u << 20};
	struct slice         text = slice_sub(buf_slice(&plain), 0, 3000);

	(void)state;
	assert_true(compress_append("gzip", text, &bare));
	buf_append(&blob, slice_of(header, sizeof(header)));
	buf_append(&blob, slice_from(buf_slice(&bare), 10));
	buf_append(&blob, slice_of(header, sizeof(header)));
	buf_append(&blob, slice_from(buf_slice(&bare), 10));
	buf_deinit(&bare);
	for (size_t block_bytes = 1; block_bytes < 40; block_bytes++) {
		struct outcome o = run(buf_slice(&blob), block_bytes, NULL);

		assert_int_equal(o.read, STREAM_END);
		assert_int_equal(o.tar.len, 6000);
		buf_deinit(&o.tar);
	}
	buf_deinit(&blob);
}

static void skippable_zstd_frames_pass(void **state)
{
	struct buf blob = {.bytes_max = 64u << 20};

	(void)state;
	compress_append_zstd_skippable(SLICE_LIT("before"), &blob);
	assert_true(compress_append("zstd", slice_sub(buf_slice(&plain), 0, 1000), &blob));
	compress_append_zstd_skippable(SLICE_EMPTY, &blob);
	assert_true(compress_append("zstd", slice_from(buf_slice(&plain), 1000), &blob));
	compress_append_zstd_skippable(slice_sub(buf_slice(&plain), 0, 9000), &blob);
	for (size_t block_bytes = 0; block_bytes < 12; block_bytes++) {
		struct outcome o = run(buf_slice(&blob), block_bytes, NULL);

		assert_gives(&o, buf_slice(&plain));
	}
	buf_deinit(&blob);
}

static void zeros_behind_the_last_member_are_silent_and_other_bytes_are_noted(void **state)
{
	static const struct {
		struct slice bytes;
		bool         noted;
	} tails[] = {
		{{(const uint8_t *)"\0", 1}, false},
		{{(const uint8_t *)"\0\0\0\0\0\0\0\0\0\0\0\0", 12}, false},
		{{(const uint8_t *)"x", 1}, true},
		{{(const uint8_t *)"\0\0x", 3}, true},
		{{(const uint8_t *)"trailing bytes", 14}, true},
	};

	(void)state;
	for (size_t f = 1; f < FORMATS; f++)
		for (size_t t = 0; t < sizeof(tails) / sizeof(tails[0]); t++)
			for (size_t block_bytes = 0; block_bytes < 2; block_bytes++) {
				struct buf     blob = {.bytes_max = 64u << 20};
				struct outcome o;

				assert_true(compress_append(formats[f], buf_slice(&plain), &blob));
				buf_append(&blob, tails[t].bytes);
				o = run(buf_slice(&blob), block_bytes, NULL);
				assert_gives(&o, buf_slice(&plain));
				assert_int_equal(o.summary.trailing_bytes, tails[t].noted);
				assert_int_equal(o.summary.blob_bytes, blob.len);
				buf_deinit(&blob);
			}
}

static void a_cut_stream_is_truncated_at_every_length(void **state)
{
	struct slice text = slice_sub(buf_slice(&plain), 0, 600);

	(void)state;
	for (size_t f = 1; f < FORMATS; f++) {
		struct buf blob = {.bytes_max = 1u << 20};

		assert_true(compress_append(formats[f], text, &blob));
		for (size_t len = CODEC_MAGIC_BYTES_MAX; len < blob.len; len++) {
			struct outcome o = run(slice_sub(buf_slice(&blob), 0, len), 3, NULL);

			assert_int_equal(o.read, ERR_TRUNCATED);
			assert_int_equal(o.finish, 0);
			assert_int_equal(o.summary.status, ERR_TRUNCATED);
			assert_int_equal(o.summary.blob_bytes, len);
			assert_true(digest_is_zero(&o.summary.diff_id));
			assert_true(slice_eq(buf_slice(&o.tar), slice_sub(text, 0, o.tar.len)));
			buf_deinit(&o.tar);
		}
		buf_deinit(&blob);
	}
}

static void a_flipped_bit_never_passes_for_the_plain_bytes(void **state)
{
	struct slice text = slice_sub(buf_slice(&plain), 0, 600);

	(void)state;
	for (size_t f = 1; f < FORMATS; f++) {
		struct buf blob = {.bytes_max = 1u << 20};

		assert_true(compress_append(formats[f], text, &blob));
		for (size_t at = CODEC_MAGIC_BYTES_MAX; at < blob.len; at++) {
			struct outcome o;

			blob.ptr[at] ^= 0x10;
			o = run(buf_slice(&blob), 0, NULL);
			if (o.read == STREAM_END && !o.summary.trailing_bytes)
				assert_true(slice_eq(buf_slice(&o.tar), text)); /* a bit that carries nothing */
			assert_int_equal(o.finish, 0);
			blob.ptr[at] ^= 0x10;
			buf_deinit(&o.tar);
		}
		buf_deinit(&blob);
	}
}

static void a_wrong_crc_or_length_of_a_gzip_member_is_told(void **state)
{
	(void)state;
	for (size_t back = 1; back <= 8; back++) {
		struct buf     blob = {.bytes_max = 64u << 20};
		struct outcome o;

		assert_true(compress_append("gzip", buf_slice(&plain), &blob));
		blob.ptr[blob.len - back] ^= 1;
		assert_true(compress_append("gzip", SLICE_LIT("behind"), &blob));
		o = run(buf_slice(&blob), 0, NULL);
		assert_int_equal(o.summary.status, ERR_FORMAT);
		assert_non_null(strstr(o.err.text, "gzip member 1"));
		assert_int_equal(o.summary.blob_bytes, blob.len);
		buf_deinit(&o.tar);
		buf_deinit(&blob);
	}
}

static void large_windows_need_the_shared_allowance(void **state)
{
	struct window_budget *window = window_budget_new();
	struct layer_config   with = {.window = window};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct buf     blob = {.bytes_max = 64u << 20};
		struct outcome o;

		if (i == 0)
			assert_true(compress_append_zstd(buf_slice(&plain), 25, &blob));
		else
			assert_true(compress_append_xz(buf_slice(&plain), 32u << 20, &blob));
		o = run(buf_slice(&blob), 0, NULL);
		assert_int_equal(o.summary.status, ERR_LIMIT);
		buf_deinit(&o.tar);
		o = run(buf_slice(&blob), 0, &with);
		assert_gives(&o, buf_slice(&plain));
		assert_int_equal(window_budget_take(window, NULL, NULL), 0); /* it was given back */
		window_budget_give(window);
		buf_deinit(&blob);
	}
	window_budget_free(window);
}

static void who_waits_for_the_allowance_can_be_cancelled(void **state)
{
	struct window_budget *window = window_budget_new();
	_Atomic bool          cancel = true;
	struct err            err = {0};

	(void)state;
	assert_int_equal(window_budget_take(window, &cancel, &err), 0);
	assert_int_equal(window_budget_take(window, &cancel, &err), ERR_CANCELLED);
	window_budget_give(window);
	window_budget_free(window);
}

static void ceilings_end_the_tar_but_not_the_blob(void **state)
{
	struct layer_config bytes_max = {.tar_bytes_max = 100000};
	struct buf          blob = {.bytes_max = 64u << 20};
	struct outcome      o;

	(void)state;
	assert_true(compress_append("gzip", buf_slice(&plain), &blob));
	o = run(buf_slice(&blob), 1000, &bytes_max);
	assert_int_equal(o.read, ERR_LIMIT);
	assert_int_equal(o.finish, 0);
	assert_true(strncmp(o.summary.why.text, "tar_bytes_max: ", 15) == 0);
	assert_int_equal(o.summary.blob_bytes, blob.len);
	buf_deinit(&o.tar);
	buf_deinit(&blob);
}

static void a_layer_may_be_closed_while_it_is_read_ahead(void **state)
{
	struct layer_config ahead = {.ahead = true};
	struct buf          blob = {.bytes_max = 64u << 20};

	(void)state;
	for (size_t i = 0; i < 12; i++) /* more than is read ahead */
		assert_true(compress_append("gzip", buf_slice(&plain), &blob));
	for (size_t blocks = 0; blocks < 4; blocks++) {
		struct stream *stream = stream_of_memory(buf_slice(&blob), 5000);
		struct layer  *layer = layer_open(stream, &ahead, NULL);
		struct slice   block;

		for (size_t i = 0; i < blocks; i++)
			assert_int_equal(stream_next(layer_tar(layer), &block, NULL), STREAM_BLOCK);
		layer_close(layer);
		stream_close(stream);
	}
	buf_deinit(&blob);
}

static void a_block_stays_as_it_is_until_the_next_call(void **state)
{
	struct layer_config ahead = {.ahead = true};
	struct buf          blob = {.bytes_max = 64u << 20};
	struct stream      *stream;
	struct layer       *layer;
	struct slice        block;
	size_t              at = 0;

	(void)state;
	for (size_t i = 0; i < 20; i++)
		assert_true(compress_append("gzip", buf_slice(&plain), &blob));
	stream = stream_of_memory(buf_slice(&blob), 0);
	layer = layer_open(stream, &ahead, NULL);
	while (stream_next(layer_tar(layer), &block, NULL) == STREAM_BLOCK) {
		sched_yield(); /* the other thread goes on, into the other blocks */
		for (size_t i = 0; i < block.len; i++, at++)
			assert_int_equal(block.ptr[i], plain.ptr[at % plain.len]);
	}
	assert_int_equal(at, 20 * plain.len);
	layer_close(layer);
	stream_close(stream);
	buf_deinit(&blob);
}

static void a_bomb_is_stopped_by_its_ratio(void **state)
{
	struct buf     zeros = {.bytes_max = 128u << 20}, blob = {.bytes_max = 128u << 20};
	struct outcome o;

	(void)state;
	memset(buf_reserve(&zeros, 80u << 20), 0, 80u << 20);
	buf_commit(&zeros, 80u << 20);
	assert_true(compress_append("zstd", buf_slice(&zeros), &blob));
	o = run(buf_slice(&blob), 0, NULL);
	assert_int_equal(o.summary.status, ERR_LIMIT);
	assert_true(strncmp(o.summary.why.text, "inflate_ratio: ", 15) == 0);
	buf_deinit(&o.tar);
	buf_deinit(&zeros);
	buf_deinit(&blob);
}

static void an_empty_blob_is_an_empty_tar(void **state)
{
	struct outcome o = run(SLICE_EMPTY, 0, NULL);

	(void)state;
	assert_gives(&o, SLICE_EMPTY);
	assert_string_equal(o.summary.media_type, "tar");
}

static void a_short_blob_without_magic_is_passed_through(void **state)
{
	struct outcome o = run(SLICE_LIT("\x1f\x8b"), 1, NULL);

	(void)state;
	assert_gives(&o, SLICE_LIT("\x1f\x8b"));
}

static void verify_gives_blocks_and_then_its_verdict(void **state)
{
	struct digest digest, other = {{1}};
	struct buf    out = {.bytes_max = 64u << 20};

	(void)state;
	digest_of(buf_slice(&plain), &digest);
	for (int wrong = 0; wrong < 4; wrong++) {
		uint64_t       size = wrong == 2 ? plain.len + 1 : wrong == 3 ? plain.len - 1 : plain.len;
		struct err     err = {0};
		struct stream *stream = verify_stream_new(stream_of_memory(buf_slice(&plain), 1000),
							  wrong == 1 ? &other : &digest, size, &err);

		buf_clear(&out);
		assert_non_null(stream);
		assert_int_equal(stream_read_all(stream, &out, &err), wrong ? ERR_DIGEST : STREAM_END);
		assert_int_equal(stream_drain(stream, NULL), wrong ? ERR_DIGEST : STREAM_END); /* stays */
		if (wrong < 3)
			assert_true(slice_eq(buf_slice(&out), buf_slice(&plain)));
		stream_close(stream);
	}
	assert_null(verify_stream_new(NULL, &digest, 0, NULL));
	buf_deinit(&out);
}

static void a_blob_that_fails_fails_the_layer(void **state)
{
	struct buf          blob = {.bytes_max = 64u << 20};
	struct digest       other = {{1}};
	struct layer_config config = {0};

	(void)state;
	assert_true(compress_append("gzip", buf_slice(&plain), &blob));
	struct err     err = {0};
	struct stream *stream = verify_stream_new(stream_of_memory(buf_slice(&blob), 999), &other, UINT64_MAX, &err);
	struct layer  *layer = layer_open(stream, &config, &err);
	struct layer_summary summary;

	assert_non_null(layer);
	assert_int_equal(layer_finish(layer, &summary, &err), ERR_DIGEST);
	layer_close(layer);
	stream_close(stream);
	buf_deinit(&blob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_format_gives_its_plain_bytes_in_blocks_of_any_size),
		cmocka_unit_test(many_members_are_one_stream),
		cmocka_unit_test(a_gzip_header_with_all_fields_may_be_split_anywhere),
		cmocka_unit_test(skippable_zstd_frames_pass),
		cmocka_unit_test(zeros_behind_the_last_member_are_silent_and_other_bytes_are_noted),
		cmocka_unit_test(a_cut_stream_is_truncated_at_every_length),
		cmocka_unit_test(a_flipped_bit_never_passes_for_the_plain_bytes),
		cmocka_unit_test(a_wrong_crc_or_length_of_a_gzip_member_is_told),
		cmocka_unit_test(large_windows_need_the_shared_allowance),
		cmocka_unit_test(who_waits_for_the_allowance_can_be_cancelled),
		cmocka_unit_test(ceilings_end_the_tar_but_not_the_blob),
		cmocka_unit_test(a_layer_may_be_closed_while_it_is_read_ahead),
		cmocka_unit_test(a_block_stays_as_it_is_until_the_next_call),
		cmocka_unit_test(a_bomb_is_stopped_by_its_ratio),
		cmocka_unit_test(an_empty_blob_is_an_empty_tar),
		cmocka_unit_test(a_short_blob_without_magic_is_passed_through),
		cmocka_unit_test(verify_gives_blocks_and_then_its_verdict),
		cmocka_unit_test(a_blob_that_fails_fails_the_layer),
	};

	return cmocka_run_group_tests(tests, make_plain, drop_plain);
}
