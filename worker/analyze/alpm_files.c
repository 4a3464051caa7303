/* pacman's file lists: var/lib/pacman/local/<name>-<version>-<release>/files, paths below "%FILES%". */
#include "analyze/analyzer.h"
#include "analyze/owned_files.h"
#include "base/cursor.h"
#include "base/path.h"

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return TEXT_STARTS(entry->path, "var/lib/pacman/local/") && TEXT_ENDS(entry->path, "/files") ? NEED_WHOLE
												     : NEED_NOTHING;
}

/* "gcc-libs-13.2.1-3" -> "gcc-libs" */
static struct slice package_name(struct slice path)
{
	struct slice name = path_basename(path_dirname(path));

	name = slice_sub(name, 0, slice_rfind(name, '-'));
	return slice_sub(name, 0, slice_rfind(name, '-'));
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	uint64_t           bytes = 0;
	struct owned_files owned = owned_files_of(out, entry->path, package_name(entry->path), &bytes);
	struct cursor      lines = cursor_of(body);
	struct slice       line;
	bool               files = false;

	(void)err;
	while (cursor_line(&lines, &line)) {
		if (slice_starts(line, "%"))
			files = slice_eq_str(line, "%FILES%");
		else if (files && line.len && line.ptr[line.len - 1] != '/')
			owned_files_add(&owned, SLICE_EMPTY, line);
	}
	owned_files_note(out, entry->path, bytes);
	return 0;
}

const struct analyzer analyzer_alpm_files = {
	.name = "alpm-files",
	.version = 2,
	.inputs = INPUT_PATH,
	.body_bytes_max = 64u << 20,
	.wants = wants,
	.run = run,
};
