/* parser_page.h - what a parser and its worker both see all the time: one page of memory, for what must not need a message.
 *
 * The parser writes, the worker reads, also when the parser has died: how far it has come, which analyzer was at work, and
 * which paths it was refused. What stands there is the parser's word: the worker adds up what grows, looks a number up
 * in its own table, and shows a text as it shows foreign texts. */
#ifndef VARVE_WORKER_SANDBOX_PARSER_PAGE_H
#define VARVE_WORKER_SANDBOX_PARSER_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

enum { PARSER_PAGE_BYTES = 4096, PARSER_REFUSALS_MAX = 8 };

struct parser_refusal {
	uint32_t system_call; /* its number */
	uint32_t running;     /* as below */
	char     path[248];   /* cut; ends with a NUL, if the parser is honest */
};

struct parser_page {
	_Atomic uint64_t      inflated; /* bytes */
	_Atomic uint32_t      running;  /* parse_request.running */
	_Atomic uint32_t      refusals; /* so far; the first are here: */
	struct parser_refusal refused[PARSER_REFUSALS_MAX];
};

/* From a signal handler: a system call was refused. */
void parser_page_refused(struct parser_page *page, uint32_t system_call, const char *path);

#endif
