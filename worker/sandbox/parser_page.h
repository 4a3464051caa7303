/* parser_page.h - what a parser and its worker both see all the time: one page of memory, for what must not need a message.
 *
 * The parser writes, the worker reads, also when the parser has died: how far it has come, and which analyzer was at work.
 * What stands there is the parser's word: the worker adds up what grows, and looks a number up in its own table. */
#ifndef VARVE_WORKER_SANDBOX_PARSER_PAGE_H
#define VARVE_WORKER_SANDBOX_PARSER_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

struct parser_page {
	_Atomic uint64_t inflated; /* bytes */
	_Atomic uint32_t running;  /* parse_request.running */
};

enum { PARSER_PAGE_BYTES = 4096 };

#endif
