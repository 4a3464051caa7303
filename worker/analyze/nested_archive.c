#include "analyze/nested_archive.h"

#include "base/limits.h"
#include "base/path.h"

enum { MEMBER_BYTES_MAX = 4 << 20 };

struct frame {
	struct zip_file zip;
	struct buf      bytes; /* empty when it lies in another's */
};

struct walk {
	struct slice                 path;
	const struct nested_visitor *visitor;
	struct inventory            *out;
	struct frame                 frames[LIMIT_NESTED_DEPTH];
	size_t                       depth; /* frames in use */
	size_t                       held;  /* bytes of theirs */
	uint64_t                     unpacked;
	uint32_t                     archives, members; /* seen, good or not */
	bool                         stopped;
};

static void note(struct walk *w, const char *word, struct slice member, const char *why)
{
	inventory_note(w->out, NOTE_SKIPPED, w->path, "%s: %.*s: %s", word, SLICE_FMT(slice_sub(member, 0, 256)), why);
}

/* What reading a member has cost, be it good or not: the bytes that came out, or those that went in where they are more. */
static bool charge(struct walk *w, const struct zip_file *zip, const struct zip_member *member, uint64_t bytes)
{
	if (member->packed_bytes > bytes && member->packed_bytes <= zip->bytes.len)
		bytes = member->packed_bytes;
	if (bytes > LIMIT_NESTED_BYTES - w->unpacked) {
		note(w, "nested_bytes_max", SLICE_LIT("all members"), "more is unpacked than one file may hold");
		w->stopped = true;
		return false;
	}
	w->unpacked += bytes;
	return true;
}

/* `out` is the caller's to free, read or not. */
static bool read_charged(struct walk *w, const struct zip_file *zip, const struct zip_member *member, size_t bytes_max,
			 struct buf *out)
{
	struct err err = {0};
	bool       good;

	buf_init(out, bytes_max);
	good = zip_read(zip, member, out, &err) == 0;
	if (!good)
		note(w, err_name(err.code), member->name, err.text);
	return charge(w, zip, member, out->len) && good;
}

static void push(struct walk *w, struct slice name, struct slice bytes, struct buf *owned)
{
	struct frame *frame = &w->frames[w->depth];
	struct err    err = {0};

	*frame = (struct frame){0};
	w->archives++;
	if (zip_open(bytes, &frame->zip, &err) < 0) {
		note(w, "format", name, err.text);
		if (owned)
			buf_deinit(owned);
		return;
	}
	if (owned) {
		frame->bytes = *owned;
		w->held += frame->bytes.len;
	}
	w->depth++;
	w->visitor->begin(w->visitor->data, path_basename(name));
}

static void pop(struct walk *w)
{
	struct frame *frame = &w->frames[--w->depth];

	w->visitor->end(w->visitor->data);
	w->held -= frame->bytes.len;
	buf_deinit(&frame->bytes);
}

static void enter(struct walk *w, const struct zip_file *zip, const struct zip_member *member)
{
	struct slice stored = zip_stored(zip, member);
	struct buf   bytes;

	if (w->depth == LIMIT_NESTED_DEPTH || w->archives == LIMIT_NESTED_ARCHIVES) {
		note(w, w->depth == LIMIT_NESTED_DEPTH ? "nested_depth_max" : "nested_archives_max", member->name,
		     "not opened");
		return;
	}
	if (stored.len) {
		push(w, member->name, stored, NULL);
		return;
	}
	if (read_charged(w, zip, member, LIMIT_NESTED_HELD_BYTES - w->held, &bytes))
		push(w, member->name, buf_slice(&bytes), &bytes);
	else
		buf_deinit(&bytes);
}

static void read_member(struct walk *w, const struct zip_file *zip, const struct zip_member *member)
{
	struct buf bytes;

	if (read_charged(w, zip, member, MEMBER_BYTES_MAX, &bytes))
		w->visitor->member(w->visitor->data, member->name, buf_slice(&bytes));
	buf_deinit(&bytes);
}

static void step(struct walk *w)
{
	struct frame     *frame = &w->frames[w->depth - 1];
	struct zip_member member;

	if (!zip_next(&frame->zip, &member)) {
		pop(w);
		return;
	}
	if (++w->members > LIMIT_NESTED_MEMBERS) {
		note(w, "nested_members_max", member.name, "the rest is not read");
		w->stopped = true;
	} else if (w->visitor->is_archive(member.name)) {
		enter(w, &frame->zip, &member);
	} else if (w->visitor->wants(w->visitor->data, member.name)) {
		read_member(w, &frame->zip, &member);
	}
}

int nested_archive_walk(struct slice path, struct slice body, const struct nested_visitor *visitor,
			struct inventory *out, struct err *err)
{
	struct walk     w = {.path = path, .visitor = visitor, .out = out};
	struct zip_file probe;
	int             rc = zip_open(body, &probe, err);

	if (rc < 0)
		return rc;
	push(&w, path, body, NULL);
	while (w.depth && !w.stopped)
		step(&w);
	while (w.depth)
		pop(&w);
	return 0;
}
