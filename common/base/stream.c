#include "base/stream.h"

#include "base/buf.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int stream_next(struct stream *stream, struct slice *block, struct err *err)
{
	*block = SLICE_EMPTY;
	return stream->ops->next(stream, block, err);
}

void stream_close(struct stream *stream)
{
	if (stream)
		stream->ops->close(stream);
}

int stream_drain(struct stream *stream, struct err *err)
{
	struct slice block;
	int          status;

	while ((status = stream_next(stream, &block, err)) == STREAM_BLOCK)
		;
	return status;
}

int stream_read_all(struct stream *stream, struct buf *out, struct err *err)
{
	struct slice block;
	int          status;

	while ((status = stream_next(stream, &block, err)) == STREAM_BLOCK) {
		buf_append(out, block);
		if (!buf_ok(out))
			return err_set(err, ERR_LIMIT, "more than %zu bytes", out->bytes_max);
	}
	return status;
}

struct memory_stream {
	struct stream stream;
	struct slice  rest;
	size_t        block_bytes;
};

static int memory_next(struct stream *stream, struct slice *block, struct err *err)
{
	struct memory_stream *self = (struct memory_stream *)stream;

	(void)err;
	if (self->rest.len == 0)
		return STREAM_END;
	*block = slice_sub(self->rest, 0, self->block_bytes ? self->block_bytes : SIZE_MAX);
	self->rest = slice_from(self->rest, block->len);
	return STREAM_BLOCK;
}

static void memory_close(struct stream *stream)
{
	free(stream);
}

struct stream *stream_of_memory(struct slice bytes, size_t block_bytes)
{
	static const struct stream_ops ops = {.next = memory_next, .close = memory_close};
	struct memory_stream          *self = calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	*self = (struct memory_stream){.stream.ops = &ops, .rest = bytes, .block_bytes = block_bytes};
	return &self->stream;
}

enum { FILE_BLOCK_BYTES = 256 * 1024 };

struct file_stream {
	struct stream stream;
	int           fd, wake_fd; /* -1 = none */
	char          name[256];
	uint8_t       block[FILE_BLOCK_BYTES];
};

/* Waits until a read does not block, or false when the wake descriptor is readable. */
static bool file_wait(const struct file_stream *self)
{
	struct pollfd both[] = {{.fd = self->fd, .events = POLLIN}, {.fd = self->wake_fd, .events = POLLIN}};

	if (self->wake_fd < 0)
		return true;
	while (poll(both, 2, -1) < 0 && errno == EINTR)
		;
	return both[1].revents == 0;
}

static int file_next(struct stream *stream, struct slice *block, struct err *err)
{
	struct file_stream *self = (struct file_stream *)stream;
	ssize_t             got;

	if (!file_wait(self))
		return err_set(err, ERR_CANCELLED, "reading %s: stopped", self->name);
	do
		got = read(self->fd, self->block, sizeof(self->block));
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_errno(err, ERR_IO, "reading %s", self->name);
	*block = slice_of(self->block, (size_t)got);
	return got ? STREAM_BLOCK : STREAM_END;
}

static void file_close(struct stream *stream)
{
	struct file_stream *self = (struct file_stream *)stream;

	close(self->fd);
	free(self);
}

struct stream *stream_of_fd_until(int fd, int wake_fd, const char *name)
{
	static const struct stream_ops ops = {.next = file_next, .close = file_close};
	struct file_stream            *self = malloc(sizeof(*self));

	if (!self)
		return NULL;
	self->stream.ops = &ops;
	self->fd = fd;
	self->wake_fd = wake_fd;
	snprintf(self->name, sizeof(self->name), "%s", name);
	return &self->stream;
}

struct stream *stream_of_fd(int fd, const char *name)
{
	return stream_of_fd_until(fd, -1, name);
}
