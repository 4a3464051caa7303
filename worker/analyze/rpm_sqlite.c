/* rpm's SQLite database (rpmdb.sqlite, with its write-ahead log): Fedora 33, RHEL 9 and later. */
#include "analyze/analyzer.h"
#include "analyze/rpm_header.h"
#include "analyze/sqlite_image.h"

enum { WAL_FRAMES_BYTES_MAX = 64 << 20 };

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	if (!TEXT_ENDS(entry->path, "/rpmdb.sqlite") && !TEXT_ENDS(entry->path, "/rpmdb.sqlite-wal"))
		return NEED_NOTHING;
	return rpm_database_path(entry->path, "rpmdb.sqlite") || rpm_database_path(entry->path, "rpmdb.sqlite-wal")
		       ? NEED_WHOLE
		       : NEED_NOTHING;
}

/* The schema of rpm stands at the end of the first page. */
static bool sniff(struct slice head)
{
	return TEXT_STARTS(head, "SQLite format 3") && slice_find_str(head, "'Packages'") != SIZE_MAX;
}

static void add_row(void *data, struct slice value)
{
	rpm_records_add(data, value);
}

static int run_pair(const struct entry *entry, struct slice body, struct slice second, struct inventory *out,
		    struct err *err)
{
	struct rpm_records  records;
	struct rpm_wal      wal;
	struct sqlite_image image = {.bytes = body, .wal = &wal};
	struct sqlite_query query = {.table = "Packages",
				     .column = "blob",
				     .value_bytes_max = RPM_HEADER_BYTES_MAX,
				     .row = add_row,
				     .data = &records};
	struct arena        arena;
	int                 rc, end;

	rc = rpm_records_begin(&records, out, entry->path, "rpm-sqlite", body.len + second.len, err);
	if (rc)
		return rc;
	arena_init(&arena, WAL_FRAMES_BYTES_MAX);
	rc = rpm_wal_read(&wal, second, sqlite_image_page_bytes(body), &arena, err);
	if (rc == ERR_FORMAT && sqlite_image_page_bytes(body)) {
		inventory_note(out, NOTE_PARTIAL, entry->path, "wal_ignored: %s", err->text);
		err_clear(err);
		rc = 0;
	}
	rc = rc ? rc : sqlite_image_read(&image, &query, err);
	end = rpm_records_end(&records, err);
	arena_deinit(&arena);
	return rc ? rc : end;
}

const struct analyzer analyzer_rpm_sqlite = {
	.name = "rpm-sqlite",
	.version = 2,
	.inputs = INPUT_SIBLINGS,
	.body_bytes_max = 1u << 30,
	.database = true,
	.wants = wants,
	.sniff = sniff,
	.companion_suffix = "-wal",
	.run_pair = run_pair,
};
