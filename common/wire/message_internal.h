/* message_internal.h - the parts that bodies are made of, shared by the files of the codec. */
#ifndef VARVE_WIRE_MESSAGE_INTERNAL_H
#define VARVE_WIRE_MESSAGE_INTERNAL_H

#include "base/msgpack_read.h"
#include "base/msgpack_write.h"
#include "wire/message.h"

void wire_begin(struct buf *frame, enum wire_type type, uint64_t correlation);
void wire_end(struct buf *frame); /* writes the length into the header */
int  wire_finish(const struct msgpack_reader *r, const char *what,
		 struct err *err); /* ERR_PROTOCOL unless read to its end */

void     wire_write_strings(struct buf *out, const struct wire_strings *m);
void     wire_read_strings(struct msgpack_reader *r, struct arena *arena, size_t count_max, struct wire_strings *m);
uint32_t wire_read_u32(struct msgpack_reader *r);

/* [id, number, last, bytes]: what RESULT and RESULT_PART have in common. */
int wire_get_chunk(struct slice body, uint64_t *id, uint32_t *number, bool *last, struct slice *bytes, const char *what,
		   struct err *err);

#endif
