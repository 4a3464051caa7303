/* corpus_tar.h - the tar of one layer: entries one by one, their parent folders by themselves, sums of contents where a package
 * database wants them.
 *
 * One thread. Without a blob_writer nothing is written and no sum is right, but everything is counted: for layers that are there
 * already. Of each file's content a key is kept; equal keys are equal contents. */
#ifndef VARVE_BENCH_CORPUS_TAR_H
#define VARVE_BENCH_CORPUS_TAR_H

#include "bench_corpus/corpus_blob.h"
#include "bench_corpus/corpus_pool.h"

struct tar_counts {
	uint64_t  bytes, entries, files;
	uint64_t *contents; /* `files` keys, the caller's after layer_tar_end() */
};

enum { MD5_TEXT_BYTES = 33, SHA1_TEXT_BYTES = 29 };

struct content_sums {
	char md5[MD5_TEXT_BYTES];   /* hex */
	char sha1[SHA1_TEXT_BYTES]; /* base64 */
};

struct layer_tar;

/* `blob` may be NULL; it stays the caller's. */
struct layer_tar *layer_tar_new(const struct pool *pool, struct blob_writer *blob, uint32_t day);
void              layer_tar_end(struct layer_tar *tar, struct tar_counts *counts); /* and frees it */

/* sums: NULL, or filled in. */
void layer_tar_file(struct layer_tar *tar, const char *path, const struct corpus_file *file, struct content_sums *sums);

/* A file of these bytes; `key` stands for them where they hold sums, 0 = they stand for themselves. */
void layer_tar_text(struct layer_tar *tar, const char *path, unsigned mode, struct slice bytes, uint64_t key);

/* Begins with these bytes, goes on as the file does to file->bytes in all. */
void layer_tar_program(struct layer_tar *tar, const char *path, struct slice begin, const struct corpus_file *file);

void layer_tar_whiteout(struct layer_tar *tar, const char *path); /* of that path */

/* The sums of a file that lies in another layer. */
void layer_tar_sums(const struct layer_tar *tar, const struct corpus_file *file, struct content_sums *sums);

#endif
