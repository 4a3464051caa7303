/* The simulator: sim --group NAME [--count N] | --seed N [--trace] | --seeds A-B. docs/TESTING.md */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TWIN_EVERY = 4, LONG_FACTOR = 25 };

struct totals {
	uint64_t seeds, steps, tasks, ends, excused, failed;
};

static struct sim *run(uint64_t seed, bool disturbed, bool tracing, bool printing)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	if (!sim)
		abort();
	sim->tracing = tracing;
	sim->printing = printing;
	sim_run(sim, seed, disturbed);
	return sim;
}

static void drop(struct sim *sim)
{
	sim_free(sim);
	free(sim);
}

/* The run, and for some seeds also an undisturbed one with which its results are compared. */
static struct sim *run_checked(uint64_t seed, bool tracing, bool printing)
{
	struct sim *sim = run(seed, true, tracing, printing);
	struct sim *quiet;

	if (sim->failed || seed % TWIN_EVERY)
		return sim;
	quiet = run(seed, false, tracing, printing);
	if (quiet->failed) {
		drop(sim);
		return quiet;
	}
	sim_check_same(sim, quiet);
	drop(quiet);
	return sim;
}

static void show(uint64_t seed)
{
	struct sim *sim = run_checked(seed, true, false);
	size_t      from = sim->trace_count > SIM_TRACE_LINES ? sim->trace_count - SIM_TRACE_LINES : 0;

	for (size_t i = from; i < sim->trace_count; i++)
		puts(sim->trace[i % SIM_TRACE_LINES]);
	printf("seed %llu (%s%s): %s\n", (unsigned long long)seed, sim_group_name(sim->plan.group),
	       sim->plan.disturbed ? "" : ", undisturbed", sim->failure);
	printf("replay: sim --seed %llu --trace\n", (unsigned long long)seed);
	drop(sim);
}

static bool run_seed(uint64_t seed, struct totals *totals)
{
	struct sim *sim = run_checked(seed, false, false);
	bool        failed = sim->failed;

	totals->seeds++;
	totals->steps += sim->check.steps;
	totals->tasks += sim->check.tasks;
	totals->ends += sim->check.ends_checked;
	totals->excused += sim->check.excused;
	totals->failed += failed;
	drop(sim);
	if (failed)
		show(seed);
	return !failed;
}

static int run_seeds(uint64_t from, uint64_t to, uint64_t failures_max)
{
	struct totals totals = {0};

	for (uint64_t seed = from; seed <= to && totals.failed < failures_max; seed++)
		run_seed(seed, &totals);
	printf("%llu seeds, %llu failed: %llu steps, %llu tasks, %llu layers of images checked, %llu excused\n",
	       (unsigned long long)totals.seeds, (unsigned long long)totals.failed, (unsigned long long)totals.steps,
	       (unsigned long long)totals.tasks, (unsigned long long)totals.ends, (unsigned long long)totals.excused);
	return totals.failed ? 1 : 0;
}

static int run_group(const char *name, uint64_t count)
{
	for (uint64_t group = 0; group < SIM_GROUPS; group++)
		if (strcmp(name, sim_group_name((enum sim_group)group)) == 0)
			return run_seeds(
				group * SIM_GROUP_SEEDS + 1,
				group * SIM_GROUP_SEEDS + count * (getenv("VARVE_TEST_LONG") ? LONG_FACTOR : 1), 1);
	fprintf(stderr, "sim: no group %s\n", name);
	return 2;
}

static int run_one(uint64_t seed, bool tracing)
{
	struct sim *sim = run_checked(seed, tracing, tracing);
	bool        failed = sim->failed;

	drop(sim);
	if (!failed)
		printf("seed %llu holds\n", (unsigned long long)seed);
	else
		show(seed);
	return failed;
}

int main(int argc, char **argv)
{
	const char *group = NULL, *seeds = NULL, *seed = NULL;
	uint64_t    count = 100, failures = 1;
	bool        tracing = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--trace") == 0)
			tracing = true;
		else if (strcmp(argv[i], "--group") == 0 && i + 1 < argc)
			group = argv[++i];
		else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc)
			seeds = argv[++i];
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			seed = argv[++i];
		else if (strcmp(argv[i], "--count") == 0 && i + 1 < argc)
			count = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--failures") == 0 && i + 1 < argc)
			failures = strtoull(argv[++i], NULL, 10);
	}
	if (seed)
		return run_one(strtoull(seed, NULL, 10), tracing);
	if (seeds && strchr(seeds, '-'))
		return run_seeds(strtoull(seeds, NULL, 10), strtoull(strchr(seeds, '-') + 1, NULL, 10), failures);
	if (group)
		return run_group(group, count);
	fprintf(stderr, "usage: sim --group NAME [--count N] | --seed N [--trace] | --seeds A-B [--failures N]\n");
	return 2;
}
