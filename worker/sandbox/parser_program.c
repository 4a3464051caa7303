#include "sandbox/parser_program.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_there(char *out, size_t size, const char *folder, const char *name)
{
	int len = snprintf(out, size, "%s%s", folder, name);

	return len > 0 && (size_t)len < size && access(out, X_OK) == 0;
}

int parser_program_find(const char *given, char *out, size_t size, struct err *err)
{
	static const char *const places[] = {"/varve-parse", "/../libexec/varve/varve-parse"};
	char                     folder[4096];
	ssize_t                  len = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	char                    *slash;

	if (given)
		return is_there(out, size, given, "") ? 0 : err_errno(err, ERR_NOT_FOUND, "parser: %s", given);
	folder[len > 0 ? len : 0] = '\0';
	slash = strrchr(folder, '/');
	if (slash)
		*slash = '\0';
	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++)
		if (is_there(out, size, folder, places[i]))
			return 0;
	if (is_there(out, size, VARVE_LIBEXECDIR, "/varve-parse"))
		return 0;
	return err_set(err, ERR_NOT_FOUND, "the program varve-parse is neither beside this one nor in %s",
		       VARVE_LIBEXECDIR);
}
