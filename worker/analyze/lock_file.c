#include "analyze/lock_file.h"

struct lock_file lock_file_of(const struct entry *entry, struct inventory *out, const char *kind, const char *type)
{
	return (struct lock_file){.out = out, .path = entry->path, .kind = kind, .type = type};
}

void lock_file_add(struct lock_file *lock, struct slice name, struct slice version, uint32_t flags)
{
	struct package package = {
		.type = slice_str(lock->type), .name = name, .version = version, .flags = flags | PACKAGE_DECLARED};

	if (!name.len || lock->full)
		return;
	if (!version.len)
		package.flags |= PACKAGE_NO_RELEASE;
	if (!lock->db)
		lock->db = inventory_add_db(lock->out, lock->path, lock->kind);
	lock->full = !lock->db || !inventory_add_package(lock->out, lock->db, &package);
}
