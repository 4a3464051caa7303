/* slice.h - borrowed bytes, passed by value; never owns, never assumes a NUL.
 *
 * A slice lives as long as what it was cut from (an arena, a buffer, an input). All functions clamp: no call
 * can make a slice that reaches outside its origin. Comparison is on bytes, case-sensitive unless it says so. */
#ifndef VARVE_BASE_SLICE_H
#define VARVE_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *ptr;
	size_t         len;
};

#define SLICE_LIT(text) ((struct slice){(const uint8_t *)(text), sizeof(text) - 1})
#define SLICE_FMT(s)    (int)(s).len, (const char *)(s).ptr /* for "%.*s"; evaluates `s` twice; foreign bytes: escape.h */
#define SLICE_EMPTY     ((struct slice){NULL, 0})

/* Those that analyzers call for every file and line are inline, so that the lengths of literals are known when compiled. */
static inline struct slice slice_of(const void *ptr, size_t len)
{
	return (struct slice){(const uint8_t *)ptr, len};
}

static inline struct slice slice_str(const char *text) /* NULL gives the empty slice */
{
	return text ? slice_of(text, strlen(text)) : SLICE_EMPTY;
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_eq_str(struct slice a, const char *text)
{
	return slice_eq(a, slice_str(text));
}

static inline bool slice_starts(struct slice s, const char *prefix)
{
	size_t len = strlen(prefix);

	return s.len >= len && (len == 0 || memcmp(s.ptr, prefix, len) == 0);
}

static inline bool slice_ends(struct slice s, const char *suffix)
{
	size_t len = strlen(suffix);

	return s.len >= len && (len == 0 || memcmp(s.ptr + s.len - len, suffix, len) == 0);
}

static inline struct slice slice_sub(struct slice s, size_t from, size_t len) /* clamped on both ends */
{
	if (from > s.len)
		from = s.len;
	if (len > s.len - from)
		len = s.len - from;
	return slice_of(s.ptr ? s.ptr + from : NULL, len);
}

static inline struct slice slice_from(struct slice s, size_t from)
{
	return slice_sub(s, from, SIZE_MAX);
}

bool         slice_eq_nocase(struct slice a, struct slice b); /* ASCII only */
int          slice_cmp(struct slice a, struct slice b);       /* memcmp order, the shorter first when one is a prefix */
struct slice slice_trim(struct slice s);                      /* ASCII white space on both ends */

/* Position of the first (last) `byte`, or SIZE_MAX. */
size_t slice_find(struct slice s, uint8_t byte);
size_t slice_rfind(struct slice s, uint8_t byte);
size_t slice_find_str(struct slice s, const char *text);

/* Cut the part before the first `sep` off `*rest` and return it; without `sep` the whole rest. `*rest` moves behind
 * the separator. Iterate: while (rest.len) { part = slice_cut(&rest, '\n'); ... } */
struct slice slice_cut(struct slice *rest, uint8_t sep);

/* Decimal digits only, the whole slice, no sign; false (and *out untouched) on anything else or overflow. */
bool slice_u64(struct slice s, uint64_t *out);

#endif
