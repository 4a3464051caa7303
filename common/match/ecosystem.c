#include "match/ecosystem.h"

#include "match/os_table.h"

/* Gathers the strings of one target; `unfixed` counts the entries that know no fix over all of them. */
struct gathering {
	const struct advisories *advisories; /* may be NULL */
	struct arena            *arena;
	struct ecosystem_target *target;
	size_t                   capacity;
	uint64_t                 unfixed;
};

static void add_feed(struct gathering *g, const struct advisory_feed *feed, uint32_t rank, const char *fix_note)
{
	struct ecosystem_target *target = g->target;

	if (!arena_grow(g->arena, &target->strings, &g->capacity, target->strings_count, sizeof(*target->strings)))
		return;
	target->strings[target->strings_count++] = (struct ecosystem_string){
		.name = arena_copy(g->arena, feed->ecosystem), .rank = rank, .fix_note = fix_note};
	g->unfixed += feed->unfixed;
	if (slice_cmp(feed->date, target->feed_date) > 0)
		target->feed_date = arena_copy(g->arena, feed->date);
}

static void add_if_present(struct gathering *g, struct slice ecosystem, uint32_t rank, const char *fix_note)
{
	struct advisory_feed feed;

	if (g->advisories && advisories_feed(g->advisories, ecosystem, &feed))
		add_feed(g, &feed, rank, fix_note);
}

/* Appends before + text + after to the remark. */
static void add_remark(struct gathering *g, const char *before, struct slice text, const char *after)
{
	struct slice *remark = &g->target->remark;
	const char   *joint = remark->len ? "; " : "";

	*remark = arena_printf(g->arena, "%.*s%s%s%.*s%s", SLICE_FMT(*remark), joint, before, SLICE_FMT(text), after);
}

/* ---- Red Hat and SUSE: whatever strings of the release the advisories hold ---- */

/* "enterprise_linux:9", ":9.4", ":9::appstream" for major 9. */
static bool is_redhat_release(struct slice cpe, struct slice major)
{
	struct slice product = slice_cut(&cpe, ':'), version = slice_cut(&cpe, ':');

	return slice_eq_str(product, "enterprise_linux") && slice_eq(slice_cut(&version, '.'), major);
}

static bool ends_with_release(struct slice product, struct slice release)
{
	for (size_t i = 0; i + 1 + release.len <= product.len; i++) {
		size_t after = i + 1 + release.len;

		if (product.ptr[i] == ' ' && slice_eq(slice_sub(product, i + 1, release.len), release) &&
		    (after == product.len || product.ptr[after] == '-'))
			return true;
	}
	return false;
}

static const char *suse_fix_note(struct slice product)
{
	if (slice_find_str(product, "LTSS") != SIZE_MAX)
		return "requires LTSS";
	return slice_find_str(product, "ESPOS") != SIZE_MAX ? "requires ESPOS" : NULL;
}

static bool is_suse_product(struct slice product, bool micro, struct slice release)
{
	return slice_starts(product, "Linux ") && (slice_find_str(product, "Micro") != SIZE_MAX) == micro &&
	       ends_with_release(product, release);
}

static void add_all_redhat(struct gathering *g, struct slice major)
{
	struct advisory_feed feed;

	for (size_t i = advisories_feed_lower(g->advisories, SLICE_LIT("Red Hat:"));
	     g->advisories->ops->feed_at(g->advisories, i, &feed) && slice_starts(feed.ecosystem, "Red Hat:"); i++)
		if (is_redhat_release(slice_from(feed.ecosystem, 8), major))
			add_feed(g, &feed, 0, NULL);
}

static void add_all_suse(struct gathering *g, bool micro, struct slice release)
{
	struct advisory_feed feed;

	for (size_t i = advisories_feed_lower(g->advisories, SLICE_LIT("SUSE:"));
	     g->advisories->ops->feed_at(g->advisories, i, &feed) && slice_starts(feed.ecosystem, "SUSE:"); i++) {
		struct slice product = slice_from(feed.ecosystem, 5);
		const char  *note = suse_fix_note(product);

		if (is_suse_product(product, micro, release))
			add_feed(g, &feed, note != NULL, note);
	}
}

/* ---- Ubuntu Pro ---- */

bool ecosystem_is_ubuntu_pro(const struct result_package *packages, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct slice version = packages[i].package.version;

		if (slice_eq_str(packages[i].package.type, "deb") &&
		    (slice_find_str(version, "+esm") != SIZE_MAX || slice_find_str(version, "~esm") != SIZE_MAX))
			return true;
	}
	return false;
}

static void add_ubuntu(struct gathering *g, bool ubuntu_pro)
{
	struct slice base = g->target->name;
	struct slice pro = arena_printf(g->arena, "Ubuntu:Pro:%.*s", SLICE_FMT(slice_from(base, 7)));

	if (ubuntu_pro) {
		add_if_present(g, pro, 0, NULL);
		add_if_present(g, base, 1, NULL);
		add_remark(g, "Ubuntu Pro, by the versions of its packages", SLICE_LIT(""), "");
	} else {
		add_if_present(g, base, 0, NULL);
		add_if_present(g, pro, 1, "requires Ubuntu Pro");
	}
}

static void add_strings(struct gathering *g, const struct os_release *os, bool ubuntu_pro)
{
	struct slice name = g->target->name;

	switch (g->target->os_row->rule) {
	case OS_RULE_REDHAT:
	case OS_RULE_CENTOS:
		if (g->advisories)
			add_all_redhat(g, slice_from(name, slice_rfind(name, ':') + 1));
		break;
	case OS_RULE_SUSE:
		if (g->advisories)
			add_all_suse(g, false, os_suse_release(os, g->arena));
		break;
	case OS_RULE_SUSE_MICRO:
		if (g->advisories)
			add_all_suse(g, true, os->version_id);
		break;
	case OS_RULE_UBUNTU:
	case OS_RULE_UBUNTU_CODENAME:
		add_ubuntu(g, ubuntu_pro);
		break;
	case OS_RULE_LEAP:
	case OS_RULE_TUMBLEWEED:
		add_if_present(g, name, 0, NULL);
		add_if_present(g, arena_printf(g->arena, "%.*s NonFree", SLICE_FMT(name)), 0, NULL);
		break;
	default:
		add_if_present(g, name, 0, NULL);
	}
}

/* What the strings found mean for coverage. */
static void judge(struct gathering *g)
{
	struct ecosystem_target *target = g->target;

	if (!g->advisories) {
		target->state = COVERAGE_NO_ADVISORY_SOURCE;
		add_remark(g, "no advisory database", SLICE_LIT(""), "");
		return;
	}
	if (target->strings_count == 0) {
		target->state = COVERAGE_NO_ADVISORY_SOURCE;
		add_remark(g, "the database holds no advisories for ", target->name, "");
		return;
	}
	target->state = COVERAGE_MATCHED;
	if (target->ecosystem->fixed_only || g->unfixed == 0)
		add_remark(g, "feed holds fixed issues only", SLICE_LIT(""), "");
}

static void judge_age(struct gathering *g)
{
	struct slice day = os_end_of_life(g->target->name);

	if (g->target->state != COVERAGE_MATCHED || day.len == 0 ||
	    slice_cmp(slice_sub(g->advisories->date, 0, day.len), day) <= 0)
		return;
	g->target->state = COVERAGE_EOL;
	add_remark(g, "updates ended on ", day, ": later issues are not in its feed");
}

static int finish(struct gathering *g, struct err *err)
{
	return arena_failed(g->arena) ? err_set(err, ERR_MEM, "matching: out of memory") : 0;
}

int ecosystem_target_for_os(const struct advisories *advisories, const struct os_release *os, bool ubuntu_pro,
			    struct arena *arena, struct ecosystem_target *out, struct err *err)
{
	struct gathering g = {.advisories = advisories, .arena = arena, .target = out};
	const char      *why;

	*out = (struct ecosystem_target){.state = COVERAGE_UNKNOWN_OS, .os_row = os_row_find(os->id)};
	if (!out->os_row) {
		add_remark(&g, os->id.len ? "no rule for os-release ID " : "no os-release", os->id, "");
		return finish(&g, err);
	}
	out->state = COVERAGE_NO_ADVISORY_SOURCE;
	out->name = os_ecosystem(out->os_row, os, arena, &why);
	if (out->name.len == 0) {
		add_remark(&g, why, SLICE_LIT(""), "");
		return finish(&g, err);
	}
	out->ecosystem = ecosystem_find(slice_str(out->os_row->ecosystem));
	if (out->os_row->remark)
		add_remark(&g, out->os_row->remark, SLICE_LIT(""), "");
	add_strings(&g, os, ubuntu_pro);
	judge(&g);
	judge_age(&g);
	return finish(&g, err);
}

int ecosystem_target_for_type(const struct advisories *advisories, struct slice purl_type, struct arena *arena,
			      struct ecosystem_target *out, struct err *err)
{
	struct gathering g = {.advisories = advisories, .arena = arena, .target = out};

	*out = (struct ecosystem_target){.state = COVERAGE_NO_ADVISORY_SOURCE,
					 .ecosystem = ecosystem_of_type(purl_type)};
	if (!out->ecosystem) {
		add_remark(&g, "no advisory source for packages of type ", purl_type, "");
		return finish(&g, err);
	}
	out->name = slice_str(out->ecosystem->name);
	add_if_present(&g, out->name, 0, NULL);
	judge(&g);
	if (out->state == COVERAGE_MATCHED && out->ecosystem->scheme == VERSION_NONE)
		add_remark(&g, "only listed versions are compared", SLICE_LIT(""), "");
	return finish(&g, err);
}
