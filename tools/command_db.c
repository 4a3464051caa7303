/* command_db.c - varve db: import, update and info of the advisory database. */
#include "base/clock.h"
#include "base/escape.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "command.h"
#include "db_info.h"
#include "exit_status.h"
#include "match/advisory_import.h"
#include "match/advisory_update.h"
#include "progress.h"
#include "report/table_parts.h"
#include "store/store_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BROKEN_SHOWN = 20, PROGRESS_MS = 200, PROGRESS_LOG_MS = 5000 };

struct db_values {
	const char *store, *db, *from, *ca_file, *format;
	bool        replace_all, tls_verify, quiet;
};

static const struct option_spec db_options[] = {
	{"store", OPTION_TEXT, offsetof(struct db_values, store), "DIR",
	 "the store that holds the database (default: $XDG_STATE_HOME/varve)"},
	{"db", OPTION_TEXT, offsetof(struct db_values, db), "DIR", "the database itself (default: inside the store)"},
	{"from", OPTION_TEXT, offsetof(struct db_values, from), "URL",
	 "update: where the archives are (default: the bucket of osv.dev)"},
	{"replace-all", OPTION_FLAG, offsetof(struct db_values, replace_all), NULL,
	 "import: forget everything that was imported before"},
	{"tls-verify", OPTION_BOOL, offsetof(struct db_values, tls_verify), "[=false]",
	 "update: false accepts any certificate"},
	{"ca-file", OPTION_TEXT, offsetof(struct db_values, ca_file), "FILE",
	 "update: certificates (PEM) to trust beside the system's"},
	{"format", OPTION_TEXT, offsetof(struct db_values, format), "FORMAT", "info: table (default) or json"},
	{"quiet", OPTION_FLAG, offsetof(struct db_values, quiet), NULL, "no progress"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

struct db_watch {
	bool     terminal, quiet, shown;
	uint64_t broken, shown_ms, start_ms;
};

static void erase(struct db_watch *watch)
{
	if (watch->shown)
		fputs("\r\033[K", stderr);
	watch->shown = false;
}

static void on_broken(void *data, const char *where, const char *why)
{
	struct db_watch *watch = data;

	erase(watch);
	if (watch->broken++ < BROKEN_SHOWN)
		log_line(LOG_WARNING, "db", "record left out: %s: %s", where, why);
	else if (watch->broken == BROKEN_SHOWN + 1)
		log_line(LOG_WARNING, "db", "more records are left out; they are only counted from here on");
}

static void on_progress(void *data, const char *source, uint64_t records, uint64_t bytes)
{
	struct db_watch *watch = data;
	uint64_t         now = clock_ms();
	struct buf       line = {.bytes_max = 1024};
	char             size[24];

	if (watch->quiet || now - watch->shown_ms < (uint64_t)(watch->terminal ? PROGRESS_MS : PROGRESS_LOG_MS))
		return;
	table_bytes_text(bytes, size);
	escape_terminal(&line, slice_str(source));
	buf_printf(&line, ": %llu records, %s", (unsigned long long)records, size);
	if (watch->terminal)
		fprintf(stderr, "\r%.*s\033[K", SLICE_FMT(buf_slice(&line)));
	else
		log_line(LOG_INFO, "db", "%.*s", SLICE_FMT(buf_slice(&line)));
	watch->shown = watch->terminal;
	watch->shown_ms = now;
	buf_deinit(&line);
}

static void on_failed(void *data, const char *ecosystem, const char *why)
{
	erase(data);
	log_line(LOG_WARNING, "db", "%s: not updated: %s", ecosystem, why);
}

static struct db_watch db_watch_of(const struct db_values *values)
{
	uint64_t now = clock_ms();

	return (struct db_watch){
		.terminal = isatty(STDERR_FILENO) != 0, .quiet = values->quiet, .start_ms = now, .shown_ms = now};
}

static void print_import(const struct advisory_import_result *r, uint64_t start_ms)
{
	char size[24];

	table_bytes_text(r->bytes, size);
	printf("read %llu records (%s) in %.1f s, %llu left out as unreadable\n", (unsigned long long)r->records, size,
	       (double)(clock_ms() - start_ms) / 1000, (unsigned long long)r->broken);
	if (r->dropped_old)
		printf("the database before was of another format or damaged: nothing of it was kept\n");
	printf("generation %s of %s: %llu records%s\n", r->build.generation,
	       r->build.date[0] ? r->build.date : "unknown date", (unsigned long long)r->build.records,
	       r->build.unchanged ? " (unchanged)" : "");
}

static int db_import(const struct db_values *values, const char *dir, char **paths, int count, struct err *err)
{
	struct db_watch               watch = db_watch_of(values);
	const struct advisory_watch   calls = {on_broken, on_progress, &watch};
	struct advisory_import_result result = {0};
	int                           rc;

	if (count == 0)
		return err_set(err, ERR_USAGE,
			       "db import takes at least one PATH: a .json file, a folder or an all.zip");
	rc = advisory_import(dir, (const char *const *)paths, (size_t)count, values->replace_all, &calls, &result, err);
	erase(&watch);
	if (rc != 0)
		return rc;
	print_import(&result, watch.start_ms);
	return result.broken ? EXIT_STATUS_INCOMPLETE : EXIT_STATUS_DONE;
}

static int read_ca(const char *path, struct buf *pem, struct err *err)
{
	buf_init(pem, 4u << 20);
	if (!path)
		return 0;
	if (file_read(path, pem, err) != 0) {
		err->code = ERR_CONFIG;
		return err_prefix(err, "--ca-file");
	}
	buf_byte(pem, 0);
	return 0;
}

static int db_update(const struct db_values *values, const char *dir, char **ecosystems, int count, struct err *err)
{
	struct db_watch               watch = db_watch_of(values);
	const struct advisory_watch   calls = {on_broken, on_progress, &watch};
	struct advisory_update_result result = {0};
	struct buf                    pem;
	char                          fetched[24];
	int                           rc = read_ca(values->ca_file, &pem, err);

	if (rc == 0) {
		struct advisory_update_request request = {
			.from = values->from,
			.ecosystems = (const char *const *)ecosystems,
			.ecosystems_count = (size_t)count,
			.tls_insecure = !values->tls_verify,
			.ca_pem = pem.len ? (const char *)pem.ptr : NULL,
			.failed = on_failed,
		};

		rc = advisory_update(dir, &request, &calls, &result, err);
	}
	erase(&watch);
	buf_deinit(&pem);
	if (rc != 0)
		return rc;
	table_bytes_text(result.bytes_fetched, fetched);
	printf("%u ecosystems changed, %u unchanged, %u failed; %s fetched\n", result.changed, result.unchanged,
	       result.failed, fetched);
	if (result.changed)
		print_import(&result.import, watch.start_ms);
	return result.failed || result.import.broken ? EXIT_STATUS_INCOMPLETE : EXIT_STATUS_DONE;
}

static int db_info(const struct db_values *values, const char *dir, int count, struct err *err)
{
	struct buf out = {.bytes_max = LIMIT_REPORT_BYTES};
	bool       json = strcmp(values->format, "json") == 0;
	int        rc;

	if (count)
		return err_set(err, ERR_USAGE, "db info takes no operands");
	if (!json && strcmp(values->format, "table") != 0)
		return err_set(err, ERR_USAGE, "--format: '%s' is neither table nor json", values->format);
	rc = db_info_put(dir, json, &out, err);
	if (rc == 0)
		rc = file_write_all(STDOUT_FILENO, buf_slice(&out), "standard output", err);
	buf_deinit(&out);
	return rc == 0 ? EXIT_STATUS_DONE : rc;
}

static int db_dir(const struct db_values *values, struct buf *out, struct err *err)
{
	int rc;

	if (values->db)
		return store_dir(values->db, out, err);
	rc = store_dir(values->store, out, err);
	if (rc != 0)
		return rc;
	out->len--; /* the NUL */
	buf_str(out, "/advisories");
	buf_byte(out, 0);
	return buf_ok(out) ? 0 : err_set(err, ERR_USAGE, "--store: the path is too long");
}

static int db_run(const struct command *command, int argc, char **argv, struct err *err)
{
	struct db_values values = {.tls_verify = true, .format = "table"};
	struct buf       dir = {0};
	int              operands, rc = options_parse(command, argc, argv, &values, &operands, err);
	const char      *action;

	if (rc != 0)
		return rc > 0 ? EXIT_STATUS_DONE : rc;
	action = operands ? argv[1] : "";
	rc = db_dir(&values, &dir, err);
	if (rc == 0 && strcmp(action, "import") == 0)
		rc = db_import(&values, (const char *)dir.ptr, argv + 2, operands - 1, err);
	else if (rc == 0 && strcmp(action, "update") == 0)
		rc = db_update(&values, (const char *)dir.ptr, argv + 2, operands - 1, err);
	else if (rc == 0 && strcmp(action, "info") == 0)
		rc = db_info(&values, (const char *)dir.ptr, operands - 1, err);
	else if (rc == 0)
		rc = err_set(err, ERR_USAGE, "db: say import, update or info (see varve db --help)");
	buf_deinit(&dir);
	return rc;
}

const struct command command_db = {
	"db",
	"the advisory database: import, update, info",
	"ACTION …",
	"  import PATH…        OSV records: a .json file, a folder, an all.zip as osv.dev distributes it\n"
	"  update [ECOSYSTEM…] download URL/ECOSYSTEM/all.zip, what has changed (default: those there, else all "
	"distributions)\n"
	"  info                generation, dates and counts",
	db_options,
	db_run,
};
