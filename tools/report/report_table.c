/* report_table.c - "table": for people. One image: everything about it; several: a row each as they finish, then the
 * registry summary, which stands last because that is what a terminal shows. */
#include "report/table_parts.h"

#include "base/limits.h"

struct table_state {
	struct tally tally;
	struct buf   first_detail; /* of the first image, in case it stays the only one */
	struct buf   first_row;
	bool         starred; /* a "0*" stands in some row */
};

static void table_begin(struct report *report)
{
	struct table_state *s = report->state;

	tally_init(&s->tally);
	buf_init(&s->first_detail, LIMIT_REPORT_BYTES);
	buf_init(&s->first_row, LIMIT_REPORT_BYTES);
}

static void put_image(struct report *report, const struct image_result *result)
{
	struct table_state *s = report->state;

	if (report->options.detail == REPORT_DETAIL_ALL) {
		buf_str(&report->out, s->tally.images > 1 ? "\n" : "");
		table_image_put(&report->out, &report->options, result);
	} else if (report->options.detail == REPORT_DETAIL_AUTO && s->tally.images == 1) {
		table_image_put(&s->first_detail, &report->options, result);
		table_row_put(&s->first_row, &report->options, result, &s->starred);
		report->out.failed |= !buf_ok(&s->first_detail);
	} else {
		if (s->tally.images == (report->options.detail == REPORT_DETAIL_AUTO ? 2 : 1)) {
			table_rows_titles(&report->out, &report->options);
			buf_append(&report->out, buf_slice(&s->first_row));
		}
		table_row_put(&report->out, &report->options, result, &s->starred);
	}
}

static void table_image(struct report *report, const struct image_result *result)
{
	struct table_state *s = report->state;

	tally_add(&s->tally, result);
	put_image(report, result);
}

static void table_end(struct report *report, const struct report_run *run)
{
	struct table_state *s = report->state;

	if (s->tally.images == 1 && report->options.detail == REPORT_DETAIL_AUTO) {
		buf_append(&report->out, buf_slice(&s->first_detail));
		return;
	}
	if (s->tally.images == 0) {
		buf_str(&report->out, "no images\n");
		return;
	}
	if (s->starred)
		buf_str(&report->out, "0* = no finding, but not proven clean: see Coverage below\n");
	table_summary_put(&report->out, &report->options, &s->tally, run);
}

static void table_deinit(struct report *report)
{
	struct table_state *s = report->state;

	tally_deinit(&s->tally);
	buf_deinit(&s->first_detail);
	buf_deinit(&s->first_row);
}

const struct report_format report_table = {
	"table", sizeof(struct table_state), table_begin, table_image, table_end, table_deinit,
};
