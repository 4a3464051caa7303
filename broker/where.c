/* where.c - the question `where`: which images, layers and paths hold a package, a vulnerability, a file, a path or
 * a layer. Answered from the index; images that it does not have yet are computed; without it every image is. */
#include "where_internal.h"

#include "base/limits.h"
#include "image_load.h"

#include <stdlib.h>

enum { PENDING_COMPUTED_MAX = 256, PLACE_TEXT_MAX = 400, ROW_BYTES_MAX = 256 << 20 };

int where_out_of_memory(struct where *w)
{
	return err_set(w->err, ERR_MEM, "where: out of memory");
}

/* --- rows --- */

static int take_from_record(struct where *w, const struct index_place *place, struct arena *arena,
			    struct slice *reference, struct slice *platform)
{
	struct job_image stored;
	struct image     record;
	char             text[96];
	int              status = image_load(w->catalog, place->job, place->number, arena, &stored, &record, w->err);

	if (status < 0)
		return status;
	platform_text(&record.platform, text);
	*reference = record.reference;
	*platform = arena_copy(arena, slice_str(text));
	return 0;
}

int where_place_parts(struct where *w, const struct index_place *place, struct arena *arena, struct slice *reference,
		      struct slice *platform)
{
	size_t blank = slice_rfind(place->place, ' ');

	if (place->place.len >= PLACE_TEXT_MAX || blank == SIZE_MAX)
		return take_from_record(w, place, arena, reference, platform);
	*reference = slice_sub(place->place, 0, blank);
	*platform = slice_from(place->place, blank + 1);
	return 0;
}

static void put_key(struct buf *key, struct slice text)
{
	buf_append(key, text);
	buf_byte(key, 0);
}

static void make_key(struct buf *key, const struct where_row *row)
{
	buf_clear(key);
	put_key(key, row->reference);
	put_key(key, row->platform);
	for (unsigned shift = 32; shift; shift -= 8)
		buf_byte(key, (uint8_t)(row->layer >> (shift - 8)));
	buf_byte(key, (uint8_t)row->kind);
	put_key(key, row->type);
	put_key(key, row->name);
	put_key(key, row->version);
	put_key(key, row->arch);
	put_key(key, row->id);
	put_key(key, row->paths_count ? row->paths[0] : SLICE_EMPTY);
}

static void put_package(struct json_writer *w, const struct where_row *row)
{
	if (row->kind != WHERE_PACKAGE && row->kind != WHERE_VULNERABILITY)
		return;
	json_put_text(w, "purl", row->purl);
	json_put_text(w, "name", row->name);
	json_put_text(w, "version", row->version);
	json_put_text(w, "type", row->type);
	json_put_text_if(w, "owner", row->owner);
	if (row->declared)
		json_put_bool(w, "declared", true);
	if (row->unsure)
		json_put_bool(w, "unsure", true);
}

static void put_row(struct json_writer *w, const struct where_row *row)
{
	static const char *const kinds[] = {"package", "vulnerability", "file", "path", "layer"};

	json_begin_object(w, NULL);
	json_put_str(w, "kind", kinds[row->kind]);
	json_put_text(w, "reference", row->reference);
	json_put_text(w, "platform", row->platform);
	question_put_digest(w, "digest", &row->image);
	json_begin_object(w, "layer");
	json_put_uint(w, "index", row->layer);
	question_put_digest(w, "digest", &row->layer_digest);
	json_end_object(w);
	put_package(w, row);
	if (row->kind == WHERE_VULNERABILITY) {
		json_put_text(w, "id", row->id);
		json_put_text(w, "severity", row->severity);
		json_put_text_if(w, "fixed", row->fixed);
	}
	if (row->kind == WHERE_FILE)
		question_put_digest(w, "sha256", &row->sha256);
	json_begin_array(w, "paths");
	for (size_t i = 0; i < row->paths_count; i++)
		json_put_text(w, NULL, row->paths[i]);
	json_end_array(w);
	json_end_object(w);
}

int where_emit(struct where *w, const struct where_row *row)
{
	struct json_writer  writer = json_writer_of(&w->bytes, 0);
	struct where_found *found;

	if (!arena_grow(&w->arena, &w->found, &w->found_capacity, w->found_count, sizeof(*w->found)))
		return where_out_of_memory(w);
	make_key(&w->key, row);
	buf_clear(&w->bytes);
	put_row(&writer, row);
	found = &w->found[w->found_count++];
	found->key = arena_copy(&w->arena, buf_slice(&w->key));
	found->bytes = arena_copy(&w->arena, buf_slice(&w->bytes));
	w->found_bytes += found->bytes.len;
	if (w->found_bytes > LIMIT_ANSWER_BYTES)
		return err_set(w->err, ERR_LIMIT, "where: the answer is longer than %u MiB: ask below a prefix",
			       LIMIT_ANSWER_BYTES >> 20);
	return buf_ok(&w->key) && buf_ok(&w->bytes) && !arena_failed(&w->arena) ? 0 : where_out_of_memory(w);
}

static int by_key(const void *a, const void *b)
{
	const struct where_found *left = a, *right = b;
	int                       order = slice_cmp(left->key, right->key);

	return order ? order : slice_cmp(left->bytes, right->bytes);
}

/* Reference and platform: up to the second zero byte. */
static struct slice image_part(struct slice key)
{
	struct slice rest = key;

	slice_cut(&rest, 0);
	slice_cut(&rest, 0);
	return slice_sub(key, 0, key.len - rest.len);
}

static uint64_t count_images(const struct where *w)
{
	uint64_t count = 0;

	for (size_t i = 0; i < w->found_count; i++)
		count += i == 0 || !slice_eq(image_part(w->found[i].key), image_part(w->found[i - 1].key));
	return count;
}

/* What is not known stands before what is. */
static int give_document(struct where *w, struct buf *out)
{
	struct json_writer writer = json_writer_of(out, 0);

	if (w->found_count)
		qsort(w->found, w->found_count, sizeof(*w->found), by_key);
	json_begin_object(&writer, NULL);
	json_put_str(&writer, "schema", "varve.where/1");
	json_put_text(&writer, "what", w->query.id);
	json_put_uint(&writer, "searched", w->searched);
	json_put_uint(&writer, "incomplete", w->incomplete);
	json_put_uint(&writer, "pending", w->waiting);
	if (w->query.asked == ASKED_VULNERABILITY)
		json_put_text(&writer, "generation", w->advisories ? w->advisories->generation : SLICE_EMPTY);
	json_begin_array(&writer, "notices");
	for (size_t i = 0; i < w->notices_count; i++)
		json_put_text(&writer, NULL, w->notices[i]);
	json_end_array(&writer);
	json_put_uint(&writer, "images", count_images(w));
	json_put_uint(&writer, "count", w->found_count);
	json_begin_array(&writer, "matches");
	for (size_t i = 0; i < w->found_count; i++)
		json_put_raw(&writer, NULL, w->found[i].bytes);
	json_end_array(&writer);
	json_end_object(&writer);
	return buf_ok(out) ? 0 : where_out_of_memory(w);
}

static void notice(struct where *w, struct slice text)
{
	if (arena_grow(&w->arena, &w->notices, &w->notices_capacity, w->notices_count, sizeof(text)))
		w->notices[w->notices_count++] = text;
}

/* --- what is not in the index --- */

/* Keys of pending places, copied; they are computed when the walk is over. */
struct waiting {
	struct where       *w;
	struct index_place *places;
	size_t              count, capacity;
	uint64_t            all;
};

static bool below_prefix(const struct where *w, struct slice place)
{
	struct slice prefix = slice_sub(w->query.prefix, 0, PLACE_TEXT_MAX);

	return slice_eq(slice_sub(place, 0, prefix.len), prefix);
}

static int copy_place(struct waiting *waiting, const struct index_place *place)
{
	struct arena       *arena = &waiting->w->arena;
	struct index_place *copy;

	if (!arena_grow(arena, &waiting->places, &waiting->capacity, waiting->count, sizeof(*waiting->places)))
		return where_out_of_memory(waiting->w);
	copy = &waiting->places[waiting->count++];
	*copy = *place;
	copy->key = arena_copy(arena, place->key);
	copy->place = slice_sub(copy->key, 0, place->place.len);
	return 0;
}

static int take_pending(void *data, const struct index_pending *pending)
{
	struct waiting          *waiting = data;
	const struct index_place place = {
		.place = pending->place, .key = pending->key, .job = pending->job, .number = pending->number};

	if (!pending->latest || !below_prefix(waiting->w, pending->place))
		return 0;
	return waiting->all++ < PENDING_COMPUTED_MAX ? copy_place(waiting, &place) : 0;
}

static int compute_all(struct where *w, const struct waiting *waiting)
{
	int status = 0;

	for (size_t i = 0; i < waiting->count && status == 0; i++)
		status = where_image(w, &waiting->places[i]);
	return status;
}

/* Few are computed now; of many the answer is that of before, and it says so. */
static int answer_from_index(struct where *w)
{
	struct waiting waiting = {.w = w};
	int            status = catalog_index_pending_each(w->view, take_pending, &waiting, w->err);

	if (status < 0)
		return status;
	if (waiting.all > PENDING_COMPUTED_MAX) {
		w->waiting = waiting.all;
		waiting.count = 0;
	}
	for (size_t i = 0; i < waiting.count; i++)
		if (!map_put(&w->pending, waiting.places[i].key, &waiting.places[i]))
			return where_out_of_memory(w);
	status = where_index(w);
	return status < 0 ? status : compute_all(w, &waiting);
}

static int take_place(void *data, const struct index_place *place)
{
	return copy_place(data, place);
}

static int answer_from_images(struct where *w)
{
	struct waiting waiting = {.w = w};
	int            status = catalog_index_places_each(w->view, w->query.prefix, take_place, &waiting, w->err);

	return status < 0 ? status : compute_all(w, &waiting);
}

static void forget(struct where *w)
{
	w->found_count = 0;
	w->found_bytes = 0;
	w->searched = w->incomplete = w->waiting = 0;
	map_deinit(&w->pending);
	w->pending = (struct map){0};
	err_clear(w->err);
}

static int answer(struct where *w, bool linear)
{
	int status = linear ? ERR_STORE : answer_from_index(w);

	if (status != ERR_STORE)
		return status;
	forget(w);
	if (!linear)
		notice(w,
		       SLICE_LIT(
			       "the index is damaged: every image was read. A broker or `varve scan` makes it again"));
	return answer_from_images(w);
}

/* --- what is asked --- */

static bool is_vulnerability_id(struct slice text)
{
	static const char *const prefixes[] = {"CVE-",      "GHSA-",    "DSA-",    "DLA-",    "USN-",    "RHSA-",
					       "ALSA-",     "RLSA-",    "GO-",     "PYSEC-",  "MAL-",    "CGA-",
					       "OSV-",      "RUSTSEC-", "DEBIAN-", "UBUNTU-", "ALPINE-", "SUSE-",
					       "openSUSE-", "BIT-",     "ELSA-"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (slice_starts(text, prefixes[i]))
			return true;
	return false;
}

static bool parse_hex(struct slice text, struct digest *out)
{
	char full[DIGEST_TEXT_BYTES] = "sha256:";

	if (text.len != 2 * SHA256_BYTES)
		return false;
	for (size_t i = 0; i < text.len; i++)
		full[7 + i] = (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'F' ? text.ptr[i] | 0x20 : text.ptr[i]);
	full[7 + text.len] = 0;
	return digest_parse(slice_str(full), out, NULL) == 0;
}

static enum where_asked guess(struct slice what, struct digest *digest)
{
	if (parse_hex(slice_starts(what, "sha256:") ? slice_from(what, 7) : what, digest))
		return ASKED_DIGEST;
	if (is_vulnerability_id(what))
		return ASKED_VULNERABILITY;
	return slice_starts(what, "/") || slice_starts(what, "**") ? ASKED_PATH : ASKED_PACKAGE;
}

static int choose(struct slice what, struct slice as, struct where_query *query, struct err *err)
{
	static const struct {
		const char      *name;
		enum where_asked asked;
		bool             layers, files;
	} kinds[] = {{"package", ASKED_PACKAGE, false, false},
		     {"vulnerability", ASKED_VULNERABILITY, false, false},
		     {"file", ASKED_DIGEST, false, true},
		     {"layer", ASKED_DIGEST, true, false},
		     {"path", ASKED_PATH, false, false}};

	query->asked = guess(what, &query->digest);
	query->layers = query->files = true;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && as.len; i++) {
		if (!slice_eq_str(as, kinds[i].name))
			continue;
		if (kinds[i].asked == ASKED_DIGEST && query->asked != ASKED_DIGEST)
			return err_set(err, ERR_USAGE, "'%.*s' is no SHA-256 digest",
				       SLICE_FMT(slice_sub(what, 0, 100)));
		query->asked = kinds[i].asked;
		query->layers = kinds[i].layers;
		query->files = kinds[i].files;
		return 0;
	}
	return as.len ? err_set(err, ERR_USAGE, "nothing can be looked for as '%.*s'", SLICE_FMT(as)) : 0;
}

static int parse(struct where *w, const struct where_request *request)
{
	struct where_query *query = &w->query;
	struct slice        what = slice_trim(request->what);
	int                 status = what.len ? choose(what, request->as, query, w->err)
					      : err_set(w->err, ERR_USAGE, "where: nothing is asked for");

	if (status < 0)
		return status;
	query->prefix = request->prefix;
	query->id = what;
	while (what.len && what.ptr[0] == '/')
		what = slice_from(what, 1);
	query->glob = what;
	query->by_name = slice_find(query->id, '/') == SIZE_MAX;
	if (query->asked != ASKED_PACKAGE)
		return 0;
	status = package_pattern_parse(query->id, &w->arena, &query->pattern, w->err);
	query->pattern.by_source = request->source;
	return status;
}

bool where_is_vulnerability(const struct where *w, const struct result_vulnerability *v)
{
	if (slice_eq_nocase(v->id, w->query.id))
		return true;
	for (size_t i = 0; i < v->aliases_count; i++)
		if (slice_eq_nocase(v->aliases[i], w->query.id))
			return true;
	return false;
}

static int ask(struct where *w, const struct where_request *request, struct buf *out)
{
	int status = parse(w, request);

	if (status < 0)
		return status;
	if (w->query.asked == ASKED_VULNERABILITY && !w->advisories)
		notice(w, SLICE_LIT("no advisory database: nothing can be judged"));
	if (w->query.asked == ASKED_DIGEST && w->query.files)
		notice(w, SLICE_LIT("of files only executables and those that packages were read from have a SHA-256"));
	status = answer(w, request->linear);
	return status < 0 ? status : give_document(w, out);
}

int where_answer(struct question *q, const struct where_request *request, struct buf *out, struct err *err)
{
	struct where w = {.catalog = q->catalog, .view = q->view, .advisories = q->reader, .err = err};
	int          status;

	arena_init(&w.arena, 4ull * LIMIT_ANSWER_BYTES);
	buf_init(&w.key, ROW_BYTES_MAX);
	buf_init(&w.bytes, ROW_BYTES_MAX);
	status = ask(&w, request, out);
	map_deinit(&w.pending);
	buf_deinit(&w.key);
	buf_deinit(&w.bytes);
	arena_deinit(&w.arena);
	return status;
}
