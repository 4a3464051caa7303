/* Manifest.toml of Julia: "[[deps.Name]]" (format 2) or "[[Name]]" (format 1), each with version, and path or repo-url where it is
 * no release of a registry. Parts of Julia itself have neither version nor tree and are passed over.
 *
 * Source: pkgdocs.julialang.org "Project.toml and Manifest.toml". */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/cursor.h"

struct block {
	struct slice name, version;
	uint32_t     flags;
};

static void finish(struct lock_file *lock, const struct block *block)
{
	if (block->version.len)
		lock_file_add(lock, block->name, block->version, block->flags);
}

/* The name of "[[deps.Name]]"; empty for any other table, whose fields are then nobody's. */
static struct slice name_of(struct slice line)
{
	if (!slice_starts(line, "[[") || slice_find(line, ']') == SIZE_MAX)
		return SLICE_EMPTY;
	line = slice_sub(line, 2, slice_find(line, ']') - 2);
	if (slice_starts(line, "deps."))
		line = slice_from(line, 5);
	return slice_find(line, '.') == SIZE_MAX ? slice_trim(line) : SLICE_EMPTY;
}

static void read_field(struct slice line, struct block *block)
{
	struct slice key = slice_trim(slice_cut(&line, '='));

	line = slice_trim(line);
	if (slice_eq_str(key, "path") || slice_eq_str(key, "repo-url"))
		block->flags |= PACKAGE_NO_RELEASE;
	if (!slice_eq_str(key, "version") || !slice_starts(line, "\""))
		return;
	line = slice_from(line, 1);
	if (slice_find(line, '"') != SIZE_MAX) /* else the file is cut */
		block->version = slice_cut(&line, '"');
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file lock = lock_file_of(entry, out, "julia-manifest", "julia");
	struct cursor    lines = cursor_of(body);
	struct block     block = {0};
	struct slice     line;

	(void)err;
	while (!lock.full && cursor_line(&lines, &line)) {
		line = slice_trim(line);
		if (slice_starts(line, "[")) {
			finish(&lock, &block);
			block = (struct block){.name = name_of(line)};
		} else {
			read_field(line, &block);
		}
	}
	finish(&lock, &block);
	return 0;
}

static const char *const names[] = {"Manifest.toml", "JuliaManifest.toml", NULL};

const struct analyzer analyzer_julia_manifest = {
	.name = "julia-manifest",
	.version = 2,
	.inputs = 0,
	.body_bytes_max = 16u << 20,
	.text = true,
	.names = names,
	.run = run,
};
