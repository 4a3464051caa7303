#include "match/match.h"

#include <stdlib.h>

enum { SCRATCH_BYTES_MAX = 256 << 20 };

/* Packages of one purl type and what judges them. */
struct type_target {
	struct slice            type;
	struct ecosystem_target target;
	uint64_t                packages, third_party, unreadable;
	bool                    foreign; /* an OS package type that the distribution does not use */
};

struct matching {
	const struct advisories *advisories;
	struct arena            *arena;   /* of the result */
	struct arena             scratch; /* of one package */
	struct image_result     *result;
	struct err              *err;
	struct ecosystem_target  os;
	struct type_target      *types;
	size_t                   types_count, types_capacity;
	size_t                   vulnerabilities_capacity;
	size_t                   findings_capacity;
};

static int out_of_memory(struct matching *m)
{
	return err_set(m->err, ERR_MEM, "matching: out of memory");
}

/* ---- targets ---- */

static int target_of(struct matching *m, struct type_target *type)
{
	if (!package_type_is_os(type->type))
		return ecosystem_target_for_type(m->advisories, type->type, m->arena, &type->target, m->err);
	type->target = m->os;
	type->foreign = m->os.ecosystem && !slice_eq_str(type->type, m->os.ecosystem->type);
	return 0;
}

/* Packages are sorted by type, so the last one is nearly always the one. */
static int find_type(struct matching *m, struct slice type, struct type_target **out)
{
	for (size_t i = m->types_count; i-- > 0;)
		if (slice_eq(m->types[i].type, type)) {
			*out = &m->types[i];
			return 0;
		}
	if (!arena_grow(m->arena, &m->types, &m->types_capacity, m->types_count, sizeof(*m->types)))
		return out_of_memory(m);
	*out = &m->types[m->types_count++];
	**out = (struct type_target){.type = type};
	return target_of(m, *out);
}

/* ---- what is found is copied out of scratch and advisories ---- */

static struct slice *copy_list(struct arena *arena, const struct slice *items, size_t count)
{
	struct slice *copy = arena_array(arena, count, sizeof(*copy));

	for (size_t i = 0; copy && i < count; i++)
		copy[i] = arena_copy(arena, items[i]);
	return copy;
}

static int keep_vulnerability(struct matching *m, const struct result_vulnerability *found, uint32_t package)
{
	struct image_result         *result = m->result;
	struct result_vulnerability *v;

	if (!arena_grow(m->arena, &result->vulnerabilities, &m->vulnerabilities_capacity, result->vulnerabilities_count,
			sizeof(*v)))
		return out_of_memory(m);
	v = &result->vulnerabilities[result->vulnerabilities_count++];
	*v = *found;
	v->package = package;
	v->id = arena_copy(m->arena, found->id);
	v->aliases = copy_list(m->arena, found->aliases, found->aliases_count);
	v->fixed = arena_copy(m->arena, found->fixed);
	v->severity_source = arena_copy(m->arena, found->severity_source);
	v->cvss_vector = arena_copy(m->arena, found->cvss_vector);
	v->summary = arena_copy(m->arena, found->summary);
	return 0;
}

static int keep_findings(struct matching *m, const struct match_found *found, uint32_t package)
{
	struct image_result         *result = m->result;
	const struct result_package *holder = &result->packages[package];

	for (size_t i = 0; i < found->findings_count; i++) {
		struct result_finding *finding;

		if (!arena_grow(m->arena, &result->findings, &m->findings_capacity, result->findings_count,
				sizeof(*finding)))
			return out_of_memory(m);
		finding = &result->findings[result->findings_count++];
		*finding = found->findings[i];
		finding->text = arena_copy(m->arena, finding->text);
		finding->path = holder->paths_count ? holder->paths[0] : SLICE_EMPTY;
		finding->layer = holder->layer;
	}
	return 0;
}

/* ---- packages ---- */

static int ask(struct matching *m, struct type_target *type, uint32_t index)
{
	struct image_result *result = m->result;
	struct match_subject subject;
	struct match_found   found;
	int                  rc;

	arena_reset(&m->scratch);
	subject = match_subject_of(&type->target, result->packages, result->packages_count, index, &m->scratch);
	subject.arch = slice_str(result->image.platform.arch);
	type->unreadable += !version_valid(type->target.ecosystem->scheme, subject.query.version);
	rc = match_subject(m->advisories, &type->target, &subject, &m->scratch, &found, m->err);
	for (size_t i = 0; !rc && i < found.vulnerabilities_count; i++)
		rc = keep_vulnerability(m, &found.vulnerabilities[i], index);
	return rc ? rc : keep_findings(m, &found, index);
}

bool match_is_never(const struct package *package)
{
	return (package->flags & (PACKAGE_VIRTUAL | PACKAGE_NO_RELEASE)) ||
	       (slice_eq_str(package->type, "rpm") && slice_eq_str(package->name, "gpg-pubkey"));
}

/* A component that a package of the distribution brought counts with that package; only where nobody judges the
 * distribution, and somebody the component, it counts by itself (TRAPS E1). */
static bool is_suppressed(const struct matching *m, const struct type_target *type, struct result_package *package)
{
	bool os_judged = m->os.state == COVERAGE_MATCHED || m->os.state == COVERAGE_EOL;

	if (package->suppressed == PACKAGE_LISTED && package->owner.len &&
	    (os_judged || type->target.strings_count == 0))
		package->suppressed = PACKAGE_IS_OWNED;
	return package->suppressed != PACKAGE_LISTED;
}

static int match_one(struct matching *m, uint32_t index)
{
	const struct package *package = &m->result->packages[index].package;
	struct type_target   *type = NULL;
	int                   rc;

	rc = find_type(m, package->type, &type);
	if (rc)
		return rc;
	if (is_suppressed(m, type, &m->result->packages[index]) || match_is_never(package))
		return 0;
	if (!type->foreign && type->target.ecosystem && (package->flags & PACKAGE_THIRD_PARTY)) {
		type->third_party++;
		return 0;
	}
	type->packages++;
	return type->foreign || type->target.strings_count == 0 ? 0 : ask(m, type, index);
}

/* ---- coverage ---- */

static void add_coverage(struct matching *m, struct result_coverage row)
{
	m->result->coverage[m->result->coverage_count++] = row;
}

static struct slice remark_with_unreadable(struct matching *m, const struct type_target *type)
{
	struct slice remark = type->target.remark;

	if (type->unreadable == 0 || type->target.ecosystem->scheme == VERSION_NONE)
		return remark;
	return arena_printf(m->arena, "%.*s%s%llu with a version that cannot be compared", SLICE_FMT(remark),
			    remark.len ? "; " : "", (unsigned long long)type->unreadable);
}

static void cover_type(struct matching *m, const struct type_target *type)
{
	const struct ecosystem_target *target = &type->target;

	if (type->foreign) {
		struct slice remark = arena_printf(m->arena, "%.*s packages are not those of %.*s",
						   SLICE_FMT(type->type), SLICE_FMT(m->result->os.id));

		add_coverage(m, (struct result_coverage){.packages = type->packages,
							 .state = COVERAGE_NO_ADVISORY_SOURCE,
							 .remark = remark});
		return;
	}
	if (type->packages)
		add_coverage(m, (struct result_coverage){.ecosystem = target->name,
							 .packages = type->packages,
							 .state = target->state,
							 .feed_date = target->feed_date,
							 .remark = remark_with_unreadable(m, type)});
	if (type->third_party)
		add_coverage(m, (struct result_coverage){
					.packages = type->third_party,
					.state = COVERAGE_NO_ADVISORY_SOURCE,
					.remark = SLICE_LIT(
						"third-party packages: the distribution's feed does not judge them")});
}

/* Types of which something counts: of the distribution alone, or all. */
static bool has_packages(const struct matching *m, bool of_distribution)
{
	for (size_t i = 0; i < m->types_count; i++) {
		const struct type_target *type = &m->types[i];

		if (type->packages + type->third_party &&
		    (!of_distribution || (package_type_is_os(type->type) && !type->foreign)))
			return true;
	}
	return false;
}

/* A distribution without packages is said to be so; an image without anything at all too. */
static int cover(struct matching *m)
{
	bool os_known = m->os.os_row != NULL;

	m->result->coverage_count = 0;
	m->result->coverage = arena_array(m->arena, 2 * m->types_count + 1, sizeof(*m->result->coverage));
	if (!m->result->coverage)
		return out_of_memory(m);
	if (!has_packages(m, true) && (os_known || !has_packages(m, false)))
		add_coverage(m, (struct result_coverage){.ecosystem = m->os.name, .state = COVERAGE_NO_PACKAGES});
	for (size_t i = 0; i < m->types_count; i++)
		cover_type(m, &m->types[i]);
	return 0;
}

/* ---- the image ---- */

static int by_severity(const void *a, const void *b)
{
	const struct result_vulnerability *left = a, *right = b;
	int order = (left->severity < right->severity) - (left->severity > right->severity);

	if (order == 0)
		order = slice_cmp(left->id, right->id);
	return order ? order : (left->package > right->package) - (left->package < right->package);
}

static void start(struct matching *m)
{
	struct image_result *result = m->result;

	result->vulnerabilities = NULL;
	result->vulnerabilities_count = 0;
	result->advisories_generation = m->advisories ? arena_copy(m->arena, m->advisories->generation) : SLICE_EMPTY;
	result->advisories_date = m->advisories ? arena_copy(m->arena, m->advisories->date) : SLICE_EMPTY;
}

static int run(struct matching *m)
{
	struct image_result *result = m->result;
	bool                 ubuntu_pro = ecosystem_is_ubuntu_pro(result->packages, result->packages_count);
	int rc = ecosystem_target_for_os(m->advisories, &result->os, ubuntu_pro, m->arena, &m->os, m->err);

	for (size_t i = 0; !rc && i < result->packages_count; i++)
		rc = match_one(m, (uint32_t)i);
	if (rc)
		return rc;
	if (result->vulnerabilities_count)
		qsort(result->vulnerabilities, result->vulnerabilities_count, sizeof(*result->vulnerabilities),
		      by_severity);
	return cover(m);
}

int match_image(const struct advisories *advisories, struct arena *arena, struct image_result *result, struct err *err)
{
	struct matching m = {.advisories = advisories,
			     .arena = arena,
			     .result = result,
			     .err = err,
			     .findings_capacity = result->findings_count};
	int             rc;

	arena_init(&m.scratch, SCRATCH_BYTES_MAX);
	start(&m);
	rc = run(&m);
	arena_deinit(&m.scratch);
	if (rc == 0 && arena_failed(arena))
		rc = out_of_memory(&m);
	return rc;
}
