/* layer_fixture.h - a small language for layers: text that says which tar to make, and what is expected of it.
 *
 * One statement a line; `#` begins a comment line. TEXT is words and "quoted pieces" (C escapes \n \t \\ \" \0 \xNN)
 * joined by `+`, each perhaps repeated: usr/+"a"*200+"\xff". A file's body is TEXT behind `=`, or the lines up to a
 * line that is only WORD (`<<WORD`), or the bytes of a file beside the fixture (`@name`).
 *
 *   layer [gzip|zstd|xz|bzip2|none]...    begins the next layer (the first may go without); several names: members, of
 *                                         which each holds an equal share of the tar
 *   file NAME [ATTRIBUTE...] [= TEXT | <<WORD | @name]
 *   dir NAME, symlink NAME -> TEXT, hardlink NAME -> TEXT, fifo NAME, char NAME, block NAME
 *       ATTRIBUTE: mode=0755 uid=1 gid=1 mtime=1 size=5 (what the header claims) type=7 (typeflag)
 *                  format=pax|gnu|v7 base256 badsum
 *   pax KEY TEXT                          a PAX record for the next entry
 *   global KEY TEXT                       a PAX global header
 *   raw TEXT                              bytes into the tar as they are
 *   noend                                 no end-of-archive blocks (they are added by themselves else)
 *   end                                   end-of-archive blocks here and none at the end
 *   cut N                                 the last N bytes of the finished tar are missing
 *   cutblob N, tail TEXT                  the same for the compressed blob; bytes behind it
 *   expect WORDS...                       kept for whoever runs the fixture, with the number of the layer it is in
 *
 * Whiteouts are files named so: `file .wh.gone`, `file dir/.wh..wh..opq`. */
#ifndef VARVE_TESTS_LIB_LAYER_FIXTURE_H
#define VARVE_TESTS_LIB_LAYER_FIXTURE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum { FIXTURE_LAYERS_MAX = 200 };

struct fixture_layer {
	struct slice tar;  /* as it is once decompressed: the diffID is its hash */
	struct slice blob; /* what a registry would serve */
};

struct fixture_expect {
	size_t       layer; /* index of the layer it stands in */
	struct slice text;  /* what follows the word "expect", trimmed */
	unsigned     line;
};

struct layer_fixture {
	struct arena           arena; /* all slices are in it */
	struct fixture_layer  *layers;
	size_t                 layers_count;
	struct fixture_expect *expects;
	size_t                 expects_count;
};

/* ERR_FORMAT names file and line. Deinit in any case. */
int  layer_fixture_read(const char *path, struct layer_fixture *fixture, struct err *err);
int  layer_fixture_parse(struct slice text, const char *path, struct layer_fixture *fixture,
			 struct err *err); /* path: for messages and @name */
void layer_fixture_deinit(struct layer_fixture *fixture);

/* The next word or TEXT of `*rest`, unescaped, copied into `arena`; false at the end of the line or if malformed. */
bool fixture_token(struct slice *rest, struct arena *arena, struct slice *token);

/* Calls `run` with the path of every file in `dir` whose name has this prefix and suffix, in order of their names;
 * returns how many. */
size_t fixture_each(const char *dir, const char *prefix, const char *suffix, void (*run)(const char *path, void *data),
		    void *data);

#endif
