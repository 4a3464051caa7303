/* inventory.h - what one layer holds: context-free, immutable once sealed, keyed by content.
 *
 * Built by the parse side through inventory_add_*(), encoded once (docs/INVENTORY_FORMAT.md), decoded by aggregation,
 * which treats the bytes as hostile. Everything that aggregation needs is here or in the path table, so that a layer
 * is never opened twice. Owner: one thread until sealed. All slices live in `arena`; the add functions copy what they
 * are given (strings longer than LIMIT_STRING_BYTES are cut and noted). Facts carry their canonical path (path.h).
 *
 * The last entry of a path wins: the dispatcher marks facts `dropped` when a later entry of the same layer replaces
 * theirs; they are not encoded. */
#ifndef VARVE_MODEL_INVENTORY_H
#define VARVE_MODEL_INVENTORY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/digest.h"
#include "model/package.h"

enum { INVENTORY_FORMAT_VERSION = 1 };

/* One package database, or one fragment of it (a status.d file), under its path. */
struct package_db {
	struct slice    path;
	struct slice    kind; /* "dpkg" "dpkg-status.d" "apk" "rpm-sqlite" "rpm-ndb" "rpm-bdb" "alpm" … */
	struct package *packages;
	size_t          packages_count, packages_capacity;
	bool            by_magic; /* found by its content under another name; counts only if a link leads to it */
	bool            dropped;  /* replaced by a later entry of the layer; not encoded */
};

/* os-release(5); the fields Varve uses. */
struct os_release {
	struct slice path;
	struct slice id, id_like, version_id, version, version_codename, pretty_name, ubuntu_codename, cpe_name,
		variant_id, build_id;
	bool by_magic, dropped;
};

/* Which files a package owns, or which licence it has: half-facts, joined at aggregation.
 * dpkg keeps each package's in a file of its own, perhaps in another layer than the status file. */
struct owner_list {
	struct slice  path;    /* of the list file or database that says so */
	struct slice  package; /* name as the list gives it: "libc6:amd64" for dpkg, else the name */
	struct slice *files;   /* canonical; only those owned_path_kept() wants */
	size_t        files_count, files_capacity;
	bool          dropped;
};

struct package_license {
	struct slice path; /* usr/share/doc/<package>/copyright */
	struct slice package;
	struct slice license; /* short names joined by " AND ", sorted, without duplicates */
	bool         dropped;
};

/* SHA-256 of an executable or evidence file. */
struct file_hash {
	struct slice  path;
	struct digest sha256;
	uint64_t      size;
	bool          executable;
	bool          dropped;
};

/* A hard link in the tar (both names canonical) whose target holds facts, perhaps in a lower layer, or whose own name
 * would; never a chain. All hard links and symlinks are in the path table. */
struct hard_link {
	struct slice path, target;
	bool         database; /* the name is one of a package database or os-release: it has to lead to one */
};

enum note_kind {
	NOTE_INFO,    /* worth knowing, nothing is missing ("bytes behind the end of the archive") */
	NOTE_SKIPPED, /* one file could not be read; the others could */
	NOTE_PARTIAL, /* the layer was not read to its end, or a whole database is missing */
};

struct note {
	enum note_kind kind;
	struct slice   path;   /* empty = the layer as a whole */
	struct slice   reason; /* "entries_max: more than 4000000 entries" : stable word, colon, text */
};

struct inventory {
	struct arena  arena;
	struct digest blob_digest; /* of the bytes as fetched; zero for rootfs: */
	struct digest diff_id;     /* computed, never claimed; zero for rootfs: */
	struct slice  media_type;  /* as found by magic: "tar", "tar+gzip", "tar+zstd", "tar+xz", "tar+bzip2" */
	uint64_t      blob_bytes, tar_bytes, entries;
	struct slice  analyzer_set; /* analyze.h: sorted "name/version" joined by ',' */

	struct package_db      *dbs;
	size_t                  dbs_count, dbs_capacity;
	struct os_release      *os_releases;
	size_t                  os_releases_count, os_releases_capacity;
	struct owner_list      *owners;
	size_t                  owners_count, owners_capacity;
	struct package_license *licenses;
	size_t                  licenses_count, licenses_capacity;
	struct file_hash       *hashes;
	size_t                  hashes_count, hashes_capacity;
	struct hard_link       *links;
	size_t                  links_count, links_capacity;
	struct note            *notes;
	size_t                  notes_count, notes_capacity;
	uint64_t                notes_dropped; /* beyond LIMIT_NOTES_PER_LAYER */
	size_t packages_count; /* over all databases, dropped ones too; at most LIMIT_PACKAGES_PER_LAYER */

	struct slice path_table; /* encoded, path_table.h; stored as a record of its own */
};

void inventory_init(struct inventory *inv);
void inventory_deinit(struct inventory *inv);

/* Each returns the new record, or NULL when the arena is full (inventory_failed() then). inventory_add_package() gives
 * NULL also past LIMIT_PACKAGES_PER_LAYER, which it notes as partial: stop reading that database. inventory_add_link()
 * is for links under an evidence name (the target may lie in a lower layer) or to what has facts: the dispatcher chooses. */
struct package_db *inventory_add_db(struct inventory *inv, struct slice path, const char *kind);
struct package    *inventory_add_package(struct inventory *inv, struct package_db *db, const struct package *package);
struct os_release *inventory_add_os_release(struct inventory *inv, const struct os_release *os);
struct owner_list *inventory_add_owner(struct inventory *inv, struct slice path, struct slice package);
void               inventory_add_owned_file(struct inventory *inv, struct owner_list *list, struct slice file);
void inventory_add_license(struct inventory *inv, struct slice path, struct slice package, struct slice license);
void inventory_add_hash(struct inventory *inv, struct slice path, const struct digest *sha256, uint64_t size,
			bool executable);
void inventory_add_link(struct inventory *inv, struct slice path, struct slice target, bool database);
void inventory_note(struct inventory *inv, enum note_kind kind, struct slice path, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Pointers above stay valid only until the next add of the same kind (arrays grow). */

bool inventory_failed(const struct inventory *inv);
bool inventory_is_partial(const struct inventory *inv); /* holds a NOTE_PARTIAL */

/* True for owned files worth keeping: below language roots (site-packages, node_modules, gems, …), executables by
 * their folder, jars; everything else would only cost room. */
bool owned_path_kept(struct slice path);

/* Encoded form, without the path table; appended. ERR_LIMIT past out->bytes_max or without memory. Equal inventories
 * (the same facts, in whatever order they were found) give equal bytes; dropped records are left out. */
int inventory_encode(const struct inventory *inv, struct buf *out, struct err *err);

/* Hostile input. Strings are copied into inv->arena. ERR_FORMAT, ERR_VERSION, ERR_LIMIT; `inv` must be initialised, and
 * is to be deinit-ed in any case. Paths are checked to be canonical. Not for adding to afterwards. */
int inventory_decode(struct slice bytes, struct inventory *inv, struct err *err);

/* As above, but of the long sections only those in `parts`; the others stay empty and cost nothing. */
enum inventory_part {
	INVENTORY_DBS = 1,
	INVENTORY_OS_RELEASES = 2,
	INVENTORY_OWNERS = 4,
	INVENTORY_LICENSES = 8,
	INVENTORY_HASHES = 16,
	INVENTORY_LINKS = 32,
	INVENTORY_NOTES = 64,
	INVENTORY_ALL = 127,
};
int inventory_decode_parts(struct slice bytes, uint32_t parts, struct inventory *inv, struct err *err);

/* Whether two encoded inventories say the same of the same tar: all but the blob that it came in and its compression.
 * Hostile input; false of what cannot be read. */
bool inventory_same_facts(struct slice a, struct slice b);

#endif
