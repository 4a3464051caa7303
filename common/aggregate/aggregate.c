#include "aggregate/aggregate.h"

#include "aggregate/collect.h"
#include "aggregate/layer_walk.h"
#include "base/limits.h"

enum { PARTS = INVENTORY_DBS | INVENTORY_OS_RELEASES | INVENTORY_LICENSES | INVENTORY_LINKS | INVENTORY_NOTES };

struct aggregation {
	struct arena        *arena;
	struct image_result *result;
	struct tree          tree;
	struct fact_store    store;
	struct note_list     notes;
	size_t               findings_capacity;
	size_t               bytes_held; /* by decoded inventories */
	bool                 links_left_out;
};

/* --- one layer --- */

static void fill_layer(struct aggregation *a, size_t i, const struct aggregate_layer *layer)
{
	const struct image_layer *of = &a->result->image.layers[i];

	a->result->layers[i] = (struct result_layer){
		.digest = of->digest,
		.diff_id = of->diff_id,
		.size = of->size,
		.media_type = of->media_type,
		.created_by = of->created_by,
		.status = layer->status,
		.reason = arena_copy(a->arena, layer->reason),
	};
}

static void fail_layer(struct aggregation *a, size_t i, const char *reason)
{
	a->result->layers[i].status = LAYER_FAILED;
	a->result->layers[i].reason = arena_copy(a->arena, slice_str(reason));
}

static void add_finding(struct aggregation *a, struct result_finding finding)
{
	struct image_result *result = a->result;

	if (arena_grow(a->arena, &result->findings, &a->findings_capacity, result->findings_count,
		       sizeof(*result->findings)))
		result->findings[result->findings_count++] = finding;
}

static void compare_diff_ids(struct aggregation *a, uint32_t i, const struct inventory *inv)
{
	struct result_layer *layer = &a->result->layers[i];
	char                 claimed[DIGEST_TEXT_BYTES], found[DIGEST_TEXT_BYTES];

	if (digest_is_zero(&inv->diff_id))
		return;
	if (!digest_is_zero(&layer->diff_id) && !digest_eq(&layer->diff_id, &inv->diff_id)) {
		digest_text(&layer->diff_id, claimed);
		digest_text(&inv->diff_id, found);
		add_finding(a, (struct result_finding){
				       .kind = SLICE_LIT("diff_id_mismatch"),
				       .text = arena_printf(a->arena,
							    "the image config says that the content is %s, it is %s",
							    claimed, found),
				       .layer = i,
				       .severity = SEVERITY_MEDIUM});
	}
	layer->diff_id = inv->diff_id;
}

static void take_note(struct aggregation *a, uint32_t i, struct note note)
{
	struct result_layer *layer = &a->result->layers[i];

	note_list_add(&a->notes, i, note);
	if (note.kind != NOTE_PARTIAL || (layer->status == LAYER_PARTIAL && layer->reason.len))
		return;
	layer->status = LAYER_PARTIAL;
	layer->reason = note.path.len
				? arena_printf(a->arena, "%.*s: %.*s", SLICE_FMT(note.path), SLICE_FMT(note.reason))
				: note.reason;
}

static void take_notes(struct aggregation *a, uint32_t i, const struct inventory *inv)
{
	for (size_t k = 0; k < inv->notes_count; k++)
		take_note(a, i,
			  (struct note){.kind = inv->notes[k].kind,
					.path = arena_copy(a->arena, inv->notes[k].path),
					.reason = arena_copy(a->arena, inv->notes[k].reason)});
	if (inv->notes_dropped)
		note_list_add(
			&a->notes, i,
			(struct note){.kind = NOTE_INFO,
				      .reason = arena_printf(a->arena, "notes_max: %llu further notes were dropped",
							     (unsigned long long)inv->notes_dropped)});
}

/* A database under a second name whose content nobody knew under its first (ostree objects have no names to go by). */
static void note_lost_links(struct aggregation *a, uint32_t i, const struct inventory *inv)
{
	for (size_t k = 0; k < inv->links_count; k++)
		if (inv->links[k].database && !facts_are_at(&a->store, inv->links[k].path))
			take_note(a, i,
				  (struct note){.kind = NOTE_PARTIAL,
						.path = arena_copy(a->arena, inv->links[k].path),
						.reason = arena_printf(
							a->arena,
							"link: a hard link to %.*s, in which nothing was recognised",
							SLICE_FMT(inv->links[k].target))});
}

static void lay_over(struct aggregation *a, uint32_t i, const struct aggregate_layer *layer, struct source *source)
{
	struct err err = {0};

	compare_diff_ids(a, i, &source->inventory);
	if (a->result->layers[i].size == UINT64_MAX)
		a->result->layers[i].size = source->inventory.blob_bytes;
	take_notes(a, i, &source->inventory);
	if (layer->path_table.len && layer_walk(&a->tree, layer->path_table, i, &a->links_left_out, &err) < 0)
		fail_layer(a, i, err.text);
	facts_attach(&a->store, source);
	note_lost_links(a, i, &source->inventory);
	facts_settle(&a->store);
}

static int add_layer(struct aggregation *a, uint32_t i, const struct aggregate_layer *layer, struct err *err)
{
	struct source *source;
	struct err     why = {0};

	fill_layer(a, i, layer);
	if (layer->status == LAYER_FAILED || layer->status == LAYER_SKIPPED)
		return 0;
	if (layer->inventory.len == 0) {
		fail_layer(a, i, "inventory: there is none");
		return 0;
	}
	source = source_new(i, &a->bytes_held);
	if (!source)
		return err_set(err, ERR_MEM, "aggregating an image: out of memory");
	if (source_decode(source, layer->inventory, PARTS, &why) < 0)
		fail_layer(a, i, why.text);
	else
		lay_over(a, i, layer, source);
	source_release(source);
	return 0;
}

/* --- the image --- */

static bool is_whole(const struct result_layer *layer)
{
	return layer->status == LAYER_SCANNED || layer->status == LAYER_REUSED;
}

static void judge(struct aggregation *a)
{
	struct image_result *result = a->result;
	size_t               first = result->layers_count, broken = 0;

	for (size_t i = result->layers_count; i-- > 0;)
		if (!is_whole(&result->layers[i])) {
			first = i;
			broken++;
		}
	result->complete = broken == 0 && !tree_failed(&a->tree) && !a->store.packages_left_out &&
			   result->image.status == IMAGE_OK;
	if (result->image.status != IMAGE_OK)
		result->incomplete_reason = result->image.reason;
	else if (broken)
		result->incomplete_reason = arena_printf(
			a->arena, "layer %zu of %zu %s: %.*s%s", first + 1, result->layers_count,
			layer_status_name(result->layers[first].status), SLICE_FMT(result->layers[first].reason),
			broken > 1 ? " (and further layers)" : "");
	else if (tree_failed(&a->tree))
		result->incomplete_reason =
			SLICE_LIT("aggregate_max: more paths, symlinks and links to databases than can be followed");
	else if (a->store.packages_left_out)
		result->incomplete_reason =
			arena_printf(a->arena, "packages_max: more than %u packages; further databases are left out",
				     LIMIT_PACKAGES_PER_IMAGE);
	if (a->links_left_out)
		note_list_add(&a->notes, (uint32_t)(result->layers_count - 1),
			      (struct note){.kind = NOTE_INFO,
					    .reason = SLICE_LIT(
						    "symlinks_max: symlinks beyond 1000000 were followed only where "
						    "they lead to package databases directly")});
}

int aggregate_image(const struct image *image, const struct aggregate_layer *layers, size_t layers_count,
		    struct arena *arena, struct image_result *result, struct err *err)
{
	struct aggregation a = {.arena = arena, .result = result, .notes = {.result = result, .arena = arena}};
	int                verdict = 0;

	*result = (struct image_result){.image = *image};
	if (layers_count != image->layers_count)
		return err_set(err, ERR_USAGE, "aggregating an image: %zu layers given, it has %zu", layers_count,
			       image->layers_count);
	result->layers = arena_array(arena, layers_count, sizeof(*result->layers));
	if (!result->layers)
		return err_set(err, ERR_LIMIT, "aggregating an image: does not fit into %zu bytes", arena->bytes_max);
	result->layers_count = layers_count;
	tree_init(&a.tree, LIMIT_TREE_BYTES);
	a.store.tree = &a.tree;
	for (size_t i = 0; i < layers_count && !verdict; i++)
		verdict = add_layer(&a, (uint32_t)i, &layers[i], err);
	if (!verdict)
		verdict = collect(&a.store, layers, layers_count, &a.notes);
	if (!verdict)
		judge(&a);
	if (!verdict && a.store.presence.failed)
		verdict = ERR_MEM;
	facts_release_all(&a.store);
	tree_deinit(&a.tree);
	if (verdict == ERR_MEM)
		return err_set(err, verdict, "aggregating an image: out of memory");
	return arena_failed(arena)
		       ? err_set(err, ERR_LIMIT, "aggregating an image: does not fit into %zu bytes", arena->bytes_max)
		       : 0;
}
