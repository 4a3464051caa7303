#include "net/http.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is in hand of a download: PATH.part holds its first bytes, PATH.part.etag says of which version they are. */
struct partial {
	char    *part_path, *etag_path;
	int      fd;
	uint64_t bytes;
	char     etag[256];
};

static void partial_deinit(struct partial *partial)
{
	if (partial->fd >= 0)
		close(partial->fd);
	free(partial->part_path);
	free(partial->etag_path);
}

static void copy_etag(char out[256], struct slice etag)
{
	out[0] = '\0';
	if (etag.len && etag.len < 256) {
		memcpy(out, etag.ptr, etag.len);
		out[etag.len] = '\0';
	}
}

/* If-Range takes strong validators only (RFC 9110 13.1.5). */
static bool may_resume(const struct partial *partial)
{
	return partial->bytes && partial->etag[0] && strncmp(partial->etag, "W/", 2) != 0;
}

static int partial_open(struct partial *partial, const char *path, struct err *err)
{
	struct buf  etag = {.bytes_max = sizeof(partial->etag) - 1};
	struct stat info;

	*partial = (struct partial){.fd = -1};
	if (asprintf(&partial->part_path, "%s.part", path) < 0 ||
	    asprintf(&partial->etag_path, "%s.part.etag", path) < 0)
		return err_set(err, ERR_MEM, "out of memory for a download");
	partial->fd = open(partial->part_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (partial->fd < 0 || fstat(partial->fd, &info) != 0)
		return err_errno(err, ERR_IO, "opening %s", partial->part_path);
	partial->bytes = (uint64_t)info.st_size;
	if (file_read(partial->etag_path, &etag, NULL) == 0)
		copy_etag(partial->etag, buf_slice(&etag));
	buf_deinit(&etag);
	return 0;
}

static int partial_restart(struct partial *partial, struct slice etag, struct err *err)
{
	copy_etag(partial->etag, etag);
	partial->bytes = 0;
	if (ftruncate(partial->fd, 0) != 0)
		return err_errno(err, ERR_IO, "emptying %s", partial->part_path);
	if (partial->etag[0])
		return file_write_atomic(partial->etag_path, slice_str(partial->etag), 0600, err);
	unlink(partial->etag_path);
	return 0;
}

/* "bytes FIRST-LAST/TOTAL" (RFC 9110 14.4) begins where we stopped. */
static bool range_fits(struct slice value, uint64_t first_wanted)
{
	uint64_t first;

	slice_cut(&value, ' ');
	return slice_u64(slice_trim(slice_cut(&value, '-')), &first) && first == first_wanted;
}

static int receive(struct partial *partial, struct http_response *response, struct http_download *download,
		   struct err *err)
{
	uint64_t     length = http_content_length(response);
	uint64_t     total = length == UINT64_MAX ? 0 : partial->bytes + length;
	struct slice block;
	int          status;

	if (lseek(partial->fd, (off_t)partial->bytes, SEEK_SET) < 0)
		return err_errno(err, ERR_IO, "seeking in %s", partial->part_path);
	if (total > download->bytes_max)
		return err_set(err, ERR_LIMIT, "%llu bytes, more than %llu", (unsigned long long)total,
			       (unsigned long long)download->bytes_max);
	while ((status = stream_next(http_body(response), &block, err)) == STREAM_BLOCK) {
		if (block.len > download->bytes_max - partial->bytes)
			return err_set(err, ERR_LIMIT, "more than %llu bytes", (unsigned long long)download->bytes_max);
		status = file_write_all(partial->fd, block, partial->part_path, err);
		if (status)
			return status;
		partial->bytes += block.len;
		if (download->progress)
			download->progress(download->data, partial->bytes, total);
	}
	return status;
}

static int complete(struct partial *partial, struct http_download *download, struct err *err)
{
	if (fsync(partial->fd) != 0)
		return err_errno(err, ERR_IO, "writing %s", partial->part_path);
	if (rename(partial->part_path, download->path) != 0)
		return err_errno(err, ERR_IO, "renaming %s to %s", partial->part_path, download->path);
	unlink(partial->etag_path);
	memcpy(download->etag, partial->etag, sizeof(download->etag));
	download->bytes = partial->bytes;
	return 0;
}

static int take_answer(struct partial *partial, struct http_response *response, const char *url,
		       struct http_download *download, struct err *err)
{
	unsigned status = http_status(response);
	int      code = 0;

	if (status == 304 && download->etag[0]) {
		download->unchanged = true;
		unlink(partial->part_path);
		unlink(partial->etag_path);
		return 0;
	}
	if (status == 416) {
		code = partial_restart(partial, SLICE_EMPTY, err);
		return code ? code : err_set(err, ERR_NET, "the server has less than was fetched before");
	}
	if (status == 206 && !range_fits(http_header(response, "Content-Range", 0), partial->bytes))
		return err_set(err, ERR_FORMAT, "the server answered another range than was asked for");
	if (status == 200)
		code = partial_restart(partial, http_header(response, "ETag", 0), err);
	else if (status != 206)
		code = status < 400 ? err_set(err, ERR_UNSUPPORTED, "the server answered %u", status)
				    : http_status_error(status, url, err);
	if (!code)
		code = receive(partial, response, download, err);
	return code ? code : complete(partial, download, err);
}

enum { HEADERS_MAX = 16, LINE_BYTES = 300 };

static int attempt(struct http *http, const struct http_request *request, struct partial *partial,
		   struct http_download *download, struct err *err)
{
	struct http_request   ask = *request;
	struct http_response *response;
	const char           *headers[HEADERS_MAX + 4] = {NULL};
	char                  condition[LINE_BYTES], range[64], if_range[LINE_BYTES];
	size_t                count = 0;
	int                   code;

	while (request->headers && request->headers[count] && count < HEADERS_MAX) {
		headers[count] = request->headers[count];
		count++;
	}
	if (download->etag[0]) {
		snprintf(condition, sizeof(condition), "If-None-Match: %s", download->etag);
		headers[count++] = condition;
	}
	if (may_resume(partial)) {
		snprintf(range, sizeof(range), "Range: bytes=%llu-", (unsigned long long)partial->bytes);
		snprintf(if_range, sizeof(if_range), "If-Range: %s", partial->etag);
		headers[count++] = range;
		headers[count++] = if_range;
	}
	ask.headers = headers;
	code = http_open(http, &ask, &response, err);
	if (!code)
		code = take_answer(partial, response, request->url, download, err);
	http_close(response);
	return code;
}

int http_download(struct http *http, const struct http_request *request, struct http_download *download,
		  struct err *err)
{
	struct partial partial;
	struct rng     rng = rng_seeded(random_seed());
	int            code = partial_open(&partial, download->path, err);

	download->unchanged = false;
	for (unsigned tries = 0; !code; tries++) {
		struct err why = {0};

		code = attempt(http, request, &partial, download, &why);
		if (!code)
			break;
		if ((code != ERR_NET && code != ERR_RATE) || tries >= download->retries_max) {
			err_set(err, code, "downloading %s: %s", request->url, why.text);
			break;
		}
		clock_sleep_ms((500u << (tries < 6 ? tries : 6)) / 2 + rng_below(&rng, 500));
		code = 0;
	}
	partial_deinit(&partial);
	return code;
}
