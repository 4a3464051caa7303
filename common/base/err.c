#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static void tame(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

int err_set(struct err *err, int code, const char *format, ...)
{
	va_list args;

	if (!err || err->code)
		return code;
	err->code = code;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	tame(err->text);
	return code;
}

int err_prefix(struct err *err, const char *format, ...)
{
	char    old[sizeof(err->text)];
	va_list args;
	int     used;

	if (!err || !err->code)
		return err ? err->code : 0;
	memcpy(old, err->text, sizeof(old));
	va_start(args, format);
	used = vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	if (used >= 0 && (size_t)used < sizeof(err->text))
		snprintf(err->text + used, sizeof(err->text) - (size_t)used, ": %.470s", old);
	tame(err->text);
	return err->code;
}

int err_errno(struct err *err, int code, const char *format, ...)
{
	int     saved = errno;
	char    why[96];
	va_list args;
	int     used;

	if (saved == ENOSPC || saved == EDQUOT)
		code = ERR_FULL;
	if (!err || err->code)
		return code;
	err->code = code;
	va_start(args, format);
	used = vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	if (used >= 0 && (size_t)used < sizeof(err->text))
		snprintf(err->text + used, sizeof(err->text) - (size_t)used, ": %s",
			 strerror_r(saved, why, sizeof(why)));
	tame(err->text);
	return code;
}

void err_clear(struct err *err)
{
	if (err)
		*err = (struct err){0};
}

const char *err_name(int code)
{
	static const char *const names[] = {
		"ok",        "usage",       "config", "memory",    "io",        "limit",    "format", "digest",
		"truncated", "unsupported", "auth",   "not_found", "net",       "rate",     "tls",    "store",
		"full",      "version",     "busy",   "protocol",  "cancelled", "internal", "poison",
	};
	size_t index = (size_t)(code > 0 ? 0 : -code);

	return index < sizeof(names) / sizeof(names[0]) ? names[index] : "internal";
}
