#include "bench_corpus/corpus_blob.h"

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "bench_corpus/corpus_deflate.h"
#include "bench_corpus/corpus_die.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

enum { STAGE_BYTES = 64 << 10 };

struct blob_writer {
	int              fd;
	struct sha256   *plain, *packed;
	uint64_t         bytes;
	struct deflater *deflater; /* or */
	ZSTD_CStream    *zstd;
	uint8_t         *zstd_out;
	size_t           staged;
	uint8_t          stage[STAGE_BYTES]; /* small writes are gathered: headers are 512 bytes */
};

static void put_packed(void *data, struct slice bytes)
{
	struct blob_writer *self = data;
	struct err          err = {0};

	if (!bytes.len)
		return;
	sha256_update(self->packed, bytes);
	self->bytes += bytes.len;
	if (file_write_all(self->fd, bytes, "blob", &err))
		corpus_die("%s", err.text);
}

static void run_zstd(struct blob_writer *self, struct slice bytes, ZSTD_EndDirective end)
{
	ZSTD_inBuffer in = {bytes.ptr, bytes.len, 0};
	size_t        left;

	do {
		ZSTD_outBuffer out = {self->zstd_out, ZSTD_CStreamOutSize(), 0};

		left = ZSTD_compressStream2(self->zstd, &out, &in, end);
		if (ZSTD_isError(left))
			corpus_die("zstd: %s", ZSTD_getErrorName(left));
		put_packed(self, slice_of(self->zstd_out, out.pos));
	} while (in.pos < in.size || (end == ZSTD_e_end && left));
}

struct blob_writer *blob_writer_new(const char *path, bool zstd)
{
	struct blob_writer *self = calloc(1, sizeof(*self));

	if (!self || !(self->plain = sha256_new()) || !(self->packed = sha256_new()))
		corpus_die("out of memory");
	self->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (self->fd < 0)
		corpus_die("cannot write %s", path);
	if (!zstd) {
		self->deflater = deflater_new(put_packed, self);
		return self;
	}
	self->zstd = ZSTD_createCStream();
	self->zstd_out = malloc(ZSTD_CStreamOutSize());
	if (!self->zstd || !self->zstd_out)
		corpus_die("out of memory");
	ZSTD_CCtx_setParameter(self->zstd, ZSTD_c_compressionLevel, 1);
	return self;
}

static void pass_on(struct blob_writer *self, struct slice bytes)
{
	sha256_update(self->plain, bytes);
	if (self->deflater)
		deflater_write(self->deflater, bytes);
	else
		run_zstd(self, bytes, ZSTD_e_continue);
}

void blob_writer_put(struct blob_writer *self, struct slice bytes)
{
	if (self->staged + bytes.len > STAGE_BYTES) {
		pass_on(self, slice_of(self->stage, self->staged));
		self->staged = 0;
	}
	if (bytes.len > STAGE_BYTES) {
		pass_on(self, bytes);
		return;
	}
	if (bytes.len)
		memcpy(self->stage + self->staged, bytes.ptr, bytes.len);
	self->staged += bytes.len;
}

void blob_writer_end(struct blob_writer *self, struct digest *digest, struct digest *diff_id, uint64_t *bytes)
{
	pass_on(self, slice_of(self->stage, self->staged));
	if (self->deflater)
		deflater_end(self->deflater);
	else
		run_zstd(self, SLICE_EMPTY, ZSTD_e_end);
	if (close(self->fd) != 0)
		corpus_die("cannot write a blob");
	sha256_final(self->plain, diff_id->bytes);
	sha256_final(self->packed, digest->bytes);
	*bytes = self->bytes;
	sha256_free(self->plain);
	sha256_free(self->packed);
	ZSTD_freeCStream(self->zstd);
	free(self->zstd_out);
	free(self);
}
