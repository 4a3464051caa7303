/* rpm's NDB database (Packages.db: SUSE and others).
 *
 * Source: rpm lib/backend/ndb/rpmpkg.c. Always little-endian. A 32-byte file header, then slots of 16 bytes to the end
 * of the slot pages; package index 0 = free. A slot names a blob in units of 16 bytes; a blob has a head and a tail. */
#include "analyze/analyzer.h"
#include "analyze/rpm_header.h"
#include "base/cursor.h"

enum { PAGE_BYTES = 4096, FILE_HEADER_BYTES = 32, BLOCK_BYTES = 16, BLOB_HEAD_BYTES = 16, SLOT_PAGES_MAX = 2048 };
enum { MAGIC_FILE = 0x506d7052, MAGIC_SLOT = 0x746f6c53, MAGIC_BLOB = 0x53626c42 }; /* "RpmP" "Slot" "BlbS" */

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return TEXT_ENDS(entry->path, "/Packages.db") && rpm_database_path(entry->path, "Packages.db") ? NEED_WHOLE
												       : NEED_NOTHING;
}

static bool sniff(struct slice head)
{
	return TEXT_STARTS(head, "RpmP");
}

static void read_blob(struct slice body, uint32_t index, uint32_t block, struct rpm_records *records)
{
	struct cursor c = cursor_at(body, (size_t)block * BLOCK_BYTES);
	uint32_t      magic = cursor_u32le(&c), blob_index = cursor_u32le(&c), length;

	cursor_skip(&c, 4); /* generation */
	length = cursor_u32le(&c);
	if (magic != MAGIC_BLOB || blob_index != index || length > RPM_HEADER_BYTES_MAX)
		cursor_fail(&c);
	rpm_records_add(records, cursor_take(&c, length)); /* empty, hence counted as damaged, when the cursor failed */
}

static int read_slots(struct slice body, uint32_t slot_pages, struct rpm_records *records, struct err *err)
{
	struct cursor slots = cursor_at(slice_sub(body, 0, (size_t)slot_pages * PAGE_BYTES), FILE_HEADER_BYTES);

	while (!cursor_at_end(&slots)) {
		uint32_t magic = cursor_u32le(&slots), index = cursor_u32le(&slots), block = cursor_u32le(&slots);

		cursor_skip(&slots, 4); /* blocks the blob takes; its own length says it better */
		if (!cursor_ok(&slots) || magic != MAGIC_SLOT)
			return err_set(err, ERR_FORMAT, "a package slot has a wrong magic");
		if (index)
			read_blob(body, index, block, records);
	}
	return 0;
}

static int read_header(struct slice body, uint32_t *slot_pages, struct err *err)
{
	struct cursor c = cursor_of(body);
	uint32_t      magic = cursor_u32le(&c), version = cursor_u32le(&c);

	cursor_skip(&c, 4); /* generation */
	*slot_pages = cursor_u32le(&c);
	if (!cursor_ok(&c) || magic != MAGIC_FILE)
		return err_set(err, ERR_FORMAT, "not an NDB file");
	if (version != 0)
		return err_set(err, ERR_UNSUPPORTED, "NDB version %u", version);
	if (*slot_pages == 0 || *slot_pages > SLOT_PAGES_MAX || (size_t)*slot_pages * PAGE_BYTES > body.len)
		return err_set(err, ERR_FORMAT, "%u slot pages in %zu bytes", *slot_pages, body.len);
	return 0;
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct rpm_records records;
	uint32_t           slot_pages;
	int                rc, end;

	rc = rpm_records_begin(&records, out, entry->path, "rpm-ndb", body.len, err);
	rc = rc ? rc : read_header(body, &slot_pages, err);
	if (rc)
		return rc;
	rc = read_slots(body, slot_pages, &records, err);
	end = rpm_records_end(&records, err);
	return rc ? rc : end;
}

const struct analyzer analyzer_rpm_ndb = {
	.name = "rpm-ndb",
	.version = 2,
	.inputs = 0,
	.body_bytes_max = 1u << 30,
	.database = true,
	.wants = wants,
	.run = run,
	.sniff = sniff,
};
