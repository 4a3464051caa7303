#include "base/process_metrics.h"

#include "base/clock.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { CPU, START, RESIDENT, PEAK, VIRTUAL, FDS, FDS_MAX, BUILD, FAMILIES };

static const struct metrics_family families[FAMILIES] = {
	[CPU] = {"process_cpu_seconds_total", "CPU time of this process, user and system.", METRICS_COUNTER,
		 .decimals = 3},
	[START] = {"process_start_time_seconds", "When this process was started, Unix time.", METRICS_GAUGE,
		   .decimals = 3},
	[RESIDENT] = {"process_resident_memory_bytes", "Memory of this process that is in RAM.", METRICS_GAUGE,
		      .labels = {NULL}},
	[PEAK] = {"varve_process_resident_memory_peak_bytes", "The most that was in RAM at once.", METRICS_GAUGE,
		  .labels = {NULL}},
	[VIRTUAL] = {"process_virtual_memory_bytes",
		     "Address space of this process; a broker's holds the whole reserved map of its store.",
		     METRICS_GAUGE, .labels = {NULL}},
	[FDS] = {"process_open_fds", "Open file descriptors.", METRICS_GAUGE, .labels = {NULL}},
	[FDS_MAX] = {"process_max_fds", "Most file descriptors that may be open.", METRICS_GAUGE, .labels = {NULL}},
	[BUILD] = {"varve_build_info", "1; the version is in the label.", METRICS_GAUGE, .labels = {"version"}},
};

static void set(struct metrics *metrics, size_t family, uint64_t value)
{
	metric_set(metrics_get(metrics, family, NULL), (int64_t)value);
}

/* Fields of stat(5) are counted from behind the name, which may hold anything. */
static uint64_t started_ms(void)
{
	char               text[2048];
	unsigned long long ticks, up_ms, since_boot;
	FILE              *file = fopen("/proc/self/stat", "re");
	size_t             len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
	struct timespec    boot;
	const char        *rest;

	if (file)
		fclose(file);
	text[len] = '\0';
	rest = strrchr(text, ')');
	if (!rest ||
	    sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   &ticks) != 1)
		return 0;
	clock_gettime(CLOCK_BOOTTIME, &boot);
	up_ms = (unsigned long long)boot.tv_sec * 1000 + (unsigned long long)boot.tv_nsec / 1000000;
	since_boot = ticks * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK);
	return clock_unix_ms() - (up_ms - since_boot);
}

static void read_memory(struct metrics *metrics)
{
	unsigned long long pages = 0, resident = 0, page = (unsigned long long)sysconf(_SC_PAGESIZE);
	FILE              *file = fopen("/proc/self/statm", "re");
	struct rusage      usage;

	if (file && fscanf(file, "%llu %llu", &pages, &resident) == 2) {
		set(metrics, VIRTUAL, pages * page);
		set(metrics, RESIDENT, resident * page);
	}
	if (file)
		fclose(file);
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		set(metrics, PEAK, (uint64_t)usage.ru_maxrss * 1024);
}

static void read_fds(struct metrics *metrics)
{
	struct rlimit limit;
	DIR          *dir = opendir("/proc/self/fd");
	uint64_t      count = 0;

	if (dir) {
		for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
			count += entry->d_name[0] != '.';
		closedir(dir);
		set(metrics, FDS, count - 1); /* without the one we count with */
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		set(metrics, FDS_MAX, limit.rlim_cur);
}

void process_metrics_read(struct metrics *metrics)
{
	static const struct slice version[] = {{(const uint8_t *)VARVE_VERSION, sizeof(VARVE_VERSION) - 1}};
	struct metric            *cpu = metrics_get(metrics, CPU, NULL);

	metric_set(cpu, (int64_t)clock_cpu_ms());
	metric_set(metrics_get(metrics, BUILD, version), 1);
	read_memory(metrics);
	read_fds(metrics);
}

struct metrics *process_metrics_new(void)
{
	struct metrics *metrics = metrics_new(families, FAMILIES);

	if (metrics)
		set(metrics, START, started_ms());
	return metrics;
}
