#include "source/reference_list.h"

#include "base/buf.h"
#include "base/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = LIMIT_PATH_BYTES + LIMIT_REFERENCE_BYTES + 4096 /* a comment behind it */ };

struct reference_list {
	struct stream *stream;
	struct slice   block;  /* what was read and is not yet a line */
	struct buf     line;   /* a line that began in an earlier block */
	uint64_t       number; /* of the line read last */
	bool           ended, too_long;
	char           name[256];
};

struct reference_list *reference_list_open(const char *path, int wake_fd, struct err *err)
{
	bool                   standard_input = strcmp(path, "-") == 0;
	struct reference_list *list;
	int                    fd = standard_input ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		err_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "opening list %s", path);
		return NULL;
	}
	list = calloc(1, sizeof(*list));
	if (list) {
		buf_init(&list->line, LINE_BYTES_MAX);
		snprintf(list->name, sizeof(list->name), "%s", standard_input ? "standard input" : path);
		list->stream = stream_of_fd_until(fd, wake_fd, list->name);
	}
	if (list && list->stream)
		return list;
	close(fd);
	free(list);
	err_set(err, ERR_MEM, "opening list %s: out of memory", path);
	return NULL;
}

void reference_list_close(struct reference_list *list)
{
	if (!list)
		return;
	stream_close(list->stream);
	buf_deinit(&list->line);
	free(list);
}

static void take_part(struct reference_list *list, struct slice part)
{
	buf_append(&list->line, part);
	if (!buf_ok(&list->line))
		list->too_long = true;
}

/* 1 with the next line in list->line, 0 at the end, ERR_*. */
static int next_line(struct reference_list *list, struct err *err)
{
	buf_clear(&list->line);
	list->too_long = false;
	while (!list->ended) {
		size_t newline = slice_find(list->block, '\n');
		int    status;

		if (newline != SIZE_MAX) {
			take_part(list, slice_sub(list->block, 0, newline));
			list->block = slice_from(list->block, newline + 1);
			return 1;
		}
		take_part(list, list->block);
		list->block = SLICE_EMPTY;
		status = stream_next(list->stream, &list->block, err);
		if (status < 0)
			return status;
		list->ended = status == STREAM_END;
	}
	return list->line.len > 0 || list->too_long;
}

static struct slice without_comment(struct slice line, bool first)
{
	if (first && slice_starts(line, "\xef\xbb\xbf"))
		line = slice_from(line, 3);
	for (size_t i = 0; i < line.len; i++)
		if (line.ptr[i] == '#' && (i == 0 || line.ptr[i - 1] == ' ' || line.ptr[i - 1] == '\t'))
			return slice_trim(slice_sub(line, 0, i));
	return slice_trim(line);
}

int reference_list_next(struct reference_list *list, struct reference *out, struct err *err)
{
	int status;

	while ((status = next_line(list, err)) == 1) {
		struct slice text = without_comment(buf_slice(&list->line), list->number == 0);
		struct err   why = {0};

		if (++list->number > LIMIT_LIST_LINES) {
			list->ended = true;
			return err_set(err, ERR_LIMIT, "%s: more than %u lines", list->name, LIMIT_LIST_LINES);
		}
		if (list->too_long)
			return err_set(err, ERR_USAGE, "%s line %llu: longer than %d bytes", list->name,
				       (unsigned long long)list->number, LINE_BYTES_MAX);
		if (text.len == 0)
			continue;
		if (reference_parse(text, out, &why))
			return err_set(err, ERR_USAGE, "%s line %llu: %s", list->name, (unsigned long long)list->number,
				       why.text);
		return 1;
	}
	return status;
}
