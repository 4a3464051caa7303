/* gradle.lockfile, buildscript-gradle.lockfile: "group:artifact:version=configuration,…".
 *
 * Source: docs.gradle.org "Locking dependency versions". */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/cursor.h"

static void add_line(struct lock_file *lock, struct slice line)
{
	struct slice coordinates = slice_sub(line, 0, slice_find(line, '='));
	size_t       colon = slice_rfind(coordinates, ':');
	struct slice name = slice_sub(coordinates, 0, colon == SIZE_MAX ? 0 : colon);

	if (slice_find(name, ':') != SIZE_MAX && slice_find(name, ' ') == SIZE_MAX && colon + 1 < coordinates.len)
		lock_file_add(lock, name, slice_from(coordinates, colon + 1), 0);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file lock = lock_file_of(entry, out, "gradle-lock", "maven");
	struct cursor    lines = cursor_of(body);
	struct slice     line;

	(void)err;
	while (!lock.full && cursor_line(&lines, &line)) {
		line = slice_trim(line);
		if (line.len && line.ptr[0] != '#')
			add_line(&lock, line);
	}
	return 0;
}

static const char *const names[] = {"gradle.lockfile", "buildscript-gradle.lockfile", NULL};

const struct analyzer analyzer_gradle_lock = {
	.name = "gradle-lock",
	.version = 2,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.text = true,
	.names = names,
	.run = run,
};
