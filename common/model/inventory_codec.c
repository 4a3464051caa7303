#include "base/limits.h"
#include "base/msgpack_write.h"
#include "model/package_codec.h"

enum { INVENTORY_FIELDS = 16, SECTIONS = 7, ANALYZERS_BYTES_MAX = 64 << 10 };

static void write_package(const void *context, size_t i, struct buf *out)
{
	const struct package_db *db = context;

	package_encode(&db->packages[i], out);
}

static void write_db(const void *context, size_t i, struct buf *out)
{
	const struct package_db *db = &((const struct inventory *)context)->dbs[i];

	if (db->dropped)
		return;
	msgpack_write_array(out, 4);
	msgpack_write_str(out, db->path);
	msgpack_write_str(out, db->kind);
	msgpack_write_bool(out, db->by_magic);
	encode_sorted(out, db, db->packages_count, write_package);
}

static void write_os_release(const void *context, size_t i, struct buf *out)
{
	const struct os_release *os = &((const struct inventory *)context)->os_releases[i];

	if (!os->dropped)
		os_release_encode(os, out);
}

static void write_file(const void *context, size_t i, struct buf *out)
{
	msgpack_write_str(out, ((const struct owner_list *)context)->files[i]);
}

static void write_owner(const void *context, size_t i, struct buf *out)
{
	const struct owner_list *list = &((const struct inventory *)context)->owners[i];

	if (list->dropped)
		return;
	msgpack_write_array(out, 3);
	msgpack_write_str(out, list->path);
	msgpack_write_str(out, list->package);
	encode_sorted(out, list, list->files_count, write_file);
}

static void write_license(const void *context, size_t i, struct buf *out)
{
	const struct package_license *license = &((const struct inventory *)context)->licenses[i];

	if (license->dropped)
		return;
	msgpack_write_array(out, 3);
	msgpack_write_str(out, license->path);
	msgpack_write_str(out, license->package);
	msgpack_write_str(out, license->license);
}

static void write_hash(const void *context, size_t i, struct buf *out)
{
	const struct file_hash *hash = &((const struct inventory *)context)->hashes[i];

	if (hash->dropped)
		return;
	msgpack_write_array(out, 4);
	msgpack_write_str(out, hash->path);
	msgpack_write_bin(out, digest_slice(&hash->sha256));
	msgpack_write_uint(out, hash->size);
	msgpack_write_bool(out, hash->executable);
}

static void write_link(const void *context, size_t i, struct buf *out)
{
	const struct hard_link *link = &((const struct inventory *)context)->links[i];

	msgpack_write_array(out, 3);
	msgpack_write_str(out, link->path);
	msgpack_write_str(out, link->target);
	msgpack_write_bool(out, link->database);
}

static void write_note(const void *context, size_t i, struct buf *out)
{
	note_encode(&((const struct inventory *)context)->notes[i], out);
}

/* A section is a msgpack bin, so that a reader that does not want it steps over it at once. */
static void write_section(struct buf *out, const struct inventory *inv, size_t count,
			  void (*write)(const void *context, size_t index, struct buf *out))
{
	struct buf section;

	buf_init(&section, out->bytes_max);
	if (encode_sorted(&section, inv, count, write))
		msgpack_write_bin(out, buf_slice(&section));
	else
		out->failed = true;
	buf_deinit(&section);
}

int inventory_encode(const struct inventory *inv, struct buf *out, struct err *err)
{
	if (inventory_failed(inv))
		return err_set(err, ERR_LIMIT, "inventory: does not fit into %u bytes of memory",
			       LIMIT_INVENTORY_ARENA_BYTES);
	msgpack_write_array(out, INVENTORY_FIELDS);
	msgpack_write_uint(out, INVENTORY_FORMAT_VERSION);
	encode_digest(out, &inv->blob_digest);
	encode_digest(out, &inv->diff_id);
	msgpack_write_str(out, inv->media_type);
	msgpack_write_uint(out, inv->blob_bytes);
	msgpack_write_uint(out, inv->tar_bytes);
	msgpack_write_uint(out, inv->entries);
	msgpack_write_str(out, inv->analyzer_set);
	msgpack_write_uint(out, inv->notes_dropped);
	write_section(out, inv, inv->dbs_count, write_db);
	write_section(out, inv, inv->os_releases_count, write_os_release);
	write_section(out, inv, inv->owners_count, write_owner);
	write_section(out, inv, inv->licenses_count, write_license);
	write_section(out, inv, inv->hashes_count, write_hash);
	write_section(out, inv, inv->links_count, write_link);
	write_section(out, inv, inv->notes_count, write_note);
	return encode_verdict(out, "inventory", err);
}

static void read_db(struct decoder *d, struct inventory *inv, struct package_db *db)
{
	size_t fields = msgpack_begin_record(&d->r, 4);

	db->path = decode_path(d);
	db->kind = decode_text(d);
	db->by_magic = msgpack_read_bool(&d->r);
	db->packages_count =
		decode_array(d, &db->packages, sizeof(*db->packages), PACKAGE_BYTES_MIN,
			     LIMIT_PACKAGES_PER_LAYER - inv->packages_count, "LIMIT_PACKAGES_PER_LAYER packages");
	db->packages_capacity = db->packages_count;
	inv->packages_count += db->packages_count;
	for (size_t i = 0; i < db->packages_count && msgpack_ok(&d->r); i++)
		package_decode(d, &db->packages[i]);
	msgpack_end_record(&d->r, fields, 4);
}

static void read_dbs(struct decoder *d, struct inventory *inv)
{
	inv->dbs_count = decode_array(d, &inv->dbs, sizeof(*inv->dbs), 5, LIMIT_ENTRIES, "LIMIT_ENTRIES databases");
	for (size_t i = 0; i < inv->dbs_count && msgpack_ok(&d->r); i++)
		read_db(d, inv, &inv->dbs[i]);
}

static void read_os_releases(struct decoder *d, struct inventory *inv)
{
	inv->os_releases_count = decode_array(d, &inv->os_releases, sizeof(*inv->os_releases), OS_RELEASE_BYTES_MIN,
					      LIMIT_ENTRIES, "LIMIT_ENTRIES os-release files");
	for (size_t i = 0; i < inv->os_releases_count && msgpack_ok(&d->r); i++)
		os_release_decode(d, &inv->os_releases[i]);
}

static void read_owner(struct decoder *d, struct owner_list *list)
{
	size_t fields = msgpack_begin_record(&d->r, 3);

	list->path = decode_path(d);
	list->package = decode_text(d);
	list->files_count = decode_array(d, &list->files, sizeof(*list->files), 1, SIZE_MAX, "");
	list->files_capacity = list->files_count;
	for (size_t i = 0; i < list->files_count && msgpack_ok(&d->r); i++)
		list->files[i] = decode_path(d);
	msgpack_end_record(&d->r, fields, 3);
}

static void read_owners(struct decoder *d, struct inventory *inv)
{
	inv->owners_count = decode_array(d, &inv->owners, sizeof(*inv->owners), 4, SIZE_MAX, "");
	for (size_t i = 0; i < inv->owners_count && msgpack_ok(&d->r); i++)
		read_owner(d, &inv->owners[i]);
}

static void read_licenses(struct decoder *d, struct inventory *inv)
{
	inv->licenses_count =
		decode_array(d, &inv->licenses, sizeof(*inv->licenses), 4, LIMIT_ENTRIES, "LIMIT_ENTRIES licences");
	for (size_t i = 0; i < inv->licenses_count && msgpack_ok(&d->r); i++) {
		size_t fields = msgpack_begin_record(&d->r, 3);

		inv->licenses[i].path = decode_path(d);
		inv->licenses[i].package = decode_text(d);
		inv->licenses[i].license = decode_text(d);
		msgpack_end_record(&d->r, fields, 3);
	}
}

static void read_hashes(struct decoder *d, struct inventory *inv)
{
	inv->hashes_count =
		decode_array(d, &inv->hashes, sizeof(*inv->hashes), 38, LIMIT_ENTRIES, "LIMIT_ENTRIES file hashes");
	for (size_t i = 0; i < inv->hashes_count && msgpack_ok(&d->r); i++) {
		size_t fields = msgpack_begin_record(&d->r, 4);

		inv->hashes[i].path = decode_path(d);
		msgpack_read_fixed(&d->r, inv->hashes[i].sha256.bytes, SHA256_BYTES);
		inv->hashes[i].size = msgpack_read_uint(&d->r);
		inv->hashes[i].executable = msgpack_read_bool(&d->r);
		msgpack_end_record(&d->r, fields, 4);
	}
}

static void read_links(struct decoder *d, struct inventory *inv)
{
	inv->links_count =
		decode_array(d, &inv->links, sizeof(*inv->links), 3, LIMIT_ENTRIES, "LIMIT_ENTRIES hard links");
	for (size_t i = 0; i < inv->links_count && msgpack_ok(&d->r); i++) {
		size_t fields = msgpack_begin_record(&d->r, 3);

		inv->links[i].path = decode_path(d);
		inv->links[i].target = decode_path(d);
		inv->links[i].database = msgpack_read_bool(&d->r);
		msgpack_end_record(&d->r, fields, 3);
	}
}

static void read_notes(struct decoder *d, struct inventory *inv)
{
	/* one partial note may stand beyond the ceiling */
	inv->notes_count = decode_array(d, &inv->notes, sizeof(*inv->notes), NOTE_BYTES_MIN, LIMIT_NOTES_PER_LAYER + 1,
					"LIMIT_NOTES_PER_LAYER notes");
	for (size_t i = 0; i < inv->notes_count && msgpack_ok(&d->r); i++)
		note_decode(d, &inv->notes[i]);
}

static const struct {
	enum inventory_part part;
	void (*read)(struct decoder *d, struct inventory *inv);
} sections[SECTIONS] = {
	{INVENTORY_DBS, read_dbs},           {INVENTORY_OS_RELEASES, read_os_releases}, {INVENTORY_OWNERS, read_owners},
	{INVENTORY_LICENSES, read_licenses}, {INVENTORY_HASHES, read_hashes},           {INVENTORY_LINKS, read_links},
	{INVENTORY_NOTES, read_notes},
};

static void read_identity(struct decoder *d, struct inventory *inv)
{
	decode_digest(d, &inv->blob_digest);
	decode_digest(d, &inv->diff_id);
	inv->media_type = decode_text(d);
	inv->blob_bytes = msgpack_read_uint(&d->r);
	inv->tar_bytes = msgpack_read_uint(&d->r);
	inv->entries = msgpack_read_uint(&d->r);
	inv->analyzer_set = decode_string(d, ANALYZERS_BYTES_MAX);
	inv->notes_dropped = msgpack_read_uint(&d->r);
}

int inventory_decode_parts(struct slice bytes, uint32_t parts, struct inventory *inv, struct err *err)
{
	struct decoder d = decoder_of(bytes, &inv->arena);
	size_t         fields = msgpack_begin_record(&d.r, INVENTORY_FIELDS);
	uint64_t       version = msgpack_read_uint(&d.r);
	int            verdict;

	if (msgpack_ok(&d.r) && version != INVENTORY_FORMAT_VERSION)
		return err_set(err, ERR_VERSION, "inventory: format %llu, this program reads %d",
			       (unsigned long long)version, INVENTORY_FORMAT_VERSION);
	read_identity(&d, inv);
	verdict = decoder_verdict(&d, "inventory", err);
	for (size_t i = 0; i < SECTIONS && !verdict; i++) {
		struct slice   section = msgpack_read_bytes(&d.r);
		struct decoder inner = decoder_of(section, &inv->arena);

		if (!(sections[i].part & parts) || !msgpack_ok(&d.r))
			continue;
		sections[i].read(&inner, inv);
		if (!msgpack_at_end(&inner.r))
			msgpack_fail(&inner.r);
		verdict = decoder_verdict(&inner, "inventory", err);
	}
	if (verdict)
		return verdict;
	msgpack_end_record(&d.r, fields, INVENTORY_FIELDS);
	if (!msgpack_at_end(&d.r))
		msgpack_fail(&d.r);
	return decoder_verdict(&d, "inventory", err);
}

int inventory_decode(struct slice bytes, struct inventory *inv, struct err *err)
{
	return inventory_decode_parts(bytes, INVENTORY_ALL, inv, err);
}

/* What stands behind the description of the blob. False: it cannot be read. */
static bool facts_of(struct slice bytes, struct digest *diff_id, struct slice *facts)
{
	struct msgpack_reader r = msgpack_reader_of(bytes);
	struct digest         blob_digest;

	if (msgpack_begin_record(&r, INVENTORY_FIELDS) != INVENTORY_FIELDS ||
	    msgpack_read_uint(&r) != INVENTORY_FORMAT_VERSION)
		return false;
	msgpack_read_fixed(&r, blob_digest.bytes, SHA256_BYTES);
	msgpack_read_fixed(&r, diff_id->bytes, SHA256_BYTES);
	msgpack_read_bytes(&r); /* the media type */
	msgpack_read_uint(&r);  /* the blob's size */
	*facts = cursor_rest(&r.cursor);
	return msgpack_ok(&r);
}

bool inventory_same_facts(struct slice a, struct slice b)
{
	struct digest a_diff_id, b_diff_id;
	struct slice  a_facts, b_facts;

	return facts_of(a, &a_diff_id, &a_facts) && facts_of(b, &b_diff_id, &b_facts) &&
	       digest_eq(&a_diff_id, &b_diff_id) && slice_eq(a_facts, b_facts);
}
