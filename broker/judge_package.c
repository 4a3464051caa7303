#include "judge_internal.h"

#include <stdlib.h>

/* A finding of one side: its number where it has one, its bytes, how it is called. */
struct item {
	uint64_t            number, since;
	struct slice        bytes;
	struct finding_name name;
};

struct items {
	struct item *list;
	size_t       count, capacity;
};

static int by_name(const void *a, const void *b)
{
	return finding_name_cmp(&((const struct item *)a)->name, &((const struct item *)b)->name);
}

static void add(struct items *items, struct arena *arena, struct item item)
{
	item.name = finding_name_of(item.bytes);
	if (arena_grow(arena, &items->list, &items->capacity, items->count, sizeof(*items->list)))
		items->list[items->count++] = item;
}

static void sort(struct items *items)
{
	size_t kept = 0;

	if (items->count > 1)
		qsort(items->list, items->count, sizeof(*items->list), by_name);
	for (size_t i = 0; i < items->count; i++)
		if (kept == 0 || by_name(&items->list[kept - 1], &items->list[i]) != 0)
			items->list[kept++] = items->list[i];
	items->count = kept;
}

/* ---- the new side ---- */

static struct slice encode(const struct finding *finding, struct arena *arena, struct buf *scratch)
{
	buf_clear(scratch);
	finding_encode(finding, scratch);
	return arena_copy(arena, buf_slice(scratch));
}

static struct finding of_vulnerability(const struct result_vulnerability *v)
{
	return (struct finding){.id = v->id,
				.aliases = v->aliases,
				.aliases_count = v->aliases_count,
				.fixed = v->fixed,
				.severity = v->severity,
				.severity_source = v->severity_source,
				.cvss_vector = v->cvss_vector,
				.cvss_tenths = v->cvss_score < 0 ? -1 : (int)(v->cvss_score * 10 + 0.5),
				.summary = v->summary,
				.approximate = v->approximate};
}

static int take_found(const struct match_found *found, struct arena *arena, struct items *out, struct err *err)
{
	struct buf scratch = {.bytes_max = 16 << 20};
	bool       ok = true;

	for (size_t i = 0; i < found->vulnerabilities_count && ok; i++) {
		struct finding finding = of_vulnerability(&found->vulnerabilities[i]);

		add(out, arena, (struct item){.bytes = encode(&finding, arena, &scratch)});
		ok = buf_ok(&scratch);
	}
	for (size_t i = 0; i < found->findings_count && ok; i++) {
		const struct result_finding *f = &found->findings[i];
		struct finding finding = {.kind = f->kind, .id = f->text, .severity = f->severity, .cvss_tenths = -1};

		add(out, arena, (struct item){.bytes = encode(&finding, arena, &scratch)});
		ok = buf_ok(&scratch);
	}
	buf_deinit(&scratch);
	sort(out);
	return !ok || arena_failed(arena) ? err_set(err, ERR_MEM, "judging: out of memory") : 0;
}

/* ---- the old side ---- */

static int add_stored(struct catalog_view *view, struct arena *arena, uint64_t number, uint64_t since,
		      struct items *out, struct err *err)
{
	struct slice bytes;
	int          status = catalog_finding_content(view, number, &bytes, err);

	if (!status)
		add(out, arena, (struct item){.number = number, .since = since, .bytes = bytes});
	return status;
}

static int take_stored(struct catalog_view *view, uint64_t package, struct arena *arena, struct items *out,
		       struct err *err)
{
	struct package_findings stored;
	int                     status = catalog_findings_get(view, package, arena, &stored, err);

	for (size_t i = 0; !status && i < stored.count; i++)
		status = add_stored(view, arena, stored.items[i].content, stored.items[i].since, out, err);
	sort(out);
	return status;
}

static bool has_number(const uint64_t *numbers, size_t count, uint64_t number)
{
	for (size_t i = 0; i < count; i++)
		if (numbers[i] == number)
			return true;
	return false;
}

/* What the package had before this judgement, of which a part was made: its row of the log is undone. */
static int take_back(struct catalog_view *view, const struct finding_change *row, struct arena *arena,
		     const struct items *stored, struct items *out, struct err *err)
{
	int status = 0;

	for (size_t i = 0; i < stored->count; i++)
		if (!has_number(row->come, row->come_count, stored->list[i].number))
			add(out, arena, stored->list[i]);
	for (size_t i = 0; !status && i < row->gone_count; i++)
		status = add_stored(view, arena, row->gone[i], 0, out, err);
	sort(out);
	return status;
}

/* ---- the difference ---- */

static int number_of(struct catalog_view *view, struct item *item, const struct item *before, struct err *err)
{
	if (before && slice_eq(before->bytes, item->bytes)) {
		item->number = before->number;
		return 0;
	}
	return catalog_finding_content_find(view, item->bytes, &item->number, err);
}

static int add_content(struct judge_batch *batch, const struct item *item, uint32_t *index, struct err *err)
{
	int64_t at = judge_batch_content(batch, item->number, item->bytes, err);

	*index = at < 0 ? 0 : (uint32_t)at;
	return at < 0 ? (int)at : 0;
}

static int merge(struct catalog_view *view, struct items *now, const struct items *base, uint64_t judgement,
		 struct judge_batch *batch, struct judged_package *out, struct err *err)
{
	size_t b = 0;
	int    status = 0;

	out->contents = arena_array(&batch->arena, now->count + 1, sizeof(*out->contents));
	out->since = arena_array(&batch->arena, now->count + 1, sizeof(*out->since));
	out->come = arena_array(&batch->arena, now->count + 1, sizeof(*out->come));
	out->gone = arena_array(&batch->arena, base->count + 1, sizeof(*out->gone));
	if (arena_failed(&batch->arena))
		return err_set(err, ERR_MEM, "judging: out of memory");
	for (size_t i = 0; !status && i < now->count; i++) {
		struct item       *item = &now->list[i];
		const struct item *before = NULL;

		for (; b < base->count && by_name(&base->list[b], item) < 0; b++)
			out->gone[out->gone_count++] = base->list[b].number;
		if (b < base->count && by_name(&base->list[b], item) == 0)
			before = &base->list[b++];
		item->since = before ? before->since : judgement;
		status = number_of(view, item, before, err);
		if (!status)
			status = add_content(batch, item, &out->contents[out->count], err);
		if (!before)
			out->come[out->come_count++] = out->contents[out->count];
		out->since[out->count++] = item->since;
	}
	for (; b < base->count; b++)
		out->gone[out->gone_count++] = base->list[b].number;
	return status;
}

static bool is_stored(const struct items *now, const struct items *stored)
{
	if (now->count != stored->count)
		return false;
	for (size_t i = 0; i < now->count; i++)
		if (now->list[i].number == 0 || now->list[i].number != stored->list[i].number ||
		    now->list[i].since != stored->list[i].since)
			return false;
	return true;
}

static int get_row(struct catalog_view *view, uint64_t judgement, uint64_t package, struct arena *arena,
		   struct finding_change *row, bool *there, struct err *err)
{
	int status = catalog_finding_change_get(view, judgement, package, arena, row, err);

	*there = status == 0;
	if (status != ERR_NOT_FOUND)
		return status;
	err_clear(err);
	return 0;
}

int judge_package(struct catalog_view *view, uint64_t package, const struct match_found *found, uint64_t running,
		  bool fresh, bool resumed, struct arena *scratch, struct judge_batch *batch,
		  struct judged_counts *counts, struct err *err)
{
	struct items          now = {0}, stored = {0}, base = {0};
	struct finding_change row = {0};
	struct judged_package out = {.package = package, .logged = !fresh};
	bool                  has_row = false;
	int                   status = take_found(found, scratch, &now, err);

	if (!status)
		status = take_stored(view, package, scratch, &stored, err);
	if (!status && resumed && !fresh)
		status = get_row(view, running, package, scratch, &row, &has_row, err);
	if (!status && has_row)
		status = take_back(view, &row, scratch, &stored, &base, err);
	if (!status)
		status = merge(view, &now, has_row ? &base : &stored, running, batch, &out, err);
	if (!status && arena_failed(scratch))
		status = err_set(err, ERR_MEM, "judging: out of memory");
	if (status)
		return status;
	if (fresh)
		out.come_count = out.gone_count = 0;
	counts->come += out.come_count;
	counts->gone += out.gone_count;
	if (is_stored(&now, &stored) && !has_row)
		return 0;
	if (!arena_grow(&batch->arena, &batch->packages, &batch->packages_capacity, batch->packages_count,
			sizeof(*batch->packages)))
		return err_set(err, ERR_MEM, "judging: out of memory");
	batch->packages[batch->packages_count++] = out;
	return 0;
}
