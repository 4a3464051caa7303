/* rpm's database as SQLite (rpm 4.16 and later): one header blob a row, with its immutable region as rpm checks it. */
#include "bench_corpus/corpus_os.h"

#include "bench_corpus/corpus_die.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

enum { INDEX_ENTRY_BYTES = 16, HEADER_BYTES_MAX = 16 << 20 };

enum { REGION_TAG = 63, TYPE_INT32 = 4, TYPE_STRING = 6, TYPE_BIN = 7, TYPE_STRING_ARRAY = 8, TYPE_I18NSTRING = 9 };

struct rpm_header_writer {
	struct buf index, data;
	uint32_t   entries;
};

static void put_u32(struct buf *out, uint32_t value)
{
	const uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
				  (uint8_t)value};

	buf_append(out, slice_of(bytes, sizeof(bytes)));
}

static void put_entry(struct buf *out, uint32_t tag, uint32_t type, uint32_t offset, uint32_t count)
{
	put_u32(out, tag);
	put_u32(out, type);
	put_u32(out, offset);
	put_u32(out, count);
}

static void begin_tag(struct rpm_header_writer *w, uint32_t tag, uint32_t type, uint32_t count)
{
	while (type == TYPE_INT32 && w->data.len % 4)
		buf_byte(&w->data, 0);
	put_entry(&w->index, tag, type, (uint32_t)w->data.len, count);
	w->entries++;
}

static void put_string(struct rpm_header_writer *w, const char *text)
{
	buf_append(&w->data, slice_of(text, strlen(text) + 1));
}

static void text_tag(struct rpm_header_writer *w, uint32_t tag, uint32_t type, const char *text)
{
	begin_tag(w, tag, type, 1);
	put_string(w, text);
}

static void number_tag(struct rpm_header_writer *w, uint32_t tag, uint32_t value)
{
	begin_tag(w, tag, TYPE_INT32, 1);
	put_u32(&w->data, value);
}

/* Every file has a folder of its own in the list; rpm allows a folder to stand there twice. */
static void files_tags(struct rpm_header_writer *w, const struct universe *u, struct piece piece)
{
	uint32_t count = package_files(u, ROCKY, piece.number);
	char     path[PATH_TEXT_BYTES];

	begin_tag(w, 1116, TYPE_INT32, count); /* DIRINDEXES */
	for (uint32_t i = 0; i < count; i++)
		put_u32(&w->data, i);
	begin_tag(w, 1117, TYPE_STRING_ARRAY, count); /* BASENAMES */
	for (uint32_t i = 0; i < count; i++) {
		package_file_path(u, piece, i, path);
		put_string(w, strrchr(path, '/') + 1);
	}
	begin_tag(w, 1118, TYPE_STRING_ARRAY, count); /* DIRNAMES */
	for (uint32_t i = 0; i < count; i++) {
		char folder[PATH_TEXT_BYTES + 2];

		package_file_path(u, piece, i, path);
		snprintf(folder, sizeof(folder), "/%.*s", (int)(strrchr(path, '/') + 1 - path), path);
		put_string(w, folder);
	}
}

static void package_tags(struct rpm_header_writer *w, const struct universe *u, struct piece piece)
{
	char  name[NAME_TEXT_BYTES], source[NAME_TEXT_BYTES], version[VERSION_TEXT_BYTES], file[256];
	char *release;

	package_name(u, ROCKY, piece.number, name);
	package_name(u, ROCKY, package_source(ROCKY, piece.number), source);
	package_version(u, piece, version);
	snprintf(file, sizeof(file), "%s-%s.src.rpm", source, version);
	release = strchr(version, '-');
	*release++ = 0;
	text_tag(w, 1000, TYPE_STRING, name);
	text_tag(w, 1001, TYPE_STRING, version);
	text_tag(w, 1002, TYPE_STRING, release);
	text_tag(w, 1004, TYPE_I18NSTRING, "a package of the corpus");
	number_tag(w, 1009, 4000);
	text_tag(w, 1011, TYPE_STRING, "Rocky Enterprise Software Foundation");
	text_tag(w, 1014, TYPE_STRING, "MIT");
	text_tag(w, 1021, TYPE_STRING, "linux");
	text_tag(w, 1022, TYPE_STRING, "x86_64");
	text_tag(w, 1044, TYPE_STRING, file);
	files_tags(w, u, piece);
}

/* il, dl, the index with the region first, the data with the region's trailer last. */
static void header_blob(struct buf *out, const struct universe *u, struct piece piece)
{
	struct rpm_header_writer w = {0};

	buf_init(&w.index, HEADER_BYTES_MAX);
	buf_init(&w.data, HEADER_BYTES_MAX);
	package_tags(&w, u, piece);
	put_u32(out, w.entries + 1);
	put_u32(out, (uint32_t)w.data.len + INDEX_ENTRY_BYTES);
	put_entry(out, REGION_TAG, TYPE_BIN, (uint32_t)w.data.len, INDEX_ENTRY_BYTES);
	buf_append(out, buf_slice(&w.index));
	put_entry(&w.data, REGION_TAG, TYPE_BIN, (uint32_t) - (int32_t)((w.entries + 1) * INDEX_ENTRY_BYTES),
		  INDEX_ENTRY_BYTES);
	buf_append(out, buf_slice(&w.data));
	buf_deinit(&w.index);
	buf_deinit(&w.data);
}

static void check(sqlite3 *db, int status)
{
	if (status != SQLITE_OK && status != SQLITE_DONE)
		corpus_die("sqlite: %s", sqlite3_errmsg(db));
}

static void insert_all(sqlite3 *db, const struct universe *u, const struct piece_list *pieces)
{
	sqlite3_stmt *insert;
	struct buf    blob;

	buf_init(&blob, HEADER_BYTES_MAX);
	check(db, sqlite3_prepare_v2(db, "INSERT INTO 'Packages' (blob) VALUES (?)", -1, &insert, NULL));
	for (size_t i = 0; i < pieces->count; i++) {
		buf_clear(&blob);
		header_blob(&blob, u, pieces->items[i]);
		check(db, sqlite3_bind_blob(insert, 1, blob.ptr, (int)blob.len, SQLITE_TRANSIENT));
		check(db, sqlite3_step(insert));
		check(db, sqlite3_reset(insert));
	}
	sqlite3_finalize(insert);
	buf_deinit(&blob);
}

void rpm_database(struct buf *out, const struct universe *u, const struct piece_list *pieces)
{
	sqlite3       *db;
	sqlite3_int64  size;
	unsigned char *bytes;

	check(NULL, sqlite3_open(":memory:", &db));
	check(db, sqlite3_exec(db,
			       "PRAGMA page_size=4096; CREATE TABLE 'Packages' "
			       "(hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL); BEGIN",
			       NULL, NULL, NULL));
	insert_all(db, u, pieces);
	check(db, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
	bytes = sqlite3_serialize(db, "main", &size, 0);
	if (!bytes)
		corpus_die("out of memory");
	buf_append(out, slice_of(bytes, (size_t)size));
	sqlite3_free(bytes);
	sqlite3_close(db);
}
