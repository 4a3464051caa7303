/* cabal.project.freeze: "any.name ==version," for each package that the solver has chosen; flags ("name +flag") are passed over.
 *
 * Source: cabal.readthedocs.io, "cabal freeze". */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/cursor.h"

static void add_constraint(struct lock_file *lock, struct slice text)
{
	size_t mark;

	text = slice_trim(text);
	if (slice_starts(text, "constraints:"))
		text = slice_trim(slice_from(text, strlen("constraints:")));
	mark = slice_find_str(text, "==");
	if (slice_starts(text, "any.") && mark != SIZE_MAX && slice_find(text, '|') == SIZE_MAX)
		lock_file_add(lock, slice_trim(slice_sub(text, 4, mark - 4)), slice_trim(slice_from(text, mark + 2)),
			      0);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file lock = lock_file_of(entry, out, "cabal-freeze", "hackage");
	struct cursor    lines = cursor_of(body);
	struct slice     line;

	(void)err;
	while (!lock.full && cursor_line(&lines, &line))
		while (line.len && !slice_starts(slice_trim(line), "--"))
			add_constraint(&lock, slice_cut(&line, ','));
	return 0;
}

static const char *const names[] = {"cabal.project.freeze", NULL};

const struct analyzer analyzer_cabal_freeze = {
	.name = "cabal-freeze",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 4u << 20,
	.text = true,
	.names = names,
	.run = run,
};
