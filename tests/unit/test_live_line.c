/* A line that changes, on a terminal that is played here: what it shows, and how little had to be written for it. */
#include "lib/check.h"

#include "live_line.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH_MAX = 200, ROWS = 4 };

/* Rows of a terminal of `columns`; understands what live_line writes, and wraps as terminals do. */
struct screen {
	char     cells[ROWS][WIDTH_MAX + 1];
	unsigned columns, row, column;
};

static void clear_from(struct screen *screen, unsigned row, unsigned column)
{
	for (unsigned c = column; c < screen->columns; c++)
		screen->cells[row][c] = ' ';
}

static void play_escape(struct screen *screen, struct slice *bytes)
{
	unsigned count = 0;

	assert_int_equal(bytes->ptr[0], '[');
	*bytes = slice_from(*bytes, 1);
	while (bytes->ptr[0] >= '0' && bytes->ptr[0] <= '9') {
		count = count * 10 + (unsigned)(bytes->ptr[0] - '0');
		*bytes = slice_from(*bytes, 1);
	}
	switch (bytes->ptr[0]) {
	case 'K':
		clear_from(screen, screen->row, screen->column);
		break;
	case 'J':
		clear_from(screen, screen->row, screen->column);
		for (unsigned row = screen->row + 1; row < ROWS; row++)
			clear_from(screen, row, 0);
		break;
	case 'C':
		screen->column += count;
		assert_true(screen->column < screen->columns);
		break;
	case 'A':
		assert_true(count <= screen->row);
		screen->row -= count;
		break;
	default:
		fail_msg("escape %c", bytes->ptr[0]);
	}
	*bytes = slice_from(*bytes, 1);
}

static void play(struct screen *screen, struct slice bytes)
{
	while (bytes.len) {
		uint8_t byte = bytes.ptr[0];

		bytes = slice_from(bytes, 1);
		if (byte == '\r')
			screen->column = 0;
		else if (byte == 0x1b)
			play_escape(screen, &bytes);
		else {
			assert_true(screen->column < screen->columns && screen->row < ROWS);
			screen->cells[screen->row][screen->column++] = (char)byte;
		}
	}
}

/* The terminal becomes narrower: what stood there wraps to the rows below. */
static void narrow(struct screen *screen, unsigned columns)
{
	char     text[WIDTH_MAX + 1];
	unsigned len = screen->column;

	memcpy(text, screen->cells[0], sizeof(text));
	screen->columns = columns;
	for (unsigned row = 0; row < ROWS; row++)
		clear_from(screen, row, 0);
	for (unsigned i = 0; i < len; i++)
		screen->cells[i / columns][i % columns] = text[i];
	screen->row = len ? (len - 1) / columns : 0;
	screen->column = len ? (len - 1) % columns + 1 : 0;
}

static struct screen new_screen(unsigned columns)
{
	struct screen screen = {.columns = columns};

	for (unsigned row = 0; row < ROWS; row++)
		clear_from(&screen, row, 0);
	return screen;
}

static void assert_shows(const struct screen *screen, unsigned row, const char *text)
{
	for (unsigned c = 0; c < screen->columns; c++)
		assert_int_equal(screen->cells[row][c], c < strlen(text) ? text[c] : ' ');
}

/* Bytes that were written to show it. */
static size_t show(struct live_line *line, struct screen *screen, const char *text)
{
	struct buf out = {.bytes_max = 4096};
	size_t     bytes;

	live_line_show(line, slice_str(text), screen->columns, &out);
	assert_true(buf_ok(&out));
	bytes = out.len;
	play(screen, buf_slice(&out));
	buf_deinit(&out);
	return bytes;
}

static void erase(struct live_line *line, struct screen *screen)
{
	struct buf out = {.bytes_max = 4096};

	live_line_erase(line, screen->columns, &out);
	play(screen, buf_slice(&out));
	buf_deinit(&out);
}

static void any_text_after_any_other_is_shown_whole(void **state)
{
	static const char *const texts[] = {
		"images 0/3",
		"images 1/3  layers 4/96  ETA 1:16",
		"images 1/3  layers 5/96  ETA 1:15",
		"images 1/3  failed 1  layers 5/96  ETA 1:15",
		"images 2/3  failed 1",
		"x",
		"images 2/3  failed 1  layers 96/96  1.0 GiB/1.0 GiB  10.0 MiB/s  reuse 81 %",
	};
	enum { COUNT = sizeof(texts) / sizeof(*texts) };

	(void)state;
	for (size_t i = 0; i < COUNT * COUNT; i++) {
		struct screen    screen = new_screen(100);
		struct live_line line;

		live_line_init(&line);
		show(&line, &screen, texts[i / COUNT]);
		assert_shows(&screen, 0, texts[i / COUNT]);
		show(&line, &screen, texts[i % COUNT]);
		assert_shows(&screen, 0, texts[i % COUNT]);
		erase(&line, &screen);
		assert_shows(&screen, 0, "");
		live_line_deinit(&line);
	}
}

static void what_did_not_change_is_not_written_again(void **state)
{
	static const char before[] =
		"images 12/60  failed 2  layers 40/96  ETA 1:16  256 MiB/1.0 GiB  10.0 MiB/s  reuse 81 %";
	static const char after[] =
		"images 12/60  failed 2  layers 41/96  ETA 1:16  256 MiB/1.0 GiB  10.0 MiB/s  reuse 81 %";
	struct screen    screen = new_screen(120);
	struct live_line line;

	(void)state;
	live_line_init(&line);
	show(&line, &screen, before);
	assert_int_equal(show(&line, &screen, before), 0);
	assert_true(show(&line, &screen, after) <= 16);
	assert_shows(&screen, 0, after);
	live_line_deinit(&line);
}

static void narrower_terminal_keeps_nothing_of_the_longer_line(void **state)
{
	struct screen    screen = new_screen(60);
	struct live_line line;

	(void)state;
	live_line_init(&line);
	show(&line, &screen, "images 12/60  failed 2  layers 40/96  ETA 1:16");
	narrow(&screen, 20);
	show(&line, &screen, "images 12/60");
	assert_shows(&screen, 0, "images 12/60");
	for (unsigned row = 1; row < ROWS; row++)
		assert_shows(&screen, row, "");
	live_line_deinit(&line);
}

static void erased_line_is_drawn_whole_again(void **state)
{
	struct screen    screen = new_screen(60);
	struct live_line line;

	(void)state;
	live_line_init(&line);
	show(&line, &screen, "images 12/60  failed 2");
	erase(&line, &screen);
	assert_true(show(&line, &screen, "images 12/60  failed 2") >= strlen("images 12/60  failed 2"));
	assert_shows(&screen, 0, "images 12/60  failed 2");
	live_line_deinit(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_text_after_any_other_is_shown_whole),
		cmocka_unit_test(what_did_not_change_is_not_written_again),
		cmocka_unit_test(narrower_terminal_keeps_nothing_of_the_longer_line),
		cmocka_unit_test(erased_line_is_drawn_whole_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
