#include "diff.h"

#include "diff_side.h"

#include <stdlib.h>

enum { SCRATCH_BYTES_MAX = 1 << 30 };

/* An image that is not the same on both sides; a set of 0: it is not there. */
struct pair {
	struct slice reference, platform;
	uint64_t     a, b;
	uint64_t     added, removed, changed, come, fixed;
};

/* One package name of one pair, with the packages that bear it on each side. */
struct side_package {
	const struct question_package *package;
	bool                           of_b;
};

/* What is said about a package name or one of its vulnerabilities, over all pairs. */
struct row {
	struct slice                   type, name, from, to; /* versions, joined */
	const struct question_finding *finding;              /* NULL: of the package itself */
	const struct question_package *package;              /* that has it */
	bool                           come;
	uint64_t                       images;
};

struct diffing {
	struct question *q;
	struct err      *err;
	struct diff_side a, b;
	struct pair     *pairs;
	size_t           pairs_count, pairs_capacity;
	struct row      *rows, *findings;
	size_t           rows_count, rows_capacity, findings_count, findings_capacity;
	struct map       row_of; /* what a row says -> index + 1; of findings with a mark in front */
	struct arena     scratch;
};

static int no_memory(struct diffing *d)
{
	return err_set(d->err, ERR_MEM, "the answer does not fit into memory");
}

/* ---- pairs ---- */

static int add_pair(struct diffing *d, const struct diff_image *a, const struct diff_image *b)
{
	const struct diff_image *any = b ? b : a;

	if (a && b && a->set == b->set)
		return 0;
	if (!arena_grow(&d->q->arena, &d->pairs, &d->pairs_capacity, d->pairs_count, sizeof(*d->pairs)))
		return no_memory(d);
	d->pairs[d->pairs_count++] = (struct pair){
		.reference = any->reference, .platform = any->platform, .a = a ? a->set : 0, .b = b ? b->set : 0};
	return 0;
}

static int cmp_images(const struct diff_image *a, const struct diff_image *b)
{
	int order = slice_cmp(a->reference, b->reference);

	return order ? order : slice_cmp(a->platform, b->platform);
}

/* Images by name; two images that were named themselves are one pair, whatever they are called. */
static int make_pairs(struct diffing *d, bool of_images)
{
	size_t a = 0, b = 0;
	int    status = 0;

	if (of_images)
		return add_pair(d, &d->a.images[0], &d->b.images[0]);
	while (!status && (a < d->a.count || b < d->b.count)) {
		int order = a == d->a.count ? 1 : b == d->b.count ? -1 : cmp_images(&d->a.images[a], &d->b.images[b]);

		status = add_pair(d, order <= 0 ? &d->a.images[a] : NULL, order >= 0 ? &d->b.images[b] : NULL);
		a += order <= 0;
		b += order >= 0;
	}
	return status;
}

/* ---- packages of a pair ---- */

struct pair_packages {
	struct side_package *items;
	size_t               count, capacity;
};

static int take_side(struct diffing *d, uint64_t number, bool of_b, struct pair_packages *out)
{
	struct question_set set;
	uint64_t            last = 0;
	int                 status = number ? question_load_set(d->q, number, &d->scratch, &set, d->err) : 0;

	for (size_t i = 0; number && !status && i < set.set.entries_count; i++) {
		const struct index_entry *entry = &set.set.entries[i];

		if (!question_entry_counts(&set, entry->flags) || entry->package == last)
			continue;
		last = entry->package;
		if (!arena_grow(&d->scratch, &out->items, &out->capacity, out->count, sizeof(*out->items)))
			return no_memory(d);
		out->items[out->count] = (struct side_package){question_package(d->q, entry->package, d->err), of_b};
		if (!out->items[out->count++].package)
			return d->err && d->err->code ? d->err->code : ERR_STORE;
	}
	return status;
}

static int cmp_names(const struct side_package *a, const struct side_package *b)
{
	int order = slice_cmp(a->package->unique.package.type, b->package->unique.package.type);

	return order ? order : slice_cmp(a->package->unique.package.name, b->package->unique.package.name);
}

static int by_name(const void *a, const void *b)
{
	const struct side_package *left = a, *right = b;
	int                        order = cmp_names(left, right);

	if (order == 0)
		order = slice_cmp(left->package->unique.package.version, right->package->unique.package.version);
	if (order == 0)
		order = slice_cmp(left->package->purl, right->package->purl);
	return order ? order : left->of_b - right->of_b;
}

/* Versions of one side, each once, in the order of their bytes: "1.0, 1.1". */
static struct slice versions_of(struct diffing *d, const struct side_package *items, size_t count, bool of_b)
{
	struct slice text = SLICE_EMPTY, last = SLICE_EMPTY;

	for (size_t i = 0; i < count; i++) {
		struct slice version = items[i].package->unique.package.version;

		if (items[i].of_b != of_b || (text.len && slice_eq(version, last)))
			continue;
		text = arena_printf(&d->q->arena, "%.*s%s%.*s", SLICE_FMT(text), text.len ? ", " : "",
				    SLICE_FMT(version));
		last = version;
	}
	return text;
}

/* ---- rows ---- */

/* The row that says the same, or a new one. */
static struct row *row_for(struct diffing *d, struct slice key, struct row **rows, size_t *count, size_t *capacity,
			   const struct row *say)
{
	uintptr_t at = (uintptr_t)map_get(&d->row_of, key);

	if (at)
		return &(*rows)[at - 1];
	if (!arena_grow(&d->q->arena, rows, capacity, *count, sizeof(**rows)))
		return NULL;
	(*rows)[*count] = *say;
	if (!map_put(&d->row_of, arena_copy(&d->q->arena, key), (void *)(uintptr_t)(*count + 1)))
		return NULL;
	return &(*rows)[(*count)++];
}

static int note_package(struct diffing *d, struct pair *pair, const struct side_package *items, size_t count)
{
	struct row   say = {.type = items[0].package->unique.package.type,
			    .name = items[0].package->unique.package.name,
			    .from = versions_of(d, items, count, false),
			    .to = versions_of(d, items, count, true)};
	struct slice key;
	struct row  *row;
	bool         had = false, has = false;

	for (size_t i = 0; i < count; i++)
		*(items[i].of_b ? &has : &had) = true;
	if (slice_eq(say.from, say.to) && had == has)
		return 0;
	pair->added += !had;
	pair->removed += !has;
	pair->changed += had && has;
	key = arena_printf(&d->scratch, "p%c%.*s%c%.*s%c%.*s%c%.*s", 0, SLICE_FMT(say.type), 0, SLICE_FMT(say.name), 0,
			   SLICE_FMT(say.from), 0, SLICE_FMT(say.to));
	row = row_for(d, key, &d->rows, &d->rows_count, &d->rows_capacity, &say);
	if (!row)
		return no_memory(d);
	row->images++;
	return 0;
}

/* Vulnerabilities of the packages of one name, on one side. */
struct found {
	const struct question_finding *finding;
	const struct question_package *package;
	bool                           of_b;
};

static int by_id(const void *a, const void *b)
{
	const struct found *left = a, *right = b;
	int                 order = slice_cmp(left->finding->finding.id, right->finding->finding.id);

	return order ? order : left->of_b - right->of_b;
}

static int take_findings(struct diffing *d, const struct side_package *items, size_t count, struct found **out,
			 size_t *found_count)
{
	size_t capacity = 0;

	*out = NULL;
	*found_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct package_findings stored;
		int status = catalog_findings_get(d->q->view, items[i].package->number, &d->scratch, &stored, d->err);

		for (size_t k = 0; !status && k < stored.count; k++) {
			const struct question_finding *f = question_finding(d->q, stored.items[k].content, d->err);

			if (!f || !arena_grow(&d->scratch, out, &capacity, *found_count, sizeof(**out)))
				return f ? no_memory(d) : ERR_STORE;
			if (f->finding.kind.len == 0)
				(*out)[(*found_count)++] = (struct found){f, items[i].package, items[i].of_b};
		}
		if (status)
			return status;
	}
	if (*found_count > 1)
		qsort(*out, *found_count, sizeof(**out), by_id);
	return 0;
}

static int note_finding(struct diffing *d, struct pair *pair, const struct found *found)
{
	const struct package *package = &found->package->unique.package;
	const struct row      say = {.type = package->type,
				     .name = package->name,
				     .finding = found->finding,
				     .package = found->package,
				     .come = found->of_b};
	struct slice          key = arena_printf(&d->scratch, "%c%c%.*s%c%.*s", found->of_b ? 'n' : 'f', 0,
						 SLICE_FMT(found->package->purl), 0, SLICE_FMT(found->finding->finding.id));
	struct row           *row = row_for(d, key, &d->findings, &d->findings_count, &d->findings_capacity, &say);

	if (!row)
		return no_memory(d);
	*(found->of_b ? &pair->come : &pair->fixed) += 1;
	row->images++;
	return 0;
}

/* What only one side knows of a package name is new or fixed; with several packages of the name the first one tells. */
static int compare_findings(struct diffing *d, struct pair *pair, const struct side_package *items, size_t count)
{
	struct found *found;
	size_t        found_count, stop;
	int           status = take_findings(d, items, count, &found, &found_count);

	for (size_t i = 0; !status && i < found_count; i = stop) {
		for (stop = i + 1;
		     stop < found_count && slice_eq(found[stop].finding->finding.id, found[i].finding->finding.id);
		     stop++)
			;
		if (found[i].of_b == found[stop - 1].of_b)
			status = note_finding(d, pair, &found[i]);
	}
	return status;
}

/* The packages of this name are the same ones on both sides. */
static bool is_same(const struct side_package *items, size_t count)
{
	if (count % 2)
		return false;
	for (size_t i = 0; i < count; i += 2)
		if (items[i].package != items[i + 1].package)
			return false;
	return true;
}

static int compare_pair(struct diffing *d, struct pair *pair)
{
	struct pair_packages packages = {0};
	size_t               stop;
	int                  status;

	arena_reset(&d->scratch);
	status = take_side(d, pair->a, false, &packages);
	if (!status)
		status = take_side(d, pair->b, true, &packages);
	if (packages.count > 1)
		qsort(packages.items, packages.count, sizeof(*packages.items), by_name);
	for (size_t i = 0; !status && i < packages.count; i = stop) {
		for (stop = i + 1; stop < packages.count && cmp_names(&packages.items[i], &packages.items[stop]) == 0;
		     stop++)
			;
		if (is_same(&packages.items[i], stop - i))
			continue;
		status = note_package(d, pair, &packages.items[i], stop - i);
		if (!status)
			status = compare_findings(d, pair, &packages.items[i], stop - i);
	}
	return status;
}

/* ---- the document ---- */

static void put_side(struct json_writer *w, const char *key, struct slice name, const struct diff_side *side)
{
	json_begin_object(w, key);
	json_put_text(w, "name", name);
	json_put_uint(w, "images", side->count);
	json_end_object(w);
}

static void put_pairs(const struct diffing *d, struct json_writer *w)
{
	json_begin_array(w, "images");
	for (size_t i = 0; i < d->pairs_count; i++) {
		const struct pair *pair = &d->pairs[i];

		json_begin_object(w, NULL);
		json_put_text(w, "reference", pair->reference);
		json_put_text(w, "platform", pair->platform);
		json_put_str(w, "change", !pair->a ? "added" : !pair->b ? "removed" : "changed");
		json_put_uint(w, "packages_added", pair->added);
		json_put_uint(w, "packages_removed", pair->removed);
		json_put_uint(w, "packages_changed", pair->changed);
		json_put_uint(w, "new", pair->come);
		json_put_uint(w, "fixed", pair->fixed);
		json_end_object(w);
	}
	json_end_array(w);
}

static void put_text_or_null(struct json_writer *w, const char *key, struct slice text)
{
	if (text.len)
		json_put_text(w, key, text);
	else
		json_put_null(w, key);
}

static void put_packages(const struct diffing *d, struct json_writer *w)
{
	json_begin_array(w, "packages");
	for (size_t i = 0; i < d->rows_count; i++) {
		const struct row *row = &d->rows[i];

		json_begin_object(w, NULL);
		json_put_text(w, "type", row->type);
		json_put_text(w, "name", row->name);
		put_text_or_null(w, "from", row->from);
		put_text_or_null(w, "to", row->to);
		json_put_uint(w, "images", row->images);
		json_end_object(w);
	}
	json_end_array(w);
}

static void put_findings(const struct diffing *d, struct json_writer *w, bool come)
{
	json_begin_array(w, come ? "new" : "fixed");
	for (size_t i = 0; i < d->findings_count; i++) {
		const struct row *row = &d->findings[i];

		if (row->come != come)
			continue;
		json_begin_object(w, NULL);
		question_put_finding(w, &row->finding->finding);
		json_put_text(w, "purl", row->package->purl);
		json_put_text(w, "name", row->name);
		json_put_text(w, "version", row->package->unique.package.version);
		json_put_text(w, "type", row->type);
		json_put_uint(w, "images", row->images);
		json_end_object(w);
	}
	json_end_array(w);
}

/* The worst first, then what is in most images. */
static int by_weight(const void *a, const void *b)
{
	const struct row *left = a, *right = b;
	int               order;

	if (left->finding->finding.severity != right->finding->finding.severity)
		return left->finding->finding.severity > right->finding->finding.severity ? -1 : 1;
	if (left->images != right->images)
		return left->images > right->images ? -1 : 1;
	order = slice_cmp(left->finding->finding.id, right->finding->finding.id);
	return order ? order : slice_cmp(left->package->purl, right->package->purl);
}

static int put_document(struct diffing *d, const struct diff_request *request, struct buf *out)
{
	struct json_writer w = json_writer_of(out, 0);

	if (d->findings_count > 1)
		qsort(d->findings, d->findings_count, sizeof(*d->findings), by_weight);
	json_begin_object(&w, NULL);
	json_put_str(&w, "schema", "varve.diff/1");
	put_side(&w, "a", request->base ? d->a.images[0].reference : request->a, &d->a);
	put_side(&w, "b", request->b, &d->b);
	put_pairs(d, &w);
	put_packages(d, &w);
	put_findings(d, &w, true);
	put_findings(d, &w, false);
	json_end_object(&w);
	buf_byte(out, '\n');
	return buf_ok(out) ? question_fail(d->q, d->err) : err_set(d->err, ERR_LIMIT, "the answer is too long");
}

static bool names_many(struct slice name)
{
	return slice_starts(name, "job:") || slice_starts(name, "night:");
}

static int read_sides(struct diffing *d, const struct diff_request *request)
{
	bool many = names_many(request->b);
	int  status;

	if (request->base ? many : many != names_many(request->a))
		return err_set(d->err, ERR_USAGE, "an image is compared with an image, a job or a night with another");
	status = diff_side_read(d->q, request->b, request->platform, &d->b, d->err);
	if (!status)
		status = request->base ? diff_side_base(d->q, &d->b, &d->a, d->err)
				       : diff_side_read(d->q, request->a, request->platform, &d->a, d->err);
	return status ? status : make_pairs(d, !many);
}

int diff_answer(struct question *q, const struct diff_request *request, struct buf *out, struct err *err)
{
	struct diffing d = {.q = q, .err = err};
	int            status;

	arena_init(&d.scratch, SCRATCH_BYTES_MAX);
	status = read_sides(&d, request);
	for (size_t i = 0; !status && i < d.pairs_count; i++)
		status = compare_pair(&d, &d.pairs[i]);
	if (!status)
		status = put_document(&d, request, out);
	map_deinit(&d.row_of);
	arena_deinit(&d.scratch);
	return status;
}
