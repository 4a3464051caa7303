#include "source/registry_client.h"

#include "base/limits.h"
#include "base/verify_stream.h"
#include "source/registry_patience.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Progress that earns a cut transfer its full patience again; so the number of resumptions is bounded by the size. */
enum { PROGRESS_BYTES = 1 << 20 };

/* The raw bytes of a blob, over as many transfers as it takes. The digest is checked by the filter above. */
struct blob_stream {
	struct stream           stream;
	struct registry_client *client;
	struct source_call     *call;
	struct registry_host   *host;
	struct http_response   *response;
	uint64_t                size, offset, progress_from, skip;
	struct patience         patience;
	bool                    is_mirror;
	char                    repository[PLACE_REPOSITORY_BYTES];
	char                    scope[PLACE_REPOSITORY_BYTES + 32];
	char                    url[BASE_URL_BYTES + PLACE_REPOSITORY_BYTES + DIGEST_TEXT_BYTES + 32];
	char                    what[PLACE_HOST_BYTES + PLACE_REPOSITORY_BYTES + DIGEST_TEXT_BYTES + 16];
};

static bool range_begins_at(struct slice content_range, uint64_t offset)
{
	uint64_t first;

	slice_cut(&content_range, ' ');
	return slice_u64(slice_trim(slice_cut(&content_range, '-')), &first) && first == offset;
}

/* What is half done is worth waiting for, however long the registry wants to be left alone. */
static struct source_call patient_call(const struct source_call *call)
{
	return call ? (struct source_call){.cancel = call->cancel, .moved = call->moved} : (struct source_call){0};
}

/* From `offset` on; a server that knows no ranges sends all of it again, and the first part is passed over. */
static int open_at_offset(struct blob_stream *self, struct err *err)
{
	char                range[64];
	const char *const   headers[] = {range, NULL};
	struct source_call  patient = patient_call(self->call);
	struct registry_ask ask = {
		.host = self->host,
		.call = self->offset ? &patient : self->call,
		.url = self->url,
		.repository = self->repository,
		.scope = self->scope,
		.headers = self->offset ? headers : NULL,
		.what = self->what,
		.is_mirror = self->is_mirror,
	};
	int code;

	snprintf(range, sizeof(range), "Range: bytes=%llu-", (unsigned long long)self->offset);
	self->skip = 0;
	code = registry_open(&ask, &self->response, err);
	if (code)
		return code;
	if (http_status(self->response) != 206)
		self->skip = self->offset;
	else if (!range_begins_at(http_header(self->response, "Content-Range", 0), self->offset))
		return err_set(err, ERR_FORMAT, "%s: the server answered another range than was asked for", self->what);
	return 0;
}

static int resume(struct blob_stream *self, const struct err *cut, struct err *err)
{
	uint64_t wait_ms;
	int      code;

	if (self->offset - self->progress_from >= PROGRESS_BYTES) {
		self->patience.failures = 0;
		self->progress_from = self->offset;
	}
	if (!patience_again(&self->patience, cut->code, 0, &wait_ms)) {
		err_set(err, cut->code, "%s: %s, after %llu bytes", self->what, cut->text,
			(unsigned long long)self->offset);
		return cut->code;
	}
	self->client->retries++;
	http_close(self->response);
	self->response = NULL;
	code = registry_pause(self->client, self->call, wait_ms, err);
	return code ? code : open_at_offset(self, err);
}

static int blob_next(struct stream *stream, struct slice *block, struct err *err)
{
	struct blob_stream *self = (struct blob_stream *)stream;

	for (;;) {
		struct err cut = {0};
		int        status = self->response ? stream_next(http_body(self->response), block, &cut)
						   : err_set(&cut, ERR_NET, "%s: the transfer was given up", self->what);

		if (status == STREAM_BLOCK) {
			uint64_t skipped = block->len < self->skip ? block->len : self->skip;

			*block = slice_from(*block, (size_t)skipped);
			self->skip -= skipped;
			if (block->len == 0)
				continue;
			self->offset += block->len;
			return STREAM_BLOCK;
		}
		if (self->size == UINT64_MAX ? status == STREAM_END : self->offset >= self->size)
			return STREAM_END;
		if (status == STREAM_END) /* a body without a length, cut */
			err_set(&cut, ERR_NET, "the transfer ended early");
		if (!self->response)
			return err_set(err, ERR_NET, "%s", cut.text);
		status = resume(self, &cut, err);
		if (status)
			return status;
	}
}

static void blob_close(struct stream *stream)
{
	struct blob_stream *self = (struct blob_stream *)stream;

	http_close(self->response);
	free(self);
}

static void name_blob(struct blob_stream *self, const struct registry_host *host, const struct registry_place *place,
		      const struct digest *digest)
{
	char text[DIGEST_TEXT_BYTES];

	digest_text(digest, text);
	snprintf(self->repository, sizeof(self->repository), "%s", place->repository);
	snprintf(self->scope, sizeof(self->scope), "repository:%s:pull", place->repository);
	snprintf(self->url, sizeof(self->url), "%s/v2/%s/blobs/%s", host->base_url, place->repository, text);
	snprintf(self->what, sizeof(self->what), "blob %s of %s/%s", text, place->host, place->repository);
}

struct blob_job {
	struct source_call  *call;
	const struct digest *digest;
	uint64_t             size;
	struct stream       *out;
};

static int open_blob_at(void *data, struct registry_host *host, const struct registry_place *place, struct err *err)
{
	static const struct stream_ops ops = {.next = blob_next, .close = blob_close};
	struct blob_job               *job = data;
	struct blob_stream            *self = calloc(1, sizeof(*self));
	uint64_t                       length;
	int                            code;

	if (!self)
		return err_set(err, ERR_MEM, "out of memory for a blob");
	self->stream.ops = &ops;
	self->client = host->client;
	self->call = job->call;
	self->host = host;
	self->size = job->size;
	self->is_mirror = place->is_mirror;
	self->patience = patience_new(host->client->retries_max, random_seed());
	name_blob(self, host, place, job->digest);
	code = open_at_offset(self, err);
	length = code ? UINT64_MAX : http_content_length(self->response);
	if (!code && length != UINT64_MAX && job->size != UINT64_MAX && length != job->size)
		code = err_set(err, ERR_DIGEST, "%s: the registry sends %llu bytes, the manifest says %llu", self->what,
			       (unsigned long long)length, (unsigned long long)job->size);
	if (code)
		blob_close(&self->stream);
	else
		job->out = &self->stream;
	return code;
}

struct stream *registry_open_blob(struct registry_client *client, struct source_call *call,
				  const struct reference *where, const struct digest *digest, uint64_t size,
				  struct err *err)
{
	struct blob_job job = {.call = call, .digest = digest, .size = size};

	if (registry_each_place(client, call, where, digest, open_blob_at, &job, err))
		return NULL;
	return verify_stream_new(job.out, digest, size, err);
}

/* A small one comes whole, over the connections of manifests. */
struct small_job {
	struct source_call  *call;
	const struct digest *digest;
	struct buf          *out;
};

static int get_blob_at(void *data, struct registry_host *host, const struct registry_place *place, struct err *err)
{
	struct small_job   *job = data;
	struct blob_stream  names;
	struct registry_ask ask = {.host = host,
				   .call = job->call,
				   .url = names.url,
				   .repository = names.repository,
				   .scope = names.scope,
				   .what = names.what};
	struct http_answer  answer = {0};
	struct digest       found;
	int                 code;

	name_blob(&names, host, place, job->digest);
	ask.is_mirror = place->is_mirror;
	code = registry_fetch(&ask, job->out->bytes_max - job->out->len, &answer, err);
	if (!code) {
		digest_of(buf_slice(&answer.body), &found);
		if (!digest_eq(&found, job->digest))
			code = err_set(err, ERR_DIGEST,
				       "%s: the bytes do not hash to the digest they were asked for by", names.what);
	}
	if (!code)
		buf_append(job->out, buf_slice(&answer.body));
	http_answer_deinit(&answer);
	return code;
}

int registry_get_blob(struct registry_client *client, struct source_call *call, const struct reference *where,
		      const struct digest *digest, uint64_t size, struct buf *out, struct err *err)
{
	struct small_job job = {.call = call, .digest = digest, .out = out};
	size_t           before = out->len;
	int              code;

	if (size != UINT64_MAX && size > out->bytes_max - out->len)
		return err_set(err, ERR_LIMIT, "a blob of %llu bytes, more than %zu", (unsigned long long)size,
			       out->bytes_max - out->len);
	code = registry_each_place(client, call, where, digest, get_blob_at, &job, err);
	if (!code && !buf_ok(out))
		return err_set(err, ERR_MEM, "out of memory for a blob");
	if (!code && size != UINT64_MAX && out->len - before != size)
		return err_set(err, ERR_DIGEST, "a blob of %zu bytes, the manifest says %llu", out->len - before,
			       (unsigned long long)size);
	return code;
}
