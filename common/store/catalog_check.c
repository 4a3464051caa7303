#include "store/catalog_internal.h"

enum { RECORDS_PER_READ = 20000 };

static int check_some(struct db_txn *txn, unsigned table, struct catalog_place *place,
		      struct catalog_table_report *report, struct err *err)
{
	struct db_cursor *cursor;
	struct slice      key, value;
	int               rc = db_cursor_open(txn, table, slice_of(place->key, place->len), &cursor, err);

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < RECORDS_PER_READ; i++) {
		struct err damage = {0};

		key = value = SLICE_EMPTY;
		rc = db_cursor_next(cursor, &key, &value, &damage);
		if (rc == 0) {
			place->ended = true;
			break;
		}
		if (rc < 0 && (rc != ERR_STORE || !key.len)) {
			rc = err_set(err, rc, "%s", damage.text);
			break;
		}
		report->records++;
		report->damaged += rc < 0;
		report->bytes += key.len + (rc < 0 ? 0 : value.len);
		catalog_place_behind(place, key);
		rc = 0;
	}
	db_cursor_close(cursor);
	return rc < 0 ? rc : 0;
}

static int check_table(struct catalog *catalog, unsigned table, bool read_values, struct catalog_table_report *report,
		       struct err *err)
{
	struct catalog_place place = {.ended = false};
	int                  rc = 0;

	do {
		struct db_txn *txn;

		rc = db_begin(catalog->db, false, &txn, err);
		if (rc != 0)
			return rc;
		if (read_values) {
			rc = check_some(txn, table, &place, report, err);
		} else {
			report->records = db_count(txn, table);
			place.ended = true;
		}
		db_abort(txn);
	} while (rc == 0 && !place.ended);
	return rc;
}

int catalog_check(struct catalog *catalog, bool                                               read_values,
		  void (*table)(void *data, const struct catalog_table_report *report), void *data, struct err *err)
{
	for (unsigned i = 0; catalog_table_names[i]; i++) {
		struct catalog_table_report report = {.name = catalog_table_names[i]};
		int                         rc = check_table(catalog, i, read_values, &report, err);

		if (rc != 0)
			return rc;
		table(data, &report);
	}
	return 0;
}
