/* paket.lock of .NET: below NUGET, "    Name (version)" is a package and what is indented deeper is what it asks for. Files of
 * GITHUB, GIT and HTTP are no packages.
 *
 * Source: fsprojects.github.io/Paket "The paket.lock file". */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/cursor.h"

static size_t indent_of(struct slice line)
{
	size_t count = 0;

	while (count < line.len && line.ptr[count] == ' ')
		count++;
	return count;
}

/* "    FSharp.Core (4.5.0) - restriction: >= net45" */
static void add_line(struct lock_file *lock, struct slice line)
{
	struct slice rest = slice_from(line, 4), name = slice_trim(slice_cut(&rest, '('));
	size_t       end = slice_find(rest, ')');

	if (end != SIZE_MAX && slice_find(name, ' ') == SIZE_MAX)
		lock_file_add(lock, name, slice_sub(rest, 0, end), 0);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file lock = lock_file_of(entry, out, "paket-lock", "nuget");
	struct cursor    lines = cursor_of(body);
	struct slice     line;
	bool             nuget = false;

	(void)err;
	while (!lock.full && cursor_line(&lines, &line)) {
		size_t indent = indent_of(line);

		if (indent == 0 &&
		    slice_find(line, ':') == SIZE_MAX) /* "GROUP name", "STORAGE: NONE" leave the section */
			nuget = slice_eq_str(line, "NUGET");
		else if (nuget && indent == 4)
			add_line(&lock, line);
	}
	return 0;
}

static const char *const names[] = {"paket.lock", NULL};

const struct analyzer analyzer_paket_lock = {
	.name = "paket-lock",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 16u << 20,
	.text = true,
	.names = names,
	.run = run,
};
