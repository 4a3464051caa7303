/* conan.lock: version 0.5 lists references "name/version[@user/channel][#revision][%time]", before that a graph of nodes.
 *
 * Source: docs.conan.io "Lockfiles" of Conan 1 and 2. */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/json.h"

static void add_reference(struct lock_file *lock, struct slice reference, uint32_t flags)
{
	struct slice name = slice_cut(&reference, '/'), version = reference;

	version = slice_sub(version, 0, slice_find(version, '%'));
	version = slice_sub(version, 0, slice_find(version, '#'));
	version = slice_sub(version, 0, slice_find(version, '@'));
	if (version.len)
		lock_file_add(lock, name, version, flags);
}

static void read_list(struct lock_file *lock, const struct json *list, uint32_t flags)
{
	for (size_t i = 0; i < json_count(list) && !lock->full; i++)
		add_reference(lock, json_text(json_at(list, i)), flags);
}

static void read_graph(struct lock_file *lock, const struct json *nodes)
{
	for (void *it = json_first(nodes); it && !lock->full; it = json_next(nodes, it)) {
		const struct json *node = json_value(it);
		struct slice       reference = json_get_text(node, "ref");

		if (!reference.len)
			reference = json_get_text(node, "pref");
		if (!json_get(node, "path")) /* the recipe that the file belongs to has one */
			add_reference(lock, reference,
				      slice_eq_str(json_get_text(node, "context"), "build") ? PACKAGE_DEV : 0);
	}
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file lock = lock_file_of(entry, out, "conan-lock", "conan");
	struct json     *root = NULL;
	int              rc = json_parse(body, &root, err);

	if (rc < 0)
		return rc;
	read_list(&lock, json_get_kind(root, "requires", JSON_KIND_ARRAY), 0);
	read_list(&lock, json_get_kind(root, "build_requires", JSON_KIND_ARRAY), PACKAGE_DEV);
	read_list(&lock, json_get_kind(root, "python_requires", JSON_KIND_ARRAY), PACKAGE_DEV);
	read_graph(&lock, json_get_kind(json_get(root, "graph_lock"), "nodes", JSON_KIND_OBJECT));
	json_free(root);
	return 0;
}

static const char *const names[] = {"conan.lock", NULL};

const struct analyzer analyzer_conan_lock = {
	.name = "conan-lock",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 16u << 20,
	.names = names,
	.run = run,
};
