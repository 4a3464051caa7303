#include "analyze/owned_files.h"

#include "base/limits.h"
#include "base/path.h"

#include <string.h>

struct owned_files owned_files_of(struct inventory *out, struct slice path, struct slice package, uint64_t *bytes)
{
	return (struct owned_files){.out = out, .path = path, .package = package, .bytes = bytes};
}

void owned_files_add(struct owned_files *owned, struct slice dir, struct slice name)
{
	char         joined[LIMIT_PATH_BYTES], canonical[LIMIT_PATH_BYTES];
	struct slice path;

	if (dir.len >= sizeof(joined) || name.len >= sizeof(joined) - dir.len)
		return;
	*owned->bytes += dir.len + 1 + name.len;
	if (*owned->bytes > OWNED_BYTES_MAX)
		return;
	if (dir.len)
		memcpy(joined, dir.ptr, dir.len);
	joined[dir.len] = '/';
	if (name.len)
		memcpy(joined + dir.len + 1, name.ptr, name.len);
	if (path_canonical(slice_of(joined, dir.len + 1 + name.len), canonical, &path) == PATH_TOO_LONG ||
	    !owned_path_kept(path))
		return;
	if (!owned->list)
		owned->list = inventory_add_owner(owned->out, owned->path, owned->package);
	if (owned->list)
		inventory_add_owned_file(owned->out, owned->list, path);
}

void owned_files_note(struct inventory *out, struct slice path, uint64_t bytes)
{
	if (bytes > OWNED_BYTES_MAX)
		inventory_note(out, NOTE_SKIPPED, path, "owned_bytes_max: file names beyond %u bytes are not kept",
			       (unsigned)OWNED_BYTES_MAX);
}
