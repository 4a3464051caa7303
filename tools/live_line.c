#include "live_line.h"

enum { LINE_BYTES_MAX = 4096, JUMP_BYTES = 8 /* what a move of the cursor costs, about */ };

void live_line_init(struct live_line *line)
{
	*line = (struct live_line){0};
	buf_init(&line->shown, LINE_BYTES_MAX);
}

void live_line_deinit(struct live_line *line)
{
	buf_deinit(&line->shown);
}

void live_line_erase(struct live_line *line, unsigned columns, struct buf *out)
{
	size_t rows = columns && line->shown.len ? (line->shown.len - 1) / columns : 0;

	if (!line->shown.len)
		return;
	buf_str(out, "\r");
	if (rows) /* the terminal has become narrower than the text, and wrapped it */
		buf_printf(out, "\033[%zuA\033[J", rows);
	else
		buf_str(out, "\033[K");
	buf_clear(&line->shown);
}

static size_t common_start(struct slice a, struct slice b)
{
	size_t len = 0;

	while (len < a.len && len < b.len && a.ptr[len] == b.ptr[len])
		len++;
	return len;
}

static size_t common_end(struct slice a, struct slice b)
{
	size_t len = 0;

	while (len < a.len && len < b.len && a.ptr[a.len - 1 - len] == b.ptr[b.len - 1 - len])
		len++;
	return len;
}

/* Same length: what differs in the middle; the cursor goes back behind the end. */
static void write_middle(struct slice old, struct slice text, size_t start, struct buf *out)
{
	size_t end = common_end(slice_from(old, start), slice_from(text, start));

	buf_append(out, slice_sub(text, start, text.len - start - end));
	if (end > JUMP_BYTES)
		buf_printf(out, "\033[%zuC", end);
	else
		buf_append(out, slice_from(text, text.len - end));
}

static void write_change(struct slice old, struct slice text, struct buf *out)
{
	size_t start = common_start(old, text);

	buf_str(out, "\r");
	if (start > JUMP_BYTES)
		buf_printf(out, "\033[%zuC", start);
	else
		start = 0;
	if (old.len == text.len) {
		write_middle(old, text, start, out);
		return;
	}
	buf_append(out, slice_from(text, start));
	if (old.len > text.len)
		buf_str(out, "\033[K");
}

void live_line_show(struct live_line *line, struct slice text, unsigned columns, struct buf *out)
{
	if (columns != line->columns)
		live_line_erase(line, columns, out);
	line->columns = columns;
	if (slice_eq(buf_slice(&line->shown), text))
		return;
	write_change(buf_slice(&line->shown), text, out);
	buf_clear(&line->shown);
	buf_append(&line->shown, text);
}
