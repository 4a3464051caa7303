#include "report/table_parts.h"

#include "base/escape.h"

#include <stdio.h>
#include <string.h>

enum style severity_style(enum severity severity)
{
	static const enum style styles[SEVERITY_COUNT] = {
		[SEVERITY_CRITICAL] = STYLE_RED_BOLD, [SEVERITY_HIGH] = STYLE_RED,
		[SEVERITY_MEDIUM] = STYLE_YELLOW,     [SEVERITY_LOW] = STYLE_BLUE,
		[SEVERITY_UNKNOWN] = STYLE_MAGENTA,
	};

	return (unsigned)severity < SEVERITY_COUNT ? styles[severity] : STYLE_PLAIN;
}

const char *severity_title(enum severity severity)
{
	static const char *const titles[SEVERITY_COUNT] = {"UNKN", "NEGL", "NONE", "LOW", "MED", "HIGH", "CRIT"};

	return (unsigned)severity < SEVERITY_COUNT ? titles[severity] : "UNKN";
}

const char *coverage_words(enum coverage_state state)
{
	switch (state) {
	case COVERAGE_MATCHED:
		return "matched";
	case COVERAGE_NO_ADVISORY_SOURCE:
		return "no advisory source";
	case COVERAGE_UNKNOWN_OS:
		return "unknown OS";
	case COVERAGE_EOL:
		return "end of life";
	case COVERAGE_NO_PACKAGES:
		return "no packages";
	}
	return "unknown";
}

size_t table_bands(const struct report_options *options, enum severity bands[SEVERITY_COUNT])
{
	static const enum severity order[] = {SEVERITY_CRITICAL, SEVERITY_HIGH,    SEVERITY_MEDIUM,
					      SEVERITY_LOW,      SEVERITY_UNKNOWN, SEVERITY_NEGLIGIBLE};
	size_t                     count = options->negligible ? 6 : 5;

	memcpy(bands, order, count * sizeof(*order));
	return count;
}

void table_count_cell(struct grid *grid, enum severity severity, uint64_t count, bool matched, bool judged)
{
	if (!matched && count == 0)
		grid_cell(grid, STYLE_DIM, SLICE_LIT("-"));
	else if (count == 0)
		grid_cell(grid, STYLE_DIM, slice_str(judged ? "0" : "0*"));
	else
		grid_cell_printf(grid, severity_style(severity), "%llu", (unsigned long long)count);
}

void table_bytes_text(uint64_t bytes, char out[24])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double                   value = (double)bytes;
	size_t                   unit = 0;

	while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(*units)) {
		value /= 1024;
		unit++;
	}
	snprintf(out, 24, unit && value < 100 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

struct slice table_reference(struct slice reference)
{
	return slice_starts(reference, "docker://") ? slice_from(reference, 9) : reference;
}

void table_heading(struct buf *out, const struct report_options *options, const char *title)
{
	buf_byte(out, '\n');
	style_put(out, options->colour, STYLE_BOLD, slice_str(title));
	buf_byte(out, '\n');
}

void table_paragraph(struct buf *out, unsigned indent, unsigned columns, struct slice text)
{
	struct buf   escaped = {.bytes_max = 1u << 20};
	struct slice rest;
	size_t       at = indent;

	escape_terminal(&escaped, text);
	rest = buf_slice(&escaped);
	while (rest.len) {
		struct slice word = slice_cut(&rest, ' ');
		size_t       width = utf8_columns(word);

		if (at > indent && columns && at + 1 + width > columns) {
			buf_printf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (at > indent) {
			buf_byte(out, ' ');
			at++;
		}
		buf_append(out, word);
		at += width;
	}
	buf_byte(out, '\n');
	buf_deinit(&escaped);
}
