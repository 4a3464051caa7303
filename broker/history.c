#include "history.h"

#include "base/clock.h"
#include "question.h"
#include "rematch.h"
#include "wire/protocol.h"

enum { JOBS_MAX = 1000 /* looked back */, SET_BYTES_MAX = 1 << 30, DOCUMENT_BYTES_MAX = 1 << 30 };

/* ---- counting ---- */

struct counting {
	struct question    *q;
	struct arena        arena; /* of one set */
	struct history_row *row;
	struct map          done; /* set -> struct set_counts */
	struct err         *err;
};

struct set_counts {
	uint64_t               packages;
	struct question_counts findings;
};

static int count_set(struct counting *c, uint64_t number, struct set_counts *out)
{
	struct question_set set;
	int                 status;

	arena_reset(&c->arena);
	status = question_load_set(c->q, number, &c->arena, &set, c->err);
	for (size_t i = 0; !status && i < set.set.entries_count; i++) {
		const struct index_entry     *entry = &set.set.entries[i];
		const struct question_counts *counts;

		if (!question_entry_counts(&set, entry->flags))
			continue;
		if ((counts = question_counts(c->q, entry->package, c->err)) == NULL)
			return c->err && c->err->code ? c->err->code : ERR_STORE;
		out->packages++;
		for (int s = 0; s < SEVERITY_COUNT; s++)
			out->findings.of[s] += counts->of[s];
	}
	return status;
}

/* Many images are one set. */
static const struct set_counts *counts_of(struct counting *c, uint64_t number)
{
	struct set_counts *counts = map_get(&c->done, slice_of(&number, sizeof(number)));

	if (counts)
		return counts;
	counts = arena_alloc(&c->q->arena, sizeof(*counts));
	if (!counts || count_set(c, number, counts) != 0)
		return NULL;
	return map_put(&c->done, arena_copy(&c->q->arena, slice_of(&number, sizeof(number))), counts) ? counts : NULL;
}

static int add_set(struct counting *c, uint64_t set)
{
	const struct set_counts *counts = counts_of(c, set);

	if (!counts)
		return c->err && c->err->code ? c->err->code : err_set(c->err, ERR_MEM, "history: out of memory");
	c->row->packages += counts->packages;
	for (int s = 0; s < SEVERITY_COUNT; s++)
		c->row->findings[s] += counts->findings.of[s];
	return 0;
}

static int add_image(void *data, uint64_t number, uint64_t set)
{
	(void)number;
	return set ? add_set(data, set) : 0;
}

static int add_place(void *data, const struct index_place *place)
{
	struct counting *c = data;

	c->row->images++;
	return place->set ? add_set(c, place->set) : 0;
}

static int count_job(struct question *q, const struct job_record *job, struct history_row *row, struct err *err)
{
	struct counting c = {.q = q, .row = row, .err = err};
	int             status;

	arena_init(&c.arena, SET_BYTES_MAX);
	status = catalog_index_job_images_each(q->view, job->job, 0, add_image, &c, err);
	arena_deinit(&c.arena);
	map_deinit(&c.done);
	return status;
}

static int count_places(struct question *q, struct history_row *row, struct err *err)
{
	struct counting c = {.q = q, .row = row, .err = err};
	int             status;

	arena_init(&c.arena, SET_BYTES_MAX);
	status = catalog_index_places_each(q->view, SLICE_EMPTY, add_place, &c, err);
	arena_deinit(&c.arena);
	map_deinit(&c.done);
	return status;
}

/* ---- rows ---- */

static void put_generation(struct question *q, struct arena *arena, struct history_row *row)
{
	row->generation = arena_copy(arena, q->judgement.generation);
	row->date = arena_copy(arena, q->judgement.date);
}

enum { COUNTER_IMAGES_FAILED = 2, COUNTER_IMAGES_INCOMPLETE = 3 }; /* docs/STORE_FORMAT.md, counters of a job */

static int job_row(struct question *q, const struct job_record *job, struct arena *arena, struct history_row *row,
		   struct err *err)
{
	*row = (struct history_row){.at_ms = job->finished_ms,
				    .kind = HISTORY_JOB,
				    .id = job->job,
				    .schedule = job->schedule,
				    .label = arena_copy(arena, job->label),
				    .images = job->images_count,
				    .failed = job->counters[COUNTER_IMAGES_FAILED] +
					      job->counters[COUNTER_IMAGES_INCOMPLETE]};
	put_generation(q, arena, row);
	return count_job(q, job, row, err);
}

static int judgement_row(struct question *q, struct arena *arena, struct history_row *row, struct err *err)
{
	const struct rematch_request request = {.brief = true, .bytes_max = 1};
	struct rematch_summary       summary;
	struct buf                   document = {.bytes_max = DOCUMENT_BYTES_MAX};
	int                          status;

	*row = (struct history_row){
		.at_ms = q->judgement.ended_ms, .kind = HISTORY_JUDGEMENT, .id = q->judgement.number};
	put_generation(q, arena, row);
	status = count_places(q, row, err);
	if (!status)
		status = rematch_answer(q, &request, &document, &summary, err);
	for (int s = 0; !status && s < SEVERITY_COUNT; s++) {
		row->come += summary.come[s];
		row->gone += summary.gone[s];
	}
	buf_deinit(&document);
	return status;
}

/* 1: the newest job that has ended and has no row. */
static int find_job(struct question *q, struct arena *arena, struct job_record *job, struct err *err)
{
	uint64_t id = 0;

	for (unsigned i = 0; i < JOBS_MAX && catalog_job_newest(q->catalog, id, &id, NULL) >= 0; i++) {
		if (catalog_job_get(q->catalog, id, arena, job, err) >= 0 && job->finished_ms &&
		    job->state == JOB_DONE && !catalog_history_has(q->view, job->finished_ms, HISTORY_JOB, id))
			return 1;
		if (id == 1)
			break;
	}
	err_clear(err);
	return 0;
}

static int next_in(struct question *q, struct arena *arena, struct history_row *out, struct err *err)
{
	struct job_record job;
	uint64_t          pending = 0;
	int               status = catalog_index_pending_count(q->view, &pending, err);

	if (status || pending)
		return status;
	if (q->judgement.number &&
	    !catalog_history_has(q->view, q->judgement.ended_ms, HISTORY_JUDGEMENT, q->judgement.number)) {
		status = judgement_row(q, arena, out, err);
		return status ? status : 1;
	}
	status = find_job(q, arena, &job, err);
	if (status <= 0)
		return status;
	status = job_row(q, &job, arena, out, err);
	return status ? status : 1;
}

int history_next(struct catalog *catalog, struct advisory_share *share, struct arena *arena, struct history_row *out,
		 struct err *err)
{
	struct question q;
	int             status = question_open(&q, catalog, share, err);

	if (!status)
		status = next_in(&q, arena, out, err);
	question_close(&q);
	return status;
}

/* ---- the document ---- */

static int put_row(void *data, const struct history_row *row)
{
	struct json_writer *w = data;
	char                at[CLOCK_RFC3339_BYTES];

	clock_rfc3339(row->at_ms, at);
	json_begin_object(w, NULL);
	json_put_str(w, "at", at);
	json_put_str(w, "what", row->kind == HISTORY_JOB ? "job" : "advisories");
	json_put_uint(w, row->kind == HISTORY_JOB ? "job" : "judgement", row->id);
	if (row->kind == HISTORY_JOB) {
		json_put_uint(w, "schedule", row->schedule);
		json_put_text(w, "label", row->label);
		json_put_uint(w, "failed", row->failed);
	}
	json_put_text_if(w, "generation", row->generation);
	json_put_text_if(w, "date", row->date);
	json_put_uint(w, "images", row->images);
	json_put_uint(w, "packages", row->packages);
	question_put_severities(w, "vulnerabilities", row->findings);
	if (row->kind == HISTORY_JUDGEMENT) {
		json_put_uint(w, "new", row->come);
		json_put_uint(w, "gone", row->gone);
	}
	json_end_object(w);
	return 0;
}

int history_answer(struct question *q, uint64_t from_ms, struct buf *out, struct err *err)
{
	struct json_writer w = json_writer_of(out, 0);
	int                status;

	json_begin_object(&w, NULL);
	json_put_str(&w, "schema", "varve.history/1");
	json_begin_array(&w, "rows");
	status = catalog_history_each(q->view, from_ms, put_row, &w, err);
	json_end_array(&w);
	json_end_object(&w);
	buf_byte(out, '\n');
	return !status && !buf_ok(out) ? err_set(err, ERR_LIMIT, "the answer is too long") : status;
}
