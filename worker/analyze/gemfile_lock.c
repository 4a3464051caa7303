/* Gemfile.lock, gems.locked: the specs of GEM sections; those of GIT and PATH sections are no releases.
 *
 * Source: bundler.io, Bundler::LockfileParser: specs are indented by four blanks, their dependencies by six. */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/cursor.h"

/* "    nokogiri (1.15.0-x86_64-linux)": the platform behind the first '-' is none of the version. */
static void add_spec(struct lock_file *lock, struct slice line, uint32_t flags)
{
	struct slice name = slice_trim(slice_cut(&line, '('));
	struct slice version = slice_sub(line, 0, slice_find(line, ')'));

	lock_file_add(lock, name, slice_sub(version, 0, slice_find(version, '-')), flags);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file lock = lock_file_of(entry, out, "gemfile-lock", "gem");
	struct cursor    lines = cursor_of(body);
	struct slice     line;
	uint32_t         flags = 0;
	bool             section = false, specs = false;

	(void)err;
	while (!lock.full && cursor_line(&lines, &line)) {
		if (line.len && line.ptr[0] != ' ') {
			section = slice_eq_str(line, "GEM") || slice_eq_str(line, "GIT") || slice_eq_str(line, "PATH");
			flags = slice_eq_str(line, "GEM") ? 0 : PACKAGE_NO_RELEASE;
			specs = false;
		} else if (slice_eq_str(line, "  specs:")) {
			specs = section;
		} else if (specs && slice_starts(line, "    ") && line.len > 4 && line.ptr[4] != ' ') {
			add_spec(&lock, slice_from(line, 4), flags);
		}
	}
	return 0;
}

static const char *const names[] = {"Gemfile.lock", "gems.locked", NULL};

const struct analyzer analyzer_gemfile_lock = {
	.name = "gemfile-lock",
	.version = 2,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.text = true,
	.names = names,
	.run = run,
};
