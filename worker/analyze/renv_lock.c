/* renv.lock of R: Packages, each with Version and where it came from. Only those of CRAN are releases that somebody judges; those
 * of Bioconductor, repositories and folders are none, nor is one that does not say.
 *
 * Source: rstudio.github.io/renv "Lockfiles". */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/json.h"

static bool is_cran(const struct json *package)
{
	struct slice source = json_get_text(package, "Source"), repository = json_get_text(package, "Repository");

	return (!source.len || slice_eq_str(source, "Repository")) &&
	       (slice_eq_str(repository, "CRAN") || slice_eq_str(repository, "RSPM") ||
		slice_eq_str(repository, "P3M"));
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file   lock = lock_file_of(entry, out, "renv-lock", "cran");
	struct json       *root = NULL;
	const struct json *packages;
	int                rc = json_parse(body, &root, err);

	if (rc < 0)
		return rc;
	packages = json_get_kind(root, "Packages", JSON_KIND_OBJECT);
	for (void *it = json_first(packages); it && !lock.full; it = json_next(packages, it)) {
		const struct json *package = json_value(it);

		lock_file_add(&lock, json_get_text(package, "Package"), json_get_text(package, "Version"),
			      is_cran(package) ? 0 : PACKAGE_NO_RELEASE);
	}
	json_free(root);
	return 0;
}

static const char *const names[] = {"renv.lock", NULL};

const struct analyzer analyzer_renv_lock = {
	.name = "renv-lock",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 16u << 20,
	.names = names,
	.run = run,
};
