/* os-release(5): which system this is. Lines of shell assignments, without expansion. */
#include "analyze/analyzer.h"
#include "base/buf.h"
#include "base/cursor.h"
#include "base/limits.h"

enum { BODY_BYTES_MAX = 256 << 10 };

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return TEXT_IS(entry->path, "etc/os-release") || TEXT_IS(entry->path, "usr/lib/os-release") ? NEED_WHOLE
												    : NEED_NOTHING;
}

static bool has_line(struct slice head, const char *start, const char *start_behind_newline)
{
	return slice_starts(head, start) || slice_find_str(head, start_behind_newline) != SIZE_MAX;
}

static bool sniff(struct slice head)
{
	size_t equals = 0;

	while (equals < head.len && ((head.ptr[equals] >= 'A' && head.ptr[equals] <= 'Z') || head.ptr[equals] == '_'))
		equals++;
	if (equals == 0 || equals == head.len || head.ptr[equals] != '=') /* it begins as an assignment does */
		return false;
	return has_line(head, "ID=", "\nID=") && has_line(head, "PRETTY_NAME=", "\nPRETTY_NAME=") &&
	       has_line(head, "NAME=", "\nNAME=");
}

static struct slice *field_of(struct os_release *os, struct slice name)
{
	static const struct {
		const char *name;
		size_t      at;
	} fields[] = {
		{"ID", offsetof(struct os_release, id)},
		{"ID_LIKE", offsetof(struct os_release, id_like)},
		{"VERSION_ID", offsetof(struct os_release, version_id)},
		{"VERSION", offsetof(struct os_release, version)},
		{"VERSION_CODENAME", offsetof(struct os_release, version_codename)},
		{"PRETTY_NAME", offsetof(struct os_release, pretty_name)},
		{"UBUNTU_CODENAME", offsetof(struct os_release, ubuntu_codename)},
		{"CPE_NAME", offsetof(struct os_release, cpe_name)},
		{"VARIANT_ID", offsetof(struct os_release, variant_id)},
		{"BUILD_ID", offsetof(struct os_release, build_id)},
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (slice_eq_str(name, fields[i].name))
			return (struct slice *)(void *)((char *)os + fields[i].at);
	return NULL;
}

/* Appends the value as a shell reads it: adjacent bare, 'single' and "double" quoted parts; a bare blank or an open
 * quote ends it. Returns false for an open quote: the assignment does not count then. */
static bool unquote(struct slice raw, struct buf *out)
{
	uint8_t quote = 0;

	for (size_t i = 0; i < raw.len; i++) {
		uint8_t c = raw.ptr[i];
		bool    more = i + 1 < raw.len;

		if (c == '\\' && quote != '\'' && more) {
			uint8_t next = raw.ptr[++i];

			if (quote == '"' && next != '"' && next != '\\' && next != '$' && next != '`')
				buf_byte(out, c);
			buf_byte(out, next);
		} else if (quote ? c == quote : c == '"' || c == '\'') {
			quote = quote ? 0 : c;
		} else if (!quote && (c == ' ' || c == '\t')) {
			break;
		} else {
			buf_byte(out, c);
		}
	}
	return quote == 0;
}

/* Values lie one behind the other in `values`, which has room for all of them: unquoting never lengthens. */
static void read_line(struct slice line, struct os_release *os, struct buf *values)
{
	size_t        equals = slice_find(line, '='), start = values->len;
	struct slice *field;

	if (equals == SIZE_MAX || line.ptr[0] == '#')
		return;
	field = field_of(os, slice_sub(line, 0, equals));
	if (field && unquote(slice_from(line, equals + 1), values))
		*field = slice_from(buf_slice(values), start);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct os_release os = {.path = entry->path};
	struct cursor     lines = cursor_of(body);
	struct slice      line;
	struct buf        values;
	bool              ok;

	buf_init(&values, BODY_BYTES_MAX + 1);
	ok = buf_reserve(&values, body.len + 1) != NULL; /* the slices below point into it: it must not move */
	while (ok && cursor_line(&lines, &line))
		read_line(slice_trim(line), &os, &values);
	ok = ok && buf_ok(&values) && inventory_add_os_release(out, &os);
	buf_deinit(&values);
	return ok ? 0 : err_set(err, ERR_MEM, "out of memory");
}

const struct analyzer analyzer_os_release = {
	.name = "os-release",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = BODY_BYTES_MAX,
	.database = true,
	.wants = wants,
	.run = run,
	.sniff = sniff,
};
