#include "analyze/toml_packages.h"

struct toml_packages toml_packages_of(struct slice text)
{
	return (struct toml_packages){.lines = cursor_of(text)};
}

/* "text" or 'text' without its quotes; anything else as written. */
static struct slice value_of(struct slice text)
{
	size_t end;

	text = slice_trim(text);
	if (!text.len || (text.ptr[0] != '"' && text.ptr[0] != '\''))
		return text;
	end = slice_find(slice_from(text, 1), text.ptr[0]);
	return end == SIZE_MAX ? SLICE_EMPTY : slice_sub(text, 1, end);
}

static void read_key(struct slice line, bool in_source, struct toml_package *package)
{
	const struct {
		const char   *key;
		bool          in_source;
		struct slice *to;
	} KEYS[] = {
		{"name", false, &package->name},           {"version", false, &package->version},
		{"source", false, &package->source},       {"category", false, &package->category},
		{"groups", false, &package->groups},       {"revision", false, &package->revision},
		{"type", true, &package->source_type},     {"vcs", false, &package->elsewhere},
		{"directory", false, &package->elsewhere}, {"archive", false, &package->elsewhere},
	};
	struct slice key = slice_trim(slice_cut(&line, '='));

	for (size_t i = 0; i < sizeof(KEYS) / sizeof(*KEYS); i++)
		if (KEYS[i].in_source == in_source && slice_eq_str(key, KEYS[i].key) && !KEYS[i].to->len)
			*KEYS[i].to = value_of(line);
}

static bool is_package(struct slice line)
{
	return slice_eq_str(line, "[[package]]") || slice_eq_str(line, "[[packages]]");
}

static bool is_elsewhere(struct slice header)
{
	return slice_eq_str(header, "[packages.vcs]") || slice_eq_str(header, "[packages.directory]") ||
	       slice_eq_str(header, "[packages.archive]");
}

bool toml_packages_next(struct toml_packages *reader, struct toml_package *package)
{
	struct slice line;
	bool         found = reader->in_package, own = true, in_source = false;

	*package = (struct toml_package){0};
	reader->in_package = false;
	while (cursor_line(&reader->lines, &line)) {
		bool indented = line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t');

		line = slice_trim(line);
		if (is_package(line)) {
			if (found) {
				reader->in_package = true;
				return true;
			}
			found = own = true;
			in_source = false;
		} else if (!indented && slice_starts(line, "[")) {
			in_source = slice_eq_str(line, "[package.source]");
			if (found && is_elsewhere(line))
				package->elsewhere = line;
			own = false; /* the keys that follow are another table's */
		} else if (found && !indented && (own || in_source)) {
			read_key(line, in_source, package);
		}
	}
	return found;
}
