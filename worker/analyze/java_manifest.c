#include "analyze/java_manifest.h"

#include "base/cursor.h"

static struct slice *attribute(struct java_manifest *m, struct slice name)
{
	static const struct {
		const char *name;
		size_t      at;
	} ATTRIBUTES[] = {
		{"Implementation-Title", offsetof(struct java_manifest, implementation_title)},
		{"Implementation-Version", offsetof(struct java_manifest, implementation_version)},
		{"Bundle-SymbolicName", offsetof(struct java_manifest, bundle_name)},
		{"Bundle-Version", offsetof(struct java_manifest, bundle_version)},
		{"Specification-Title", offsetof(struct java_manifest, specification_title)},
		{"Specification-Version", offsetof(struct java_manifest, specification_version)},
		{"Bundle-License", offsetof(struct java_manifest, license)},
	};

	for (size_t i = 0; i < sizeof(ATTRIBUTES) / sizeof(*ATTRIBUTES); i++)
		if (slice_eq_nocase(name, slice_str(ATTRIBUTES[i].name)))
			return (struct slice *)(void *)((char *)m + ATTRIBUTES[i].at);
	return NULL;
}

static void join(struct arena *arena, struct slice *value, struct slice more)
{
	struct slice joined = arena_printf(arena, "%.*s%.*s", SLICE_FMT(*value), SLICE_FMT(more));

	*value = joined;
}

void java_manifest_read(struct slice body, struct arena *arena, struct java_manifest *out)
{
	struct cursor lines = cursor_of(body);
	struct slice  line, *value = NULL;

	while (cursor_line(&lines, &line) && line.len) { /* a blank line ends the main attributes */
		if (line.ptr[0] == ' ') {
			if (value)
				join(arena, value, slice_from(line, 1));
			continue;
		}
		value = attribute(out, slice_cut(&line, ':'));
		if (value)
			*value = arena_copy(arena, slice_trim(line));
	}
}

struct slice java_manifest_artifact(const struct java_manifest *m)
{
	struct slice bundle = slice_sub(m->bundle_name, 0, slice_find(m->bundle_name, ';'));

	if (bundle.len)
		return slice_trim(bundle);
	if (m->implementation_title.len && slice_find(m->implementation_title, ' ') == SIZE_MAX)
		return m->implementation_title;
	return slice_find(m->specification_title, ' ') == SIZE_MAX ? m->specification_title : SLICE_EMPTY;
}

struct slice java_manifest_version(const struct java_manifest *m)
{
	if (m->implementation_version.len && slice_find(m->implementation_version, ' ') == SIZE_MAX)
		return m->implementation_version;
	return m->bundle_version.len ? m->bundle_version : m->specification_version;
}
