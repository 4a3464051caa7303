/* bench_import.c - speed and memory of an advisory import: bench_import PATH… (all.zip, folders, .json) into a fresh folder.
 * Prints records/s, MB/s of JSON and the peak resident set (mapped pages of the new generation included). */
#include "base/clock.h"
#include "match/advisory_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

int main(int argc, char **argv)
{
	char                          dir[] = "/tmp/varve-bench-import-XXXXXX", command[128];
	struct advisory_import_result result;
	struct rusage                 usage;
	struct err                    err = {0};
	uint64_t                      start, cpu;
	double                        seconds;

	if (argc < 2 || !mkdtemp(dir)) {
		fprintf(stderr, "usage: bench_import PATH…\n");
		return 2;
	}
	start = clock_ns();
	cpu = clock_cpu_ms();
	if (advisory_import(dir, (const char *const *)argv + 1, (size_t)argc - 1, true, NULL, &result, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		return 4;
	}
	seconds = (double)(clock_ns() - start) / 1e9;
	getrusage(RUSAGE_SELF, &usage);
	printf("%llu records, %.1f MB of JSON in %.2f s (CPU %.2f s): %.0f records/s, %.1f MB/s; peak memory %ld MiB; "
	       "%llu left out\n",
	       (unsigned long long)result.records, (double)result.bytes / 1e6, seconds,
	       (double)(clock_cpu_ms() - cpu) / 1e3, (double)result.records / seconds,
	       (double)result.bytes / 1e6 / seconds, usage.ru_maxrss / 1024, (unsigned long long)result.broken);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) == 0 ? 0 : 1;
}
