/* exe_file.h - sections and addresses of executables: ELF (System V gABI), PE/COFF (Microsoft PE Format), Mach-O (mach-o/loader.h,
 * also the first part of a universal file). Reads only what it is asked for; every offset comes from hostile bytes.
 *
 * Slices are borrowed from the file. Nothing is copied, nothing allocated. Any thread. */
#ifndef VARVE_WORKER_ANALYZE_EXE_FILE_H
#define VARVE_WORKER_ANALYZE_EXE_FILE_H

#include "base/slice.h"

enum exe_kind { EXE_NONE, EXE_ELF, EXE_PE, EXE_MACHO };

struct exe_file {
	enum exe_kind kind;
	struct slice  bytes; /* of a universal Mach-O: its first part */
	bool          wide, big_endian;
	uint64_t      table;      /* ELF: section headers; PE: section table; Mach-O: load commands */
	uint64_t      segments;   /* ELF: program headers */
	uint64_t      base;       /* PE: image base */
	uint32_t      count, row; /* of `table`: rows and bytes of one; Mach-O: row is 0, commands tell their size */
	uint32_t      segments_count, segments_row;
	uint32_t      names; /* ELF: section that holds the names */
};

/* By the first bytes alone: enough for wants(). */
enum exe_kind exe_kind_of(struct slice head);

/* False: no such file, or a header that leads outside. */
bool exe_open(struct slice bytes, struct exe_file *exe);

/* The bytes of a section by its name (".go.buildinfo"; Mach-O: of any segment, "__go_buildinfo"); empty when there is none. */
struct slice exe_section(const struct exe_file *exe, const char *name);

/* The first writable section or segment with initialised data: where Go keeps its build information without a section. */
struct slice exe_data(const struct exe_file *exe);

/* The bytes from a virtual address to the end of what is mapped around it; empty when nothing is. */
struct slice exe_at_address(const struct exe_file *exe, uint64_t address);

#endif
