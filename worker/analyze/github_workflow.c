/* .github/workflows/<name>.yml: the actions and reusable workflows that a job uses: "owner/repository[/folder]@ref". A ref that is no
 * full version (a branch, a commit, "v4") is no release: what it stands for moves, or is not told.
 *
 * Source: docs.github.com "Workflow syntax for GitHub Actions". */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/limits.h"
#include "base/yaml.h"

static bool is_full_version(struct slice ref)
{
	size_t dots = 0;

	if (slice_starts(ref, "v"))
		ref = slice_from(ref, 1);
	for (size_t i = 0; i < ref.len; i++) {
		bool digit = ref.ptr[i] >= '0' && ref.ptr[i] <= '9';

		if (!digit && ref.ptr[i] != '.')
			return dots == 2 && ref.ptr[i] == '-';
		dots += !digit;
	}
	return dots == 2;
}

static void add(struct lock_file *lock, struct slice uses)
{
	struct slice ref = uses, path = slice_cut(&ref, '@'), rest = path;
	struct slice owner = slice_cut(&rest, '/'), repository = slice_cut(&rest, '/');

	if (!ref.len || !owner.len || !repository.len || owner.ptr[0] == '.' || slice_ends(owner, ":"))
		return; /* a folder of the repository, a container image, nothing that is known */
	lock_file_add(lock, slice_sub(path, 0, owner.len + 1 + repository.len), ref,
		      is_full_version(ref) ? 0 : PACKAGE_NO_RELEASE);
}

static void add_job(struct lock_file *lock, const struct yaml *job)
{
	add(lock, yaml_get_text(job, "uses"));
	for (const struct yaml *it = yaml_first(yaml_get(job, "steps"), YAML_KIND_LIST); it && !lock->full;
	     it = it->next)
		add(lock, yaml_get_text(it, "uses"));
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file   lock = lock_file_of(entry, out, "github-workflow", "githubactions");
	const struct yaml *document = NULL, *it;
	struct arena       arena;
	int                rc;

	arena_init(&arena, LIMIT_LOCK_TREE_BYTES);
	rc = yaml_parse(body, &arena, &document, err);
	for (it = rc == 0 ? yaml_first(yaml_get(document, "jobs"), YAML_KIND_MAP) : NULL; it && !lock.full;
	     it = it->next)
		add_job(&lock, it);
	arena_deinit(&arena);
	return rc;
}

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return TEXT_STARTS(entry->path, ".github/workflows/") ||
			       slice_find_str(entry->path, "/.github/workflows/") != SIZE_MAX
		       ? NEED_WHOLE
		       : NEED_NOTHING;
}

static const char *const names[] = {"*.yml", "*.yaml", NULL};

const struct analyzer analyzer_github_workflow = {
	.name = "github-workflow",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 1u << 20,
	.names = names,
	.wants = wants,
	.run = run,
};
