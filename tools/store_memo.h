/* store_memo.h - `varve store memo`: what the file memo of this host holds, and forgetting what a layer has brought. */
#ifndef VARVE_TOOLS_STORE_MEMO_H
#define VARVE_TOOLS_STORE_MEMO_H

#include "base/err.h"

#include <stdbool.h>

struct store_memo_options {
	const char *store; /* its memo, unless … */
	const char *memo;  /* … another folder is named */
	const char *layer; /* purge: "sha256:…" */
};

bool store_memo_is_action(const char *action); /* "info", "purge" */

/* Exit status, or ERR_*: ERR_NOT_FOUND where there is no memo. Programs that use it may go on meanwhile. */
int store_memo_run(const char *action, const struct store_memo_options *options, struct err *err);

#endif
