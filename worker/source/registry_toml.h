/* registry_toml.h - reader for the TOML that registries.conf uses (TOML 1.0 without multi-line strings).
 *
 * Tables, arrays of tables, bare, quoted and dotted keys, basic and literal strings, booleans, arrays over several
 * lines, inline tables. Numbers and dates are passed over as TOML_OTHER. Values nest two deep ([{…}]); deeper is
 * ERR_UNSUPPORTED. Events come in the order of the text; borrowed strings live until the callback returns. */
#ifndef VARVE_WORKER_SOURCE_REGISTRY_TOML_H
#define VARVE_WORKER_SOURCE_REGISTRY_TOML_H

#include "base/err.h"
#include "base/slice.h"

enum toml_kind { TOML_STRING, TOML_BOOL, TOML_OTHER };

struct toml_value {
	enum toml_kind kind;
	struct slice   text;  /* of a string */
	bool           flag;  /* of a boolean */
	size_t         index; /* in the array it is in; 0 otherwise */
};

struct toml_handler {
	/* A table begins: "registry.mirror". Also for inline tables, under the key that holds them. */
	int (*table)(void *data, struct slice path, bool array_item, struct err *err);
	/* An inline table is over: `path` is the table that goes on. */
	int (*back)(void *data, struct slice path, struct err *err);
	int (*value)(void *data, struct slice path, struct slice key, const struct toml_value *value, struct err *err);
	void *data;
};

/* 0, what a callback returned, or ERR_FORMAT / ERR_UNSUPPORTED with the line number. */
int toml_read(struct slice text, const struct toml_handler *handler, struct err *err);

#endif
