/* parser_program.h - where the program varve-parse is, and how it is started: what both sides must agree upon. */
#ifndef VARVE_WORKER_SANDBOX_PARSER_PROGRAM_H
#define VARVE_WORKER_SANDBOX_PARSER_PROGRAM_H

#include "base/err.h"

#include <stddef.h>

/* Descriptors of the launcher. Of its child: bytes and channel in the place of stdin and stdout, the spool. */
enum { PARSER_CONTROL_FD = 3, PARSER_PAGE_FD = 4 };
enum { PARSER_BYTES_FD = 0, PARSER_CHANNEL_FD = 1, PARSER_SPOOL_FD = 3 };

/* What a child exits with: all is said; nobody listens; its launcher is gone; it could not be locked down; no memory to say
 * so; abort(), which would need a signal. */
enum {
	PARSER_EXIT_SAID = 0,
	PARSER_EXIT_UNHEARD = 1,
	PARSER_EXIT_ORPHAN = 2,
	PARSER_EXIT_OPEN = 3,
	PARSER_EXIT_STARVED = 4,
	PARSER_EXIT_ABORTED = 134,
};

/* Sanitizers write their findings to stderr, need files and much address space, and trace themselves: under them there is
 * a process of its own and no more. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PARSER_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PARSER_SANITIZED 1
#endif
#ifndef PARSER_SANITIZED
#define PARSER_SANITIZED 0
#endif

/* `given` if not NULL. Else, by the folder D of the running program: D/varve-parse (a build tree),
 * D/../libexec/varve/varve-parse, and where this build was configured to be installed. Nothing is taken from the
 * environment: who can set that of a scanner need not be who may choose what it runs. */
int parser_program_find(const char *given, char *out, size_t size, struct err *err);

#endif
