/* Findings kept up to date by deltas are those of matching every package anew, whatever happens on the way; and the log turns
 * those of any judgement into those of any later one. */
#include "lib/check.h"

#include "base/file.h"
#include "judge.h"
#include "lib/index_fixture.h"
#include "lib/store_place.h"
#include "match/advisory_import.h"
#include "match/match_targets.h"
#include "model/finding.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORDS = 10, NAMES = 5, VERSIONS = 3, CONTEXTS = 3, PACKAGES = NAMES * VERSIONS * (CONTEXTS + 1), ROUNDS = 8 };
enum { TEXT_BYTES = 1 << 20 };

static const char *const names[NAMES] = {"bash", "curl", "glibc", "openssl", "zlib"};
static const char *const versions[VERSIONS] = {"0.5", "2", "4"};
static const char *const ecosystems[] = {"Debian:12", "Red Hat:enterprise_linux:9::baseos",
					 "Red Hat:enterprise_linux:9::appstream", "PyPI"};

struct world {
	struct place          *place;
	char                   feed[96], db[96];
	uint64_t               seed;
	struct catalog        *catalog;
	struct advisory_share *share;
	struct judge          *judge;
	uint64_t               job, images;
	char                  *told[ROUNDS + 2]; /* all findings after each judgement */
};

static unsigned draw(struct world *world, unsigned below)
{
	world->seed = world->seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(world->seed >> 33) % below;
}

/* ---- the feed ---- */

static void write_record(struct world *world, unsigned number, unsigned round)
{
	struct buf json = {.bytes_max = 1 << 16};
	struct err err = {0};
	char       path[128];

	snprintf(path, sizeof(path), "%s/R-%u.json", world->feed, number);
	if (draw(world, 6) == 0) {
		remove(path);
		return;
	}
	buf_printf(&json,
		   "{\"id\":\"R-%u\",\"aliases\":[\"CVE-2030-%u\"],\"modified\":\"20%u-01-01T00:00:00Z\",\"summary\":"
		   "\"round %u\",\"affected\":[",
		   number, number, 30 + round, draw(world, 2));
	for (unsigned i = 0; i < 3; i++)
		buf_printf(&json,
			   "%s{\"package\":{\"ecosystem\":\"%s\",\"name\":\"%s\"},\"ranges\":[{\"type\":\"ECOSYSTEM\","
			   "\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"%u\"}]}]}",
			   i ? "," : "", ecosystems[draw(world, 4)], names[draw(world, NAMES)], 1 + draw(world, 4));
	buf_str(&json, "]}");
	assert_int_equal(file_write_atomic(path, buf_slice(&json), 0644, &err), 0);
	buf_deinit(&json);
}

static void import(struct world *world)
{
	struct advisory_import_result result;
	struct err                    err = {0};
	const char                   *path = world->feed;

	assert_int_equal(advisory_import(world->db, &path, 1, true, NULL, &result, &err), 0);
}

/* ---- images ---- */

static const struct package_context contexts[CONTEXTS + 1] = {
	{.os = {.id = {(const uint8_t *)"debian", 6}, .version_id = {(const uint8_t *)"12", 2}}},
	{.os = {.id = {(const uint8_t *)"rhel", 4}, .version_id = {(const uint8_t *)"9.4", 3}}},
	{.os = {.id = {(const uint8_t *)"void", 4}}},
	{.os = {.id = {NULL, 0}}},
};

static struct index_fixture_package make_package(unsigned context, unsigned name, unsigned version)
{
	static const char *const types[CONTEXTS + 1] = {"deb", "rpm", "xbps", "pypi"};

	return (struct index_fixture_package){.unique = {.package = {.type = slice_str(types[context]),
								     .name = slice_str(names[name]),
								     .version = slice_str(versions[version])}},
					      .context = &contexts[context]};
}

static void put_image(struct world *world)
{
	struct index_fixture_package packages[8];
	struct digest                layer;
	struct index_fixture_image   image = {
		  .reference = "docker://registry.example/app", .layers = &layer, .layers_count = 1};
	char     reference[64];
	unsigned context = draw(world, CONTEXTS);

	digest_of(slice_of(&world->images, sizeof(world->images)), &layer);
	snprintf(reference, sizeof(reference), "docker://registry.example/app:%llu", (unsigned long long)world->images);
	image.reference = reference;
	image.context = &contexts[context];
	image.package_context = &contexts[CONTEXTS];
	image.packages = packages;
	for (image.packages_count = 0; image.packages_count < 8; image.packages_count++)
		packages[image.packages_count] =
			make_package(draw(world, 3) ? context : CONTEXTS, draw(world, NAMES), draw(world, VERSIONS));
	index_fixture_put(world->catalog, world->job, world->images++, &image, 1);
}

/* ---- what is stored, and what it should be ---- */

struct telling {
	struct catalog_view  *view;
	struct match_targets *targets;
	struct arena          arena;
	struct buf            stored, fresh;
};

static void tell(struct buf *out, uint64_t package, struct slice bytes, struct arena *arena)
{
	struct finding finding;

	assert_int_equal(finding_decode(bytes, arena, &finding, NULL), 0);
	buf_printf(out, "%llu %.*s %.*s %.*s\n", (unsigned long long)package, SLICE_FMT(finding.id),
		   SLICE_FMT(finding.fixed), SLICE_FMT(finding.summary));
}

static int tell_package(void *data, uint64_t number, struct slice identity)
{
	struct telling             *t = data;
	struct unique_package       package;
	struct package_context      context;
	struct package_findings     stored;
	struct match_found          found;
	struct slice                bytes;
	const struct match_context *matched;

	arena_reset(&t->arena);
	assert_int_equal(catalog_findings_get(t->view, number, &t->arena, &stored, NULL), 0);
	for (size_t i = 0; i < stored.count; i++) {
		assert_int_equal(catalog_finding_content(t->view, stored.items[i].content, &bytes, NULL), 0);
		tell(&t->stored, number, bytes, &t->arena);
	}
	assert_int_equal(unique_package_decode(identity, &t->arena, &package, NULL), 0);
	if ((matched = match_context_find(t->targets, &package.context)) == NULL) {
		assert_int_equal(catalog_index_context(t->view, &package.context, &bytes, NULL), 0);
		assert_int_equal(package_context_decode(bytes, &t->arena, &context, NULL), 0);
		matched = match_context_add(t->targets, &package.context, &context, NULL);
	}
	assert_int_equal(match_targets_match(t->targets, matched, &package, &t->arena, &found, NULL), 0);
	for (size_t i = 0; i < found.vulnerabilities_count; i++)
		buf_printf(&t->fresh, "%llu %.*s %.*s %.*s\n", (unsigned long long)number,
			   SLICE_FMT(found.vulnerabilities[i].id), SLICE_FMT(found.vulnerabilities[i].fixed),
			   SLICE_FMT(found.vulnerabilities[i].summary));
	return 0;
}

static char *stored_equals_fresh(struct world *world)
{
	struct advisory_generation *generation = advisory_share_current(world->share, NULL, NULL);
	struct advisories          *reader = NULL;
	struct telling              t = {.stored = {.bytes_max = TEXT_BYTES}, .fresh = {.bytes_max = TEXT_BYTES}};
	size_t                      len;

	assert_non_null(generation);
	assert_int_equal(advisory_reader_open(advisory_generation_store(generation), &reader, NULL), 0);
	t.targets = match_targets_new(reader);
	arena_init(&t.arena, 64 << 20);
	assert_int_equal(catalog_view_open(world->catalog, false, &t.view, NULL), 0);
	assert_int_equal(catalog_index_packages_each(t.view, 1, tell_package, &t, NULL), 0);
	buf_byte(&t.stored, 0);
	buf_byte(&t.fresh, 0);
	assert_true(buf_ok(&t.stored) && buf_ok(&t.fresh));
	assert_string_equal((char *)t.stored.ptr, (char *)t.fresh.ptr);
	catalog_view_close(t.view);
	match_targets_free(t.targets);
	advisory_reader_close(reader);
	advisory_share_drop(world->share, generation);
	arena_deinit(&t.arena);
	buf_deinit(&t.fresh);
	return (char *)buf_take(&t.stored, &len);
}

/* ---- rounds ---- */

static void open_judge(struct world *world)
{
	world->judge = judge_open(world->catalog, world->share, 2);
	assert_non_null(world->judge);
}

static bool put_one(struct world *world)
{
	struct judge_batch *batch;
	struct err          err = {0};
	int                 got = judge_step(world->judge, &batch, &err);

	if (got < 0)
		fail_msg("%s", err.text);
	if (got == 0)
		return false;
	assert_int_equal(catalog_begin(world->catalog, &err), 0);
	assert_int_equal(judge_put(world->catalog, batch, &err), 0);
	assert_int_equal(catalog_commit(world->catalog, &err), 0);
	judge_batch_free(batch);
	return true;
}

static struct findings_state state_of(struct world *world)
{
	struct catalog_view  *view = NULL;
	struct findings_state state;

	assert_int_equal(catalog_view_open(world->catalog, false, &view, NULL), 0);
	assert_int_equal(catalog_findings_state(view, &state, NULL), 0);
	catalog_view_close(view);
	return state;
}

struct netting {
	struct world *world;
	long long     net;
	uint64_t      after;
};

static int net_change(void *data, const struct finding_change *change)
{
	struct netting *n = data;

	if (change->judgement > n->after)
		n->net += (long long)change->come_count - (long long)change->gone_count;
	return 0;
}

static long long lines_of(const char *text)
{
	long long lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* No packages came in between: what the log says has come and gone since `from` is the difference of the numbers of findings. */
static void expect_log_adds_up(struct world *world, const char *before, uint64_t from, const char *after)
{
	struct netting       n = {.world = world, .after = from};
	struct catalog_view *view = NULL;

	assert_int_equal(catalog_view_open(world->catalog, false, &view, NULL), 0);
	assert_int_equal(catalog_finding_changes_each(view, from + 1, net_change, &n, NULL), 0);
	catalog_view_close(view);
	assert_int_equal(n.net, lines_of(after) - lines_of(before));
}

static void run_round(struct world *world, unsigned round, char **before)
{
	struct findings_state state = state_of(world);
	char                 *after, command[512];

	snprintf(command, sizeof(command), "rm -rf %s.before && cp -r %s %s.before", world->feed, world->feed,
		 world->feed);
	assert_int_equal(system(command), 0);
	for (unsigned i = 0; i < 3; i++)
		write_record(world, 1 + draw(world, RECORDS - 1), round);
	import(world);
	for (unsigned i = draw(world, 3); i > 0; i--)
		put_one(world);
	if (draw(world, 3) == 0) { /* killed: what was planned is forgotten */
		judge_close(world->judge);
		open_judge(world);
	}
	if (draw(world, 3) == 0) { /* the next generation lands in the middle; it may be the one before again */
		snprintf(command, sizeof(command), "rm -rf %s && mv %s.before %s", world->feed, world->feed,
			 world->feed);
		if (draw(world, 2))
			assert_int_equal(system(command), 0);
		else
			write_record(world, 1 + draw(world, RECORDS - 1), round);
		import(world);
	}
	while (put_one(world))
		;
	after = stored_equals_fresh(world);
	expect_log_adds_up(world, *before, state.judgement, after);
	free(*before);
	*before = after;
	put_image(world);
	put_image(world);
	while (put_one(world))
		;
	free(*before);
	*before = stored_equals_fresh(world);
}

static void run_world(uint64_t seed)
{
	void        *place;
	struct world world = {.seed = seed};
	char        *before;

	place_set_up(&place);
	world.place = place;
	snprintf(world.feed, sizeof(world.feed), "%s/feed", world.place->dir);
	snprintf(world.db, sizeof(world.db), "%s/db", world.place->dir);
	assert_int_equal(mkdir(world.feed, 0755), 0);
	world.catalog = place_open_catalog(world.place, false);
	world.share = advisory_share_new(world.db);
	world.job = index_fixture_job(world.catalog, "test");
	open_judge(&world);
	assert_false(put_one(&world)); /* nothing to judge, nothing to judge by */
	for (unsigned i = 0; i < 4; i++)
		put_image(&world);
	for (unsigned i = 0; i < RECORDS; i++)
		write_record(&world, i, 0);
	import(&world);
	while (put_one(&world))
		;
	before = stored_equals_fresh(&world);
	assert_int_equal(state_of(&world).judgement, 1);
	for (unsigned round = 1; round <= ROUNDS; round++)
		run_round(&world, round, &before);
	free(before);
	judge_close(world.judge);
	advisory_share_release(world.share);
	catalog_close(world.catalog);
	place_tear_down(&place);
}

static void findings_kept_by_deltas_are_those_of_matching_everything_anew(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++)
		run_world(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(findings_kept_by_deltas_are_those_of_matching_everything_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
