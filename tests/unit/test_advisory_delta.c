/* What a generation says has changed since an earlier one: exactly the names whose rows some import since then has changed,
 * and enough to match again nothing but them. */
#include "lib/check.h"

#include "base/file.h"
#include "match/advisory_delta.h"
#include "match/advisory_import.h"
#include "match/match.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORDS = 12, SOURCES = 2, NAMES = 6, ECOSYSTEMS = 4, GENERATIONS = 12, VERSIONS = 3, TEXT_BYTES = 4096 };

static const char *const ecosystems[ECOSYSTEMS] = {"Red Hat:enterprise_linux:9::appstream",
						   "Red Hat:enterprise_linux:9::baseos", "Debian:12", "PyPI"};
static const char *const names[NAMES] = {"bash", "curl", "glibc", "glib", "openssl", "zlib"};

/* One record of a source: version 0 = it is not there. */
struct model_record {
	unsigned version;
	bool     withdrawn;
	unsigned fixed, severity;
	bool     affects[ECOSYSTEMS][NAMES];
};

struct world {
	char                dir[64], db[96];
	uint64_t            seed;
	struct model_record records[SOURCES][RECORDS];
	unsigned            changed_at[ECOSYSTEMS][NAMES]; /* number of the last import that changed this name's rows */
	char                generations[GENERATIONS][ADVISORY_GENERATION_BYTES];
	char               *matched[ECOSYSTEMS][NAMES][VERSIONS]; /* kept up to date by deltas alone */
	bool                delta[ECOSYSTEMS][NAMES];
	unsigned            delta_size;
};

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
	(void)info, (void)type, (void)walk;
	return remove(path);
}

static int open_world(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	strcpy(world->dir, "/tmp/varve-delta-XXXXXX");
	assert_non_null(mkdtemp(world->dir));
	snprintf(world->db, sizeof(world->db), "%s/db", world->dir);
	*state = world;
	return 0;
}

static int close_world(void **state)
{
	struct world *world = *state;

	nftw(world->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	for (unsigned e = 0; e < ECOSYSTEMS; e++)
		for (unsigned n = 0; n < NAMES; n++)
			for (unsigned v = 0; v < VERSIONS; v++)
				free(world->matched[e][n][v]);
	free(world);
	return 0;
}

static unsigned draw(struct world *world, unsigned below)
{
	world->seed = world->seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(world->seed >> 33) % below;
}

/* ---- the feed ---- */

static void write_record(const struct world *world, unsigned source, unsigned number)
{
	const struct model_record *record = &world->records[source][number];
	struct buf                 json = {.bytes_max = 1 << 16};
	char                       path[128];
	struct err                 err = {0};
	const char                *comma = "";

	snprintf(path, sizeof(path), "%s/source%u/R-%u.json", world->dir, source, number);
	if (record->version == 0) {
		remove(path);
		return;
	}
	buf_printf(&json,
		   "{\"id\":\"R-%u\",\"aliases\":[\"CVE-2030-%u\"],\"modified\":\"20%02u-01-01T00:00:00Z\",%s"
		   "\"summary\":\"version %u\",\"affected\":[",
		   number, 1000 + number, 30 + record->version,
		   record->withdrawn ? "\"withdrawn\":\"2030-01-01T00:00:00Z\"," : "", record->version);
	for (unsigned e = 0; e < ECOSYSTEMS; e++)
		for (unsigned n = 0; n < NAMES; n++) {
			if (!record->affects[e][n])
				continue;
			buf_printf(&json,
				   "%s{\"package\":{\"ecosystem\":\"%s\",\"name\":\"%s\"},\"ranges\":[{\"type\":"
				   "\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"%u\"}]}]}",
				   comma, ecosystems[e], names[n], record->fixed);
			comma = ",";
		}
	buf_str(&json, "]}");
	assert_int_equal(file_write_atomic(path, buf_slice(&json), 0644, &err), 0);
	buf_deinit(&json);
}

/* Every name that the record has rows of becomes one that import `import` has changed. */
static void note_rows(struct world *world, const struct model_record *record, unsigned import)
{
	for (unsigned e = 0; e < ECOSYSTEMS; e++)
		for (unsigned n = 0; n < NAMES; n++)
			if (record->version && !record->withdrawn && record->affects[e][n])
				world->changed_at[e][n] = import;
}

static void change_record(struct world *world, unsigned source, unsigned import)
{
	unsigned             number = 1 + draw(world, RECORDS - 1), what = draw(world, 10);
	struct model_record *record = &world->records[source][number], before = *record;

	if (before.version == import)
		return; /* changed already for this import */
	note_rows(world, &before, import);
	if (what == 0) {
		record->version = 0;
	} else {
		record->version = import;
		record->withdrawn = what == 1;
		record->fixed = 1 + draw(world, 4);
		for (unsigned e = 0; e < ECOSYSTEMS; e++)
			for (unsigned n = 0; n < NAMES; n++)
				record->affects[e][n] = draw(world, 8) == 0;
	}
	note_rows(world, record, import);
	write_record(world, source, number);
}

static void import(struct world *world, unsigned source, unsigned number, bool replace_all)
{
	struct advisory_import_result result;
	struct err                    err = {0};
	char                          paths[SOURCES][128];
	const char                   *list[SOURCES] = {paths[0], paths[1]};

	for (unsigned i = 0; i < SOURCES; i++)
		snprintf(paths[i], sizeof(paths[i]), "%s/source%u", world->dir, i);
	assert_int_equal(advisory_import(world->db, replace_all ? list : &list[source], replace_all ? SOURCES : 1,
					 replace_all, NULL, &result, &err),
			 0);
	strcpy(world->generations[number], result.build.generation);
}

/* ---- matching ---- */

static char *match_text(const struct advisories *advisories, unsigned e, unsigned n, unsigned version)
{
	static const char *const texts[VERSIONS] = {"0", "2", "4"};
	const struct os_release  os = {.id = slice_str(e == 2 ? "debian" : "rhel"),
				       .version_id = slice_str(e == 2 ? "12" : "9.4")};
	struct ecosystem_target  target;
	struct match_subject subject = {.name = slice_str(names[n]), .query = {.version = slice_str(texts[version])}};
	struct match_found   found = {0};
	struct arena         arena;
	struct buf           text = {.bytes_max = TEXT_BYTES};
	struct err           err = {0};
	size_t               len;

	arena_init(&arena, 4 << 20);
	if (e == 3)
		assert_int_equal(ecosystem_target_for_type(advisories, slice_str("pypi"), &arena, &target, &err), 0);
	else
		assert_int_equal(ecosystem_target_for_os(advisories, &os, false, &arena, &target, &err), 0);
	assert_int_equal(match_subject(advisories, &target, &subject, &arena, &found, &err), 0);
	for (size_t i = 0; i < found.vulnerabilities_count; i++)
		buf_printf(&text, "%.*s %.*s %.*s\n", SLICE_FMT(found.vulnerabilities[i].id),
			   SLICE_FMT(found.vulnerabilities[i].fixed), SLICE_FMT(found.vulnerabilities[i].summary));
	buf_byte(&text, 0);
	assert_true(buf_ok(&text));
	arena_deinit(&arena);
	return (char *)buf_take(&text, &len);
}

static int note_delta(void *data, struct slice ecosystem, struct slice name)
{
	struct world *world = data;

	for (unsigned e = 0; e < ECOSYSTEMS; e++)
		for (unsigned n = 0; n < NAMES; n++)
			if (slice_eq_str(ecosystem, ecosystems[e]) && slice_eq_str(name, names[n])) {
				assert_false(world->delta[e][n]);
				world->delta[e][n] = true;
				world->delta_size++;
			}
	return 0;
}

static void read_delta(struct world *world, struct advisory_store *store, unsigned since)
{
	struct err err = {0};

	memset(world->delta, 0, sizeof(world->delta));
	world->delta_size = 0;
	assert_int_equal(advisory_delta_each(store, slice_str(world->generations[since]), note_delta, world, &err), 0);
}

static void expect_exact_delta(struct world *world, struct advisory_store *store, unsigned since)
{
	unsigned last = since;

	/* the same content again is the same generation: what changed before that does not count */
	read_delta(world, store, since);
	for (unsigned i = 0; i < GENERATIONS; i++)
		if (strcmp(world->generations[i], world->generations[since]) == 0)
			last = i;
	for (unsigned e = 0; e < ECOSYSTEMS; e++)
		for (unsigned n = 0; n < NAMES; n++)
			if (world->delta[e][n] != (world->changed_at[e][n] > last))
				fail_msg("%s %s since %u: %d, changed at %u", ecosystems[e], names[n], since,
					 world->delta[e][n], world->changed_at[e][n]);
}

/* Both Red Hat strings are of one target: a change under either is a change of the subject. */
static bool subject_is_in_delta(const struct world *world, unsigned e, unsigned n)
{
	return e < 2 ? world->delta[0][n] || world->delta[1][n] : world->delta[e][n];
}

static unsigned rematch(struct world *world, const struct advisories *advisories, bool all)
{
	unsigned again = 0;

	for (unsigned e = 0; e < ECOSYSTEMS; e++)
		for (unsigned n = 0; n < NAMES; n++)
			for (unsigned v = 0; v < VERSIONS; v++) {
				char *fresh = match_text(advisories, e, n, v);

				if (all || subject_is_in_delta(world, e, n)) {
					free(world->matched[e][n][v]);
					world->matched[e][n][v] = fresh;
					again++;
				} else {
					assert_string_equal(world->matched[e][n][v], fresh);
					free(fresh);
				}
			}
	return again;
}

/* Coverage apart: a feed that comes or goes changes more than its names. So every ecosystem has a record that stays. */
static void write_base(struct world *world)
{
	char path[128];

	for (unsigned source = 0; source < SOURCES; source++) {
		snprintf(path, sizeof(path), "%s/source%u", world->dir, source);
		assert_int_equal(mkdir(path, 0755), 0);
		world->records[source][0].version = 1;
		for (unsigned e = 0; e < ECOSYSTEMS; e++)
			world->records[source][0].affects[e][0] = true;
		world->records[source][0].fixed = 1;
		note_rows(world, &world->records[source][0], 0);
		write_record(world, source, 0);
	}
}

static void run_world(struct world *world, uint64_t seed)
{
	struct advisory_store *store = NULL;
	struct advisories     *advisories = NULL;
	struct err             err = {0};
	unsigned               again = 0;

	world->seed = seed;
	write_base(world);
	for (unsigned g = 0; g < GENERATIONS; g++) {
		unsigned source = draw(world, SOURCES);

		for (unsigned i = 0; g && i < 2; i++)
			change_record(world, source, g);
		import(world, source, g, g == 0 || draw(world, 6) == 0);
		assert_int_equal(advisory_store_open(world->db, &store, &err), 0);
		assert_int_equal(advisory_reader_open(store, &advisories, &err), 0);
		for (unsigned since = 0; since <= g; since++)
			expect_exact_delta(world, store, since);
		read_delta(world, store, g ? g - 1 : 0);
		again += rematch(world, advisories, g == 0);
		advisory_reader_close(advisories);
		advisory_store_close(store);
	}
	assert_true(again < GENERATIONS * ECOSYSTEMS * NAMES * VERSIONS);
}

static void the_names_in_a_delta_are_those_that_imports_have_changed_and_matching_them_again_is_matching_all(
	void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		void *world;

		open_world(&world);
		run_world(world, seed);
		close_world(&world);
	}
}

static void a_generation_that_was_never_current_here_has_no_delta(void **state)
{
	struct world          *world = *state;
	struct advisory_store *store = NULL;
	struct err             err = {0};

	write_base(world);
	import(world, 0, 0, true);
	assert_int_equal(advisory_store_open(world->db, &store, &err), 0);
	assert_int_equal(advisory_delta_each(store, slice_str("0123456789abcdef"), note_delta, world, &err),
			 ERR_NOT_FOUND);
	advisory_store_close(store);
}

static void the_same_content_imported_again_changes_nothing(void **state)
{
	struct world          *world = *state;
	struct advisory_store *store = NULL;
	struct err             err = {0};

	write_base(world);
	import(world, 0, 0, true);
	import(world, 0, 1, false);
	import(world, 0, 2, true);
	assert_string_equal(world->generations[0], world->generations[2]);
	assert_int_equal(advisory_store_open(world->db, &store, &err), 0);
	read_delta(world, store, 0);
	assert_int_equal(world->delta_size, 0);
	advisory_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_names_in_a_delta_are_those_that_imports_have_changed_and_matching_them_again_is_matching_all),
		cmocka_unit_test_setup_teardown(a_generation_that_was_never_current_here_has_no_delta, open_world,
						close_world),
		cmocka_unit_test_setup_teardown(the_same_content_imported_again_changes_nothing, open_world,
						close_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
