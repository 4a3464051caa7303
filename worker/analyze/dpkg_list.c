/* dpkg's file lists: info/<package>[:<arch>].list, and <package>.md5sums of status.d, where there is no list. */
#include "analyze/analyzer.h"
#include "analyze/owned_files.h"
#include "base/cursor.h"
#include "base/path.h"

static bool is_list(struct slice path)
{
	return TEXT_STARTS(path, "var/lib/dpkg/info/") && TEXT_ENDS(path, ".list");
}

static bool is_md5sums(struct slice path)
{
	return TEXT_STARTS(path, "var/lib/dpkg/status.d/") && TEXT_ENDS(path, ".md5sums");
}

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	if (!TEXT_STARTS(entry->path, "var/lib/dpkg/"))
		return NEED_NOTHING;
	return is_list(entry->path) || is_md5sums(entry->path) ? NEED_WHOLE : NEED_NOTHING;
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	bool               sums = is_md5sums(entry->path);
	struct slice       base = path_basename(entry->path);
	struct slice       package = slice_sub(base, 0, slice_rfind(base, '.'));
	uint64_t           bytes = 0;
	struct owned_files owned = owned_files_of(out, entry->path, package, &bytes);
	struct cursor      lines = cursor_of(body);
	struct slice       line;

	(void)err;
	while (cursor_line(&lines, &line)) {
		if (sums) /* "<md5>  usr/bin/true" */
			slice_cut(&line, ' ');
		line = sums ? slice_trim(line) : line;
		if (line.len)
			owned_files_add(&owned, SLICE_EMPTY, line);
	}
	owned_files_note(out, entry->path, bytes);
	return 0;
}

const struct analyzer analyzer_dpkg_list = {
	.name = "dpkg-list",
	.version = 2,
	.inputs = INPUT_PATH,
	.body_bytes_max = 64u << 20,
	.wants = wants,
	.run = run,
};
