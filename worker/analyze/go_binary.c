/* Go programs: the modules, the standard library and the main module that the linker has written into the file.
 *
 * Source: Go's debug/buildinfo (both forms: strings behind pointers before 1.18, inline since), runtime/debug.BuildInfo,
 * cmd/go "go version -m". OSV knows the standard library as "stdlib" in semantic versions: go1.21rc2 is 1.21.0-rc.2. */
#include "analyze/analyzer.h"
#include "analyze/exe_file.h"
#include "analyze/go_version.h"
#include "base/cursor.h"
#include "base/limits.h"

static const char MAGIC[] = "\xff Go buildinf:";

enum { MAGIC_BYTES = 14, HEADER_BYTES = 32, ALIGN = 16, SENTINEL_BYTES = 16, TEXT_BYTES_MAX = 16 << 20 };

/* Programs are marked executable; a PE or Mach-O program may not be. */
static enum need wants(const struct entry *entry, struct slice head)
{
	enum exe_kind kind = exe_kind_of(head);

	if (kind == EXE_NONE || (kind == EXE_ELF && !(entry->mode & 0111)))
		return NEED_NOTHING;
	return NEED_WHOLE;
}

/* --- where the build information is --- */

static struct slice find_header(const struct exe_file *exe)
{
	struct slice bytes = exe_section(exe, exe->kind == EXE_MACHO ? "__go_buildinfo" : ".go.buildinfo");

	if (!bytes.len)
		bytes = slice_sub(exe_data(exe), 0, 64 << 10);
	for (size_t at = 0; at + HEADER_BYTES <= bytes.len; at += ALIGN)
		if (memcmp(bytes.ptr + at, MAGIC, MAGIC_BYTES) == 0)
			return slice_from(bytes, at);
	return SLICE_EMPTY;
}

/* A length as Go's encoding/binary writes it, then so many bytes. */
static struct slice take_inline(struct cursor *c)
{
	uint64_t size = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = cursor_u8(c);

		size |= (uint64_t)(byte & 127) << shift;
		if (byte < 128)
			return size < TEXT_BYTES_MAX ? cursor_take(c, (size_t)size) : SLICE_EMPTY;
	}
	return SLICE_EMPTY;
}

static uint64_t pointer_at(struct slice bytes, size_t offset, unsigned size, bool big)
{
	struct cursor c = cursor_at(bytes, offset);

	if (size == 4)
		return big ? cursor_u32be(&c) : cursor_u32le(&c);
	if (big)
		return cursor_u64be(&c);
	uint64_t low = cursor_u32le(&c), high = cursor_u32le(&c);
	return high << 32 | low;
}

/* The Go string (pointer, length) that the pointer at `offset` of the header leads to. */
static struct slice take_pointed(const struct exe_file *exe, struct slice header, size_t offset)
{
	unsigned     size = header.ptr[MAGIC_BYTES];
	bool         big = header.ptr[MAGIC_BYTES + 1] & 1;
	struct slice text = exe_at_address(exe, pointer_at(header, offset, size, big));
	uint64_t     at = pointer_at(text, 0, size, big), len = pointer_at(text, size, size, big);

	if (!at || !len || len > TEXT_BYTES_MAX)
		return SLICE_EMPTY;
	text = exe_at_address(exe, at);
	return text.len < len ? SLICE_EMPTY : slice_sub(text, 0, (size_t)len);
}

/* The module text stands between two marks of 16 bytes. */
static struct slice without_marks(struct slice modules)
{
	if (modules.len < 2 * SENTINEL_BYTES + 1 || modules.ptr[modules.len - SENTINEL_BYTES - 1] != '\n')
		return SLICE_EMPTY;
	return slice_sub(modules, SENTINEL_BYTES, modules.len - 2 * SENTINEL_BYTES);
}

static bool read_info(struct slice body, struct slice *version, struct slice *modules)
{
	struct exe_file exe;
	struct slice    header;

	if (!exe_open(body, &exe) || !(header = find_header(&exe)).len)
		return false;
	if (header.ptr[MAGIC_BYTES + 1] & 2) {
		struct cursor c = cursor_at(header, HEADER_BYTES);

		*version = take_inline(&c);
		*modules = without_marks(take_inline(&c));
	} else if (header.ptr[MAGIC_BYTES] == 4 || header.ptr[MAGIC_BYTES] == 8) {
		*version = take_pointed(&exe, header, ALIGN);
		*modules = without_marks(take_pointed(&exe, header, ALIGN + (size_t)header.ptr[MAGIC_BYTES]));
	}
	return version->len != 0;
}

/* --- the standard library --- */

static void add_stdlib(struct slice version, struct package_db *db, struct inventory *out)
{
	struct package package = {.type = SLICE_LIT("golang"), .name = SLICE_LIT("stdlib")};
	struct buf     text;

	buf_init(&text, 256);
	if (!go_version_write(version, &text)) { /* "devel go1.22-…": built from a working copy */
		buf_clear(&text);
		buf_append(&text, slice_sub(version, 0, 200));
		package.flags = PACKAGE_NO_RELEASE;
	}
	package.version = buf_slice(&text);
	inventory_add_package(out, db, &package);
	buf_deinit(&text);
}

/* --- the modules --- */

struct module {
	struct slice path, version;
	bool         main, replaced_by_folder;
};

/* Not a published version: "(devel)", a pseudo-version that the linker made up, an edited working copy. */
static bool is_no_release(const struct module *module)
{
	return !module->version.len || module->replaced_by_folder || slice_eq_str(module->version, "(devel)") ||
	       slice_ends(module->version, "+dirty") || (module->main && slice_starts(module->version, "v0.0.0-"));
}

static void add_module(const struct module *module, struct package_db *db, struct inventory *out)
{
	struct package package = {.type = SLICE_LIT("golang"), .name = module->path, .version = module->version};

	if (!module->path.len)
		return;
	if (is_no_release(module))
		package.flags = PACKAGE_NO_RELEASE;
	inventory_add_package(out, db, &package);
}

/* -ldflags="-X main.version=1.2.3 …": the version that a project's own release build has put in. */
static struct slice version_of_flags(struct slice flags)
{
	while (flags.len) {
		struct slice word = slice_cut(&flags, ' '), name = slice_cut(&word, '=');

		if ((slice_ends(name, ".version") || slice_ends(name, ".Version")) && word.len)
			return slice_sub(word, 0, slice_find(word, '"'));
	}
	return SLICE_EMPTY;
}

static bool looks_like_version(struct slice text)
{
	if (slice_starts(text, "v"))
		text = slice_from(text, 1);
	return text.len && text.ptr[0] >= '0' && text.ptr[0] <= '9' && slice_find(text, '.') != SIZE_MAX;
}

static void read_build_line(struct slice line, struct module *main)
{
	struct slice version;

	if (!slice_starts(line, "-ldflags=") || (main->version.len && !is_no_release(main)))
		return;
	version = version_of_flags(slice_from(line, 9));
	if (looks_like_version(version))
		main->version = version;
}

static bool is_folder(struct slice path, struct slice version)
{
	return !version.len || slice_eq_str(version, "(devel)") || slice_starts(path, ".") || slice_starts(path, "/");
}

/* "mod" and "dep" lines begin a module, "=>" replaces the one before: its path and version win. */
static void read_modules(struct slice modules, struct package_db *db, struct inventory *out)
{
	struct cursor lines = cursor_of(modules);
	struct module main = {.main = true}, dependency = {0}, *last = NULL;
	struct slice  line;

	while (cursor_line(&lines, &line)) {
		struct slice word = slice_cut(&line, '\t'), path = slice_cut(&line, '\t'),
			     version = slice_cut(&line, '\t');

		if (slice_eq_str(word, "mod") || slice_eq_str(word, "dep")) {
			if (last == &dependency)
				add_module(&dependency, db, out);
			last = slice_eq_str(word, "mod") ? &main : &dependency;
			last->path = path;
			last->version = version;
			last->replaced_by_folder = false;
		} else if (slice_eq_str(word, "=>") && last) {
			last->replaced_by_folder = is_folder(path, version);
			last->path = last->replaced_by_folder ? last->path : path;
			last->version = last->replaced_by_folder ? last->version : version;
		} else if (slice_eq_str(word, "build")) {
			read_build_line(path, &main);
		}
	}
	if (last == &dependency)
		add_module(&dependency, db, out);
	add_module(&main, db, out);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct slice       version = SLICE_EMPTY, modules = SLICE_EMPTY;
	struct package_db *db;

	if (!read_info(body, &version, &modules))
		return 0; /* no Go program */
	db = inventory_add_db(out, entry->path, "go-binary");
	if (!db)
		return err_set(err, ERR_MEM, "out of memory");
	add_stdlib(version, db, out);
	read_modules(modules, db, out);
	return 0;
}

const struct analyzer analyzer_go_binary = {
	.name = "go-binary",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 1u << 30,
	.skims = true,
	.wants = wants,
	.run = run,
};
