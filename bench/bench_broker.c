/* bench_broker - layer tasks a second of a durable broker with no-op workers, and what its queue, memory and start cost.
 *
 * varve-broker (or loop.h over inproc://) with a real catalog on a real disk and real messages; workers are threads of
 * this process that fetch and parse nothing. bench/README.md says what each figure is; --json FILE has them all. */
#include "bench_broker/bench_die.h"
#include "bench_broker/bench_queue.h"
#include "bench_broker/bench_start.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/rng.h"
#include "model/inventory.h"
#include "model/path_table.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FLEETS_MAX = 8, SYNC_ROUNDS = 500, PUT_ROWS = 1000000, BIG_TABLE_PART = 5 };

struct settings {
	uint64_t layers, per_image, waiting, tasks, big_tasks, big_bytes, slots, submits, start, floor;
	struct {
		unsigned workers, slots;
	} fleets[FLEETS_MAX];
	size_t      fleets_count;
	const char *dir, *transport, *broker, *json;
	bool        keep;
};

static const char help[] =
	"usage: bench_broker [OPTION…]\n"
	"  --dir DIR            where stores are made: on the disk to be measured (/var/tmp)\n"
	"  --transport NAME     ipc (varve-broker), inproc (its loop in a thread) or both (ipc)\n"
	"  --broker FILE        varve-broker (beside this program's folder)\n"
	"  --workers N[xS],…    fleets, one after the other, of N workers with S slots each (1x1,1,2,8,64)\n"
	"  --slots N            tasks at once of each worker (16)\n"
	"  --layers N           queued before the first task (1000000); 0: no fleets\n"
	"  --per-image N        layers of an image (250)\n"
	"  --waiting N          images that wait for shared layers (4000)\n"
	"  --tasks N            of each fleet (100000)\n"
	"  --big-tasks N        with large results (10000); 0: none\n"
	"  --big-bytes N        a large result (20480)\n"
	"  --submits N          ad hoc jobs, idle and under load (200)\n"
	"  --start N            layers and references in the catalog of the start (1000000); 0: no start\n"
	"  --floor N            layer tasks by the catalog alone (100000); 0: no floors\n"
	"  --json FILE          all figures\n"
	"  --keep               leave the stores behind\n";

static const struct option options[] = {{"dir", required_argument, NULL, 'd'},
					{"transport", required_argument, NULL, 't'},
					{"broker", required_argument, NULL, 'b'},
					{"workers", required_argument, NULL, 'w'},
					{"slots", required_argument, NULL, 's'},
					{"layers", required_argument, NULL, 'l'},
					{"per-image", required_argument, NULL, 'p'},
					{"waiting", required_argument, NULL, 'i'},
					{"tasks", required_argument, NULL, 'n'},
					{"big-tasks", required_argument, NULL, 'N'},
					{"big-bytes", required_argument, NULL, 'B'},
					{"submits", required_argument, NULL, 'a'},
					{"start", required_argument, NULL, 'S'},
					{"floor", required_argument, NULL, 'f'},
					{"json", required_argument, NULL, 'j'},
					{"keep", no_argument, NULL, 'k'},
					{NULL, 0, NULL, 0}};

/* --- options --- */

static void usage(void)
{
	fputs(help, stderr);
	exit(2);
}

static void take_number(uint64_t *out)
{
	if (!slice_u64(slice_str(optarg), out))
		usage();
}

/* "8" or "8x4": eight workers, with four slots each. */
static void take_fleets(struct settings *settings, const char *list)
{
	char *rest = (char *)(uintptr_t)list;

	for (settings->fleets_count = 0; *rest && settings->fleets_count < FLEETS_MAX; rest += *rest == ',') {
		const char *start = rest;
		unsigned    workers = (unsigned)strtoul(rest, &rest, 10), slots = 0;

		if (*rest == 'x')
			slots = (unsigned)strtoul(rest + 1, &rest, 10);
		if (rest == start || !workers)
			usage();
		settings->fleets[settings->fleets_count].workers = workers;
		settings->fleets[settings->fleets_count++].slots = slots;
	}
}

static void take_option(struct settings *settings, int option)
{
	static const char number_options[] = "slpinNBaSf";
	uint64_t         *numbers[] = {&settings->slots, &settings->layers,    &settings->per_image, &settings->waiting,
				       &settings->tasks, &settings->big_tasks, &settings->big_bytes, &settings->submits,
				       &settings->start, &settings->floor};
	const char       *place = strchr(number_options, option);

	if (place)
		take_number(numbers[place - number_options]);
	else if (option == 'd')
		settings->dir = optarg;
	else if (option == 't')
		settings->transport = optarg;
	else if (option == 'b')
		settings->broker = optarg;
	else if (option == 'w')
		take_fleets(settings, optarg);
	else if (option == 'j')
		settings->json = optarg;
	else if (option == 'k')
		settings->keep = true;
	else
		usage();
}

static const char *broker_beside(char path[1024])
{
	ssize_t len = readlink("/proc/self/exe", path, 900);
	char   *slash = NULL;

	path[len > 0 ? len : 0] = '\0';
	for (unsigned up = 0; up < 2; up++)
		if ((slash = strrchr(path, '/')) != NULL)
			*slash = '\0';
	strcat(path, "/varve-broker");
	return path;
}

/* --- folders --- */

static void make_folder(const struct settings *settings, char path[300])
{
	snprintf(path, 300, "%s/varve-bench-XXXXXX", settings->dir);
	if (!mkdtemp(path))
		bench_die("%s: no folder can be made there", settings->dir);
}

static void drop_folder(const struct settings *settings, const char *path)
{
	char command[400];

	if (settings->keep) {
		printf("left behind: %s\n", path);
		return;
	}
	snprintf(command, sizeof(command), "rm -rf '%s'", path);
	if (system(command) != 0)
		bench_die("%s: cannot be removed", path);
}

/* --- what results hold --- */

struct payload {
	struct buf inventory, path_table, big_inventory, big_table;
};

static void fill_random(struct buf *buf, size_t bytes)
{
	struct rng rng = rng_seeded(bytes);

	buf_init(buf, LIMIT_CHUNK_BYTES);
	while (buf->len < bytes)
		buf_byte(buf, (uint8_t)rng_next(&rng));
}

/* An empty layer as a worker sends it; a large result is as hard to compress as real ones, which are compressed. */
static void make_payload(struct payload *payload, uint64_t big_bytes)
{
	struct inventory           inventory;
	struct path_table_builder *builder = path_table_builder_new();
	struct err                 err = {0};

	buf_init(&payload->inventory, LIMIT_CHUNK_BYTES);
	buf_init(&payload->path_table, LIMIT_CHUNK_BYTES);
	inventory_init(&inventory);
	if (inventory_encode(&inventory, &payload->inventory, &err) < 0 || !builder ||
	    path_table_finish(builder, &payload->path_table, &err) < 0)
		bench_die("inventory: %s", err.text);
	inventory_deinit(&inventory);
	path_table_builder_free(builder);
	fill_random(&payload->big_inventory, big_bytes - big_bytes / BIG_TABLE_PART);
	fill_random(&payload->big_table, big_bytes / BIG_TABLE_PART);
}

/* --- the parts --- */

static void run_floors(const struct settings *settings, const struct payload *payload, struct report *report)
{
	static const unsigned batches[] = {1, 64, 512, 4096};
	char                  folder[300];

	make_folder(settings, folder);
	floor_sync(folder, SYNC_ROUNDS, &report->sync);
	report_print_sync(&report->sync);
	for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
		struct report_floor *floor = &report->floors[report->floors_count++];
		unsigned             tasks = (unsigned)settings->floor;

		floor->batch = batches[i];
		tasks = batches[i] == 1 && tasks > 1000 ? 1000 : tasks; /* as many commits */
		floor->puts = floor_puts(folder, PUT_ROWS, batches[i], tasks);
		floor->tasks = floor_catalog(folder, batches[i], tasks, buf_slice(&payload->inventory),
					     buf_slice(&payload->path_table));
		floor->big_tasks = floor_catalog(folder, batches[i], tasks > 10000 ? 10000 : tasks,
						 buf_slice(&payload->big_inventory), buf_slice(&payload->big_table));
		report_print_floor(floor);
	}
	drop_folder(settings, folder);
}

/* All fleets, one after the other. */
static void run_fleets(const struct settings *settings, const struct served *served, const struct queue_plan *plan,
		       uint64_t job, const char *transport, uint64_t tasks, const struct buf *inventory,
		       const struct buf *path_table, struct report *report)
{
	for (size_t i = 0; i < settings->fleets_count && tasks && report->runs_count < REPORT_RUNS_MAX; i++) {
		struct report_run *run = &report->runs[report->runs_count];
		struct queue_plan  mine = *plan;
		unsigned           slots = settings->fleets[i].slots;

		mine.slots = slots ? slots : plan->slots;
		queue_drain(served, &mine, job, settings->fleets[i].workers, slots == 1 ? tasks / 10 : tasks,
			    buf_slice(inventory), buf_slice(path_table), run);
		run->transport = transport;
		report_print_run(run, report->runs_count++ == 0);
	}
}

static void run_queue(const struct settings *settings, const struct payload *payload, const char *transport,
		      struct report *report)
{
	struct queue_plan    plan = {.layers = settings->layers,
				     .layers_per_image = (unsigned)settings->per_image,
				     .slots = (unsigned)settings->slots,
				     .submits = (unsigned)settings->submits,
				     .waiting = settings->waiting,
				     .seed = random_seed(),
				     .inventory = buf_slice(&payload->inventory),
				     .path_table = buf_slice(&payload->path_table)};
	struct report_queue *queue = &report->queues[report->queues_count++];
	struct served        served;
	char                 folder[300];
	uint64_t             job;

	make_folder(settings, folder);
	serve_start(&served, strcmp(transport, "ipc") == 0 ? settings->broker : NULL, folder);
	queue->transport = transport;
	if (settings->waiting)
		queue_waiting(&served, &plan, queue);
	job = queue_fill(&served, &plan, queue);
	if (settings->submits)
		queue_adhoc(&served, &plan, job, false, queue);
	report_print_queue(queue);
	run_fleets(settings, &served, &plan, job, transport, settings->tasks, &payload->inventory, &payload->path_table,
		   report);
	run_fleets(settings, &served, &plan, job, transport, settings->big_tasks, &payload->big_inventory,
		   &payload->big_table, report);
	if (settings->submits)
		queue_adhoc(&served, &plan, job, true, queue);
	report_print_adhoc(queue);
	serve_stop(&served);
	drop_folder(settings, folder);
}

static void run_start(const struct settings *settings, struct report *report)
{
	static const char *const what[] = {"layers known, cold", "layers known, warm", "and a running job, cold",
					   "and a running job, warm"};
	char                     folder[300];

	make_folder(settings, folder);
	start_make(folder, settings->start, 0);
	for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
		struct report_start *start = &report->starts[report->starts_count++];
		bool                 job = i >= 2;

		if (i == 2)
			start_make(folder, 0, settings->start);
		start_measure(folder, settings->broker, what[i], job, i % 2 == 0, start);
		report_print_start(start);
	}
	drop_folder(settings, folder);
}

static void write_json(const struct report *report, const char *path)
{
	struct buf out;
	struct err err = {0};

	buf_init(&out, 1 << 20);
	report_json(report, &out);
	if (!buf_ok(&out) || file_write_atomic(path, buf_slice(&out), 0644, &err) < 0)
		bench_die("%s: %s", path, err.text);
	buf_deinit(&out);
}

int main(int argc, char **argv)
{
	char                 beside[1024];
	struct settings      settings = {.layers = 1000000,
					 .per_image = 250,
					 .waiting = 4000,
					 .tasks = 100000,
					 .big_tasks = 10000,
					 .big_bytes = 20480,
					 .slots = 16,
					 .submits = 200,
					 .start = 1000000,
					 .floor = 100000,
					 .dir = "/var/tmp",
					 .transport = "ipc"};
	static struct report report;
	struct payload       payload;
	int                  option;

	log_level_set(LOG_ERROR);
	take_fleets(&settings, "1x1,1,2,8,64");
	settings.broker = broker_beside(beside);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(&settings, option);
	if (optind != argc)
		usage();
	make_payload(&payload, settings.big_bytes);
	if (settings.floor)
		run_floors(&settings, &payload, &report);
	if (settings.layers && strcmp(settings.transport, "inproc") != 0)
		run_queue(&settings, &payload, "ipc", &report);
	if (settings.layers && strcmp(settings.transport, "ipc") != 0)
		run_queue(&settings, &payload, "inproc", &report);
	if (settings.start)
		run_start(&settings, &report);
	if (settings.json)
		write_json(&report, settings.json);
	return 0;
}
