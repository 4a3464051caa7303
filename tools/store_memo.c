#include "store_memo.h"

#include "base/digest.h"
#include "exit_status.h"
#include "memo/memo.h"
#include "report/table_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool store_memo_is_action(const char *action)
{
	return strcmp(action, "info") == 0 || strcmp(action, "purge") == 0;
}

static int print_info(struct memo *memo, const char *dir, struct err *err)
{
	struct memo_stats stats;
	char              file[24], entries[24];
	int               rc = memo_stats_get(memo, &stats, err);

	if (rc < 0)
		return rc;
	table_bytes_text(stats.file_bytes, file);
	table_bytes_text(stats.bytes, entries);
	printf("memo %s: facts of %" PRIu64 " files, %s, %s on disk\n", dir, stats.entries, entries, file);
	return EXIT_STATUS_DONE;
}

static int purge(struct memo *memo, const char *dir, const char *layer, struct err *err)
{
	struct digest digest;
	uint64_t      removed;
	int           rc = digest_parse(slice_str(layer), &digest, err);

	if (rc == 0)
		rc = memo_purge(memo, &digest, &removed, err);
	if (rc < 0)
		return rc;
	printf("memo %s: facts of %" PRIu64 " files forgotten that %s had brought\n", dir, removed, layer);
	return EXIT_STATUS_DONE;
}

int store_memo_run(const char *action, const struct store_memo_options *options, struct err *err)
{
	bool               is_purge = strcmp(action, "purge") == 0;
	char               dir[4096], file[4200];
	struct memo_config config = {.dir = dir};
	struct memo       *memo;
	int                rc;

	if (is_purge != (options->layer != NULL))
		return err_set(err, ERR_USAGE, "store memo: purge takes --layer DIGEST, and nothing else does");
	snprintf(dir, sizeof(dir), "%s%s", options->memo ? options->memo : options->store,
		 options->memo ? "" : "/memo");
	snprintf(file, sizeof(file), "%s/data.mdb", dir);
	if (access(file, F_OK) < 0)
		return err_set(err, ERR_NOT_FOUND, "store memo: no file memo in %s", dir);
	if ((rc = memo_open(&config, &memo, err)) < 0)
		return rc;
	rc = is_purge ? purge(memo, dir, options->layer, err) : print_info(memo, dir, err);
	memo_close(memo);
	return rc;
}
