/* cursor.h - walk over bytes we did not write, never leaving them.
 *
 * A cursor borrows memory. The first bad read stops it for good: every later read gives zero or an empty slice,
 * so a parser reads straight through and asks cursor_ok() once, and at the top of each loop whose count came from the input. */
#ifndef VARVE_BASE_CURSOR_H
#define VARVE_BASE_CURSOR_H

#include "base/slice.h"

struct cursor {
	const uint8_t *ptr;
	size_t         left;
	bool           failed;
};

struct cursor cursor_of(struct slice bytes);
bool          cursor_ok(const struct cursor *c);
bool          cursor_at_end(const struct cursor *c); /* nothing left, or failed */
void          cursor_fail(struct cursor *c);         /* the caller found nonsense: same as a bad read */

uint8_t  cursor_u8(struct cursor *c);
uint16_t cursor_u16be(struct cursor *c);
uint32_t cursor_u32be(struct cursor *c);
uint64_t cursor_u64be(struct cursor *c);
uint16_t cursor_u16le(struct cursor *c);
uint32_t cursor_u32le(struct cursor *c);

struct slice  cursor_take(struct cursor *c, size_t size); /* borrowed from the input */
struct slice  cursor_rest(struct cursor *c);              /* all that is left, without moving */
void          cursor_skip(struct cursor *c, size_t size);
struct cursor cursor_sub(struct cursor *c, size_t size);    /* a failed cursor if too long */
struct cursor cursor_at(struct slice bytes, size_t offset); /* a failed cursor if outside */

/* Text up to and without '\n' (a '\r' before it goes too); false at the end. Never fails the cursor. */
bool cursor_line(struct cursor *c, struct slice *line);

#endif
