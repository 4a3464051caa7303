#include "sandbox/parse_side.h"

#include "base/limits.h"
#include "sandbox/parser_program.h"

#include <errno.h>
#include <iconv.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 64 << 10, TAR_BLOCK_BYTES = 512 };

/* The channel to the worker; parse_layer() may ask from more than one thread. */
struct channel {
	pthread_mutex_t     lock;
	struct parser_inbox inbox;
	struct buf          out;
	bool                starved; /* a frame could not be made */
};

static bool send_out(struct channel *channel)
{
	struct slice rest = buf_slice(&channel->out);
	bool         ok = buf_ok(&channel->out);

	channel->starved |= !ok;
	while (ok && rest.len) {
		ssize_t put = write(PARSER_CHANNEL_FD, rest.ptr, rest.len);

		if (put < 0 && errno == EINTR)
			continue;
		ok = put > 0;
		rest = slice_from(rest, ok ? (size_t)put : 0);
	}
	buf_clear(&channel->out);
	return ok;
}

/* Blocks. Nobody at the other end, or nonsense from there: it is no use to go on. */
static void read_answer(struct channel *channel, int *status, struct slice *facts)
{
	struct parser_frame frame;
	uint8_t             bytes[READ_BYTES];
	int                 got;

	while ((got = parser_inbox_next(&channel->inbox, &frame, NULL)) == 0) {
		ssize_t len = read(PARSER_CHANNEL_FD, bytes, sizeof(bytes));

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0 || parser_inbox_add(&channel->inbox, slice_of(bytes, (size_t)len), NULL) < 0)
			_exit(PARSER_EXIT_UNHEARD);
	}
	if (got < 0 || frame.kind != PARSER_ANSWER || parser_read_answer(frame.payload, status, facts) < 0)
		_exit(PARSER_EXIT_UNHEARD);
}

static void send_or_leave(struct channel *channel)
{
	if (!send_out(channel))
		_exit(PARSER_EXIT_UNHEARD);
}

static int window_take(void *data, struct err *err)
{
	struct channel *channel = data;
	struct slice    none;
	int             status;

	pthread_mutex_lock(&channel->lock);
	parser_write_frame(&channel->out, PARSER_TAKE_WINDOW, SLICE_EMPTY);
	send_or_leave(channel);
	read_answer(channel, &status, &none);
	pthread_mutex_unlock(&channel->lock);
	return status > 0 ? 0 : err_set(err, ERR_LIMIT, "window_bytes_max: no window is to be had");
}

static void window_give(void *data)
{
	struct channel *channel = data;

	pthread_mutex_lock(&channel->lock);
	parser_write_frame(&channel->out, PARSER_GIVE_WINDOW, SLICE_EMPTY);
	send_or_leave(channel);
	pthread_mutex_unlock(&channel->lock);
}

static int memo_find(void *data, const struct digest *key, struct buf *facts)
{
	struct channel *channel = data;
	struct slice    found;
	int             status;

	pthread_mutex_lock(&channel->lock);
	parser_write_frame(&channel->out, PARSER_MEMO_FIND, digest_slice(key));
	send_or_leave(channel);
	read_answer(channel, &status, &found);
	if (status > 0)
		buf_append(facts, found);
	pthread_mutex_unlock(&channel->lock);
	return status;
}

static void memo_keep(void *data, const struct digest *key, struct slice facts)
{
	struct channel *channel = data;

	pthread_mutex_lock(&channel->lock);
	parser_write_memo_keep(&channel->out, key, facts);
	if (buf_ok(&channel->out))
		send_or_leave(channel);
	buf_clear(&channel->out); /* what is too long is forgotten */
	pthread_mutex_unlock(&channel->lock);
}

static bool send_parts(struct channel *channel, enum parser_frame_kind kind, struct slice bytes)
{
	bool ok = true;

	while (ok && bytes.len) {
		struct slice part = slice_sub(bytes, 0, PARSER_PART_BYTES);

		parser_write_frame(&channel->out, kind, part);
		ok = send_out(channel);
		bytes = slice_from(bytes, part.len);
	}
	return ok;
}

static bool say_result(struct channel *channel, int status, const struct err *why, const struct parse_result *result,
		       const struct buf *inventory, const struct buf *path_table)
{
	if (status < 0)
		parser_write_failed(&channel->out, status, slice_str(why->text));
	else if (!send_parts(channel, PARSER_INVENTORY, buf_slice(inventory)) ||
		 !send_parts(channel, PARSER_PATH_TABLE, buf_slice(path_table)))
		return false;
	else
		parser_write_result(&channel->out, result);
	return send_out(channel);
}

int parse_side_run(const struct parser_order *order, struct parser_page *page)
{
	static const struct window_budget_ops window_ops = {.take = window_take, .give = window_give};
	struct channel                        channel = {.lock = PTHREAD_MUTEX_INITIALIZER};
	const struct file_memo                memo = {.data = &channel, .find = memo_find, .keep = memo_keep};
	struct parse_request                  request = {.blob_digest = order->blob_digest,
							 .tar_bytes_max = order->tar_bytes_max,
							 .entries_max = order->entries_max,
							 .spool_bytes_max = order->spool_bytes_max,
							 .memo = order->has_memo ? &memo : NULL,
							 .ahead = order->ahead,
							 .progress = &page->inflated,
							 .running = &page->running};
	struct parse_result                   result = {0};
	struct buf                            inventory, path_table;
	struct err                            err = {0};
	struct stream                        *layer = stream_of_fd(PARSER_BYTES_FD, "the layer");
	int                                   status = layer ? 0 : err_set(&err, ERR_MEM, "out of memory");

	parser_inbox_init(&channel.inbox);
	buf_init(&channel.out, LIMIT_MEMO_FACTS_BYTES + (64u << 10));
	buf_init(&inventory, LIMIT_INVENTORY_BYTES);
	buf_init(&path_table, LIMIT_INVENTORY_BYTES);
	if (order->has_window && (request.window = window_budget_new_of(&window_ops, &channel)) == NULL)
		status = err_set(&err, ERR_MEM, "out of memory");
	if (status >= 0)
		status = parse_layer(layer, order->has_spool ? PARSER_SPOOL_FD : -1, &request, &result, &inventory,
				     &path_table, &err);
	atomic_store(&page->running, 0);
	status = say_result(&channel, status, &err, &result, &inventory, &path_table);
	stream_close(layer);
	window_budget_free(request.window);
	parser_inbox_deinit(&channel.inbox);
	buf_deinit(&channel.out);
	buf_deinit(&inventory);
	buf_deinit(&path_table);
	return status ? PARSER_EXIT_SAID : channel.starved ? PARSER_EXIT_STARVED : PARSER_EXIT_UNHEARD;
}

/* A tar of one empty file named "warm"; POSIX.1-2017 pax, "ustar Interchange Format". */
static struct slice small_tar(uint8_t tar[3 * TAR_BLOCK_BYTES])
{
	unsigned sum = 0;
	char    *header = (char *)tar;

	memset(tar, 0, 3 * TAR_BLOCK_BYTES);
	snprintf(header, 100, "warm");
	snprintf(header + 100, 8, "%07o", 0644u);
	snprintf(header + 124, 12, "%011o", 0u);
	snprintf(header + 257, 8, "ustar");
	memcpy(header + 263, "00", 2);
	memset(header + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK_BYTES; i++)
		sum += tar[i];
	snprintf(header + 148, 8, "%06o", sum);
	return slice_of(tar, 3 * TAR_BLOCK_BYTES);
}

void parse_side_warm_up(void)
{
	const struct parse_request request = {0};
	struct parse_result        result;
	struct buf                 inventory, path_table;
	uint8_t                    tar[3 * TAR_BLOCK_BYTES];
	struct stream             *layer = stream_of_memory(small_tar(tar), 0);
	iconv_t                    names = iconv_open("ANSI_X3.4-1968", "UTF-8"); /* libarchive, for PAX names */

	buf_init(&inventory, 1u << 20);
	buf_init(&path_table, 1u << 20);
	if (layer)
		parse_layer(layer, -1, &request, &result, &inventory, &path_table, NULL);
	stream_close(layer);
	if (names != (iconv_t)-1)
		iconv_close(names);
	buf_deinit(&inventory);
	buf_deinit(&path_table);
}
