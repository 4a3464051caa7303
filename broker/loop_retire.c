#include "loop_internal.h"

#include "base/log.h"
#include "model/listing.h"

enum { PLACES_PER_TURN = 2000, TURN_BYTES_MAX = 4 << 20 };

/* A listing that has ended: what it would have named, and did not, is not there any more. */
struct retiring {
	uint64_t              job, number;
	struct reference      where;
	struct listing_filter filter;
};

static const char **globs(struct arena *arena, const struct slice *items, size_t count)
{
	const char **out = arena_array(arena, count + 1, sizeof(*out));

	for (size_t i = 0; out && i < count; i++)
		out[i] = arena_str(arena, items[i]);
	return out;
}

int loop_retire_listed(struct loop *loop, const struct core_lease_info *info, struct err *err)
{
	struct reference where;

	if (reference_parse(info->text, &where, NULL) < 0 || where.transport != TRANSPORT_REGISTRY || !loop_write(loop))
		return 0;
	loop->retiring = true;
	return catalog_retiring_put(loop->catalog, info->job, info->reference, SLICE_EMPTY, err);
}

/* False: the job or its listing cannot be read, and nothing is retired. */
static bool describe(struct loop *loop, struct retiring *out, struct arena *arena)
{
	struct job_record record;
	struct slice      text;

	if (catalog_job_get(loop->catalog, out->job, arena, &record, NULL) < 0 || record.newest ||
	    catalog_reference_text(loop->catalog, out->job, out->number, arena, &text, NULL) < 0 ||
	    reference_parse(text, &out->where, NULL) < 0)
		return false;
	out->filter = (struct listing_filter){.include = globs(arena, record.include, record.include_count),
					      .exclude = globs(arena, record.exclude, record.exclude_count)};
	return !arena_failed(arena);
}

/* Named by this job (then it was listed, or is asked for anyway), or seen by a later one: both say it is there. */
static int look_at(struct loop *loop, const struct retiring *retiring, const struct catalog_latest *latest,
		   struct err *err)
{
	struct slice     text = slice_sub(latest->place, 0, slice_find(latest->place, ' '));
	struct reference image;
	bool             known;
	int              status;

	if (latest->retired_ms || latest->job >= retiring->job || reference_parse(text, &image, NULL) < 0 ||
	    !listing_covers(&retiring->where, &retiring->filter, &image))
		return 0;
	status = catalog_reference_known(loop->catalog, retiring->job, text, &known, err);
	if (status < 0 || known)
		return status;
	log_about(LOG_INFO, "broker", LOG_JOB(retiring->job), "%.*s is not listed any more: retired",
		  SLICE_FMT(slice_sub(latest->place, 0, 400)));
	return catalog_latest_retire(loop->catalog, latest, retiring->job, err);
}

/* Places sort by their texts: all of a listing begin with this one. */
static struct slice start_of(const struct retiring *retiring, struct arena *arena)
{
	struct slice start = arena_printf(arena, "docker://%s/%s", retiring->where.host, retiring->where.path);

	while (slice_ends(start, "/"))
		start.len--;
	return start;
}

static bool is_behind(const struct retiring *retiring, struct slice place, struct arena *arena)
{
	struct slice start = start_of(retiring, arena);

	return slice_cmp(place, start) > 0 && !slice_eq(slice_sub(place, 0, start.len), start);
}

static int some(struct loop *loop, struct retiring *retiring, struct buf *from, struct arena *arena, struct err *err)
{
	struct catalog_latest *latest;
	size_t                 count;
	bool                   ended;
	int                    status;

	if (!from->len)
		buf_append(from, start_of(retiring, arena));
	status = catalog_latest_read(loop->catalog, buf_slice(from), PLACES_PER_TURN, arena, &latest, &count, from,
				     &ended, err);
	for (size_t i = 0; i < count && status >= 0; i++)
		status = look_at(loop, retiring, &latest[i], err);
	if (status < 0)
		return status;
	if (ended || is_behind(retiring, latest[count - 1].place, arena))
		return catalog_retiring_end(loop->catalog, retiring->job, retiring->number, err);
	return catalog_retiring_put(loop->catalog, retiring->job, retiring->number, buf_slice(from), err);
}

void loop_retire_turn(struct loop *loop)
{
	struct retiring retiring = {0};
	struct arena    arena;
	struct buf      from;
	struct err      err = {0};
	int             status;

	if (!loop->retiring || loop->broken.code)
		return;
	buf_init(&from, 1 << 10);
	arena_init(&arena, LOOP_JOB_BYTES_MAX + TURN_BYTES_MAX);
	status = catalog_retiring_first(loop->catalog, &retiring.job, &retiring.number, &from, &err);
	loop->retiring = status >= 0;
	if (status >= 0 && loop_write(loop)) {
		loop->again = true;
		status = describe(loop, &retiring, &arena)
				 ? some(loop, &retiring, &from, &arena, &err)
				 : catalog_retiring_end(loop->catalog, retiring.job, retiring.number, &err);
	}
	if (status < 0 && status != ERR_NOT_FOUND)
		loop_broken(loop, &err);
	arena_deinit(&arena);
	buf_deinit(&from);
}
