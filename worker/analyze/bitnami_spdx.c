/* What Bitnami's images say of their own components: opt/bitnami/<name>/.spdx-<name>.spdx, SPDX 2 as JSON. Packages with a purl count
 * by it; those of the distribution are known better by its own database. The image's revision behind a Bitnami version ("7.0.5-3") is
 * none of the component's version, which advisories speak of.
 *
 * Source: SPDX 2.3, "Package information" and "External reference field"; purl-spec types/bitnami. */
#include "analyze/analyzer.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/path.h"
#include "model/purl.h"

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return TEXT_STARTS(path_basename(entry->path), ".spdx-") &&
			       (TEXT_STARTS(entry->path, "opt/bitnami/") ||
				slice_find_str(entry->path, "/opt/bitnami/") != SIZE_MAX)
		       ? NEED_WHOLE
		       : NEED_NOTHING;
}

/* "7.0.5-3" without its revision. */
static struct slice without_revision(struct slice version)
{
	size_t   dash = slice_rfind(version, '-');
	uint64_t revision;

	if (dash != SIZE_MAX && slice_u64(slice_from(version, dash + 1), &revision))
		return slice_sub(version, 0, dash);
	return version;
}

static struct slice purl_text(const struct json *node)
{
	const struct json *references = json_get_kind(node, "externalRefs", JSON_KIND_ARRAY);

	for (size_t i = 0; i < json_count(references); i++)
		if (slice_eq_str(json_get_text(json_at(references, i), "referenceType"), "purl"))
			return json_get_text(json_at(references, i), "referenceLocator");
	return SLICE_EMPTY;
}

/* The name as struct package has it: the namespace in front. */
static struct slice full_name(const struct purl *purl, struct arena *arena)
{
	bool maven = slice_eq_str(purl->type, "maven");

	if (!purl->namespace.len)
		return purl->name;
	return arena_printf(arena, "%.*s%s%.*s", SLICE_FMT(purl->namespace), maven ? ":" : "/", SLICE_FMT(purl->name));
}

static struct slice license_of(const struct json *node)
{
	struct slice license = json_get_text(node, "licenseConcluded");

	if (!license.len || slice_eq_str(license, "NOASSERTION") || slice_eq_str(license, "NONE"))
		license = json_get_text(node, "licenseDeclared");
	return slice_eq_str(license, "NOASSERTION") || slice_eq_str(license, "NONE") ? SLICE_EMPTY : license;
}

struct document {
	const struct entry *entry;
	struct inventory   *out;
	struct package_db  *db;
	bool                full;
};

static void add(struct document *d, const struct json *node)
{
	struct arena   arena;
	struct purl    purl;
	struct package package = {.license = license_of(node)};

	arena_init(&arena, 1 << 20);
	if (purl_parse(purl_text(node), &arena, &purl, NULL) == 0 && purl.version.len &&
	    !package_type_is_os(purl.type)) {
		package.type = purl.type;
		package.name = full_name(&purl, &arena);
		package.version = slice_eq_str(purl.type, "bitnami") ? without_revision(purl.version) : purl.version;
		if (!d->db)
			d->db = inventory_add_db(d->out, d->entry->path, "bitnami");
		d->full = !d->db || !inventory_add_package(d->out, d->db, &package);
	}
	arena_deinit(&arena);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct document    d = {.entry = entry, .out = out};
	const struct json *packages;
	struct json       *root = NULL;
	int                rc = json_parse(body, &root, err);

	packages = json_get_kind(root, "packages", JSON_KIND_ARRAY);
	if (rc == 0 && !packages)
		rc = err_set(err, ERR_FORMAT, "no packages: not SPDX 2");
	for (size_t i = 0; i < json_count(packages) && !d.full; i++)
		add(&d, json_at(packages, i));
	json_free(root);
	return rc;
}

static const char *const names[] = {"*.spdx", NULL};

const struct analyzer analyzer_bitnami_spdx = {
	.name = "bitnami-spdx",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 16u << 20,
	.names = names,
	.wants = wants,
	.run = run,
};
