/* What a .NET project asks NuGet for: packages.config, PackageReference of *.csproj, *.fsproj and *.vbproj, PackageVersion of
 * Directory.Packages.props. A version that is a range, a wildcard or a property of MSBuild is left empty: only a restore knows it.
 *
 * Source: learn.microsoft.com "packages.config reference", "PackageReference in project files", "Central Package Management". */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/limits.h"
#include "base/xml.h"

static struct slice either(const struct xml *element, const char *name)
{
	struct slice value = xml_attribute(element, name);

	return value.len ? value : xml_get_text(element, name);
}

/* "1.2.3", and "[1.2.3]", which is nothing else. */
static struct slice plain_version(struct slice version)
{
	if (slice_starts(version, "[") && slice_ends(version, "]"))
		version = slice_trim(slice_sub(version, 1, version.len - 2));
	for (size_t i = 0; i < version.len; i++)
		if (strchr("[](),*$%", version.ptr[i]))
			return SLICE_EMPTY;
	return version;
}

static void add(struct lock_file *lock, const struct xml *it)
{
	struct slice name = xml_attribute(it, "Include"), version;
	bool         dev = slice_eq_nocase(either(it, "PrivateAssets"), SLICE_LIT("all"));

	if (slice_eq_str(it->name, "package")) {
		name = xml_attribute(it, "id");
		version = xml_attribute(it, "version");
		dev = slice_eq_nocase(xml_attribute(it, "developmentDependency"), SLICE_LIT("true"));
	} else if (slice_eq_str(it->name, "PackageReference") || slice_eq_str(it->name, "PackageVersion") ||
		   slice_eq_str(it->name, "GlobalPackageReference")) {
		version = either(it, "VersionOverride");
		version = version.len ? version : either(it, "Version");
	} else {
		return;
	}
	if (version.len) /* else it stands in another file, or is missing by mistake */
		lock_file_add(lock, name, plain_version(version), dev ? PACKAGE_DEV : 0);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file  lock = lock_file_of(entry, out, "nuget-project", "nuget");
	const struct xml *root = NULL, *it;
	struct xml_walk   walk;
	struct arena      arena;
	int               rc;

	arena_init(&arena, LIMIT_LOCK_TREE_BYTES);
	rc = xml_parse(body, &arena, &root, err);
	walk = xml_walk_of(root);
	while (!lock.full && (it = xml_walk_next(&walk)))
		add(&lock, it);
	arena_deinit(&arena);
	return rc;
}

static const char *const names[] = {
	"packages.config", "Directory.Packages.props", "*.csproj", "*.fsproj", "*.vbproj", NULL};

const struct analyzer analyzer_nuget_project = {
	.name = "nuget-project",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 4u << 20,
	.names = names,
	.run = run,
};
