#include "model/inventory.h"

#include "base/limits.h"

#include <stdarg.h>
#include <stdio.h>

void inventory_init(struct inventory *inv)
{
	*inv = (struct inventory){0};
	arena_init(&inv->arena, LIMIT_INVENTORY_ARENA_BYTES);
}

void inventory_deinit(struct inventory *inv)
{
	arena_deinit(&inv->arena);
	*inv = (struct inventory){0};
}

static struct slice copy_string(struct inventory *inv, struct slice text, struct slice path, const char *what)
{
	if (text.len > LIMIT_STRING_BYTES) {
		inventory_note(inv, NOTE_INFO, path, "string_bytes_max: %s cut at %u of %zu bytes", what,
			       LIMIT_STRING_BYTES, text.len);
		text.len = LIMIT_STRING_BYTES;
	}
	return text.len ? arena_copy(&inv->arena, text) : SLICE_EMPTY;
}

struct package_db *inventory_add_db(struct inventory *inv, struct slice path, const char *kind)
{
	struct package_db *db;

	if (!arena_grow(&inv->arena, &inv->dbs, &inv->dbs_capacity, inv->dbs_count, sizeof(*inv->dbs)))
		return NULL;
	db = &inv->dbs[inv->dbs_count];
	*db = (struct package_db){.path = copy_string(inv, path, path, "path"),
				  .kind = copy_string(inv, slice_str(kind), path, "kind")};
	if (arena_failed(&inv->arena))
		return NULL;
	inv->dbs_count++;
	return db;
}

static void copy_package(struct inventory *inv, struct slice path, const struct package *from, struct package *to)
{
	*to = (struct package){
		.type = copy_string(inv, from->type, path, "package type"),
		.name = copy_string(inv, from->name, path, "package name"),
		.version = copy_string(inv, from->version, path, "version"),
		.arch = copy_string(inv, from->arch, path, "architecture"),
		.source_name = copy_string(inv, from->source_name, path, "source name"),
		.source_version = copy_string(inv, from->source_version, path, "source version"),
		.license = copy_string(inv, from->license, path, "licence"),
		.vendor = copy_string(inv, from->vendor, path, "vendor"),
		.modularity = copy_string(inv, from->modularity, path, "modularity label"),
		.flags = from->flags,
	};
}

struct package *inventory_add_package(struct inventory *inv, struct package_db *db, const struct package *package)
{
	struct package *added;

	if (inv->packages_count == LIMIT_PACKAGES_PER_LAYER) {
		inventory_note(inv, NOTE_PARTIAL, db->path, "packages_max: more than %u packages in one layer",
			       LIMIT_PACKAGES_PER_LAYER);
		inv->packages_count++;
	}
	if (inv->packages_count > LIMIT_PACKAGES_PER_LAYER ||
	    !arena_grow(&inv->arena, &db->packages, &db->packages_capacity, db->packages_count, sizeof(*db->packages)))
		return NULL;
	added = &db->packages[db->packages_count];
	copy_package(inv, db->path, package, added);
	if (arena_failed(&inv->arena))
		return NULL;
	db->packages_count++;
	inv->packages_count++;
	return added;
}

struct os_release *inventory_add_os_release(struct inventory *inv, const struct os_release *os)
{
	struct os_release *added;

	if (!arena_grow(&inv->arena, &inv->os_releases, &inv->os_releases_capacity, inv->os_releases_count,
			sizeof(*inv->os_releases)))
		return NULL;
	added = &inv->os_releases[inv->os_releases_count];
	*added = (struct os_release){
		.path = copy_string(inv, os->path, os->path, "path"),
		.id = copy_string(inv, os->id, os->path, "ID"),
		.id_like = copy_string(inv, os->id_like, os->path, "ID_LIKE"),
		.version_id = copy_string(inv, os->version_id, os->path, "VERSION_ID"),
		.version = copy_string(inv, os->version, os->path, "VERSION"),
		.version_codename = copy_string(inv, os->version_codename, os->path, "VERSION_CODENAME"),
		.pretty_name = copy_string(inv, os->pretty_name, os->path, "PRETTY_NAME"),
		.ubuntu_codename = copy_string(inv, os->ubuntu_codename, os->path, "UBUNTU_CODENAME"),
		.cpe_name = copy_string(inv, os->cpe_name, os->path, "CPE_NAME"),
		.variant_id = copy_string(inv, os->variant_id, os->path, "VARIANT_ID"),
		.build_id = copy_string(inv, os->build_id, os->path, "BUILD_ID"),
		.by_magic = os->by_magic,
	};
	if (arena_failed(&inv->arena))
		return NULL;
	inv->os_releases_count++;
	return added;
}

struct owner_list *inventory_add_owner(struct inventory *inv, struct slice path, struct slice package)
{
	struct owner_list *list;

	if (!arena_grow(&inv->arena, &inv->owners, &inv->owners_capacity, inv->owners_count, sizeof(*inv->owners)))
		return NULL;
	list = &inv->owners[inv->owners_count];
	*list = (struct owner_list){.path = copy_string(inv, path, path, "path"),
				    .package = copy_string(inv, package, path, "package name")};
	if (arena_failed(&inv->arena))
		return NULL;
	inv->owners_count++;
	return list;
}

void inventory_add_owned_file(struct inventory *inv, struct owner_list *list, struct slice file)
{
	if (!arena_grow(&inv->arena, &list->files, &list->files_capacity, list->files_count, sizeof(*list->files)))
		return;
	list->files[list->files_count] = copy_string(inv, file, list->path, "file name");
	if (!arena_failed(&inv->arena))
		list->files_count++;
}

void inventory_add_license(struct inventory *inv, struct slice path, struct slice package, struct slice license)
{
	struct package_license *added;

	if (!arena_grow(&inv->arena, &inv->licenses, &inv->licenses_capacity, inv->licenses_count,
			sizeof(*inv->licenses)))
		return;
	added = &inv->licenses[inv->licenses_count];
	*added = (struct package_license){.path = copy_string(inv, path, path, "path"),
					  .package = copy_string(inv, package, path, "package name"),
					  .license = copy_string(inv, license, path, "licence")};
	if (!arena_failed(&inv->arena))
		inv->licenses_count++;
}

void inventory_add_hash(struct inventory *inv, struct slice path, const struct digest *sha256, uint64_t size,
			bool executable)
{
	struct file_hash *added;

	if (!arena_grow(&inv->arena, &inv->hashes, &inv->hashes_capacity, inv->hashes_count, sizeof(*inv->hashes)))
		return;
	added = &inv->hashes[inv->hashes_count];
	*added = (struct file_hash){.path = copy_string(inv, path, path, "path"),
				    .sha256 = *sha256,
				    .size = size,
				    .executable = executable};
	if (!arena_failed(&inv->arena))
		inv->hashes_count++;
}

void inventory_add_link(struct inventory *inv, struct slice path, struct slice target, bool database)
{
	struct hard_link *added;

	if (slice_eq(path, target) ||
	    !arena_grow(&inv->arena, &inv->links, &inv->links_capacity, inv->links_count, sizeof(*inv->links)))
		return;
	added = &inv->links[inv->links_count];
	*added = (struct hard_link){.path = copy_string(inv, path, path, "path"),
				    .target = copy_string(inv, target, path, "link target"),
				    .database = database};
	if (!arena_failed(&inv->arena))
		inv->links_count++;
}

void inventory_note(struct inventory *inv, enum note_kind kind, struct slice path, const char *format, ...)
{
	char    text[480];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* A partial note is never lost to the ceiling: it decides whether the layer counts as read. */
	if (inv->notes_count >= LIMIT_NOTES_PER_LAYER && (kind != NOTE_PARTIAL || inventory_is_partial(inv))) {
		inv->notes_dropped++;
		return;
	}
	if (!arena_grow(&inv->arena, &inv->notes, &inv->notes_capacity, inv->notes_count, sizeof(*inv->notes)))
		return;
	path = slice_sub(path, 0, LIMIT_STRING_BYTES);
	inv->notes[inv->notes_count++] = (struct note){.kind = kind,
						       .path = path.len ? arena_copy(&inv->arena, path) : SLICE_EMPTY,
						       .reason = arena_copy(&inv->arena, slice_str(text))};
}

bool inventory_failed(const struct inventory *inv)
{
	return arena_failed(&inv->arena);
}

bool inventory_is_partial(const struct inventory *inv)
{
	for (size_t i = 0; i < inv->notes_count; i++)
		if (inv->notes[i].kind == NOTE_PARTIAL)
			return true;
	return false;
}
