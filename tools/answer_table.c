#include "answer_table.h"

#include "progress.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIGEST_SHOWN = 7 + 12 };

struct answer_style answer_style_of(int fd)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");

	return (struct answer_style){.columns = terminal_columns(fd),
				     .colour = isatty(fd) && !(no_colour && *no_colour) && term &&
					       strcmp(term, "dumb") != 0};
}

enum severity answer_severity(const struct json *object)
{
	struct slice name = json_get_text(object, "severity");

	for (int i = 0; i < SEVERITY_COUNT; i++)
		if (slice_eq_str(name, severity_name((enum severity)i)))
			return (enum severity)i;
	return SEVERITY_UNKNOWN;
}

void answer_severity_cell(struct grid *grid, enum severity severity)
{
	grid_cell(grid, severity_style(severity), slice_str(severity_title(severity)));
}

void answer_text_cell(struct grid *grid, struct slice text, const char *otherwise)
{
	grid_cell(grid, text.len ? STYLE_PLAIN : STYLE_DIM, text.len ? text : slice_str(otherwise));
}

void answer_number_cell(struct grid *grid, const struct json *object, const char *key)
{
	grid_cell_printf(grid, STYLE_PLAIN, "%lld", (long long)json_int(json_get(object, key), 0));
}

void answer_digest_cell(struct grid *grid, struct slice digest)
{
	answer_text_cell(grid, slice_sub(digest, 0, DIGEST_SHOWN), "-");
}

uint64_t answer_counts_sum(const struct json *counts)
{
	uint64_t sum = 0;

	for (int i = 0; i < SEVERITY_COUNT; i++)
		sum += (uint64_t)json_int(json_get(counts, severity_name((enum severity)i)), 0);
	return sum;
}

void answer_counts_put(struct buf *out, const struct json *counts)
{
	bool any = false;

	for (int i = SEVERITY_COUNT; i-- > 0;) {
		long long count = (long long)json_int(json_get(counts, severity_name((enum severity)i)), 0);

		if (!count)
			continue;
		buf_printf(out, "%s%lld %s", any ? ", " : "", count, severity_name((enum severity)i));
		any = true;
	}
	if (!any)
		buf_str(out, "none");
}
