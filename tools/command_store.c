/* command_store.c - varve store: what a store holds, whether every record can be read, backup and restore. */
#include "base/file.h"
#include "command.h"
#include "exit_status.h"
#include "progress.h"
#include "report/grid.h"
#include "report/table_parts.h"
#include "store/catalog.h"
#include "store/store_dir.h"
#include "store_backup.h"
#include "store_memo.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct store_values {
	struct store_backup_options backup;
	struct store_memo_options   memo;
};

static const struct option_spec store_options[] = {
	{"store", OPTION_TEXT, offsetof(struct store_values, backup.store), "DIR",
	 "the store (default: $XDG_STATE_HOME/varve)"},
	{"compact", OPTION_FLAG, offsetof(struct store_values, backup.compact), NULL,
	 "backup: leave free pages out; some slower"},
	{"advisories", OPTION_FLAG, offsetof(struct store_values, backup.advisories), NULL,
	 "backup: the advisory database too"},
	{"growth-max", OPTION_NUMBER, offsetof(struct store_values, backup.growth_mib), "MIB",
	 "backup: give up when the store has grown by more meanwhile (default: 1024, or a quarter)"},
	{"replace", OPTION_FLAG, offsetof(struct store_values, backup.replace), NULL,
	 "restore: in the place of the store that is there, which keeps another name"},
	{"memo", OPTION_TEXT, offsetof(struct store_values, memo.memo), "DIR",
	 "memo: the folder of another file memo than the store's"},
	{"layer", OPTION_TEXT, offsetof(struct store_values, memo.layer), "DIGEST",
	 "memo purge: the layer whose facts are forgotten"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

struct store_tables {
	struct grid grid;
	bool        read;
	uint64_t    damaged;
};

static void put_table(void *data, const struct catalog_table_report *report)
{
	struct store_tables *tables = data;
	char                 bytes[24];

	table_bytes_text(report->bytes, bytes);
	tables->damaged += report->damaged;
	grid_cell(&tables->grid, STYLE_PLAIN, slice_str(report->name));
	grid_cell_printf(&tables->grid, STYLE_PLAIN, "%llu", (unsigned long long)report->records);
	grid_cell(&tables->grid, STYLE_PLAIN, slice_str(tables->read ? bytes : "-"));
	if (tables->read)
		grid_cell_printf(&tables->grid, report->damaged ? STYLE_RED : STYLE_DIM, "%llu",
				 (unsigned long long)report->damaged);
	else
		grid_cell(&tables->grid, STYLE_DIM, SLICE_LIT("-"));
}

static void put_head(struct buf *out, struct catalog *catalog)
{
	struct db_stats stats;
	char            file[24], used[24];

	db_stats_get(catalog_db(catalog), &stats);
	table_bytes_text(stats.file_bytes, file);
	table_bytes_text(stats.used_bytes, used);
	buf_printf(out, "store %s: %s on disk, %s in use, %u of %u readers\n\n", catalog_dir(catalog), file, used,
		   stats.readers, stats.readers_max);
}

static int examine(struct catalog *catalog, bool check, uint64_t *damaged, struct err *err)
{
	static const struct grid_column columns[] = {
		{.title = "TABLE"},
		{.title = "RECORDS", .right = true},
		{.title = "BYTES", .right = true},
		{.title = "DAMAGED", .right = true},
	};
	struct store_tables tables = {.read = check};
	struct buf          out = {.bytes_max = 1u << 20};
	int                 rc;

	put_head(&out, catalog);
	grid_init(&tables.grid, columns, sizeof(columns) / sizeof(*columns));
	rc = catalog_check(catalog, check, put_table, &tables, err);
	grid_print(&tables.grid, &out, 0, 0, true, isatty(STDOUT_FILENO) && !getenv("NO_COLOR"));
	grid_deinit(&tables.grid);
	if (rc == 0 && check)
		buf_str(&out, tables.damaged ? "\ndamaged records count as absent; what they held is scanned again "
					       "when it is asked for\n"
					     : "\nevery record is whole\n");
	if (rc == 0)
		rc = file_write_all(STDOUT_FILENO, buf_slice(&out), "standard output", err);
	buf_deinit(&out);
	*damaged = tables.damaged;
	return rc;
}

static int look(const char *dir, bool check, struct err *err)
{
	struct catalog_config config = {.read_only = true};
	struct catalog       *catalog = NULL;
	uint64_t              damaged = 0;
	int                   rc = catalog_open(dir, &config, &catalog, err);

	if (rc == 0)
		rc = examine(catalog, check, &damaged, err);
	catalog_close(catalog);
	return rc != 0 ? rc : damaged ? EXIT_STATUS_INCOMPLETE : EXIT_STATUS_DONE;
}

static int act(const char *action, const char *operand, const struct store_values *values, struct err *err)
{
	const struct store_backup_options *options = &values->backup;

	if (strcmp(action, "memo") == 0)
		return store_memo_run(operand, &values->memo, err);
	if (strcmp(action, "backup") == 0)
		return store_backup_run(operand, options, err);
	if (strcmp(action, "restore") == 0)
		return store_restore_run(operand, options, err);
	return look(options->store, strcmp(action, "check") == 0, err);
}

/* The number of operands that an action takes, itself included; 0 for a word that is none. */
static int operands_of(const char *action)
{
	if (strcmp(action, "info") == 0 || strcmp(action, "check") == 0)
		return 1;
	return strcmp(action, "backup") == 0 || strcmp(action, "restore") == 0 || strcmp(action, "memo") == 0 ? 2 : 0;
}

static int store_run(const struct command *command, int argc, char **argv, struct err *err)
{
	struct store_values values = {0};
	struct buf          dir = {0};
	int                 operands, rc = options_parse(command, argc, argv, &values, &operands, err);

	if (rc != 0)
		return rc > 0 ? EXIT_STATUS_DONE : rc;
	if (operands < 1 || operands_of(argv[1]) != operands ||
	    (strcmp(argv[1], "memo") == 0 && !store_memo_is_action(argv[2])))
		return err_set(
			err, ERR_USAGE,
			"store: say info, check, backup TARGET, restore BACKUP, memo info or memo purge (see varve "
			"store --help)");
	rc = store_dir(values.backup.store, &dir, err);
	if (rc == 0) {
		values.backup.store = values.memo.store = (const char *)dir.ptr;
		rc = act(argv[1], argv[2], &values, err);
	}
	buf_deinit(&dir);
	return rc;
}

const struct command command_store = {
	"store",
	"what a store holds; whether every record can be read; backup and restore",
	"ACTION [TARGET | BACKUP | info | purge]",
	"  info            size and number of records\n"
	"  check           reads every record and verifies its checksum; exit status 3 if one is damaged\n"
	"  backup TARGET   a consistent copy while a broker or scans go on: a new folder, or - for standard output\n"
	"  restore BACKUP  checks a folder, file or - (standard input) and makes it the store; nobody may use it\n"
	"  memo info       how many files the file memo of this host knows\n"
	"  memo purge      forgets what --layer DIGEST has brought: where a parser may have been taken over",
	store_options,
	store_run,
};
