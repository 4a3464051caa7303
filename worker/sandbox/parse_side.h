/* parse_side.h - the parse side of the channel: one layer, in a process that ends with it.
 *
 * Speaks docs/PARSER_CHANNEL.md over the descriptors of parser_program.h. Everything here runs under whatever the process
 * has given up (lockdown.h), beside bytes that may come to be in command of it. */
#ifndef VARVE_WORKER_SANDBOX_PARSE_SIDE_H
#define VARVE_WORKER_SANDBOX_PARSE_SIDE_H

#include "sandbox/parser_page.h"
#include "sandbox/parser_wire.h"

/* Reads the layer and says what is in it. 0: said; else what the process is to exit with: nobody listens any more. */
int parse_side_run(const struct parser_order *order, struct parser_page *page);

/* Reads a small layer of its own making, so that what libraries set up at their first use is there before any child is. */
void parse_side_warm_up(void);

#endif
