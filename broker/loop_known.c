#include "loop_internal.h"

#include "model/reference.h"

/* Only a registry can say by a digest that nothing has changed. */
static bool can_be_known(struct slice text)
{
	struct reference reference;

	return reference_parse(text, &reference, NULL) == 0 && reference.transport == TRANSPORT_DOCKER;
}

static struct resolve_key key_of(const struct loop_job *job, const struct loop_worker *worker, struct slice reference)
{
	return (struct resolve_key){
		.reference = reference, .platform = job->record.platform, .version = worker->resolver};
}

struct wire_strings loop_known_get(struct loop *loop, const struct loop_job *job, const struct loop_worker *worker,
				   struct slice reference, struct arena *arena)
{
	const struct resolve_key key = key_of(job, worker, reference);
	struct wire_strings      known = {0};

	if (!worker->resolver || job->record.flags & JOB_NO_REUSE || !can_be_known(reference))
		return known;
	if (catalog_resolve_get(loop->catalog, &key, WIRE_KNOWN_BYTES_MAX, arena, &known.items, &known.count, NULL) <
		    0 ||
	    known.count > WIRE_STRINGS_MAX)
		return (struct wire_strings){0}; /* damaged ones too: they are made again */
	return known;
}

int loop_known_put(struct loop *loop, const struct loop_job *job, const struct loop_worker *worker,
		   struct slice reference, const struct wire_strings *images, struct err *err)
{
	const struct resolve_key key = key_of(job, worker, reference);
	int                      status;

	if (!worker->resolver || !can_be_known(reference) || !loop_write(loop))
		return 0;
	status = catalog_resolve_put(loop->catalog, &key, images->items, images->count, err);
	if (status < 0)
		loop_broken(loop, err);
	return status;
}
