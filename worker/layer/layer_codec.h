/* layer_codec.h - what a compression format is to the inflate filter: one file and one library each.
 *
 * A codec decodes one member (gzip member, zstd frame, xz or bzip2 stream) at a time; the loop over members, padding,
 * trailing bytes and cut input is inflate.c's. Hostile input. */
#ifndef VARVE_WORKER_LAYER_LAYER_CODEC_H
#define VARVE_WORKER_LAYER_LAYER_CODEC_H

#include "base/err.h"
#include "base/slice.h"
#include "layer/window_budget.h"

enum { CODEC_MAGIC_BYTES_MAX = 10 };

enum codec_match { CODEC_NO, CODEC_MAYBE, CODEC_YES }; /* MAYBE: so far, but more bytes are needed to tell */

enum { CODEC_MORE = 0, CODEC_MEMBER_END = 1 }; /* or a negative ERR_* */

struct codec_io {
	struct slice in;  /* the codec moves it behind what it took */
	uint8_t     *out; /* likewise */
	size_t       room;
};

struct codec_config {
	struct window_budget *window; /* NULL: windows beyond LIMIT_WINDOW_FREE_BYTES are refused */
	const _Atomic bool   *cancel; /* may be NULL; for waiting on `window` */
};

struct codec {
	const char *name;
	const char *media_type;                       /* of a tar compressed by it, as inventories store it */
	enum codec_match (*match)(struct slice head); /* does a member start like this? */
	void *(*open)(const struct codec_config *config, struct err *err);
	int (*begin)(void *state, struct err *err); /* a member follows; its magic has been seen and comes again */
	int (*run)(void *state, struct codec_io *io, struct err *err);
	void (*close)(void *state);
};

extern const struct codec codec_gzip, codec_zstd, codec_xz, codec_bzip2;

/* Helper for `match`: the first bytes are `magic`, or may still become it. */
enum codec_match codec_match_magic(struct slice head, struct slice magic);

#endif
