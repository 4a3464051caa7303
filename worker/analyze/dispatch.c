#include "analyze/dispatch.h"

#include "analyze/analyzer_index.h"
#include "analyze/body_memo.h"
#include "analyze/fact_index.h"
#include "analyze/plain_text.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/path.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The SHA-256 of executables is the dispatcher's own fact; its rule has a version as analyzers have. Measured on a gzip
 * layer of 53 MB whose executables are 27 % of its bytes: 8 % of the scan, which with it takes 1.19 times the floor. */
#define HASH_RULE "hash/1"

enum { INDEX_BYTES_MAX = LIMIT_INVENTORY_ARENA_BYTES / 4 };

/* A body that waits for the end of the layer: the main file of a pair, or its companion. */
struct pending {
	struct pending        *next, *before;
	const struct analyzer *analyzer;
	struct fact_node      *node;   /* where it is to be found */
	uint8_t               *memory; /* NULL when spooled */
	bool                   spooled, companion, used;
	uint64_t               spool_offset, size;
	uint8_t               *mapping;
	size_t                 mapping_bytes;
};

struct dispatch {
	struct inventory     *out;
	int                   spool_fd;
	struct arena          arena;
	struct analyzer_index by_name;
	struct fact_index     index;
	struct body_memo      memo;
	struct sha256        *sha256;
	struct pending       *pending, *pending_last;
	uint64_t              pending_bytes; /* of those in memory */
	uint64_t              analyzed;
	_Atomic uint32_t     *running; /* NULL: nobody looks */

	/* the entry whose body is being read */
	char                 path[LIMIT_PATH_BYTES];
	struct entry         entry;
	struct analyzer_bits wanted, sniffed; /* by name and by content */
	bool                 executable, found;
	bool                 unsure; /* what this run found would perhaps not be found by the next: no memory … */
	bool                 hashed; /* `digest` is the body's */
	uint64_t             fed;
	struct digest        digest;
};

static void pending_append(struct dispatch *d, struct pending *pending)
{
	pending->before = d->pending_last;
	if (d->pending_last)
		d->pending_last->next = pending;
	else
		d->pending = pending;
	d->pending_last = pending;
}

static void pending_free(struct dispatch *d, struct pending *pending)
{
	*(pending->before ? &pending->before->next : &d->pending) = pending->next;
	*(pending->next ? &pending->next->before : &d->pending_last) = pending->before;
	if (pending->mapping)
		munmap(pending->mapping, pending->mapping_bytes);
	if (pending->memory)
		d->pending_bytes -= pending->size;
	free(pending->memory);
	free(pending);
}

static void pending_moved(void *data, void *item, struct fact_node *heir)
{
	struct pending *pending = item;

	if (heir)
		pending->node = heir;
	else
		pending_free(data, pending);
}

struct dispatch *dispatch_new(struct inventory *out, int spool_fd, const struct file_memo *memo, struct err *err)
{
	struct dispatch *d = calloc(1, sizeof(*d));
	struct buf       set;

	if (d)
		d->sha256 = sha256_new();
	if (!d || !d->sha256) {
		free(d);
		err_set(err, ERR_MEM, "analyzing a layer: out of memory");
		return NULL;
	}
	d->out = out;
	d->spool_fd = spool_fd;
	arena_init(&d->arena, INDEX_BYTES_MAX);
	if (!body_memo_init(&d->memo, memo) || !analyzer_index_init(&d->by_name, &d->arena)) {
		dispatch_free(d);
		err_set(err, ERR_MEM, "analyzing a layer: out of memory");
		return NULL;
	}
	fact_index_init(&d->index, &d->arena, out);
	d->index.pending_moved = pending_moved;
	d->index.data = d;
	buf_init(&set, LIMIT_STRING_BYTES);
	dispatch_analyzer_set(&set);
	out->analyzer_set = arena_copy(&out->arena, buf_slice(&set));
	buf_deinit(&set);
	return d;
}

void dispatch_free(struct dispatch *d)
{
	if (!d)
		return;
	while (d->pending)
		pending_free(d, d->pending);
	body_memo_deinit(&d->memo);
	sha256_free(d->sha256);
	analyzer_index_deinit(&d->by_name);
	arena_deinit(&d->arena);
	free(d);
}

void dispatch_watch(struct dispatch *d, _Atomic uint32_t *running)
{
	d->running = running;
}

static void at_work(struct dispatch *d, const struct analyzer *analyzer)
{
	if (d->running)
		atomic_store_explicit(d->running, analyzer ? analyzer_number(analyzer) + 1 : 0, memory_order_relaxed);
}

uint64_t dispatch_files_analyzed(const struct dispatch *d)
{
	return d->analyzed;
}

struct memo_counts dispatch_memo_counts(const struct dispatch *d)
{
	return d->memo.counts;
}

static enum note_kind failure_kind(const struct analyzer *analyzer, bool by_magic)
{
	return analyzer->database && !by_magic ? NOTE_PARTIAL : NOTE_SKIPPED;
}

/* -- what an entry is for ------------------------------------------------------------------------------------------ */

static bool body_fits(struct dispatch *d, const struct analyzer *analyzer, const struct entry *entry, bool by_magic)
{
	if (entry->size <= analyzer->body_bytes_max)
		return true;
	inventory_note(d->out, failure_kind(analyzer, by_magic), entry->path,
		       "body_bytes_max: %s: %" PRIu64 " bytes, at most %zu are read", analyzer->name, entry->size,
		       analyzer->body_bytes_max);
	return false;
}

static bool is_wanted(const struct analyzer *analyzer, const struct entry *entry, struct slice head)
{
	return !analyzer->wants || analyzer->wants(entry, head) != NEED_NOTHING;
}

/* Whether any analyzer wants it, be the body too large or not. */
static bool choose_by_name(struct dispatch *d, const struct entry *entry, struct slice head)
{
	struct analyzer_bits candidates = analyzer_index_find(&d->by_name, entry->path);
	bool                 known = false;

	for (size_t i = 0; (i = analyzer_bits_next(&candidates, i)) != SIZE_MAX; i++) {
		if (!is_wanted(analyzer_at(i), entry, head))
			continue;
		known = true;
		if (body_fits(d, analyzer_at(i), entry, false))
			analyzer_bits_set(&d->wanted, i);
	}
	return known;
}

static void choose_by_content(struct dispatch *d, const struct entry *entry, struct slice head)
{
	for (size_t i = 0; i < analyzer_count(); i++)
		if (analyzer_at(i)->sniff && analyzer_at(i)->sniff(head) && body_fits(d, analyzer_at(i), entry, true))
			analyzer_bits_set(&d->sniffed, i);
}

static bool is_executable(const struct entry *entry, struct slice head)
{
	return (entry->mode & 0111) && (slice_starts(head, "\x7f"
							   "ELF") ||
					slice_starts(head, "#!"));
}

/* The first analyzer that wants what has this name; NULL: none. */
static const struct analyzer *wanted_by_name(const struct dispatch *d, const struct entry *entry)
{
	struct analyzer_bits candidates = analyzer_index_find(&d->by_name, entry->path);
	struct entry         file = *entry;

	file.type = PATH_FILE;
	for (size_t i = 0; (i = analyzer_bits_next(&candidates, i)) != SIZE_MAX; i++)
		if (is_wanted(analyzer_at(i), &file, SLICE_EMPTY))
			return analyzer_at(i);
	return NULL;
}

/* Remembered: links under a name that is evidence, and links to what has facts in this layer. */
static void add_link(struct dispatch *d, const struct entry *entry)
{
	struct fact_node      *target = fact_index_find(&d->index, entry->target), *link;
	const struct analyzer *analyzer = wanted_by_name(d, entry);
	struct fact_content   *content = target ? target->content : NULL;
	bool leads_to_facts = content && (content->has_facts || content->pending || fact_node_is_link(target));

	if ((!analyzer && !leads_to_facts) || slice_eq(entry->path, entry->target))
		return;
	link = fact_index_add(&d->index, entry->path);
	target = fact_index_add(&d->index, entry->target);
	if (!link || !target)
		return;
	link->by_name = analyzer != NULL;
	link->database = analyzer && analyzer->database;
	fact_index_link(&d->index, link, target);
}

/* A stream that was begun and will not be finished. */
static void forget_stream(struct dispatch *d)
{
	uint8_t unused[SHA256_BYTES];

	if (d->fed)
		sha256_final(d->sha256, unused); /* starts anew */
	d->fed = 0;
}

static bool wants_body(const struct dispatch *d)
{
	return analyzer_bits_any(&d->wanted) || analyzer_bits_any(&d->sniffed);
}

enum dispatch_need dispatch_begin(struct dispatch *d, const struct entry *entry, struct slice head)
{
	bool hard_link = entry->type == PATH_HARDLINK;

	d->wanted = d->sniffed = (struct analyzer_bits){0};
	d->executable = d->found = d->unsure = d->hashed = false;
	forget_stream(d);
	if (entry->type == PATH_WHITEOUT || entry->type == PATH_OPAQUE || entry->path.len > sizeof(d->path))
		return DISPATCH_NOTHING;
	if (!hard_link || !slice_eq(entry->path, entry->target))
		fact_index_replace(&d->index, entry->path, entry->type == PATH_DIRECTORY);
	if (hard_link && entry->size == 0)
		add_link(d, entry);
	if (entry->type != PATH_FILE && !(hard_link && entry->size))
		return DISPATCH_NOTHING;

	if (!choose_by_name(d, entry, head))
		choose_by_content(d, entry, head);
	d->executable = is_executable(entry, head);
	if (!wants_body(d) && !d->executable)
		return DISPATCH_NOTHING;
	if (entry->path.len)
		memcpy(d->path, entry->path.ptr, entry->path.len);
	d->entry = *entry;
	d->entry.type = PATH_FILE;
	d->entry.path = slice_of(d->path, entry->path.len);
	d->entry.target = SLICE_EMPTY;
	return wants_body(d) ? DISPATCH_WHOLE : DISPATCH_STREAM;
}

/* -- bodies -------------------------------------------------------------------------------------------------------- */

void dispatch_feed(struct dispatch *d, struct slice block)
{
	sha256_update(d->sha256, block);
	d->fed += block.len;
}

static void note_failure(struct dispatch *d, const struct analyzer *analyzer, struct slice path, bool by_magic, int rc,
			 const struct err *err)
{
	inventory_note(d->out, failure_kind(analyzer, by_magic), path, "%s: %s: %s", err_name(rc), analyzer->name,
		       err->code ? err->text : "cannot be read");
}

/* What was found under a name that is no evidence by itself. Without a package or a system in it, it was none: many
 * files look like a Berkeley DB. Returns whether there is something. */
static bool mark_by_magic(struct inventory *inv, struct fact_mark from)
{
	bool found = inv->os_releases_count > from.os_releases;

	for (size_t i = from.dbs; i < inv->dbs_count; i++) {
		inv->dbs[i].by_magic = true;
		inv->dbs[i].dropped = inv->dbs[i].packages_count == 0;
		found |= inv->dbs[i].packages_count > 0;
	}
	for (size_t i = from.os_releases; i < inv->os_releases_count; i++)
		inv->os_releases[i].by_magic = true;
	return found;
}

static void run(struct dispatch *d, const struct analyzer *analyzer, struct slice bytes, bool by_magic)
{
	struct fact_mark from = fact_mark_now(d->out);
	struct err       err = {0};
	bool             found;
	int              rc;

	rc = analyzer->text ? plain_text(&bytes, &err) : 0;
	at_work(d, analyzer);
	if (rc == 0)
		rc = analyzer->run ? analyzer->run(&d->entry, bytes, d->out, &err)
				   : analyzer->run_pair(&d->entry, bytes, SLICE_EMPTY, d->out, &err);
	at_work(d, NULL);
	found = by_magic ? mark_by_magic(d->out, from) : true;
	if (rc && found)
		note_failure(d, analyzer, d->entry.path, by_magic, rc, &err);
	d->found |= found;
	d->unsure |= rc == ERR_MEM || rc == ERR_IO || rc == ERR_INTERNAL;
	d->analyzed++;
}

/* Puts a body aside for the end of the layer. */
static bool keep(struct dispatch *d, const struct analyzer *analyzer, const struct dispatch_body *body)
{
	struct fact_node    *node = fact_index_add(&d->index, d->entry.path);
	struct fact_content *content = node ? fact_index_content(&d->index, node) : NULL;
	struct pending      *pending;
	uint8_t             *copy = NULL;

	if (!body->spooled && body->bytes.len > LIMIT_PENDING_BYTES - d->pending_bytes) {
		inventory_note(d->out, NOTE_PARTIAL, d->entry.path,
			       "pending_bytes_max: %s: more than %u bytes of such files", analyzer->name,
			       LIMIT_PENDING_BYTES);
		return false;
	}
	pending = content ? calloc(1, sizeof(*pending)) : NULL;
	if (pending && !body->spooled)
		copy = malloc(body->bytes.len ? body->bytes.len : 1);
	if (!pending || (!copy && !body->spooled)) {
		free(pending);
		inventory_note(d->out, NOTE_PARTIAL, d->entry.path, "mem: %s: no memory to keep the file",
			       analyzer->name);
		return false;
	}
	if (copy && body->bytes.len)
		memcpy(copy, body->bytes.ptr, body->bytes.len);
	*pending = (struct pending){.analyzer = analyzer,
				    .node = node,
				    .memory = copy,
				    .spooled = body->spooled,
				    .spool_offset = body->spool_offset,
				    .size = body->bytes.len,
				    .companion = slice_ends(d->entry.path, analyzer->companion_suffix)};
	d->pending_bytes += copy ? pending->size : 0;
	pending_append(d, pending);
	node->by_name = true;
	content->pending = pending;
	return body->spooled;
}

static bool run_all(struct dispatch *d, const struct dispatch_body *body)
{
	bool kept = false;

	for (size_t i = 0; (i = analyzer_bits_next(&d->wanted, i)) != SIZE_MAX; i++) {
		if (analyzer_at(i)->companion_suffix)
			kept |= keep(d, analyzer_at(i), body);
		else
			run(d, analyzer_at(i), body->bytes, false);
	}
	for (size_t i = 0; (i = analyzer_bits_next(&d->sniffed, i)) != SIZE_MAX; i++)
		run(d, analyzer_at(i), body->bytes, true);
	return kept;
}

static void finish_hash(struct dispatch *d)
{
	if (!d->hashed)
		sha256_final(d->sha256, d->digest.bytes);
	d->hashed = true;
}

/* As run_all(), but for a body whose facts are known. Its hash, once taken, serves the inventory too. */
static bool run_or_recall(struct dispatch *d, const struct dispatch_body *body)
{
	struct body_mark from = body_mark_now(d->out);
	struct digest    key;
	bool             kept;

	if (!body_memo_asks(&d->memo, &d->wanted, &d->sniffed, body->bytes.len))
		return run_all(d, body);
	dispatch_feed(d, body->bytes);
	finish_hash(d);
	body_memo_key(&d->memo, &d->wanted, &d->sniffed, &d->entry, &d->digest, &key);
	if (body_memo_recall(&d->memo, &key, d->entry.path, d->out)) {
		d->found = true;
		return false;
	}
	kept = run_all(d, body);
	if (!d->unsure)
		body_memo_remember(&d->memo, &key, d->entry.path, from, d->out);
	return kept;
}

static bool is_evidence(const struct dispatch *d, struct fact_mark from)
{
	struct fact_node *node = fact_index_find(&d->index, d->entry.path);
	bool              facts = d->out->dbs_count > from.dbs || d->out->os_releases_count > from.os_releases;

	return (facts && d->found) || (node && node->content && node->content->pending);
}

static void add_hash(struct dispatch *d, const struct dispatch_body *body)
{
	if (body && !d->hashed)
		dispatch_feed(d, body->bytes);
	finish_hash(d);
	inventory_add_hash(d->out, d->entry.path, &d->digest, d->fed, d->executable);
}

enum dispatch_verdict dispatch_finish(struct dispatch *d, const struct dispatch_body *body)
{
	struct fact_mark  from = fact_mark_now(d->out), to;
	struct fact_node *node;
	bool              kept = body && run_or_recall(d, body);

	if (!body || d->executable || is_evidence(d, from))
		add_hash(d, body);
	d->fed = 0;
	to = fact_mark_now(d->out);
	if (memcmp(&from, &to, sizeof(from)) == 0)
		return kept ? DISPATCH_KEPT : DISPATCH_DONE;
	node = fact_index_add(&d->index, d->entry.path);
	if (node) {
		node->by_name = analyzer_bits_any(&d->wanted);
		fact_index_own(&d->index, node, from);
	}
	return kept ? DISPATCH_KEPT : DISPATCH_DONE;
}

void dispatch_give_up(struct dispatch *d, const char *reason)
{
	enum note_kind kind = NOTE_SKIPPED;

	for (size_t i = 0; (i = analyzer_bits_next(&d->wanted, i)) != SIZE_MAX; i++)
		if (analyzer_at(i)->database)
			kind = NOTE_PARTIAL;
	inventory_note(d->out, kind, d->entry.path, "%s", reason);
	forget_stream(d);
}

/* -- the end of the layer ------------------------------------------------------------------------------------------ */

/* The bytes of a body that waited; an error is noted. */
static bool pending_bytes(struct dispatch *d, struct pending *pending, struct slice *bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), shift = pending->spool_offset % page;
	void    *mapping;

	*bytes = slice_of(pending->memory, pending->memory ? (size_t)pending->size : 0);
	if (!pending->spooled || pending->size == 0)
		return true;
	mapping = mmap(NULL, (size_t)(pending->size + shift), PROT_READ, MAP_PRIVATE, d->spool_fd,
		       (off_t)(pending->spool_offset - shift));
	if (mapping == MAP_FAILED) {
		inventory_note(d->out, NOTE_PARTIAL, pending->node->path, "io: %s: the spool cannot be mapped",
			       pending->analyzer->name);
		return false;
	}
	pending->mapping = mapping;
	pending->mapping_bytes = (size_t)(pending->size + shift);
	*bytes = slice_of(pending->mapping + shift, (size_t)pending->size);
	return true;
}

static struct pending *find_companion(struct dispatch *d, const struct pending *pending)
{
	char              name[LIMIT_PATH_BYTES + 64];
	struct slice      path = pending->node->path, suffix = slice_str(pending->analyzer->companion_suffix);
	struct fact_node *node;

	if (slice_starts(suffix, "/"))
		path = path_dirname(path);

	if (path.len + suffix.len > sizeof(name))
		return NULL;
	memcpy(name, path.ptr, path.len);
	memcpy(name + path.len, suffix.ptr, suffix.len);
	node = fact_index_find(&d->index, slice_of(name, path.len + suffix.len));
	return node && node->content && !fact_node_is_link(node) ? node->content->pending : NULL;
}

static void run_pending(struct dispatch *d, struct pending *pending)
{
	struct pending  *companion = find_companion(d, pending);
	struct entry     entry = {.path = pending->node->path, .type = PATH_FILE, .size = pending->size};
	struct slice     body, second = SLICE_EMPTY;
	struct err       err = {0};
	struct fact_mark from = fact_mark_now(d->out);
	int              rc;

	if (companion)
		companion->used = true;
	if (!pending_bytes(d, pending, &body) || (companion && !pending_bytes(d, companion, &second)))
		return;
	rc = pending->analyzer->text ? plain_text(&body, &err) : 0;
	at_work(d, pending->analyzer);
	if (rc == 0)
		rc = pending->analyzer->run_pair(&entry, body, second, d->out, &err);
	at_work(d, NULL);
	for (size_t i = from.dbs; i < d->out->dbs_count; i++)
		d->out->dbs[i].by_magic = !pending->node->by_name;
	if (rc)
		note_failure(d, pending->analyzer, entry.path, false, rc, &err);
	d->analyzed++;
}

static void run_all_pending(struct dispatch *d)
{
	for (struct pending *pending = d->pending; pending; pending = pending->next)
		if (!pending->companion)
			run_pending(d, pending);
	for (struct pending *pending = d->pending; pending; pending = pending->next)
		if (pending->companion && !pending->used && pending->size && pending->analyzer->database)
			inventory_note(d->out, NOTE_PARTIAL, pending->node->path,
				       "companion_missing: %s: the file it belongs to is not in this layer",
				       pending->analyzer->name);
}

/* Packages or a system: more than the hash of an executable, whose other names are in the path table. */
static bool holds_evidence(const struct fact_content *content)
{
	return content->pending || content->to.dbs > content->from.dbs ||
	       content->to.os_releases > content->from.os_releases;
}

int dispatch_end(struct dispatch *d, struct err *err)
{
	run_all_pending(d);
	fact_index_settle(&d->index);
	for (struct fact_node *node = &d->index.root; node; node = fact_index_next(&d->index, node))
		if (fact_node_is_link(node) && (node->by_name || holds_evidence(node->content)))
			inventory_add_link(d->out, node->path, node->content->first->path, node->database);
	if (arena_failed(&d->arena))
		return err_set(err, ERR_LIMIT, "analyzing a layer: the index of its evidence passes %u bytes",
			       (unsigned)INDEX_BYTES_MAX);
	if (inventory_failed(d->out))
		return err_set(err, ERR_LIMIT, "analyzing a layer: its inventory passes %u bytes",
			       LIMIT_INVENTORY_ARENA_BYTES);
	return 0;
}

/* -- the analyzer set ---------------------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void dispatch_analyzer_set(struct buf *out)
{
	char        names[ANALYZERS_MAX][64];
	const char *sorted[ANALYZERS_MAX + 1];
	size_t      count = analyzer_count();

	for (size_t i = 0; i < count; i++) {
		snprintf(names[i], sizeof(names[i]), "%s/%u", analyzer_at(i)->name, analyzer_at(i)->version);
		sorted[i] = names[i];
	}
	sorted[count++] = HASH_RULE;
	qsort(sorted, count, sizeof(*sorted), compare_names);
	for (size_t i = 0; i < count; i++) {
		buf_str(out, i ? "," : "");
		buf_str(out, sorted[i]);
	}
}
