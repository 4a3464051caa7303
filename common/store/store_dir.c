#include "store/store_dir.h"

#include <stdlib.h>

int store_dir(const char *given, struct buf *out, struct err *err)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	buf_init(out, 4096);
	if (given)
		buf_str(out, given);
	else if (state && state[0] == '/')
		buf_printf(out, "%s/varve", state);
	else if (home && home[0] == '/')
		buf_printf(out, "%s/.local/state/varve", home);
	else
		return err_set(err, ERR_CONFIG, "no store: give --store DIR (neither XDG_STATE_HOME nor HOME is set)");
	buf_byte(out, 0);
	return buf_ok(out) && out->len > 1 ? 0 : err_set(err, ERR_USAGE, "--store: the path is empty or too long");
}
