/* What comes up from a parser that was taken over: any bytes, in pieces; and the same as what comes down and as control messages. */
#include "base/limits.h"
#include "sandbox/parser_wire.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(struct parser_report *report, struct parser_inbox *inbox, int *status)
{
	struct parser_frame  frame;
	struct parser_demand demand;
	int                  got;

	while (*status >= 0 && (got = parser_inbox_next(inbox, &frame, NULL)) != 0)
		*status = got < 0 ? got : parser_report_take(report, &frame, &demand, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct file_memo memo = {0};
	struct window_budget         *window = window_budget_new();
	const struct parse_request    request = {.memo = &memo, .window = window, .entries_max = 1000};
	struct buf                    inventory = {.bytes_max = 1u << 16}, path_table = {.bytes_max = 1u << 16};
	struct parser_report report = {.request = &request, .inventory = &inventory, .path_table = &path_table};
	struct parser_inbox  inbox;
	struct parser_order  order;
	struct slice         bytes = slice_of(data, size), first, second;
	int                  status = 0, number;

	parser_read_hello(bytes, &first, &second);
	parser_read_order(bytes, &order);
	parser_read_ended(bytes, &number);
	parser_read_answer(bytes, &number, &first);
	parser_inbox_init(&inbox);
	while (status >= 0 && bytes.len) {
		struct slice part = slice_sub(bytes, 0, 1 + size % 97);

		bytes = slice_from(bytes, part.len);
		status = parser_inbox_add(&inbox, part, NULL);
		take(&report, &inbox, &status);
	}
	if (report.ended && !report.code && report.result.entries > 1000)
		__builtin_trap();
	parser_inbox_deinit(&inbox);
	buf_deinit(&inventory);
	buf_deinit(&path_table);
	window_budget_free(window);
	return 0;
}
