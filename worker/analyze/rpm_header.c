#include "analyze/rpm_header.h"

#include "analyze/owned_files.h"
#include "base/cursor.h"
#include "base/limits.h"
#include "base/path.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum rpm_tag {
	TAG_REGION_FIRST = 61,
	TAG_REGION_LAST = 63,
	TAG_NAME = 1000,
	TAG_VERSION = 1001,
	TAG_RELEASE = 1002,
	TAG_EPOCH = 1003,
	TAG_VENDOR = 1011,
	TAG_LICENSE = 1014,
	TAG_ARCH = 1022,
	TAG_OLDFILENAMES = 1027,
	TAG_SOURCERPM = 1044,
	TAG_DIRINDEXES = 1116,
	TAG_BASENAMES = 1117,
	TAG_DIRNAMES = 1118,
	TAG_MODULARITYLABEL = 5096,
};

enum rpm_type { TYPE_INT32 = 4, TYPE_STRING = 6, TYPE_STRING_ARRAY = 8, TYPE_I18NSTRING = 9 };

enum { INDEX_ENTRY_BYTES = 16, DIRECTORIES_BYTES_MAX = 16 << 20 };

/* The entries that are used, by the place they have here. */
enum field {
	NAME,
	VERSION,
	RELEASE,
	EPOCH,
	VENDOR,
	LICENSE,
	ARCH,
	OLDFILENAMES,
	SOURCERPM,
	DIRINDEXES,
	BASENAMES,
	DIRNAMES,
	MODULARITYLABEL,
	FIELDS
};

struct index_entry {
	uint32_t type, offset, count;
	bool     present;
};

struct header {
	struct slice       data;
	struct index_entry entries[FIELDS];
};

static int field_of_tag(uint32_t tag)
{
	static const uint16_t tags[FIELDS] = {
		TAG_NAME,      TAG_VERSION,  TAG_RELEASE,         TAG_EPOCH,     TAG_VENDOR,
		TAG_LICENSE,   TAG_ARCH,     TAG_OLDFILENAMES,    TAG_SOURCERPM, TAG_DIRINDEXES,
		TAG_BASENAMES, TAG_DIRNAMES, TAG_MODULARITYLABEL,
	};

	for (int i = 0; i < FIELDS; i++)
		if (tags[i] == tag)
			return i;
	return -1;
}

static int read_index(struct slice bytes, struct header *header, struct err *err)
{
	struct cursor c = cursor_of(bytes), index;
	uint32_t      entries = cursor_u32be(&c), data_bytes = cursor_u32be(&c);

	*header = (struct header){0};
	index = cursor_sub(&c, (size_t)entries * INDEX_ENTRY_BYTES);
	header->data = cursor_take(&c, data_bytes);
	if (!cursor_ok(&c) || entries == 0)
		return err_set(err, ERR_FORMAT,
			       "a header of %zu bytes claims %" PRIu32 " entries and %" PRIu32 " bytes of data",
			       bytes.len, entries, data_bytes);
	while (!cursor_at_end(&index)) {
		uint32_t           tag = cursor_u32be(&index);
		struct index_entry entry = {.present = true};
		int                field;

		entry.type = cursor_u32be(&index);
		entry.offset = cursor_u32be(&index);
		entry.count = cursor_u32be(&index);
		field = tag >= TAG_REGION_FIRST && tag <= TAG_REGION_LAST ? -1 : field_of_tag(tag);
		if (field >= 0)
			header->entries[field] = entry;
	}
	return 0;
}

static struct cursor field_cursor(const struct header *header, enum field field)
{
	return cursor_at(header->data, header->entries[field].offset);
}

/* A NUL-terminated string; without the NUL the cursor fails. */
static struct slice read_string(struct cursor *c)
{
	size_t       len = slice_find(cursor_rest(c), '\0');
	struct slice text;

	if (len == SIZE_MAX) {
		cursor_fail(c);
		return SLICE_EMPTY;
	}
	text = cursor_take(c, len);
	cursor_skip(c, 1);
	return text;
}

/* The first string of a field (of an I18N array: the one of the C locale); empty when absent or of another type. */
static struct slice get_string(const struct header *header, enum field field)
{
	const struct index_entry *entry = &header->entries[field];
	struct cursor             c;

	if (!entry->present || entry->count == 0 ||
	    (entry->type != TYPE_STRING && entry->type != TYPE_STRING_ARRAY && entry->type != TYPE_I18NSTRING))
		return SLICE_EMPTY;
	c = field_cursor(header, field);
	return read_string(&c);
}

static bool get_epoch(const struct header *header, uint32_t *epoch)
{
	struct cursor c = field_cursor(header, EPOCH);

	if (!header->entries[EPOCH].present || header->entries[EPOCH].type != TYPE_INT32 ||
	    header->entries[EPOCH].count == 0)
		return false;
	*epoch = cursor_u32be(&c);
	return cursor_ok(&c);
}

/* "perl-5.26.3-419.el8.src.rpm": name "perl", version "5.26.3-419.el8" */
static void split_source_rpm(struct slice source, struct package *package)
{
	size_t release, version;

	if (slice_ends(source, ".nosrc.rpm"))
		source.len -= strlen(".nosrc.rpm");
	else if (slice_ends(source, ".src.rpm"))
		source.len -= strlen(".src.rpm");
	release = slice_rfind(source, '-');
	version = release == SIZE_MAX ? SIZE_MAX : slice_rfind(slice_sub(source, 0, release), '-');
	if (version == SIZE_MAX || version == 0)
		return;
	package->source_name = slice_sub(source, 0, version);
	package->source_version = slice_from(source, version + 1);
}

/* "[epoch:]version-release", made in the inventory's arena. */
static struct slice full_version(struct arena *arena, const struct header *header)
{
	struct slice version = get_string(header, VERSION), release = get_string(header, RELEASE);
	uint32_t     epoch;
	char         prefix[16] = "";

	if (get_epoch(header, &epoch))
		snprintf(prefix, sizeof(prefix), "%" PRIu32 ":", epoch);
	if (version.len > LIMIT_STRING_BYTES || release.len > LIMIT_STRING_BYTES || version.len == 0)
		return SLICE_EMPTY;
	return arena_printf(arena, "%s%.*s%s%.*s", prefix, SLICE_FMT(version), release.len ? "-" : "",
			    SLICE_FMT(release));
}

/* -- file lists ---------------------------------------------------------------------------------------------------- */

static void add_old_names(const struct header *header, struct owned_files *owned)
{
	struct cursor names = field_cursor(header, OLDFILENAMES);

	for (uint32_t i = 0; i < header->entries[OLDFILENAMES].count && cursor_ok(&names); i++)
		owned_files_add(owned, SLICE_EMPTY, read_string(&names));
}

/* DIRNAMES as an array; grows by what is there, not by what the count claims. */
static struct slice *read_directories(const struct header *header, struct arena *arena, size_t *count)
{
	struct cursor names = field_cursor(header, DIRNAMES);
	struct slice *dirs = NULL;
	size_t        capacity = 0;

	*count = 0;
	for (uint32_t i = 0; i < header->entries[DIRNAMES].count && cursor_ok(&names); i++) {
		struct slice dir = read_string(&names);

		if (!cursor_ok(&names) || !arena_grow(arena, &dirs, &capacity, *count, sizeof(*dirs)))
			break;
		dirs[(*count)++] = dir;
	}
	return dirs;
}

static void add_names(const struct header *header, struct owned_files *owned)
{
	struct cursor names = field_cursor(header, BASENAMES), indexes = field_cursor(header, DIRINDEXES);
	struct arena  arena;
	struct slice *dirs;
	size_t        dirs_count;

	arena_init(&arena, DIRECTORIES_BYTES_MAX);
	dirs = read_directories(header, &arena, &dirs_count);
	for (uint32_t i = 0; i < header->entries[BASENAMES].count; i++) {
		struct slice name = read_string(&names);
		uint32_t     dir = cursor_u32be(&indexes);

		if (!cursor_ok(&names) || !cursor_ok(&indexes))
			break;
		if (dir < dirs_count)
			owned_files_add(owned, dirs[dir], name);
	}
	arena_deinit(&arena);
}

static bool is_string_array(const struct header *header, enum field field)
{
	return header->entries[field].present && header->entries[field].type == TYPE_STRING_ARRAY;
}

static void add_files(struct rpm_records *records, const struct header *header, struct slice name)
{
	struct owned_files owned = owned_files_of(records->out, records->path, name, &records->owned_bytes);

	if (is_string_array(header, OLDFILENAMES))
		add_old_names(header, &owned);
	if (is_string_array(header, BASENAMES) && is_string_array(header, DIRNAMES) &&
	    header->entries[DIRINDEXES].type == TYPE_INT32)
		add_names(header, &owned);
}

/* -- records ------------------------------------------------------------------------------------------------------- */

int rpm_records_begin(struct rpm_records *records, struct inventory *out, struct slice path, const char *kind,
		      size_t file_bytes, struct err *err)
{
	*records = (struct rpm_records){.out = out, .path = path, .bytes_left = file_bytes};
	records->db = inventory_add_db(out, path, kind);
	return records->db ? 0 : err_set(err, ERR_MEM, "out of memory");
}

static int add_record(struct rpm_records *records, struct slice bytes, struct err *err)
{
	struct package package = {.type = SLICE_LIT("rpm")};
	struct header  header;
	int            rc = read_index(bytes, &header, err);

	if (rc)
		return rc;
	package.name = get_string(&header, NAME);
	if (slice_eq_str(package.name, "gpg-pubkey"))
		return 0;
	package.version = full_version(&records->out->arena, &header);
	if (!package.name.len || !package.version.len)
		return err_set(err, ERR_FORMAT, "a header without name or version");
	package.arch = get_string(&header, ARCH);
	package.license = get_string(&header, LICENSE);
	package.vendor = get_string(&header, VENDOR);
	package.modularity = get_string(&header, MODULARITYLABEL);
	split_source_rpm(get_string(&header, SOURCERPM), &package);
	inventory_add_package(records->out, records->db, &package);
	add_files(records, &header, package.name);
	return 0;
}

void rpm_records_add(struct rpm_records *records, struct slice header)
{
	int rc;

	records->count++;
	if (header.len == 0)
		rc = err_set(&records->first, ERR_FORMAT, "no record where the database says there is one");
	else if (header.len > records->bytes_left)
		rc = err_set(&records->first, ERR_FORMAT, "the records claim more bytes than the file has");
	else
		rc = add_record(records, header, &records->first);
	records->bytes_left -= header.len < records->bytes_left ? header.len : records->bytes_left;
	records->damaged += rc != 0;
}

int rpm_records_end(struct rpm_records *records, struct err *err)
{
	owned_files_note(records->out, records->path, records->owned_bytes);
	if (records->damaged == 0)
		return 0;
	return err_set(err, ERR_FORMAT, "%" PRIu64 " of %" PRIu64 " package records are damaged: %s", records->damaged,
		       records->count, records->first.text);
}

bool rpm_database_path(struct slice path, const char *name)
{
	static const char *const folders[] = {"var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (slice_eq_str(path_dirname(path), folders[i]) && slice_eq_str(path_basename(path), name))
			return true;
	return false;
}
