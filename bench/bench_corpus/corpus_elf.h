/* corpus_elf.h - small ELF programs: a header over whatever bytes, and Go programs with their build information.
 *
 * Sources: System V gABI, ELF-64; Go's debug/buildinfo (the inline form, since Go 1.18). */
#ifndef VARVE_BENCH_CORPUS_ELF_H
#define VARVE_BENCH_CORPUS_ELF_H

#include "base/buf.h"
#include "bench_corpus/corpus_plan.h"

enum { ELF_HEADER_BYTES = 64 + 56 };

/* ELF_HEADER_BYTES for a file of so many bytes with one segment; Go's information is looked for in a writable one. */
size_t elf_write_header(uint8_t *out, size_t file_bytes, bool writable);

/* The beginning of a program built from these modules with Go 1.22; `file_bytes` in all, of which the rest is the caller's. */
void go_program_begin(struct buf *out, const struct universe *u, const char *main_module,
		      const struct piece_list *modules, size_t file_bytes);

#endif
