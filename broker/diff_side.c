#include "diff_side.h"

#include "base/clock.h"
#include "image_load.h"
#include "wire/protocol.h"

#include <stdlib.h>

enum { DAY_CHARS = 10, JOBS_MAX = 100000, SCRATCH_BYTES_MAX = 64 << 20 };

struct reading {
	struct question  *q;
	struct diff_side *out;
	struct slice      reference, platform; /* empty: any */
	struct digest     digest;              /* zero: any */
	uint64_t          job;
	struct err       *err;
};

static int add(struct reading *r, uint64_t job, uint64_t number, uint64_t set)
{
	struct diff_side *out = r->out;
	struct job_image  stored;
	struct image      record;
	struct arena      scratch;
	char              platform[96];
	int               status;

	if (!set)
		return 0; /* it failed, or is not indexed yet */
	arena_init(&scratch, SCRATCH_BYTES_MAX);
	status = image_load(r->q->catalog, job, number, &scratch, &stored, &record, r->err);
	if (!status && (digest_is_zero(&r->digest) || digest_eq(&r->digest, &record.digest))) {
		platform_text(&record.platform, platform);
		if (arena_grow(&r->q->arena, &out->images, &out->capacity, out->count, sizeof(*out->images))) {
			out->images[out->count] =
				(struct diff_image){.reference = arena_copy(&r->q->arena, record.reference),
						    .platform = arena_copy(&r->q->arena, slice_str(platform)),
						    .set = set,
						    .order = out->count};
			out->count++;
		}
	}
	arena_deinit(&scratch);
	return status ? status : question_fail(r->q, r->err);
}

/* ---- jobs ---- */

static int add_of_job(void *data, uint64_t number, uint64_t set)
{
	struct reading *r = data;

	return add(r, r->job, number, set);
}

static int read_job(struct reading *r, uint64_t job)
{
	r->job = job;
	return catalog_index_job_images_each(r->q->view, job, 0, add_of_job, r, r->err);
}

static int check_job(struct reading *r, uint64_t job)
{
	struct job_record record;
	struct arena      scratch;
	int               status;

	arena_init(&scratch, SCRATCH_BYTES_MAX);
	status = catalog_job_get(r->q->catalog, job, &scratch, &record, r->err);
	arena_deinit(&scratch);
	return status;
}

/* Jobs that ended on that day, the oldest first: of an image that several saw, the last one's counts. */
static int read_night(struct reading *r, struct slice day)
{
	uint64_t     id = 0, *jobs = NULL;
	size_t       count = 0, capacity = 0;
	struct arena scratch;
	int          status = 0;

	arena_init(&scratch, SCRATCH_BYTES_MAX);
	for (size_t i = 0; i < JOBS_MAX && id != 1 && catalog_job_newest(r->q->catalog, id, &id, NULL) >= 0; i++) {
		struct job_record record;
		char              at[CLOCK_RFC3339_BYTES];

		arena_reset(&scratch);
		if (catalog_job_get(r->q->catalog, id, &scratch, &record, NULL) < 0 || !record.finished_ms ||
		    record.state == JOB_SCHEDULED)
			continue;
		clock_rfc3339(record.finished_ms, at);
		if (slice_eq(slice_sub(slice_str(at), 0, DAY_CHARS), day) &&
		    arena_grow(&r->q->arena, &jobs, &capacity, count, sizeof(*jobs)))
			jobs[count++] = id;
	}
	arena_deinit(&scratch);
	if (count == 0)
		return err_set(r->err, ERR_NOT_FOUND, "no job ended on %.*s (UTC)", SLICE_FMT(day));
	while (!status && count)
		status = read_job(r, jobs[--count]);
	return status;
}

/* ---- images ---- */

static bool is_wanted(const struct reading *r, struct slice place)
{
	size_t       blank = slice_rfind(place, ' ');
	struct slice reference = slice_sub(place, 0, blank), platform = slice_from(place, blank + 1);

	if (r->reference.len && !slice_eq(reference, r->reference) &&
	    !(slice_starts(reference, "docker://") && slice_eq(slice_from(reference, 9), r->reference)))
		return false;
	return r->platform.len == 0 || slice_eq(platform, r->platform);
}

static int add_place(void *data, const struct index_place *place)
{
	struct reading *r = data;

	return is_wanted(r, place->place) ? add(r, place->job, place->number, place->set) : 0;
}

/* One image: several places of one content are one. */
static int read_image(struct reading *r, struct slice name)
{
	int status;

	if (slice_starts(name, "sha256:")) {
		if ((status = digest_parse(name, &r->digest, r->err)) != 0)
			return status;
	} else {
		r->reference = name;
	}
	status = catalog_index_places_each(r->q->view, SLICE_EMPTY, add_place, r, r->err);
	if (status)
		return status;
	if (r->out->count == 0)
		return err_set(r->err, ERR_NOT_FOUND, "no image %.*s is known", SLICE_FMT(name));
	for (size_t i = 1; i < r->out->count; i++)
		if (r->out->images[i].set != r->out->images[0].set)
			return err_set(r->err, ERR_USAGE, "%.*s has several platforms: name one with --platform",
				       SLICE_FMT(name));
	r->out->count = 1;
	return 0;
}

/* ---- the side ---- */

static int cmp_keys(const struct diff_image *a, const struct diff_image *b)
{
	int order = slice_cmp(a->reference, b->reference);

	return order ? order : slice_cmp(a->platform, b->platform);
}

static int by_key(const void *a, const void *b)
{
	const struct diff_image *left = a, *right = b;
	int                      order = cmp_keys(left, right);

	return order ? order : (left->order > right->order) - (left->order < right->order);
}

/* Sorts; the later of two with one key stays. */
static void keep_last(struct diff_side *side)
{
	size_t kept = 0;

	if (side->count > 1)
		qsort(side->images, side->count, sizeof(*side->images), by_key);
	for (size_t i = 0; i < side->count; i++) {
		if (kept && cmp_keys(&side->images[kept - 1], &side->images[i]) == 0)
			kept--;
		side->images[kept++] = side->images[i];
	}
	side->count = kept;
}

int diff_side_read(struct question *q, struct slice name, struct slice platform, struct diff_side *out, struct err *err)
{
	struct reading r = {.q = q, .out = out, .platform = platform, .err = err};
	uint64_t       job;
	int            status;

	*out = (struct diff_side){0};
	if (slice_starts(name, "job:")) {
		if (!slice_u64(slice_from(name, 4), &job) || !job)
			return err_set(err, ERR_USAGE, "\"%.*s\" names no job", SLICE_FMT(name));
		status = check_job(&r, job);
		status = status ? status : read_job(&r, job);
	} else if (slice_starts(name, "night:")) {
		status = read_night(&r, slice_from(name, 6));
	} else {
		status = read_image(&r, name);
	}
	keep_last(out);
	return status;
}

/* ---- the base of an image ---- */

struct basing {
	struct question  *q;
	struct index_set  of;
	struct diff_side *out;
	struct arena      scratch;
	size_t            layers;    /* of the best so far */
	struct slice      reference; /* of it: the least, where several images are the same */
	struct err       *err;
};

static bool same_layer(const struct index_layer *a, const struct index_layer *b)
{
	return !a->pseudo && !b->pseudo && digest_eq(&a->key.digest, &b->key.digest);
}

static bool is_beginning(const struct index_set *base, const struct index_set *of)
{
	if (base->layers_count == 0 || base->layers_count >= of->layers_count)
		return false;
	for (size_t i = 0; i < base->layers_count; i++)
		if (!same_layer(&base->layers[i], &of->layers[i]))
			return false;
	return true;
}

static int consider(void *data, const struct index_place *place)
{
	struct basing   *b = data;
	struct index_set set;
	int              status;

	if (!place->set || place->set == b->of.set)
		return 0;
	arena_reset(&b->scratch);
	status = catalog_index_set(b->q->view, place->set, &b->scratch, &set, b->err);
	if (status || !is_beginning(&set, &b->of) || set.layers_count < b->layers ||
	    (set.layers_count == b->layers && slice_cmp(place->place, b->reference) >= 0))
		return status;
	b->layers = set.layers_count;
	b->reference = arena_copy(&b->q->arena, place->place);
	b->out->count = 0;
	return add(&(struct reading){.q = b->q, .out = b->out, .err = b->err}, place->job, place->number, place->set);
}

int diff_side_base(struct question *q, const struct diff_side *of, struct diff_side *out, struct err *err)
{
	struct basing b = {.q = q, .out = out, .err = err};
	int           status;

	*out = (struct diff_side){0};
	arena_init(&b.scratch, SCRATCH_BYTES_MAX);
	status = catalog_index_set(q->view, of->images[0].set, &q->arena, &b.of, err);
	if (!status)
		status = catalog_index_places_each(q->view, SLICE_EMPTY, consider, &b, err);
	arena_deinit(&b.scratch);
	if (!status && out->count == 0)
		status = err_set(err, ERR_NOT_FOUND, "no known image is the base of %.*s",
				 SLICE_FMT(of->images[0].reference));
	return status;
}
