/* What a .NET application was built with: <name>.deps.json, of applications and of the shared frameworks.
 *
 * Source: dotnet/runtime docs/design/features "host-runtime-information", dotnet/cli "runtime-configuration-file". Libraries
 * of type "package" are NuGet packages; a "runtimepack" is the runtime inside a self-contained application, under the
 * id of its NuGet package; "project" and "reference" are the application's own. */
#include "analyze/analyzer.h"
#include "base/json.h"

/* "Newtonsoft.Json/13.0.1": false when a part is missing. */
static bool split(struct slice key, struct package *package)
{
	size_t slash = slice_rfind(key, '/');

	if (slash == SIZE_MAX || slash == 0 || slash + 1 == key.len)
		return false;
	package->name = slice_sub(key, 0, slash);
	package->version = slice_from(key, slash + 1);
	return true;
}

static bool is_nuget(const struct json *library, struct package *package)
{
	struct slice type = json_get_text(library, "type");

	if (slice_eq_str(type, "runtimepack") && slice_starts(package->name, "runtimepack.")) {
		package->name = slice_from(package->name, 12);
		return true;
	}
	return slice_eq_str(type, "package");
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct json       *root = NULL;
	const struct json *libraries;
	struct package_db *db;
	int                rc = json_parse(body, &root, err);

	if (rc < 0)
		return rc;
	libraries = json_get_kind(root, "libraries", JSON_KIND_OBJECT);
	db = libraries ? inventory_add_db(out, entry->path, "dotnet-deps") : NULL;
	if (!db)
		rc = libraries ? err_set(err, ERR_MEM, "out of memory") : err_set(err, ERR_FORMAT, "no libraries");
	for (void *it = db ? json_first(libraries) : NULL; it; it = json_next(libraries, it)) {
		struct package package = {.type = SLICE_LIT("nuget")};

		if (split(json_key(it), &package) && is_nuget(json_value(it), &package) &&
		    !inventory_add_package(out, db, &package))
			break;
	}
	json_free(root);
	return rc;
}

static const char *const names[] = {"*.deps.json", NULL};

const struct analyzer analyzer_dotnet_deps = {
	.name = "dotnet-deps",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.names = names,
	.run = run,
};
