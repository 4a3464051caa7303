#include "stats.h"

#include "base/file.h"
#include "base/json_write.h"

#include <sys/resource.h>

uint64_t stats_peak_memory_bytes(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss << 10 : 0;
}

static void put_job(struct json_writer *w, const struct wire_job_status *job)
{
	json_put_uint(w, "job", job->job);
	json_put_uint(w, "images", job->images_done);
	json_put_uint(w, "images_failed", job->images_failed);
	json_put_uint(w, "images_incomplete", job->images_incomplete);
	json_put_uint(w, "images_skipped", job->images_skipped);
	json_put_uint(w, "layer_uses", job->layer_uses);
	json_put_uint(w, "unique_layers", job->layers_total);
	json_put_uint(w, "scanned", job->layers_scanned);
	json_put_uint(w, "reused", job->layers_reused);
	json_put_uint(w, "verified", job->layers_verified);
	json_put_uint(w, "layers_failed", job->layers_failed);
	json_put_uint(w, "layer_bytes_fetched", job->bytes_fetched);
	json_put_uint(w, "bytes_inflated", job->tar_bytes);
	json_put_uint(w, "files_seen", job->entries);
	json_put_uint(w, "files_analysed", job->files_analyzed);
	json_put_uint(w, "memo_lookups", job->memo_lookups);
	json_put_uint(w, "memo_hits", job->memo_hits);
	json_put_uint(w, "memo_inserts", job->memo_kept);
	json_put_uint(w, "task_retries", job->retries);
}

void stats_text(const struct stats *stats, struct buf *out)
{
	struct json_writer w = json_writer_of(out, 2);

	json_begin_object(&w, NULL);
	json_put_str(&w, "schema", "varve.stats/1");
	put_job(&w, &stats->job);
	json_put_uint(&w, "bytes_fetched", stats->source.bytes_fetched);
	json_put_uint(&w, "requests", stats->source.requests);
	json_put_uint(&w, "token_requests", stats->source.token_requests);
	json_put_uint(&w, "requests_retried", stats->source.retries);
	json_put_uint(&w, "rate_limited", stats->source.rate_limited);
	json_put_uint(&w, "wall_ms", stats->wall_ms);
	json_put_uint(&w, "cpu_ms", stats->cpu_ms);
	json_put_uint(&w, "peak_memory_bytes", stats->peak_memory_bytes);
	json_end_object(&w);
	buf_byte(out, '\n');
}

int stats_write(const char *path, const struct stats *stats, struct err *err)
{
	struct buf text = {.bytes_max = 1u << 16};
	int        rc;

	stats_text(stats, &text);
	rc = buf_ok(&text) ? file_write_atomic(path, buf_slice(&text), 0644, err)
			   : err_set(err, ERR_MEM, "writing %s: no memory", path);
	buf_deinit(&text);
	return rc == 0 ? 0 : err_prefix(err, "--stats");
}
