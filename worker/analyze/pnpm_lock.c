/* pnpm-lock.yaml, lockfileVersion 5 to 9: the keys of "packages" say name and version, unless the package says them itself.
 *
 * Source: pnpm's lockfile specifications (github.com/pnpm/spec, lockfile/5.md to 9.0.md). Keys: 5 "/name/version_peers",
 * 6 "/name@version(peers)", 9 "name@version"; from other registries "host/name…". Version 9 marks nothing as dev. */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/limits.h"
#include "base/yaml.h"

struct locked {
	struct slice name, version;
};

/* "1.2.3": no commit, folder or URL. */
static bool is_version(struct slice text)
{
	size_t i = 0;

	while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9')
		i++;
	return i && i < text.len && text.ptr[i] == '.' && slice_find(text, '/') == SIZE_MAX &&
	       slice_find(text, ':') == SIZE_MAX;
}

/* "[host/]name" or "[host/]@scope/name" without the host. */
static struct slice without_host(struct slice path)
{
	size_t       slash = slice_rfind(path, '/');
	size_t       before = slash == SIZE_MAX ? SIZE_MAX : slice_rfind(slice_sub(path, 0, slash), '/');
	struct slice last_two = slice_from(path, before == SIZE_MAX ? 0 : before + 1);

	return slash == SIZE_MAX || slice_starts(last_two, "@") ? last_two : slice_from(path, slash + 1);
}

static struct locked split_version_5(struct slice key)
{
	size_t        slash = slice_rfind(key, '/');
	struct locked out = {SLICE_EMPTY, SLICE_EMPTY};
	struct slice  version;

	if (slash == SIZE_MAX)
		return out;
	version = slice_from(key, slash + 1);
	version = slice_sub(version, 0, slice_find(version, '_'));
	if (is_version(version))
		out = (struct locked){without_host(slice_sub(key, 0, slash)), version};
	return out;
}

static struct locked split_version_6(struct slice key)
{
	size_t at, scope;

	key = slice_sub(key, 0, slice_find(key, '('));
	if (slice_starts(key, "/"))
		key = slice_from(key, 1);
	at = slice_find(slice_from(key, 1), '@');
	scope = slice_find_str(key, "/@");
	if (scope != SIZE_MAX && at == scope) /* "host/@scope/name@1.0.0" */
		at = slice_find(slice_from(key, scope + 2), '@') == SIZE_MAX
			     ? SIZE_MAX
			     : scope + 1 + slice_find(slice_from(key, scope + 2), '@');
	if (at == SIZE_MAX || slice_find(slice_sub(key, 0, at), ':') != SIZE_MAX)
		return (struct locked){SLICE_EMPTY, SLICE_EMPTY};
	return (struct locked){without_host(slice_sub(key, 0, at + 1)), slice_from(key, at + 2)};
}

static void add(struct lock_file *lock, const struct yaml *node, bool version_5)
{
	struct locked locked = version_5 ? split_version_5(node->key) : split_version_6(node->key);
	struct slice  name = yaml_get_text(node, "name"), version = yaml_get_text(node, "version");
	bool          release = is_version(locked.version);
	uint32_t      flags = slice_eq_str(yaml_get_text(node, "dev"), "true") ? PACKAGE_DEV : 0;

	if (!name.len)
		name = locked.name;
	if (release)
		version = locked.version;
	lock_file_add(lock, name, version, flags | (release ? 0 : PACKAGE_NO_RELEASE));
}

static void read_document(struct lock_file *lock, const struct yaml *document)
{
	struct slice version = yaml_get_text(document, "lockfileVersion");
	uint64_t     major = 0;

	slice_u64(slice_sub(version, 0, slice_find(version, '.')), &major);
	for (const struct yaml *it = yaml_first(yaml_get(document, "packages"), YAML_KIND_MAP); it && !lock->full;
	     it = it->next)
		add(lock, it, major < 6);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file   lock = lock_file_of(entry, out, "pnpm-lock", "npm");
	const struct yaml *documents;
	struct arena       arena;
	int                rc;

	arena_init(&arena, LIMIT_LOCK_TREE_BYTES);
	rc = yaml_parse(body, &arena, &documents, err);
	for (; rc == 0 && documents; documents = documents->next)
		read_document(&lock, documents);
	arena_deinit(&arena);
	return rc;
}

static const char *const names[] = {"pnpm-lock.yaml", NULL};

const struct analyzer analyzer_pnpm_lock = {
	.name = "pnpm-lock",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.names = names,
	.run = run,
};
