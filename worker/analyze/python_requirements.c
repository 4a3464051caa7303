/* requirements.txt: pinned requirements ("name==1.2.3", "name===1.2.3"), with extras, markers and hashes. What is not pinned is listed
 * without a version; options, URLs and folders are passed over.
 *
 * Source: pip.pypa.io "Requirements File Format", PEP 508. */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/buf.h"
#include "base/cursor.h"
#include "base/limits.h"

static bool is_name_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
	       c == '.';
}

static struct slice take_name(struct slice *rest)
{
	struct slice whole = *rest;
	size_t       len = 0;

	while (len < whole.len && is_name_byte(whole.ptr[len]))
		len++;
	*rest = slice_trim(slice_from(whole, len));
	return slice_sub(whole, 0, len);
}

/* Not a range ("1.*"), a variable or an option. */
static bool is_pin(struct slice version)
{
	return version.len && version.ptr[0] != '-' && slice_find(version, '*') == SIZE_MAX &&
	       slice_find(version, '$') == SIZE_MAX;
}

static void add_line(struct lock_file *lock, struct slice line)
{
	struct slice rest = slice_trim(slice_sub(line, 0, slice_find_str(line, " #"))), name, version = SLICE_EMPTY;

	if (!rest.len || rest.ptr[0] == '#' || rest.ptr[0] == '-' || slice_find_str(rest, "://") != SIZE_MAX)
		return;
	name = take_name(&rest);
	if (rest.len && rest.ptr[0] == '[') {
		size_t close = slice_find(rest, ']');

		rest = slice_trim(slice_from(rest, close == SIZE_MAX ? rest.len : close + 1));
	}
	if (rest.len && slice_find(SLICE_LIT("=<>!~;\\("), rest.ptr[0]) == SIZE_MAX)
		return; /* prose, a path, another format */
	if (slice_starts(rest, "==")) {
		rest = slice_trim(slice_from(rest, slice_starts(rest, "===") ? 3 : 2));
		while (version.len < rest.len && slice_find(SLICE_LIT(" \t;,\\"), rest.ptr[version.len]) == SIZE_MAX)
			version = slice_sub(rest, 0, version.len + 1);
		if (!is_pin(version) || slice_find(rest, ',') != SIZE_MAX)
			version = SLICE_EMPTY;
	}
	lock_file_add(lock, name, version, 0);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file lock = lock_file_of(entry, out, "python-requirements", "pypi");
	struct cursor    lines = cursor_of(body);
	struct slice     line;
	struct buf       joined;

	(void)err;
	buf_init(&joined, LIMIT_STRING_BYTES);
	while (!lock.full && cursor_line(&lines, &line)) {
		bool goes_on = slice_ends(line, "\\");

		buf_append(&joined, slice_sub(line, 0, line.len - goes_on));
		if (goes_on)
			continue;
		if (buf_ok(&joined))
			add_line(&lock, buf_slice(&joined));
		buf_clear(&joined);
	}
	if (buf_ok(&joined))
		add_line(&lock, buf_slice(&joined));
	buf_deinit(&joined);
	return 0;
}

static const char *const names[] = {"requirements.txt", NULL};

const struct analyzer analyzer_python_requirements = {
	.name = "python-requirements",
	.version = 2,
	.inputs = 0,
	.body_bytes_max = 4u << 20,
	.text = true,
	.names = names,
	.run = run,
};
