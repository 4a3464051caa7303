#include "entry/entry_reader.h"

#include "base/archive.h"
#include "base/limits.h"
#include "base/path.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct entry_reader {
	struct archive_reader *archive;
	struct inventory      *notes;
	uint64_t               entries, entries_max;
	bool                   stopped;                   /* at the ceiling */
	bool                   clamp_noted, length_noted; /* one note is enough for all entries of a kind */
	uint64_t               body_bytes;                /* of the current entry */
	struct slice           block;                     /* of the body, read but not yet given … */
	struct slice           gathered;                  /* … and the part of `head` that comes before it */
	char                   path[LIMIT_PATH_BYTES], target[LIMIT_PATH_BYTES];
	uint8_t                head[LIMIT_HEAD_BYTES];
};

struct entry_reader *entry_reader_new(struct stream *tar, uint64_t entries_max, struct inventory *notes,
				      struct err *err)
{
	struct entry_reader *reader = malloc(sizeof(*reader));

	if (!reader) {
		err_set(err, ERR_MEM, "reading entries: out of memory");
		return NULL;
	}
	memset(reader, 0, offsetof(struct entry_reader, path));
	reader->archive = archive_reader_new(tar, ARCHIVE_KIND_TAR, err);
	reader->notes = notes;
	reader->entries_max = entries_max ? entries_max : LIMIT_ENTRIES;
	if (!reader->archive) {
		free(reader);
		return NULL;
	}
	return reader;
}

void entry_reader_free(struct entry_reader *reader)
{
	if (!reader)
		return;
	archive_reader_free(reader->archive);
	free(reader);
}

/* False: no path that could be used; noted. */
static bool canonical(struct entry_reader *reader, struct slice name, char *out, struct slice *path)
{
	enum path_status status = path_canonical(name, out, path);

	if (status == PATH_TOO_LONG && !reader->length_noted) {
		reader->length_noted = true;
		inventory_note(reader->notes, NOTE_PARTIAL, SLICE_EMPTY,
			       "path_bytes_max: names longer than %u bytes or deeper than %u folders are left out",
			       LIMIT_PATH_BYTES, LIMIT_PATH_DEPTH);
	}
	if (status == PATH_CLAMPED && !reader->clamp_noted) {
		reader->clamp_noted = true;
		inventory_note(reader->notes, NOTE_INFO, *path,
			       "path_clamped: \"..\" reaches above the root, read as inside it");
	}
	return status != PATH_TOO_LONG;
}

static bool is_landmark(struct slice path)
{
	return slice_eq_str(path, "stargz.index.json") || slice_eq_str(path, ".prefetch.landmark") ||
	       slice_eq_str(path, ".no.prefetch.landmark");
}

/* Turns ".wh." names into what they say; false when they say nothing about the image. */
static bool read_whiteout(struct entry_reader *reader, struct entry *entry)
{
	struct slice base = path_basename(entry->path), dir = path_dirname(entry->path), hidden = slice_from(base, 4);
	bool         opaque = slice_eq_str(base, ".wh..wh..opq");

	if (!opaque && (slice_starts(entry->path, ".wh..wh.") || slice_starts(base, ".wh..wh.")))
		return false;
	if (!slice_starts(base, ".wh."))
		return true;
	if (hidden.len == 0 || slice_eq_str(hidden, ".") || slice_eq_str(hidden, "..")) {
		inventory_note(reader->notes, NOTE_SKIPPED, entry->path,
			       "whiteout_name: a whiteout that names no file");
		return false;
	}
	entry->type = opaque ? PATH_OPAQUE : PATH_WHITEOUT;
	entry->size = 0;
	entry->target = SLICE_EMPTY;
	entry->path = dir;
	if (!opaque) {
		size_t at = dir.len ? dir.len + 1 : 0;

		memmove(reader->path + at, reader->path + at + 4, hidden.len);
		entry->path = slice_of(reader->path, at + hidden.len);
	}
	return true;
}

static bool read_target(struct entry_reader *reader, const struct archive_member *member, struct entry *entry)
{
	bool good = true;

	if (member->type == MEMBER_HARDLINK) {
		good = canonical(reader, member->target, reader->target, &entry->target);
		if (good && entry->target.len == 0) {
			inventory_note(reader->notes, NOTE_SKIPPED, entry->path,
				       "link_target: a hard link that leads to no file");
			good = false;
		}
	} else if (member->type == MEMBER_SYMLINK) {
		entry->target = slice_sub(member->target, 0, LIMIT_PATH_BYTES);
		if (member->target.len > LIMIT_PATH_BYTES) /* such a link leads nowhere on any system */
			inventory_note(reader->notes, NOTE_SKIPPED, entry->path, "link_target: longer than %u bytes",
				       LIMIT_PATH_BYTES);
	}
	return good;
}

static enum path_type type_of(enum member_type type)
{
	static const enum path_type types[] = {[MEMBER_FILE] = PATH_FILE,
					       [MEMBER_DIRECTORY] = PATH_DIRECTORY,
					       [MEMBER_SYMLINK] = PATH_SYMLINK,
					       [MEMBER_HARDLINK] = PATH_HARDLINK,
					       [MEMBER_OTHER] = PATH_OTHER};

	return types[type];
}

/* False: the member is no entry of the image. */
static bool translate(struct entry_reader *reader, const struct archive_member *member, struct entry *entry)
{
	bool has_body = member->type == MEMBER_FILE || member->type == MEMBER_HARDLINK;

	*entry = (struct entry){
		.type = type_of(member->type),
		.size = has_body ? member->size : 0,
		.mode = member->mode,
		.mtime = member->mtime,
		.uid = member->uid,
		.gid = member->gid,
		.unreadable = member->unreadable,
	};
	reader->block = reader->gathered = SLICE_EMPTY;
	if (!canonical(reader, member->name, reader->path, &entry->path))
		return false;
	if (entry->path.len == 0) {
		if (member->unreadable.len)
			inventory_note(reader->notes, NOTE_PARTIAL, SLICE_EMPTY, "unreadable: %.*s",
				       SLICE_FMT(member->unreadable));
		if (member->type != MEMBER_DIRECTORY)
			inventory_note(reader->notes, NOTE_SKIPPED, SLICE_EMPTY, "entry_name: an entry without a name");
		return false;
	}
	if (is_landmark(entry->path) || !read_whiteout(reader, entry))
		return false;
	if ((entry->type == PATH_HARDLINK || entry->type == PATH_SYMLINK) && !read_target(reader, member, entry))
		return false;
	reader->body_bytes = entry->size;
	return true;
}

int entry_reader_next(struct entry_reader *reader, struct entry *entry, struct err *err)
{
	struct archive_member member;
	int                   status;

	do {
		status = archive_reader_next(reader->archive, &member, err);
		if (status != 1)
			return status;
		if (reader->entries == reader->entries_max) {
			inventory_note(reader->notes, NOTE_PARTIAL, SLICE_EMPTY,
				       "entries_max: more than %" PRIu64 " entries", reader->entries_max);
			reader->stopped = true;
			return 0;
		}
		reader->entries++;
	} while (!translate(reader, &member, entry));
	return 1;
}

/* Most heads lie in one block and are lent from there; else the pieces are gathered. */
int entry_reader_head(struct entry_reader *reader, struct slice *head, struct err *err)
{
	size_t want = reader->body_bytes < LIMIT_HEAD_BYTES ? (size_t)reader->body_bytes : LIMIT_HEAD_BYTES, len = 0;
	int    status = STREAM_BLOCK;

	*head = SLICE_EMPTY;
	while (len < want && status == STREAM_BLOCK) {
		struct slice part;

		if (reader->block.len == 0)
			status = archive_reader_body(reader->archive, &reader->block, err);
		if (len == 0 && reader->block.len >= want) {
			*head = slice_sub(reader->block, 0, want);
			return 0;
		}
		part = slice_sub(reader->block, 0, want - len);
		if (part.len)
			memcpy(reader->head + len, part.ptr, part.len);
		len += part.len;
		reader->block = slice_from(reader->block, part.len);
	}
	*head = reader->gathered = slice_of(reader->head, len);
	return status < 0 ? status : 0;
}

int entry_reader_block(struct entry_reader *reader, struct slice *block, struct err *err)
{
	struct slice *from = reader->gathered.len ? &reader->gathered : &reader->block;

	*block = *from;
	*from = SLICE_EMPTY;
	return block->len ? STREAM_BLOCK : archive_reader_body(reader->archive, block, err);
}

uint64_t entry_reader_count(const struct entry_reader *reader)
{
	return reader->entries;
}

bool entry_reader_is_foreign(const struct entry_reader *reader)
{
	return archive_reader_is_foreign(reader->archive);
}

int entry_reader_finish(struct entry_reader *reader, bool *surplus, struct err *err)
{
	int status = archive_reader_finish(reader->archive, surplus, err);

	*surplus = *surplus && !reader->stopped; /* then it is entries that were not read, and that is noted */
	return status;
}
