#include "judge_internal.h"

#include "base/clock.h"
#include "match/advisories_cached.h"

#include <stdlib.h>

enum {
	BATCH_PACKAGES =
		4000, /* that are put; so many that a commit is worth it, so few that the loop does not stand */
	BATCH_BYTES = 4 << 20, /* … of their contents */
	BATCH_BYTES_MAX = 256 << 20,
	SCRATCH_BYTES_MAX = 1 << 30, /* of one package: the kernel has thousands of findings */
	STEP_MS = 200,               /* and then what there is is put, whatever its size */
	CACHED_BYTES = 128 << 20,
	TEXTS_BYTES_MAX = 256 << 20,
};

struct judge {
	struct catalog             *catalog;
	size_t                      batch_packages;
	struct advisory_share      *share;
	struct advisory_generation *generation;
	struct advisories          *reader, *advisories; /* advisories: cached */
	struct match_targets       *targets;
	struct arena                scratch, texts; /* texts: of `judgement`, contexts */

	/* The pass: */
	bool                  planned;
	struct judge_delta    delta;
	struct judgement      judgement;
	uint64_t              next, last; /* packages still to be looked at */
	uint64_t              judged;     /* packages up to here have findings to compare with */
	bool                  resumed;    /* somebody had begun it … */
	uint64_t             *must; /* … and changed these packages, in order: they are matched again in any case */
	size_t                must_count, must_capacity, must_next;
	struct findings_state expected; /* as this judge left it: else somebody else judges, too */
	struct judged_counts  counts;
	uint64_t              matched;
};

struct judge *judge_open(struct catalog *catalog, struct advisory_share *share, size_t batch_packages)
{
	struct judge *judge = calloc(1, sizeof(*judge));

	if (!judge)
		return NULL;
	judge->catalog = catalog;
	judge->batch_packages = batch_packages ? batch_packages : BATCH_PACKAGES;
	judge->share = advisory_share_hold(share);
	arena_init(&judge->scratch, SCRATCH_BYTES_MAX);
	arena_init(&judge->texts, TEXTS_BYTES_MAX);
	judge_delta_init(&judge->delta);
	return judge;
}

static void drop_generation(struct judge *judge)
{
	match_targets_free(judge->targets);
	advisories_cached_free(judge->advisories);
	advisory_reader_close(judge->reader);
	judge->targets = NULL;
	judge->advisories = judge->reader = NULL;
}

void judge_close(struct judge *judge)
{
	if (!judge)
		return;
	drop_generation(judge);
	advisory_share_drop(judge->share, judge->generation);
	advisory_share_release(judge->share);
	judge_delta_deinit(&judge->delta);
	arena_deinit(&judge->scratch);
	arena_deinit(&judge->texts);
	free(judge);
}

/* ---- the generation ---- */

/* 1: there is one to judge by; 0: there is none that can be used. */
static int take_generation(struct judge *judge, struct err *err)
{
	struct advisory_generation *before = judge->generation;

	if (before && advisory_share_is_current(judge->share, before) && judge->targets)
		return 1;
	drop_generation(judge);
	judge->planned = false;
	judge->generation = advisory_share_current(judge->share, before, NULL);
	if (!judge->generation)
		return 0;
	if (advisory_reader_open(advisory_generation_store(judge->generation), &judge->reader, err) != 0)
		return err && err->code ? err->code : ERR_STORE;
	judge->advisories = advisories_cached_new(judge->reader);
	judge->targets = judge->advisories ? match_targets_new(judge->advisories) : NULL;
	return judge->targets ? 1 : err_set(err, ERR_MEM, "judging: out of memory");
}

/* ---- packages ---- */

static int context_of(struct judge *judge, struct catalog_view *view, const struct digest *digest,
		      const struct match_context **out, struct err *err)
{
	struct package_context context;
	struct slice           bytes;
	int                    status;

	*out = match_context_find(judge->targets, digest);
	if (*out)
		return 0;
	status = catalog_index_context(view, digest, &bytes, err);
	if (!status)
		status = package_context_decode(bytes, &judge->scratch, &context, err);
	if (!status && (*out = match_context_add(judge->targets, digest, &context, err)) == NULL)
		status = ERR_MEM;
	return status;
}

struct stepping {
	struct judge        *judge;
	struct catalog_view *view;
	struct judge_batch  *batch;
	uint64_t             until_ms;
	struct err          *err;
};

static int match_again(struct stepping *s, uint64_t number, const struct match_context *context,
		       const struct unique_package *package)
{
	struct judge      *judge = s->judge;
	struct match_found found;
	int status = match_targets_match(judge->targets, context, package, &judge->scratch, &found, s->err);

	judge->matched++;
	if (!status)
		status = judge_package(s->view, number, &found, judge->judgement.number, number > judge->judged,
				       judge->resumed, &judge->scratch, s->batch, &judge->counts, s->err);
	advisories_cached_rest(judge->advisories, CACHED_BYTES);
	return status;
}

/* Packages are asked about in order. */
static bool is_must(struct judge *judge, uint64_t package)
{
	while (judge->must_next < judge->must_count && judge->must[judge->must_next] < package)
		judge->must_next++;
	return judge->must_next < judge->must_count && judge->must[judge->must_next] == package;
}

/* 1: enough for this batch. */
static int look_at(void *data, uint64_t number, struct slice identity)
{
	struct stepping            *s = data;
	struct judge               *judge = s->judge;
	struct unique_package       package;
	const struct match_context *context;
	struct match_key            key;
	int                         status;

	if (number > judge->last)
		return 1;
	arena_reset(&judge->scratch);
	status = unique_package_decode_borrowed(identity, &package, s->err);
	if (!status)
		status = context_of(judge, s->view, &package.context, &context, s->err);
	if (!status && number <= judge->judged && !judge->delta.all && !is_must(judge, number)) {
		status = match_targets_key(judge->targets, context, &package, &judge->scratch, &key, s->err);
		if (!status && (key.ecosystem.len == 0 || !judge_delta_has(&judge->delta, &key))) {
			judge->next = number + 1;
			return 0;
		}
	}
	if (!status)
		status = match_again(s, number, context, &package);
	if (status)
		return status;
	judge->next = number + 1;
	return s->batch->packages_count >= judge->batch_packages || s->batch->arena.bytes_used > BATCH_BYTES ||
	       clock_ms() > s->until_ms;
}

/* ---- the pass ---- */

static bool is_same_work(const struct findings_state *a, const struct findings_state *b)
{
	return a->judgement == b->judgement && a->running == b->running && a->packages == b->packages &&
	       a->index_generation == b->index_generation;
}

static int copy_judgement(struct judge *judge, struct catalog_view *view, uint64_t number, struct err *err)
{
	int status = catalog_judgement_get(view, number, &judge->texts, &judge->judgement, err);

	if (status == ERR_NOT_FOUND) {
		err_clear(err);
		judge->judgement = (struct judgement){0};
		return 0;
	}
	return status;
}

static bool is_judged_by(const struct judge *judge)
{
	return slice_eq(judge->judgement.generation, judge->reader->generation) &&
	       slice_eq_str(judge->judgement.identity, match_identity);
}

static int note_must(void *data, const struct finding_change *change)
{
	struct judge *judge = data;

	if (!arena_grow(&judge->texts, &judge->must, &judge->must_capacity, judge->must_count, sizeof(*judge->must)))
		return ERR_MEM;
	judge->must[judge->must_count++] = change->package;
	return 0;
}

/* What a pass that was broken off has changed: the generation now may say that nothing has. */
static int plan_resumed(struct judge *judge, struct catalog_view *view, struct err *err)
{
	judge->must = NULL;
	judge->must_count = judge->must_capacity = judge->must_next = 0;
	return judge->resumed ? catalog_finding_changes_each(view, judge->judgement.number, note_must, judge, err) : 0;
}

static int plan(struct judge *judge, struct catalog_view *view, const struct findings_state *state, struct err *err)
{
	bool same_program = slice_eq_str(judge->judgement.identity, match_identity);
	int  status = catalog_index_packages_count(view, &judge->last, err);

	judge_delta_deinit(&judge->delta);
	judge_delta_init(&judge->delta);
	judge->delta.all = !same_program || state->judgement == 0;
	if (!status && !judge->delta.all)
		status = judge_delta_read(&judge->delta, advisory_generation_store(judge->generation),
					  judge->judgement.generation, err);
	judge->judgement = (struct judgement){.number = state->judgement + 1,
					      .generation = judge->reader->generation,
					      .date = judge->reader->date,
					      .identity = slice_str(match_identity),
					      .begun_ms = clock_unix_ms(),
					      .first = state->packages == 0,
					      .packages = judge->last};
	judge->judged = state->packages;
	judge->resumed = state->running == judge->judgement.number;
	judge->counts = (struct judged_counts){0};
	judge->next = 1;
	judge->matched = 0;
	if (!status)
		status = plan_resumed(judge, view, err);
	judge->planned = !status;
	return status;
}

static void end_pass(struct judge *judge, struct judge_batch *batch)
{
	batch->judgement.ended_ms = clock_unix_ms();
	batch->judgement.matched = judge->matched;
	batch->judgement.come = judge->counts.come;
	batch->judgement.gone = judge->counts.gone;
	batch->judgement_ended = true;
	batch->state.judgement = batch->judgement.number;
	batch->state.running = 0;
	batch->state.packages = judge->last;
	if (batch->judgement.first) {
		batch->state.first = batch->judgement.number;
		batch->state.told = batch->judgement.number;
	}
	judge->planned = false;
}

static int walk(struct judge *judge, struct catalog_view *view, struct judge_batch *batch, bool *ended, struct err *err)
{
	struct stepping s = {
		.judge = judge, .view = view, .batch = batch, .until_ms = clock_ms() + STEP_MS, .err = err};
	int status = judge->next > judge->last ? 0 : catalog_index_packages_each(view, judge->next, look_at, &s, err);

	*ended = status == 0 || (status == 1 && judge->next > judge->last);
	return status < 0 ? status : 0;
}

static struct judge_batch *batch_new(const struct findings_state *state)
{
	struct judge_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	arena_init(&batch->arena, BATCH_BYTES_MAX);
	batch->before = batch->state = *state;
	return batch;
}

void judge_batch_free(struct judge_batch *batch)
{
	if (!batch)
		return;
	map_deinit(&batch->by_bytes);
	arena_deinit(&batch->arena);
	free(batch);
}

uint64_t judge_batch_ends(const struct judge_batch *batch)
{
	return batch->judgement_ended ? batch->judgement.number : 0;
}

static int step_pass(struct judge *judge, struct catalog_view *view, const struct findings_state *state,
		     struct judge_batch *batch, struct err *err)
{
	bool ended;
	int  status = judge->planned ? 0 : plan(judge, view, state, err);

	if (!status)
		status = walk(judge, view, batch, &ended, err);
	if (status)
		return status;
	batch->state.running = judge->judgement.number;
	batch->judgement = judge->judgement;
	batch->judgement.generation = arena_copy(&batch->arena, judge->judgement.generation);
	batch->judgement.date = arena_copy(&batch->arena, judge->judgement.date);
	if (ended)
		end_pass(judge, batch);
	return 1;
}

/* Packages that came since the last judgement, by its own generation: nothing has come or gone with them. */
static int step_fresh(struct judge *judge, struct catalog_view *view, const struct findings_state *state,
		      struct judge_batch *batch, struct err *err)
{
	bool ended;
	int  status = catalog_index_packages_count(view, &judge->last, err);

	judge->next = state->packages + 1;
	judge->judged = state->packages;
	judge->resumed = false;
	if (status || judge->last <= state->packages)
		return status;
	status = walk(judge, view, batch, &ended, err);
	batch->state.packages = judge->next - 1;
	if (ended)
		batch->state.packages = judge->last;
	return status ? status : 1;
}

static int step_in(struct judge *judge, struct catalog_view *view, struct judge_batch **out, struct err *err)
{
	struct findings_state state;
	uint64_t              index_generation = 0;
	int                   status = catalog_findings_state(view, &state, err);

	if (!status)
		status = catalog_index_generation(view, &index_generation, err);
	if (status || index_generation == 0)
		return status;
	if ((*out = batch_new(&state)) == NULL)
		return err_set(err, ERR_MEM, "judging: out of memory");
	if (state.index_generation != index_generation) {
		judge->planned = false;
		(*out)->clear = true;
		(*out)->state = (struct findings_state){
			.judgement = state.judgement, .told = state.judgement, .index_generation = index_generation};
		return 1;
	}
	if (judge->planned && !is_same_work(&judge->expected, &state))
		judge->planned = false;
	if (!judge->planned) {
		arena_reset(&judge->texts);
		status = copy_judgement(judge, view, state.judgement, err);
	}
	if (status)
		return status;
	if (!judge->planned && state.packages && is_judged_by(judge) && !state.running)
		return step_fresh(judge, view, &state, *out, err);
	return step_pass(judge, view, &state, *out, err);
}

int judge_step(struct judge *judge, struct judge_batch **out, struct err *err)
{
	struct catalog_view *view = NULL;
	int                  status = take_generation(judge, err);

	*out = NULL;
	if (status <= 0)
		return status;
	status = catalog_view_open(judge->catalog, false, &view, err);
	if (!status)
		status = step_in(judge, view, out, err);
	catalog_view_close(view);
	if (status > 0)
		judge->expected = (*out)->state;
	if (status <= 0) {
		judge_batch_free(*out);
		*out = NULL;
		if (status < 0)
			judge->planned = false;
	}
	return status;
}

static int look_whether(struct judge *judge, struct catalog_view *view, bool *needed, struct err *err)
{
	struct findings_state state;
	uint64_t              index_generation = 0, packages = 0;
	int                   status = catalog_findings_state(view, &state, err);

	if (!status)
		status = catalog_index_generation(view, &index_generation, err);
	if (!status)
		status = catalog_index_packages_count(view, &packages, err);
	arena_reset(&judge->texts);
	judge->planned = false;
	if (!status)
		status = copy_judgement(judge, view, state.judgement, err);
	*needed = !status && index_generation &&
		  (state.index_generation != index_generation || state.running || !is_judged_by(judge) ||
		   packages > state.packages);
	return status;
}

int judge_is_needed(struct judge *judge, bool *needed, struct err *err)
{
	struct catalog_view *view = NULL;
	int                  status = take_generation(judge, err);

	*needed = false;
	if (status <= 0)
		return status;
	status = catalog_view_open(judge->catalog, false, &view, err);
	if (!status)
		status = look_whether(judge, view, needed, err);
	catalog_view_close(view);
	return status;
}

/* ---- putting ---- */

int64_t judge_batch_content(struct judge_batch *batch, uint64_t number, struct slice bytes, struct err *err)
{
	struct judged_content *content;
	uintptr_t              known = number ? 0 : (uintptr_t)map_get(&batch->by_bytes, bytes);

	if (known)
		return (int64_t)known - 1;
	if (!arena_grow(&batch->arena, &batch->contents, &batch->contents_capacity, batch->contents_count,
			sizeof(*content)))
		return err_set(err, ERR_MEM, "judging: out of memory");
	content = &batch->contents[batch->contents_count++];
	*content = (struct judged_content){.number = number};
	if (!number) {
		content->bytes = arena_copy(&batch->arena, bytes);
		if (arena_failed(&batch->arena) ||
		    !map_put(&batch->by_bytes, content->bytes, (void *)(uintptr_t)batch->contents_count))
			return err_set(err, ERR_MEM, "judging: out of memory");
	}
	return (int64_t)batch->contents_count - 1;
}

static int put_package(struct catalog *catalog, struct judge_batch *batch, const struct judged_package *package,
		       struct err *err)
{
	struct package_findings findings = {
		.items = arena_array(&batch->arena, package->count + 1, sizeof(*findings.items)),
		.count = package->count};
	struct finding_change change = {
		.judgement = batch->state.running ? batch->state.running : batch->state.judgement,
		.package = package->package,
		.come = arena_array(&batch->arena, package->come_count + 1, sizeof(*change.come)),
		.come_count = package->come_count,
		.gone = package->gone,
		.gone_count = package->gone_count};
	int status;

	if (arena_failed(&batch->arena))
		return err_set(err, ERR_MEM, "judging: out of memory");
	for (size_t i = 0; i < package->count; i++)
		findings.items[i] =
			(struct finding_ref){batch->contents[package->contents[i]].number, package->since[i]};
	for (size_t i = 0; i < package->come_count; i++)
		change.come[i] = batch->contents[package->come[i]].number;
	status = catalog_findings_put(catalog, package->package, &findings, err);
	if (!status && package->logged)
		status = catalog_finding_change_put(catalog, &change, err);
	return status;
}

/* Somebody else has judged since this batch was computed: nothing of it is put, and the next step begins anew. */
static int is_stale(struct catalog *catalog, struct judge_batch *batch, bool *stale, struct err *err)
{
	struct findings_state now;
	struct catalog_view  *view = NULL;
	int                   status = catalog_view_open(catalog, false, &view, err);

	if (!status)
		status = catalog_findings_state(view, &now, err);
	catalog_view_close(view);
	*stale = !status &&
		 (now.judgement != batch->before.judgement || now.running != batch->before.running ||
		  now.index_generation != batch->before.index_generation || now.packages != batch->before.packages);
	return status;
}

int judge_put(struct catalog *catalog, struct judge_batch *batch, struct err *err)
{
	bool stale;
	int  status = is_stale(catalog, batch, &stale, err);

	if (status || stale)
		return status;
	if (batch->clear)
		status = catalog_findings_clear(catalog, err);
	for (size_t i = 0; !status && i < batch->contents_count; i++)
		if (batch->contents[i].number == 0)
			status = catalog_finding_intern(catalog, batch->contents[i].bytes, &batch->contents[i].number,
							err);
	for (size_t i = 0; !status && i < batch->packages_count; i++)
		status = put_package(catalog, batch, &batch->packages[i], err);
	if (!status && batch->judgement.number)
		status = catalog_judgement_put(catalog, &batch->judgement, err);
	return status ? status : catalog_findings_state_put(catalog, &batch->state, err);
}

int judge_all(struct catalog *catalog, struct judge *judge, struct err *err)
{
	struct judge_batch *batch;
	int                 status;

	while ((status = judge_step(judge, &batch, err)) > 0) {
		status = catalog_begin(catalog, err);
		if (!status) {
			status = judge_put(catalog, batch, err);
			if (status)
				catalog_abort(catalog);
			else
				status = catalog_commit(catalog, err);
		}
		judge_batch_free(batch);
		if (status)
			return status;
	}
	return status;
}
