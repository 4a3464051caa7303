#include "bench_corpus/corpus_tar.h"

#include "base/base64.h"
#include "bench_corpus/corpus_die.h"
#include "bench_corpus/corpus_roll.h"
#include "source/tar_write.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum { DAY_ZERO = 1700000000, DAY_SECONDS = 86400 };

struct layer_tar {
	const struct pool  *pool;
	struct blob_writer *blob;
	struct buf          header;
	struct tar_counts   counts;
	size_t              contents_capacity;
	uint64_t           *folders; /* hashes of those that have an entry; a table of `folders_size`, 0 = free */
	size_t              folders_size, folders_count;
	int64_t             mtime;
};

static void *take(void *memory)
{
	if (!memory)
		corpus_die("out of memory");
	return memory;
}

struct layer_tar *layer_tar_new(const struct pool *pool, struct blob_writer *blob, uint32_t day)
{
	struct layer_tar *tar = take(calloc(1, sizeof(*tar)));

	tar->pool = pool;
	tar->blob = blob;
	tar->mtime = DAY_ZERO + (int64_t)day * DAY_SECONDS;
	tar->folders_size = 1024;
	tar->folders = take(calloc(tar->folders_size, sizeof(*tar->folders)));
	buf_init(&tar->header, 64 << 10);
	return tar;
}

static void put(void *data, struct slice bytes)
{
	struct layer_tar *tar = data;

	tar->counts.bytes += bytes.len;
	if (tar->blob)
		blob_writer_put(tar->blob, bytes);
}

static void put_zeros(struct layer_tar *tar, size_t count)
{
	static const uint8_t zeros[2 * TAR_BLOCK_BYTES];

	put(tar, slice_of(zeros, count));
}

static void put_header(struct layer_tar *tar, enum tar_type type, struct slice path, unsigned mode, uint64_t size)
{
	struct tar_header header = {.type = type, .name = path, .size = size, .mode = mode, .mtime = tar->mtime};

	buf_clear(&tar->header);
	tar_write_header(&tar->header, &header);
	put(tar, buf_slice(&tar->header));
	tar->counts.entries++;
}

void layer_tar_end(struct layer_tar *tar, struct tar_counts *counts)
{
	put_zeros(tar, 2 * TAR_BLOCK_BYTES);
	*counts = tar->counts;
	buf_deinit(&tar->header);
	free(tar->folders);
	free(tar);
}

/* ---- folders ---- */

static uint64_t *folder_slot(uint64_t *table, size_t size, uint64_t hash)
{
	size_t at = hash & (size - 1);

	while (table[at] && table[at] != hash)
		at = (at + 1) & (size - 1);
	return &table[at];
}

static void grow_folders(struct layer_tar *tar)
{
	size_t    size = tar->folders_size * 2;
	uint64_t *table = take(calloc(size, sizeof(*table)));

	for (size_t i = 0; i < tar->folders_size; i++)
		if (tar->folders[i])
			*folder_slot(table, size, tar->folders[i]) = tar->folders[i];
	free(tar->folders);
	tar->folders = table;
	tar->folders_size = size;
}

static void put_folder(struct layer_tar *tar, struct slice path)
{
	uint64_t  hash = xxh64_once(path, 0) | 1;
	uint64_t *slot = folder_slot(tar->folders, tar->folders_size, hash);

	if (*slot)
		return;
	*slot = hash;
	if (++tar->folders_count * 2 > tar->folders_size)
		grow_folders(tar);
	put_header(tar, TAR_DIRECTORY, path, 0755, 0);
}

static void put_parents(struct layer_tar *tar, struct slice path)
{
	for (size_t i = 1; i < path.len; i++)
		if (path.ptr[i] == '/')
			put_folder(tar, slice_sub(path, 0, i + 1));
}

/* ---- files ---- */

static void begin_file(struct layer_tar *tar, const char *path, unsigned mode, uint64_t size, uint64_t key)
{
	struct tar_counts *counts = &tar->counts;

	put_parents(tar, slice_str(path));
	put_header(tar, TAR_FILE, slice_str(path), mode, size);
	if (counts->files == tar->contents_capacity) {
		tar->contents_capacity = tar->contents_capacity ? 2 * tar->contents_capacity : 256;
		counts->contents = take(realloc(counts->contents, tar->contents_capacity * sizeof(*counts->contents)));
	}
	counts->contents[counts->files++] = key;
}

struct summer {
	EVP_MD_CTX *md5, *sha1;
};

static void sum(void *data, struct slice bytes)
{
	struct summer *summer = data;

	EVP_DigestUpdate(summer->md5, bytes.ptr, bytes.len);
	EVP_DigestUpdate(summer->sha1, bytes.ptr, bytes.len);
}

void layer_tar_sums(const struct layer_tar *tar, const struct corpus_file *file, struct content_sums *sums)
{
	struct summer summer;
	uint8_t       md5[EVP_MAX_MD_SIZE], sha1[EVP_MAX_MD_SIZE];
	struct buf    text;

	*sums = (struct content_sums){.md5 = "00000000000000000000000000000000",
				      .sha1 = "AAAAAAAAAAAAAAAAAAAAAAAAAAA="};
	if (!tar->blob)
		return;
	summer = (struct summer){take(EVP_MD_CTX_new()), take(EVP_MD_CTX_new())};
	if (!EVP_DigestInit_ex(summer.md5, EVP_md5(), NULL) || !EVP_DigestInit_ex(summer.sha1, EVP_sha1(), NULL))
		corpus_die("no MD5 or SHA-1 here");
	pool_content(tar->pool, file, sum, &summer);
	EVP_DigestFinal_ex(summer.md5, md5, NULL);
	EVP_DigestFinal_ex(summer.sha1, sha1, NULL);
	EVP_MD_CTX_free(summer.md5);
	EVP_MD_CTX_free(summer.sha1);
	digest_hex(md5, 16, sums->md5);
	buf_init(&text, 64);
	base64_encode(slice_of(sha1, 20), &text);
	memcpy(sums->sha1, text.ptr, SHA1_TEXT_BYTES - 1);
	buf_deinit(&text);
}

void layer_tar_file(struct layer_tar *tar, const char *path, const struct corpus_file *file, struct content_sums *sums)
{
	begin_file(tar, path, file->program ? 0755 : 0644, file->bytes, roll_mix(file->id + file->bytes));
	if (tar->blob)
		pool_content(tar->pool, file, put, tar);
	else
		tar->counts.bytes += file->bytes;
	put_zeros(tar, tar_padding(file->bytes));
	if (sums)
		layer_tar_sums(tar, file, sums);
}

void layer_tar_text(struct layer_tar *tar, const char *path, unsigned mode, struct slice bytes, uint64_t key)
{
	begin_file(tar, path, mode, bytes.len, key ? key : xxh64_once(bytes, 1));
	put(tar, bytes);
	put_zeros(tar, tar_padding(bytes.len));
}

struct rest {
	struct layer_tar *tar;
	size_t            skip; /* of the content, which something else stands for */
};

static void put_rest(void *data, struct slice bytes)
{
	struct rest *rest = data;
	size_t       skipped = rest->skip < bytes.len ? rest->skip : bytes.len;

	rest->skip -= skipped;
	put(rest->tar, slice_from(bytes, skipped));
}

void layer_tar_program(struct layer_tar *tar, const char *path, struct slice begin, const struct corpus_file *file)
{
	struct rest rest = {.tar = tar, .skip = begin.len};

	begin_file(tar, path, 0755, file->bytes, roll_mix(xxh64_once(begin, 2) + file->id));
	put(tar, begin);
	if (tar->blob)
		pool_content(tar->pool, file, put_rest, &rest);
	else
		tar->counts.bytes += file->bytes - begin.len;
	put_zeros(tar, tar_padding(file->bytes));
}

void layer_tar_whiteout(struct layer_tar *tar, const char *path)
{
	const char *base = strrchr(path, '/');
	char        name[PATH_TEXT_BYTES + 8];

	snprintf(name, sizeof(name), "%.*s.wh.%s", (int)(base + 1 - path), path, base + 1);
	put_parents(tar, slice_str(name));
	put_header(tar, TAR_FILE, slice_str(name), 0644, 0);
}
