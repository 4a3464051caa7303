/* embedded.h - broker and worker inside this process over inproc://, for `varve scan`: the one file that joins the two.
 *
 * The same loop, core, catalog and agent as the programs; the caller speaks the client side of docs/PROTOCOL.md through
 * embedded_context() and embedded_endpoint(), exactly as to a varve-broker. Two processes may do so on one store. */
#ifndef VARVE_TOOLS_EMBEDDED_H
#define VARVE_TOOLS_EMBEDDED_H

#include "sandbox/parser.h"
#include "source/source.h"
#include "wire/socket.h"

struct embedded_config {
	const char                 *store_dir;
	const char                 *db_dir;         /* advisories; NULL = inside the store; absent is allowed */
	const char                 *spool_dir;      /* NULL = $TMPDIR or /var/tmp */
	const char                 *memo_dir;       /* file memo; NULL = inside the store, "none" = none */
	uint64_t                    memo_bytes_max; /* 0 = the default */
	unsigned                    threads;        /* scan threads; 0 = CPUs of this process */
	struct parser_config        parser;
	const struct source_config *source;
};

struct embedded;

/* ERR_* of the store when it cannot be used. Threads run when it returns. */
int  embedded_start(const struct embedded_config *config, struct embedded **out, struct err *err);
void embedded_stop(struct embedded *embedded); /* running scans are cancelled; all acknowledged work is in the store */

struct wire_context *embedded_context(struct embedded *embedded);
const char          *embedded_endpoint(const struct embedded *embedded);
void                 embedded_source_stats(struct embedded *embedded, struct source_stats *out);

#endif
