/* err.h - what went wrong, in one line: what was being done, to what, why.
 *
 * Functions that touch the outside return 0 or a negative ERR_* and fill `struct err` (may be NULL). The first
 * failure wins: filling an err that is already set keeps the first text. Library code never prints. */
#ifndef VARVE_BASE_ERR_H
#define VARVE_BASE_ERR_H

enum err_code {
	ERR_USAGE = -1,       /* the caller asked for something that cannot be (exit 2) */
	ERR_CONFIG = -2,      /* a configuration file or key is wrong (exit 2) */
	ERR_MEM = -3,         /* out of memory */
	ERR_IO = -4,          /* a local file could not be read or written */
	ERR_LIMIT = -5,       /* a ceiling of limits.h was reached; the text names it */
	ERR_FORMAT = -6,      /* foreign bytes are not what they claim to be */
	ERR_DIGEST = -7,      /* bytes do not hash to the digest they were asked for by */
	ERR_TRUNCATED = -8,   /* foreign bytes end too early */
	ERR_UNSUPPORTED = -9, /* well-formed, but a form that is refused; the text says which */
	ERR_AUTH = -10,       /* 401, 403, no credential */
	ERR_NOT_FOUND = -11,  /* 404, no such file, no such record */
	ERR_NET = -12,        /* transient: connection, time-out, 5xx */
	ERR_RATE = -13,       /* transient: 429 or an exhausted budget */
	ERR_TLS = -14,        /* the peer's certificate is not trusted */
	ERR_STORE = -15,      /* LMDB refused; damaged record */
	ERR_FULL = -16,       /* disk or map full */
	ERR_VERSION = -17,    /* older or newer format, protocol or store */
	ERR_BUSY = -18,       /* owned by someone else just now */
	ERR_PROTOCOL = -19,   /* a peer broke docs/PROTOCOL.md */
	ERR_CANCELLED = -20,  /* stopped on request */
	ERR_INTERNAL = -21,   /* a defect of Varve */
	ERR_POISON = -22,     /* a layer that its parser died of, or that passed a ceiling of time or memory */
};

struct err {
	int  code; /* 0 = nothing went wrong */
	char text[480];
};

/* Sets code and text, unless already set; returns `code`, so that a function can end with it. Foreign strings in the
 * arguments are the caller's to escape (escape.h), except that control bytes in the final text become '?'. */
int err_set(struct err *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the text of an err that is set; returns its code. */
int err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As err_set with ": strerror(errno)" behind; ENOSPC and EDQUOT become ERR_FULL. */
int err_errno(struct err *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

void        err_clear(struct err *err);
const char *err_name(int code); /* stable lower-case word: "digest", "limit"; "ok" for 0 */

#endif
