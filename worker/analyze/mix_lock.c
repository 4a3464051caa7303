/* mix.lock of Elixir and Erlang: '"name": {:hex, :package, "version", …}', '"name": {:git, …}'.
 *
 * Source: hexdocs.pm/mix, Mix.Dep.Lock: a map of Elixir terms, one to a line. */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/cursor.h"

static void add_line(struct lock_file *lock, struct slice line)
{
	struct slice name, kind, package, version;

	if (!slice_starts(line, "\""))
		return;
	slice_cut(&line, '"');
	name = slice_cut(&line, '"');
	slice_cut(&line, '{');
	kind = slice_trim(slice_cut(&line, ','));
	if (slice_eq_str(kind, ":git")) {
		lock_file_add(lock, name, SLICE_EMPTY, 0);
		return;
	}
	if (!slice_eq_str(kind, ":hex"))
		return;
	package = slice_trim(slice_cut(&line, ',')); /* its name on hex.pm, which the project may have renamed */
	slice_cut(&line, '"');
	version = slice_cut(&line, '"');
	if (version.len) /* else a damaged line */
		lock_file_add(lock, slice_starts(package, ":") ? slice_from(package, 1) : name, version, 0);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file lock = lock_file_of(entry, out, "mix-lock", "hex");
	struct cursor    lines = cursor_of(body);
	struct slice     line;

	(void)err;
	while (!lock.full && cursor_line(&lines, &line))
		add_line(&lock, slice_trim(line));
	return 0;
}

static const char *const names[] = {"mix.lock", NULL};

const struct analyzer analyzer_mix_lock = {
	.name = "mix-lock",
	.version = 2,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.text = true,
	.names = names,
	.run = run,
};
