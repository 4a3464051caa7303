#include "bench_corpus/corpus_die.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void corpus_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "bench_corpus: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(4);
}
