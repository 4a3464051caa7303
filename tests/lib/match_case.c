#include "lib/match_case.h"

#include "lib/check.h"
#include "model/vendor.h"

#include <stdlib.h>
#include <string.h>

enum { CASE_BYTES_MAX = 256 << 20 };

void match_case_init(struct match_case *c)
{
	*c = (struct match_case){0};
	arena_init(&c->arena, CASE_BYTES_MAX);
	c->memory = advisories_memory_new(CASE_BYTES_MAX);
	assert_non_null(c->memory);
}

void match_case_deinit(struct match_case *c)
{
	advisories_memory_free(c->memory);
	arena_deinit(&c->arena);
}

/* "KEY=value" fields behind each other, by tab. */
static struct slice field(struct slice rest, const char *key)
{
	while (rest.len) {
		struct slice value = slice_cut(&rest, '\t'), name = slice_cut(&value, '=');

		if (slice_eq_str(name, key))
			return value;
	}
	return SLICE_EMPTY;
}

static void read_os(struct os_release *os, struct slice rest)
{
	*os = (struct os_release){
		.id = field(rest, "ID"),
		.version_id = field(rest, "VERSION_ID"),
		.version = field(rest, "VERSION"),
		.pretty_name = field(rest, "PRETTY_NAME"),
		.ubuntu_codename = field(rest, "UBUNTU_CODENAME"),
		.id_like = field(rest, "ID_LIKE"),
	};
}

static void read_package(struct match_case *c, struct slice rest)
{
	struct image_result *result = &c->result;
	struct package       package = {
		      .type = slice_cut(&rest, '\t'), .name = slice_cut(&rest, '\t'), .version = slice_cut(&rest, '\t')};

	package.arch = field(rest, "arch");
	package.source_name = field(rest, "source");
	package.source_version = field(rest, "source_version");
	package.vendor = field(rest, "vendor");
	package.modularity = field(rest, "modularity");
	package.flags = field(rest, "virtual").len ? PACKAGE_VIRTUAL : 0;
	package.flags |= field(rest, "no_release").len ? PACKAGE_NO_RELEASE : 0;
	assert_true(arena_grow(&c->arena, &result->packages, &c->packages_capacity, result->packages_count,
			       sizeof(*result->packages)));
	result->packages[result->packages_count++] =
		(struct result_package){.package = package, .owner = field(rest, "owner")};
}

bool match_case_line(struct match_case *c, struct slice line)
{
	struct slice rest = arena_copy(&c->arena, line), word = slice_cut(&rest, ' ');
	struct err   err = {0};

	if (slice_eq_str(word, "os"))
		read_os(&c->result.os, rest);
	else if (slice_eq_str(word, "arch"))
		snprintf(c->result.image.platform.arch, sizeof(c->result.image.platform.arch), "%.*s", SLICE_FMT(rest));
	else if (slice_eq_str(word, "pkg"))
		read_package(c, rest);
	else if (slice_eq_str(line, "no database"))
		c->no_database = true;
	else if (!slice_eq_str(word, "osv"))
		return false;
	else if (advisories_memory_add(c->memory, rest, &err))
		fail_msg("%s", err.text);
	return true;
}

static int by_package(const void *a, const void *b)
{
	const struct package *left = &((const struct result_package *)a)->package,
			     *right = &((const struct result_package *)b)->package;
	int order = slice_cmp(left->type, right->type);

	if (order == 0)
		order = slice_cmp(left->name, right->name);
	if (order == 0)
		order = slice_cmp(left->version, right->version);
	return order ? order : slice_cmp(left->arch, right->arch);
}

void match_case_run(struct match_case *c, const struct advisories *advisories)
{
	struct image_result *result = &c->result;
	struct err           err = {0};

	if (result->packages_count)
		qsort(result->packages, result->packages_count, sizeof(*result->packages), by_package);
	for (size_t i = 0; i < result->packages_count; i++) /* as aggregation does */
		if (vendor_is_third_party(&result->os, &result->packages[i].package))
			result->packages[i].package.flags |= PACKAGE_THIRD_PARTY;
	if (!advisories && !c->no_database)
		advisories = advisories_memory_seal(c->memory, &err);
	if (match_image(advisories, &c->arena, result, &err))
		fail_msg("%s", err.text);
}

static void print_vulnerability(const struct image_result *result, const struct result_vulnerability *v,
				struct buf *out)
{
	const struct package *package = &result->packages[v->package].package;

	buf_printf(out, "vuln %.*s %.*s %.*s", SLICE_FMT(v->id), SLICE_FMT(package->name), SLICE_FMT(package->version));
	if (v->fixed.len)
		buf_printf(out, " fixed %.*s", SLICE_FMT(v->fixed));
	buf_printf(out, " %s", severity_name(v->severity));
	if (v->severity_source.len)
		buf_printf(out, " by %.*s", SLICE_FMT(v->severity_source));
	if (v->cvss_score >= 0)
		buf_printf(out, " %.1f", v->cvss_score);
	for (size_t i = 0; i < v->aliases_count; i++)
		buf_printf(out, "%s%.*s", i ? "," : " aka ", SLICE_FMT(v->aliases[i]));
	buf_str(out, v->approximate ? " approximate\n" : "\n");
}

void match_case_print(const struct match_case *c, struct buf *out)
{
	const struct image_result *result = &c->result;

	for (size_t i = 0; i < result->coverage_count; i++) {
		const struct result_coverage *row = &result->coverage[i];

		buf_printf(out, "coverage %s %llu \"%.*s\"", coverage_name(row->state),
			   (unsigned long long)row->packages, SLICE_FMT(row->ecosystem));
		if (row->feed_date.len)
			buf_printf(out, " %.*s", SLICE_FMT(row->feed_date));
		buf_printf(out, "%s%.*s\n", row->remark.len ? " | " : "", SLICE_FMT(row->remark));
	}
	for (size_t i = 0; i < result->vulnerabilities_count; i++)
		print_vulnerability(result, &result->vulnerabilities[i], out);
	for (size_t i = 0; i < result->findings_count; i++)
		buf_printf(out, "finding %.*s %s %.*s\n", SLICE_FMT(result->findings[i].kind),
			   severity_name(result->findings[i].severity), SLICE_FMT(result->findings[i].text));
	for (size_t i = 0; i < result->packages_count; i++)
		if (result->packages[i].package.flags & PACKAGE_THIRD_PARTY)
			buf_printf(out, "third-party %.*s\n", SLICE_FMT(result->packages[i].package.name));
}
