/* analyzer.h - what an analyzer is: one .c, one row in analyzer_table.c, one folder of fixtures.
 *
 * An analyzer is a function of bytes (and of what `inputs` names); it holds no state, opens nothing, prints nothing,
 * trusts nothing. What it finds it adds to the inventory under entry->path; what it cannot read it notes there. */
#ifndef VARVE_WORKER_ANALYZE_ANALYZER_H
#define VARVE_WORKER_ANALYZE_ANALYZER_H

#include "entry/entry.h"
#include "model/inventory.h"

#include <string.h>

/* Tests against a literal for wants() and sniff(), which see every file of every layer: a length and a memcmp. */
#define TEXT_IS(text, literal)                                                                                         \
	((text).len == sizeof(literal) - 1 && memcmp((text).ptr, literal, sizeof(literal) - 1) == 0)
#define TEXT_STARTS(text, literal)                                                                                     \
	((text).len >= sizeof(literal) - 1 && memcmp((text).ptr, literal, sizeof(literal) - 1) == 0)
#define TEXT_ENDS(text, literal)                                                                                       \
	((text).len >= sizeof(literal) - 1 &&                                                                          \
	 memcmp((text).ptr + (text).len - (sizeof(literal) - 1), literal, sizeof(literal) - 1) == 0)

enum need {
	NEED_NOTHING,
	NEED_WHOLE,
};

/* What run() depends on besides the body's bytes: part of the memo's key. What wants() looks at is none: which analyzers
 * want a body is in the key. A test runs every case under other paths and modes. */
enum analyzer_input {
	INPUT_PATH = 1,
	INPUT_MODE = 2,
	INPUT_SIBLINGS = 4, /* a second file: never in the memo */
	INPUT_NAME = 8,     /* the last component of the path */
};

struct analyzer {
	const char *name;           /* stable: stored in inventories, shown in reports */
	uint32_t    version;        /* raise when the same bytes would give another answer */
	uint32_t    inputs;         /* enum analyzer_input */
	size_t      body_bytes_max; /* longer bodies are noted (partial, or skipped), never read */
	bool        skims;    /* run() looks at few places of the body, cheaper than its SHA-256: not worth a memo */
	bool        database; /* holds packages or names the system: what cannot be read is noted as partial */

	bool text; /* reads lines of text: what is no plain text (plain_text.h) is noted and never given to it */

	/* NULL: wants() is called for every file. Else only for those whose last path component is one of these names
	 * ("METADATA"), has one of these endings ("*.gemspec", "*.deps.json": a '*', then a '.') or begins, up to its first
	 * dot, with one of these ("libssl.*"); NULL ends the list. */
	const char *const *names;

	/* NULL: the names decide, whole bodies are wanted. head: the first LIMIT_HEAD_BYTES at most. Must decide by the path
	 * first, and cheaply. */
	enum need (*wants)(const struct entry *entry, struct slice head);

	/* whole body: memory, or a private mapping of the spool. Returns 0, or ERR_* for what the dispatcher shall note
	 * under the entry's path (partial for a database, else skipped); facts added before stay. */
	int (*run)(const struct entry *entry, struct slice body, struct inventory *out, struct err *err);

	/* NULL, or: does `head` look like this analyzer's evidence whatever its name is? Such bodies are analysed too
	 * and marked by_magic, because a hard link of the evidence's real name may lead to them (ostree). */
	bool (*sniff)(struct slice head);

	/* NULL, or: bodies whose facts need a second file of the same folder: the same name with something behind it
	 * ("-wal"), or a name of its own ("/direct_url.json"). wants() wants both. The dispatcher keeps both to the end of the layer and calls run_pair() once; `second` is empty when there is none. Then
	 * `run` is NULL. */
	const char *companion_suffix;
	int (*run_pair)(const struct entry *entry, struct slice body, struct slice second, struct inventory *out,
			struct err *err);
};

#endif
