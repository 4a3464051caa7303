/* bench_die.h - a benchmark that cannot go on says why and ends with status 4; any thread. */
#ifndef VARVE_BENCH_DIE_H
#define VARVE_BENCH_DIE_H

_Noreturn void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
