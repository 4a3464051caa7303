/* parser.h - parse_layer() in a process of its own: the trusted side of the parse seam.
 *
 * The bytes of a layer go down a pipe after the caller's stream has hashed them; an inventory comes up, and every byte that
 * comes up is foreign: a layer may have taken its parser over. It can then falsify what is said of this layer, and what
 * the file memo is told of files (docs/decisions/0006-memo-key.md says what is done about that), and no more
 * (docs/decisions/0007-parser-process.md). One child per layer, forked by a launcher that never sees a foreign byte.
 * Owner: one thread. The process ignores SIGPIPE. */
#ifndef VARVE_WORKER_SANDBOX_PARSER_H
#define VARVE_WORKER_SANDBOX_PARSER_H

#include "parse.h"
#include "sandbox/launcher.h"

struct parser_config {
	enum sandbox_mode mode;
	const char       *program;     /* NULL: as parser_program.h finds it */
	unsigned          seconds_max; /* per layer, of waiting for the parser; 0 = LIMIT_LAYER_SECONDS */
};

struct parser;

/* Starts nothing yet; strings of `config` are borrowed. NULL without memory. */
struct parser *parser_new(const struct parser_config *config);
void           parser_free(struct parser *parser); /* NULL is fine */

/* Starts the launcher unless it runs. *lacking: what the kernel refused, "" = nothing; borrowed. As launcher_ready(). */
int parser_ready(struct parser *parser, const char **lacking, struct err *err);

/* As parse_layer(), whose errors it passes on, and whose `layer` it reads to the end. Besides, ERR_POISON: the parser died
 * of this layer (a signal, a ceiling of time or memory, a forbidden system call, nonsense on the channel); the text says
 * of what and which analyzer was at work. Facts are in the buffers only if 0 is returned. request->running is not used. */
int parser_parse(struct parser *parser, struct stream *layer, int spool_fd, const struct parse_request *request,
		 struct parse_result *result, struct buf *inventory, struct buf *path_table, struct err *err);

#endif
