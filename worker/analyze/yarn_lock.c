/* yarn.lock, of Yarn 1 (its own format) and of Berry (YAML): "name@range, …:" with version and resolution below.
 *
 * Source: classic.yarnpkg.com, yarnpkg.com "Lockfile". Berry's workspaces are the project's own; an alias' real name stands in what it
 * resolves to. */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/cursor.h"

struct block {
	struct slice name, version;
	bool         own, no_release;
};

static struct slice unquoted(struct slice text)
{
	text = slice_trim(text);
	if (text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
		return slice_sub(text, 1, text.len - 2);
	return text;
}

/* "@scope/name@npm:^1.0": the name, and what stands behind its '@'. */
static struct slice split_descriptor(struct slice *descriptor)
{
	struct slice whole = *descriptor;
	size_t       at = slice_find(slice_from(whole, 1), '@');

	*descriptor = at == SIZE_MAX ? SLICE_EMPTY : slice_from(whole, at + 2);
	return slice_sub(whole, 0, at == SIZE_MAX ? whole.len : at + 1);
}

static void read_header(struct slice line, struct block *block)
{
	struct slice first, range;

	line = slice_sub(line, 0, slice_rfind(line, ':'));
	first = slice_trim(slice_cut(&line, ','));
	if (slice_starts(first, "\""))
		first = slice_from(first, 1);
	if (slice_ends(first, "\""))
		first.len--;
	*block = (struct block){0};
	block->name = split_descriptor(&first);
	range = first;
	if (slice_starts(range, "npm:") && slice_rfind(range, '@') != SIZE_MAX && slice_rfind(range, '@') > 4) {
		range = slice_from(range, 4); /* an alias: "npm:real@^1.0" */
		block->name = split_descriptor(&range);
	}
	block->own = slice_starts(range, "workspace:") || slice_eq_str(block->name, "__metadata");
	block->no_release = slice_find_str(range, "git") == 0 || slice_starts(range, "file:") ||
			    slice_starts(range, "link:") || slice_find(range, '#') != SIZE_MAX;
}

static void read_field(struct slice line, struct block *block)
{
	struct slice key = line, value;

	key = slice_sub(line, 0, slice_find(line, ' '));
	value = unquoted(slice_from(line, key.len));
	if (slice_ends(key, ":"))
		key.len--;
	key = unquoted(key);
	if (slice_eq_str(key, "version") && !block->version.len)
		block->version = value;
	else if (slice_eq_str(key, "resolution"))
		block->no_release |=
			slice_find_str(value, "@npm:") == SIZE_MAX && slice_find_str(value, "@patch:") == SIZE_MAX;
}

static void finish(struct lock_file *lock, const struct block *block)
{
	if (block->name.len && !block->own)
		lock_file_add(lock, block->name, block->version, block->no_release ? PACKAGE_NO_RELEASE : 0);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file lock = lock_file_of(entry, out, "yarn-lock", "npm");
	struct cursor    lines = cursor_of(body);
	struct block     block = {0};
	struct slice     line;

	(void)err;
	while (!lock.full && cursor_line(&lines, &line)) {
		if (!line.len || line.ptr[0] == '#')
			continue;
		if (line.ptr[0] != ' ') {
			finish(&lock, &block);
			read_header(line, &block);
		} else if (line.len > 2 && line.ptr[2] != ' ') {
			read_field(slice_from(line, 2), &block);
		}
	}
	finish(&lock, &block);
	return 0;
}

static const char *const names[] = {"yarn.lock", NULL};

const struct analyzer analyzer_yarn_lock = {
	.name = "yarn-lock",
	.version = 2,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.text = true,
	.names = names,
	.run = run,
};
