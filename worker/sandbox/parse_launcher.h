/* parse_launcher.h - the loop of varve-parse: takes orders, forks a child for each layer, tells how it ended.
 *
 * It never reads a byte of a layer. A child is forked from a process that has read none either: what one layer does to its
 * parser, the next cannot meet. One thread, one child at a time. */
#ifndef VARVE_WORKER_SANDBOX_PARSE_LAUNCHER_H
#define VARVE_WORKER_SANDBOX_PARSE_LAUNCHER_H

#include "sandbox/parser_page.h"
#include "sandbox/parser_wire.h"

/* `run` reads one layer in the child, which exits with what it returns. Returns when the worker is gone: 0, or ERR_*. */
int parse_launcher_run(struct parser_page *page,
		       int (*run)(void *data, const struct parser_order *order, struct parser_page *page), void *data,
		       struct err *err);

#endif
