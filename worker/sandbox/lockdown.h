/* lockdown.h - what varve-parse gives up before it sees a foreign byte, and what a child gives up besides.
 *
 * Launcher and child: no new privileges, no capabilities, nobody's user id where it was root's, no debugger and no core
 * dump, Landlock without a single right. Child: a ceiling of CPU time, memory and file size, and a seccomp filter that
 * knows the few system calls that reading a layer takes (lockdown_seccomp.c). A look-up of a path is answered with EACCES
 * and told (parser_page.h); whatever else is not in the list ends the process with SIGSYS. Kernels lack some of this, and
 * containers and units may forbid it: what could not be had is named. One thread, before any other. */
#ifndef VARVE_WORKER_SANDBOX_LOCKDOWN_H
#define VARVE_WORKER_SANDBOX_LOCKDOWN_H

#include "sandbox/parser_page.h"
#include "sandbox/parser_wire.h"

struct lockdown_filter;

struct lockdown {
	struct lockdown_filter *filter; /* NULL: there is none */
	bool                    on;
};

/* For the launcher. Appends what could not be had to `lacking`, ", " between; off: does nothing. */
void lockdown_begin(struct lockdown *lockdown, bool off, struct buf *lacking);

/* For a child, with all its descriptors in place. False: something could not be had that the launcher could promise. */
bool lockdown_child(const struct lockdown *lockdown, const struct parser_order *order, struct parser_page *page);

/* --- the two parts that are libraries or system calls of their own ------------------------------------------------- */

/* NULL with why in *lacking: this build or this kernel has no filters. */
struct lockdown_filter *lockdown_filter_new(const char **lacking);
bool                    lockdown_filter_load(const struct lockdown_filter *filter, struct parser_page *page);

/* No right to any file, TCP port, signal to others, abstract socket: as much of it as this kernel knows. 0 or errno. */
int lockdown_landlock(void);

#endif
