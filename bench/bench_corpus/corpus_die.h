/* corpus_die.h - a generator that cannot go on says why and ends with status 4; any thread. */
#ifndef VARVE_BENCH_CORPUS_DIE_H
#define VARVE_BENCH_CORPUS_DIE_H

_Noreturn void corpus_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
