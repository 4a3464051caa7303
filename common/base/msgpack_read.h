/* msgpack_read.h - pull reader for msgpack on the bounded cursor; never allocates what a count claims.
 *
 * Source: msgpack spec.md. Sticky like the cursor: after the first wrong type or short read every answer is zero or
 * empty. Records are positional arrays: a reader asks for the array, reads its fields in order and skips the rest, so
 * that a newer writer may append fields. str, bin and ext are read alike as slices borrowed from the input. */
#ifndef VARVE_BASE_MSGPACK_READ_H
#define VARVE_BASE_MSGPACK_READ_H

#include "base/cursor.h"

enum msgpack_type {
	MSGPACK_NONE, /* at the end, or failed */
	MSGPACK_NIL,
	MSGPACK_BOOL,
	MSGPACK_UINT, /* any non-negative integer form */
	MSGPACK_INT,  /* negative */
	MSGPACK_FLOAT,
	MSGPACK_BYTES, /* str, bin or ext */
	MSGPACK_ARRAY,
	MSGPACK_MAP,
};

enum { MSGPACK_DEPTH_MAX = 32 };

struct msgpack_reader {
	struct cursor cursor;
};

struct msgpack_reader msgpack_reader_of(struct slice bytes);
bool                  msgpack_ok(const struct msgpack_reader *r);
bool                  msgpack_at_end(const struct msgpack_reader *r);
void                  msgpack_fail(struct msgpack_reader *r);

enum msgpack_type msgpack_peek(const struct msgpack_reader *r);

/* The count of an array (a map: of pairs). More items than bytes left is a failure: each item takes a byte at least. */
size_t       msgpack_read_array(struct msgpack_reader *r);
size_t       msgpack_read_map(struct msgpack_reader *r);
uint64_t     msgpack_read_uint(struct msgpack_reader *r);
int64_t      msgpack_read_int(struct msgpack_reader *r);
bool         msgpack_read_bool(struct msgpack_reader *r);
double       msgpack_read_float(struct msgpack_reader *r);
struct slice msgpack_read_bytes(struct msgpack_reader *r);
bool msgpack_read_fixed(struct msgpack_reader *r, void *out, size_t size); /* exactly `size` bytes, or a failure */
bool msgpack_read_nil(struct msgpack_reader *r);                           /* takes a nil if one is there */
void msgpack_skip(struct msgpack_reader *r); /* one value with all it holds, to MSGPACK_DEPTH_MAX */

/* A positional record: fails if fewer than `fields_min` fields; returns how many there are. After the known fields,
 * msgpack_end_record(r, fields, read) skips the unknown ones. */
size_t msgpack_begin_record(struct msgpack_reader *r, size_t fields_min);
void   msgpack_end_record(struct msgpack_reader *r, size_t fields, size_t fields_read);

#endif
