/* vendor/modules.txt: "# module version [=> module [version]]", below it the packages that lie in the vendor
 * folder. A folder in place of a module is no release.
 *
 * Source: go.dev/ref/mod "Vendoring"; cmd/go, modload/vendor.go. */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/cursor.h"

static struct slice take_word(struct slice *rest)
{
	struct slice word;

	*rest = slice_trim(*rest);
	word = slice_cut(rest, ' ');
	return word;
}

static bool is_version(struct slice word)
{
	return word.len > 1 && word.ptr[0] == 'v' && word.ptr[1] >= '0' && word.ptr[1] <= '9';
}

static bool is_folder(struct slice path)
{
	return slice_starts(path, "./") || slice_starts(path, "../") || slice_starts(path, "/");
}

struct module {
	struct slice path, version;
	uint32_t     flags;
};

/* "module [version] [=> module version | => folder]"; false for what is none. */
static bool read_module(struct slice line, struct module *module)
{
	struct slice word;

	*module = (struct module){.path = take_word(&line)};
	word = take_word(&line);
	if (is_version(word)) {
		module->version = word;
		word = take_word(&line);
	}
	if (!word.len)
		return module->version.len != 0;
	if (!slice_eq_str(word, "=>"))
		return false;
	word = take_word(&line);
	if (is_folder(word)) {
		module->flags = PACKAGE_NO_RELEASE;
		return module->version.len != 0;
	}
	module->path = word;
	module->version = take_word(&line);
	return is_version(module->version);
}

/* A module is there when packages of it stand below its line. */
static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file lock = lock_file_of(entry, out, "go-vendor", "golang");
	struct cursor    lines = cursor_of(body);
	struct module    module;
	struct slice     line;
	bool             waits = false;

	(void)err;
	while (!lock.full && cursor_line(&lines, &line)) {
		if (slice_starts(line, "# ")) {
			waits = read_module(slice_from(line, 2), &module);
		} else if (waits && line.len && line.ptr[0] != '#') {
			lock_file_add(&lock, module.path, module.version, module.flags);
			waits = false;
		}
	}
	return 0;
}

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return TEXT_IS(entry->path, "vendor/modules.txt") || TEXT_ENDS(entry->path, "/vendor/modules.txt")
		       ? NEED_WHOLE
		       : NEED_NOTHING;
}

static const char *const names[] = {"modules.txt", NULL};

const struct analyzer analyzer_go_vendor = {
	.name = "go-vendor",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 16u << 20,
	.text = true,
	.names = names,
	.wants = wants,
	.run = run,
};
