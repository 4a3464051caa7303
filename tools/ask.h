/* ask.h - a question about the whole catalog, put to a store or to a broker: the same document from both. */
#ifndef VARVE_TOOLS_ASK_H
#define VARVE_TOOLS_ASK_H

#include "base/json.h"
#include "broker_link.h"

struct ask_options {
	struct broker_options broker;
	const char           *store, *db;
	bool as_it_is; /* a store: nothing is judged and written for the answer, which looks at pending images itself */
};

/* Rows of an option table whose values hold `struct ask_options ask`. */
#define ASK_OPTIONS(values)                                                                                            \
	{"store", OPTION_TEXT, offsetof(struct values, ask.store), "DIR",                                              \
	 "ask this store (default: $XDG_STATE_HOME/varve)"},                                                           \
		{"db", OPTION_TEXT, offsetof(struct values, ask.db), "DIR",                                            \
		 "with --store: advisory database (default: inside the store)"},                                       \
		{"broker", OPTION_TEXT, offsetof(struct values, ask.broker.endpoint), "ENDPOINT",                      \
		 "ask this broker: ipc://PATH or tcp://HOST:PORT"},                                                    \
		{"key", OPTION_TEXT, offsetof(struct values, ask.broker.key_file), "FILE",                             \
		 "own key file, made by varve keys (tcp://)"},                                                         \
		{"broker-key", OPTION_TEXT, offsetof(struct values, ask.broker.broker_key), "KEY",                     \
		 "public key of the broker (tcp://)"},                                                                 \
	{                                                                                                              \
		"insecure-tcp", OPTION_FLAG, offsetof(struct values, ask.broker.insecure_tcp), NULL,                   \
			"tcp:// without keys: benchmarks only"                                                         \
	}

int ask_check(const struct ask_options *options, struct err *err); /* ERR_USAGE */

/* The document for `request` (broker/answer.h), appended. A store is judged by its current advisories first (broker/judge.h),
 * which a broker does by itself. */
int ask(const struct ask_options *options, struct slice request, struct buf *document, struct err *err);

/* Writes to standard output. */
int ask_print(struct slice text, struct err *err);

#endif
