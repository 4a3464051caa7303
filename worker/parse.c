#include "parse.h"

#include "analyze/dispatch.h"
#include "base/limits.h"
#include "entry/body_store.h"
#include "entry/entry_reader.h"
#include "layer/layer.h"

#include <stdio.h>
#include <string.h>

struct parse {
	const struct parse_request *request;
	struct inventory            inventory;
	struct layer               *layer;
	struct entry_reader        *entries;
	struct body_store          *bodies;
	struct dispatch            *dispatch;
	struct path_table_builder  *paths;
	bool                        by_resource;
};

static int parse_open(struct parse *p, struct stream *blob, int spool_fd, struct err *err)
{
	struct layer_config config = {.tar_bytes_max = p->request->tar_bytes_max,
				      .ahead = p->request->ahead,
				      .window = p->request->window,
				      .cancel = p->request->cancel,
				      .progress = p->request->progress};
	int                 status = 0;

	p->layer = layer_open(blob, &config, err);
	if (!p->layer)
		return err ? err->code : ERR_FORMAT;
	p->entries = entry_reader_new(layer_tar(p->layer), p->request->entries_max, &p->inventory, err);
	p->bodies = body_store_new(spool_fd, p->request->spool_bytes_max, err);
	p->dispatch = dispatch_new(&p->inventory, spool_fd, p->request->memo, err);
	p->paths = path_table_builder_new();
	if (p->dispatch)
		dispatch_watch(p->dispatch, p->request->running);
	if (!p->entries || !p->bodies || !p->dispatch || !p->paths)
		status = err_set(err, ERR_MEM, "reading a layer: out of memory");
	return status;
}

static void parse_close(struct parse *p)
{
	path_table_builder_free(p->paths);
	dispatch_free(p->dispatch);
	body_store_free(p->bodies);
	entry_reader_free(p->entries);
	layer_close(p->layer);
	inventory_deinit(&p->inventory);
}

/* The body that was asked for cannot be had. What broke the tar itself comes again at the next entry. */
static void give_up(struct parse *p, const struct err *why, bool refused)
{
	char reason[sizeof(why->text) + 32];

	p->by_resource = p->by_resource || refused;
	snprintf(reason, sizeof(reason), "%s%s", refused ? "" : "body_unreadable: ", why->text);
	dispatch_give_up(p->dispatch, reason);
}

static void pass_whole(struct parse *p, const struct entry *entry)
{
	struct body          body;
	struct err           why = {0};
	struct dispatch_body whole;
	bool                 kept;

	if (body_store_read(p->bodies, p->entries, entry->size, &body, &why) < 0) {
		give_up(p, &why, body.refused);
		return;
	}
	whole = (struct dispatch_body){.bytes = body.bytes, .spooled = body.spooled, .spool_offset = body.spool_offset};
	kept = dispatch_finish(p->dispatch, &whole) == DISPATCH_KEPT;
	body_store_release(p->bodies, &body, kept);
}

static void pass_stream(struct parse *p)
{
	struct slice block;
	struct err   why = {0};
	int          status;

	while ((status = entry_reader_block(p->entries, &block, &why)) == STREAM_BLOCK)
		dispatch_feed(p->dispatch, block);
	if (status < 0)
		give_up(p, &why, false);
	else
		dispatch_finish(p->dispatch, NULL);
}

/* Not to be taken for an empty file: what an analyzer wanted, and a folder, may have held packages. */
static void pass_unreadable(struct parse *p, const struct entry *entry, bool wanted)
{
	char reason[LIMIT_PATH_BYTES];

	snprintf(reason, sizeof(reason), "unreadable: %.*s",
		 SLICE_FMT(slice_sub(entry->unreadable, 0, sizeof(reason) / 2)));
	if (wanted)
		dispatch_give_up(p->dispatch, reason);
	else
		inventory_note(&p->inventory, entry->type == PATH_DIRECTORY ? NOTE_PARTIAL : NOTE_SKIPPED, entry->path,
			       "%s", reason);
}

static int pass_entry(struct parse *p, const struct entry *entry, struct err *err)
{
	const struct path_entry path = {.path = entry->path, .type = entry->type, .target = entry->target};
	struct slice            head = SLICE_EMPTY;
	int                     status = path_table_add(p->paths, &path, err);
	enum dispatch_need      action;

	if (status < 0)
		return status;
	if (entry->size)
		entry_reader_head(p->entries, &head, NULL);
	action = dispatch_begin(p->dispatch, entry, head);
	if (entry->unreadable.len) {
		pass_unreadable(p, entry, action == DISPATCH_WHOLE || action == DISPATCH_STREAM);
		return 0;
	}
	switch (action) {
	case DISPATCH_WHOLE:
		pass_whole(p, entry);
		break;
	case DISPATCH_STREAM:
		pass_stream(p);
		break;
	default:
		break;
	}
	return 0;
}

static bool ends_the_parse(int status)
{
	return status == ERR_MEM || status == ERR_CANCELLED;
}

static void note_stop(struct parse *p, const char *word, const struct err *why)
{
	inventory_note(&p->inventory, NOTE_PARTIAL, SLICE_EMPTY, "%s%s", word, why->text);
}

/* Why the tar was not read to its end: the decompression stopped, or the tar is broken. Ceilings begin with their word.
 */
static void note_end(struct parse *p, const struct layer_summary *summary, int tar_status, const struct err *tar_why,
		     bool surplus)
{
	const char *word = summary->status == ERR_TRUNCATED ? "blob_truncated: " : "blob_damaged: ";
	bool        ceiling = summary->status == ERR_LIMIT;

	if (ceiling && strstr(summary->why.text, "_max: ") == NULL && strstr(summary->why.text, "_ratio: ") == NULL)
		word = "window_bytes_max: ";
	else if (ceiling)
		word = "";
	if (summary->status < 0)
		note_stop(p, word, &summary->why);
	else if (tar_status < 0)
		note_stop(p, tar_status == ERR_TRUNCATED ? "tar_truncated: " : "tar_damaged: ", tar_why);
	if (summary->trailing_bytes)
		inventory_note(&p->inventory, NOTE_PARTIAL, SLICE_EMPTY,
			       "trailing_bytes: bytes behind the compressed data that are neither data nor padding");
	if (surplus)
		inventory_note(&p->inventory, NOTE_INFO, SLICE_EMPTY,
			       "behind_end: bytes behind the end of the archive, not read");
}

static int read_entries(struct parse *p, struct err *why, struct err *err)
{
	struct entry entry;
	int          status;

	while ((status = entry_reader_next(p->entries, &entry, why)) == 1) {
		status = pass_entry(p, &entry, err);
		if (status < 0)
			return status;
	}
	return ends_the_parse(status) ? err_set(err, status, "%s", why->text) : 0;
}

static void fill_result(const struct parse *p, const struct layer_summary *summary, struct parse_result *result)
{
	*result = (struct parse_result){
		.diff_id = summary->diff_id,
		.blob_bytes = summary->blob_bytes,
		.tar_bytes = summary->tar_bytes,
		.entries = p->entries ? entry_reader_count(p->entries) : 0,
		.files_analyzed = p->dispatch ? dispatch_files_analyzed(p->dispatch) : 0,
		.partial = p->by_resource || inventory_is_partial(&p->inventory),
		.by_resource = p->by_resource,
	};
}

static int encode(struct parse *p, const struct layer_summary *summary, struct buf *inventory, struct buf *path_table,
		  struct err *err)
{
	struct inventory *inv = &p->inventory;
	int               status;

	inv->blob_digest = p->request->blob_digest;
	inv->diff_id = digest_is_zero(&inv->blob_digest) ? inv->blob_digest : summary->diff_id;
	inv->media_type = slice_str(summary->media_type);
	inv->blob_bytes = summary->blob_bytes;
	inv->tar_bytes = summary->tar_bytes;
	inv->entries = entry_reader_count(p->entries);
	status = inventory_encode(inv, inventory, err);
	return status < 0 ? status : path_table_finish(p->paths, path_table, err);
}

static int parse_entries(struct parse *p, struct parse_result *result, struct buf *inventory, struct buf *path_table,
			 struct err *err)
{
	struct layer_summary summary;
	struct err           why = {0};
	bool                 surplus = false;
	int                  status = read_entries(p, &why, err);

	if (status < 0)
		return status;
	if (why.code == 0)
		entry_reader_finish(p->entries, &surplus, NULL);
	status = layer_finish(p->layer, &summary, err);
	if (status < 0)
		return status;
	if (ends_the_parse(summary.status))
		return err_set(err, summary.status, "%s", summary.why.text);
	if (why.code && (entry_reader_count(p->entries) == 0 || entry_reader_is_foreign(p->entries)))
		return summary.status < 0 ? err_set(err, summary.status, "%s", summary.why.text)
					  : err_set(err, why.code, "%s", why.text);
	note_end(p, &summary, why.code, &why, surplus);
	status = dispatch_end(p->dispatch, err);
	if (!status)
		status = encode(p, &summary, inventory, path_table, err);
	if (!status)
		fill_result(p, &summary, result);
	return status;
}

int parse_layer(struct stream *layer, int spool_fd, const struct parse_request *request, struct parse_result *result,
		struct buf *inventory, struct buf *path_table, struct err *err)
{
	struct parse p = {.request = request};
	struct err   own = {0};
	int          status;

	err = err ? err : &own;
	inventory_init(&p.inventory);
	status = parse_open(&p, layer, spool_fd, err);
	if (!status)
		status = parse_entries(&p, result, inventory, path_table, err);
	parse_close(&p);
	return status;
}
