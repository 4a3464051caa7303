/* rpm's Berkeley DB hash database (Packages: RHEL 5-8, older Fedora, Amazon Linux 1 and 2 …).
 *
 * Source: Berkeley DB 5.3 src/dbinc/db_page.h. The magic of the meta page gives the byte order. All pages are walked in
 * file order; those of type 2 (unsorted) and 13 (sorted) hold key and value items in turn. A value lies inline, or on a
 * chain of overflow pages. The record of key 0 is the last package number, not a package. */
#include "analyze/analyzer.h"
#include "analyze/rpm_header.h"
#include "base/buf.h"
#include "base/cursor.h"

#include <inttypes.h>

enum {
	MAGIC_HASH = 0x00061561,
	PAGE_BYTES_MIN = 512,
	PAGE_BYTES_MAX = 65536,
	PAGE_HEADER_BYTES = 26,
	META_MAGIC_AT = 12,
	META_PAGE_SIZE_AT = 20,
	META_ENCRYPTED_AT = 24,
	META_TYPE_AT = 25,
	META_LAST_PAGE_AT = 32,
	PAGE_HASH_UNSORTED = 2,
	PAGE_OVERFLOW = 7,
	PAGE_HASH_META = 8,
	PAGE_HASH = 13,
	ITEM_KEYDATA = 1,
	ITEM_OFFPAGE = 3,
	ITEM_OFFPAGE_BYTES = 12,
};

struct bdb {
	struct slice       bytes;
	uint32_t           page_bytes;
	bool               big_endian;
	uint64_t           pages;
	uint64_t           copied; /* bytes put together from overflow pages: no more than the file has */
	struct buf         value;
	struct rpm_records records;
};

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return TEXT_ENDS(entry->path, "/Packages") && rpm_database_path(entry->path, "Packages") ? NEED_WHOLE
												 : NEED_NOTHING;
}

static uint32_t u32_at(struct slice bytes, size_t at, bool big_endian)
{
	struct cursor c = cursor_at(bytes, at);

	return big_endian ? cursor_u32be(&c) : cursor_u32le(&c);
}

static uint16_t u16_at(struct slice bytes, size_t at, bool big_endian)
{
	struct cursor c = cursor_at(bytes, at);

	return big_endian ? cursor_u16be(&c) : cursor_u16le(&c);
}

static uint8_t u8_at(struct slice bytes, size_t at)
{
	return at < bytes.len ? bytes.ptr[at] : 0;
}

/* A hash file of rpm: any hash file may be one. */
static bool sniff(struct slice head)
{
	return head.len > META_TYPE_AT && head.ptr[META_TYPE_AT] == PAGE_HASH_META &&
	       (u32_at(head, META_MAGIC_AT, false) == MAGIC_HASH || u32_at(head, META_MAGIC_AT, true) == MAGIC_HASH);
}

static int read_meta(struct bdb *db, struct err *err)
{
	db->big_endian = u32_at(db->bytes, META_MAGIC_AT, true) == MAGIC_HASH;
	if (u32_at(db->bytes, META_MAGIC_AT, db->big_endian) != MAGIC_HASH ||
	    u8_at(db->bytes, META_TYPE_AT) != PAGE_HASH_META)
		return err_set(err, ERR_FORMAT, "not a Berkeley DB hash file");
	if (u8_at(db->bytes, META_ENCRYPTED_AT))
		return err_set(err, ERR_UNSUPPORTED, "an encrypted Berkeley DB file");
	db->page_bytes = u32_at(db->bytes, META_PAGE_SIZE_AT, db->big_endian);
	if (db->page_bytes < PAGE_BYTES_MIN || db->page_bytes > PAGE_BYTES_MAX ||
	    (db->page_bytes & (db->page_bytes - 1)))
		return err_set(err, ERR_FORMAT, "a page size of %" PRIu32, db->page_bytes);
	db->pages = (uint64_t)u32_at(db->bytes, META_LAST_PAGE_AT, db->big_endian) + 1;
	if (db->pages > db->bytes.len / db->page_bytes)
		return err_set(err, ERR_TRUNCATED, "%zu bytes do not hold %" PRIu64 " pages of %" PRIu32, db->bytes.len,
			       db->pages, db->page_bytes);
	return 0;
}

static struct slice page_at(const struct bdb *db, uint64_t number)
{
	return number < db->pages ? slice_sub(db->bytes, (size_t)(number * db->page_bytes), db->page_bytes)
				  : SLICE_EMPTY;
}

/* Puts a value together from its chain of overflow pages. False for a chain that leaves the file, goes in a circle or
 * does not have the length it claims. */
static bool read_overflow(struct bdb *db, uint32_t number, uint32_t length)
{
	uint64_t steps = 0;

	buf_clear(&db->value);
	if (length > RPM_HEADER_BYTES_MAX || length > db->bytes.len - db->copied)
		return false;
	db->copied += length;
	while (number && db->value.len < length && steps++ < db->pages) {
		struct slice page = page_at(db, number);
		uint16_t     used = u16_at(page, 22, db->big_endian);

		if (u8_at(page, 25) != PAGE_OVERFLOW || used == 0 || used > db->page_bytes - PAGE_HEADER_BYTES)
			return false;
		buf_append(&db->value, slice_sub(page, PAGE_HEADER_BYTES, used));
		number = u32_at(page, 16, db->big_endian);
	}
	return buf_ok(&db->value) && db->value.len == length;
}

/* Items grow from the page's end downwards: item i ends where item i-1 begins. Empty when nonsense. */
static struct slice item_at(const struct bdb *db, struct slice page, uint16_t index)
{
	size_t start = u16_at(page, PAGE_HEADER_BYTES + 2u * index, db->big_endian);
	size_t end = index ? u16_at(page, PAGE_HEADER_BYTES + 2u * (index - 1u), db->big_endian) : page.len;

	return start < end && start >= PAGE_HEADER_BYTES ? slice_sub(page, start, end - start) : SLICE_EMPTY;
}

static void read_value(struct bdb *db, struct slice item)
{
	struct slice value = SLICE_EMPTY;

	if (u8_at(item, 0) == ITEM_KEYDATA)
		value = slice_from(item, 1);
	else if (u8_at(item, 0) == ITEM_OFFPAGE && item.len == ITEM_OFFPAGE_BYTES &&
		 read_overflow(db, u32_at(item, 4, db->big_endian), u32_at(item, 8, db->big_endian)))
		value = buf_slice(&db->value);
	rpm_records_add(&db->records, value); /* empty: counted as damaged */
}

static void read_page(struct bdb *db, struct slice page)
{
	uint16_t entries = u16_at(page, 20, db->big_endian);

	for (uint16_t i = 0; i + 1 < entries && PAGE_HEADER_BYTES + 2u * i < page.len; i = (uint16_t)(i + 2)) {
		struct slice key = item_at(db, page, i);

		if (u8_at(key, 0) == ITEM_KEYDATA && key.len == 5 && u32_at(key, 1, false) == 0)
			continue;
		read_value(db, item_at(db, page, (uint16_t)(i + 1)));
	}
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct bdb db = {.bytes = body};
	int        rc = rpm_records_begin(&db.records, out, entry->path, "rpm-bdb", body.len, err);

	rc = rc ? rc : read_meta(&db, err);
	if (rc)
		return rc;
	buf_init(&db.value, RPM_HEADER_BYTES_MAX);
	for (uint64_t number = 1; number < db.pages; number++) {
		struct slice page = page_at(&db, number);
		uint8_t      type = u8_at(page, 25);

		if (type == PAGE_HASH || type == PAGE_HASH_UNSORTED)
			read_page(&db, page);
	}
	buf_deinit(&db.value);
	return rpm_records_end(&db.records, err);
}

const struct analyzer analyzer_rpm_bdb = {
	.name = "rpm-bdb",
	.version = 2,
	.inputs = 0,
	.body_bytes_max = 1u << 30,
	.database = true,
	.wants = wants,
	.run = run,
	.sniff = sniff,
};
