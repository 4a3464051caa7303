#include "pipeline.h"

#include "base/file.h"

#include <linux/magic.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

const char *pipeline_spool_dir(const char *configured)
{
	const char *environment = getenv("TMPDIR");

	if (configured && *configured)
		return configured;
	return environment && *environment ? environment : "/var/tmp";
}

bool pipeline_spool_is_memory(const char *configured)
{
	struct statfs fs;

	return statfs(pipeline_spool_dir(configured), &fs) == 0 &&
	       (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

struct scan {
	struct sources           *sources;
	const struct reference   *reference;
	const struct image_layer *layer;
	const struct scan_config *config;
	struct scan_outcome      *outcome;
	struct stream            *opened; /* for the first fetch */
	const struct file_memo   *memo;
};

static int fetch_and_parse(struct scan *scan, int spool_fd, struct buf *inventory, struct buf *path_table,
			   struct err *err)
{
	const struct parse_request request = {.blob_digest = scan->layer->digest,
					      .window = scan->config->window,
					      .ahead = scan->config->spare &&
						       scan->layer->size >= PIPELINE_AHEAD_BYTES_MIN,
					      .memo = scan->memo,
					      .cancel = scan->config->cancel,
					      .progress = scan->config->progress};
	struct stream             *stream = scan->opened;
	int                        status;

	scan->opened = NULL;
	if (!stream)
		stream = source_open_layer(scan->sources, scan->config->call, scan->reference, scan->layer, err);
	if (!stream)
		return err->code ? err->code : ERR_INTERNAL;
	status = parser_parse(scan->config->parser, stream, spool_fd, &request, &scan->outcome->result, inventory,
			      path_table, err);
	stream_close(stream);
	if (!status)
		scan->outcome->blob_bytes_read += scan->outcome->result.blob_bytes;
	return status;
}

static int scan_fully(struct scan *scan, struct buf *inventory, struct buf *path_table, struct err *err)
{
	int                spool_fd = file_open_unlinked(pipeline_spool_dir(scan->config->spool_dir), err);
	struct memo_layer *memo;
	int                status;
	bool               whole;

	if (spool_fd < 0)
		return spool_fd;
	memo = scan->config->no_reuse ? NULL : memo_layer_begin(scan->config->memo);
	scan->memo = memo_layer_calls(memo);
	status = fetch_and_parse(scan, spool_fd, inventory, path_table, err);
	whole = status == 0 && !scan->outcome->result.partial;
	memo_layer_end(memo, whole ? &scan->layer->digest : NULL, &scan->outcome->memo);
	close(spool_fd);
	return status;
}

int pipeline_scan_layer(struct sources *sources, const struct reference *reference, const struct image_layer *layer,
			bool verify, const struct scan_config *config, struct scan_outcome *outcome,
			struct buf *inventory, struct buf *path_table, struct err *err)
{
	struct scan scan = {.sources = sources,
			    .reference = reference,
			    .layer = layer,
			    .config = config,
			    .outcome = outcome,
			    .opened = config->opened};
	struct err  why = {0};
	char        digest[DIGEST_TEXT_BYTES];
	int         status;

	*outcome = (struct scan_outcome){0};
	status = scan_fully(&scan, inventory, path_table, &why);
	stream_close(scan.opened); /* still there when the spool failed first */
	outcome->verified = verify && status >= 0 && !outcome->result.partial && !digest_is_zero(&layer->diff_id) &&
			    digest_eq(&outcome->result.diff_id, &layer->diff_id);
	if (status >= 0)
		return 0;
	digest_text(&layer->digest, digest);
	return err_set(err, status, "layer %s: %s", digest_is_zero(&layer->digest) ? "without a digest" : digest,
		       why.text);
}
