/* parser_wire.h - what the worker and its parser say to each other: frames and their contents (docs/PARSER_CHANNEL.md).
 *
 * Pure: bytes in, values out; no descriptors. Two kinds of partner: what comes up from a parser is hostile (it may have
 * been taken over by the layer that it reads), what goes down to it is not. Frames travel on a stream socket, five bytes
 * of header each; control messages (worker and launcher) are one datagram each: a kind, then its content. */
#ifndef VARVE_WORKER_SANDBOX_PARSER_WIRE_H
#define VARVE_WORKER_SANDBOX_PARSER_WIRE_H

#include "parse.h"

enum {
	PARSER_PROTOCOL = 1,
	PARSER_FRAME_HEADER_BYTES = 5,
	PARSER_PART_BYTES = 64 << 10, /* of an inventory or path table; a frame may be longer for a memo's facts */
	PARSER_CONTROL_BYTES = 2048,  /* a control message */
};

enum parser_frame_kind {
	/* up */
	PARSER_TAKE_WINDOW = 1,
	PARSER_GIVE_WINDOW = 2,
	PARSER_MEMO_FIND = 3,
	PARSER_MEMO_KEEP = 4,
	PARSER_INVENTORY = 5,
	PARSER_PATH_TABLE = 6,
	PARSER_RESULT = 7,
	PARSER_FAILED = 8,
	/* down */
	PARSER_ANSWER = 32,
};

struct parser_frame {
	enum parser_frame_kind kind;
	struct slice           payload; /* borrowed from the inbox until its next call */
};

/* Bytes of a stream socket, as frames. A longer frame than any side may send is ERR_PROTOCOL before it is waited for. */
struct parser_inbox {
	struct buf bytes;
	size_t     read;
};
void parser_inbox_init(struct parser_inbox *inbox);
void parser_inbox_deinit(struct parser_inbox *inbox);
int  parser_inbox_add(struct parser_inbox *inbox, struct slice bytes, struct err *err);
int  parser_inbox_next(struct parser_inbox *inbox, struct parser_frame *frame, struct err *err); /* 1, 0: not yet */

void parser_write_frame(struct buf *out, enum parser_frame_kind kind, struct slice payload);

/* --- up ----------------------------------------------------------------------------------------------------------- */

void parser_write_memo_keep(struct buf *out, const struct digest *key, struct slice facts);
void parser_write_result(struct buf *out, const struct parse_result *result);
void parser_write_failed(struct buf *out, int code, struct slice text);

/* What has come up for one layer. The order of frames and every count are held to what `request` allows. */
struct parser_report {
	const struct parse_request *request;
	struct buf                 *inventory, *path_table; /* appended to */
	struct parse_result         result;                 /* once ended with code 0 */
	bool                        ended;                  /* by a result or a failure: nothing may follow */
	int                         code;                   /* of the failure */
	char                        text[400];              /* of the failure; foreign */
	uint64_t                    questions;
	bool                        window; /* taken, or asked for */
};

/* What a frame asks the trusted side to do. */
enum parser_wish {
	PARSER_WISH_NOTHING,
	PARSER_WISH_WINDOW,   /* answer once it is free */
	PARSER_WISH_UNWINDOW, /* it is given back */
	PARSER_WISH_FIND,     /* answer with what the memo knows of `key` */
	PARSER_WISH_KEEP,     /* `key`, `facts` */
};
struct parser_demand {
	enum parser_wish wish;
	struct digest    key;
	struct slice     facts; /* borrowed from the frame */
};

/* 0 with *demand, or ERR_PROTOCOL: the parser is not to be believed any more. */
int parser_report_take(struct parser_report *report, const struct parser_frame *frame, struct parser_demand *demand,
		       struct err *err);

/* --- down --------------------------------------------------------------------------------------------------------- */

void parser_write_answer(struct buf *out, int status, struct slice facts); /* the window: status 1 */
int  parser_read_answer(struct slice payload, int *status, struct slice *facts);

/* --- control: one datagram each, with descriptors beside an order ------------------------------------------------- */

enum parser_control_kind {
	PARSER_HELLO = 1, /* up: version of Varve, what the kernel lacks ("" = nothing) */
	PARSER_ORDER = 2, /* down: read a layer; descriptors: bytes, channel and, if has_spool, the spool */
	PARSER_KILL = 3,  /* down: the child that reads it is to die */
	PARSER_ENDED = 4, /* up: its wait status */
};

struct parser_order {
	struct digest blob_digest;
	uint64_t      tar_bytes_max, entries_max, spool_bytes_max, seconds_max;
	bool          ahead, has_spool, has_memo, has_window;
};

void parser_write_hello(struct buf *out, struct slice lacking);
int  parser_read_hello(struct slice message, struct slice *version, struct slice *lacking);
void parser_write_order(struct buf *out, const struct parser_order *order);
int  parser_read_order(struct slice message, struct parser_order *order);
void parser_write_ended(struct buf *out, int wait_status);
int  parser_read_ended(struct slice message, int *wait_status);

#endif
