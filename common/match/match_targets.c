#include "match/match_targets.h"

#include "base/map.h"

#include <stdlib.h>

enum { TARGETS_BYTES_MAX = 256 << 20 };

struct judge_of_type {
	struct slice        type;
	struct unique_judge judge;
};

struct match_context {
	struct digest          digest;
	struct package_context context;
	struct map             judges; /* type -> struct judge_of_type */
	bool                   judges_os;
};

struct match_targets {
	const struct advisories *advisories;
	struct arena             arena;
	struct map               contexts;
};

struct match_targets *match_targets_new(const struct advisories *advisories)
{
	struct match_targets *targets = calloc(1, sizeof(*targets));

	if (!targets)
		return NULL;
	targets->advisories = advisories;
	arena_init(&targets->arena, TARGETS_BYTES_MAX);
	return targets;
}

void match_targets_free(struct match_targets *targets)
{
	struct match_context *context;
	size_t                at = 0;

	if (!targets)
		return;
	while ((context = map_next(&targets->contexts, &at)) != NULL)
		map_deinit(&context->judges);
	map_deinit(&targets->contexts);
	arena_deinit(&targets->arena);
	free(targets);
}

const struct match_context *match_context_find(const struct match_targets *targets, const struct digest *digest)
{
	return map_get(&targets->contexts, digest_slice(digest));
}

static struct os_release copy_os(struct arena *arena, const struct os_release *os)
{
	return (struct os_release){.id = arena_copy(arena, os->id),
				   .id_like = arena_copy(arena, os->id_like),
				   .version_id = arena_copy(arena, os->version_id),
				   .version = arena_copy(arena, os->version),
				   .version_codename = arena_copy(arena, os->version_codename),
				   .pretty_name = arena_copy(arena, os->pretty_name),
				   .ubuntu_codename = arena_copy(arena, os->ubuntu_codename),
				   .cpe_name = arena_copy(arena, os->cpe_name),
				   .variant_id = arena_copy(arena, os->variant_id),
				   .build_id = arena_copy(arena, os->build_id)};
}

const struct match_context *match_context_add(struct match_targets *targets, const struct digest *digest,
					      const struct package_context *context, struct err *err)
{
	struct match_context   *entry = arena_alloc(&targets->arena, sizeof(*entry));
	struct ecosystem_target os;

	if (entry)
		*entry = (struct match_context){.digest = *digest,
						.context = {.os = copy_os(&targets->arena, &context->os),
							    .arch = arena_copy(&targets->arena, context->arch),
							    .ubuntu_pro = context->ubuntu_pro}};
	if (!entry || arena_failed(&targets->arena) ||
	    ecosystem_target_for_os(targets->advisories, &entry->context.os, context->ubuntu_pro, &targets->arena, &os,
				    err) != 0 ||
	    !map_put(&targets->contexts, digest_slice(&entry->digest), entry)) {
		err_set(err, ERR_MEM, "matching: out of memory");
		return NULL;
	}
	entry->judges_os = os.state == COVERAGE_MATCHED || os.state == COVERAGE_EOL;
	return entry;
}

bool match_context_judges_os(const struct match_context *context)
{
	return context->judges_os;
}

static const struct unique_judge *judge_of(struct match_targets *targets, const struct match_context *context,
					   struct slice type, struct err *err)
{
	struct match_context *owner = (struct match_context *)(uintptr_t)context; /* in our arena */
	struct judge_of_type *entry = map_get(&owner->judges, type);

	if (entry)
		return &entry->judge;
	entry = arena_alloc(&targets->arena, sizeof(*entry));
	if (entry)
		entry->type = arena_copy(&targets->arena, type);
	if (!entry || arena_failed(&targets->arena) ||
	    match_unique_judge(targets->advisories, &owner->context, entry->type, &targets->arena, &entry->judge,
			       err) ||
	    !map_put(&owner->judges, entry->type, entry)) {
		err_set(err, ERR_MEM, "matching: out of memory");
		return NULL;
	}
	return &entry->judge;
}

int match_targets_key(struct match_targets *targets, const struct match_context *context,
		      const struct unique_package *package, struct arena *arena, struct match_key *out, struct err *err)
{
	const struct unique_judge *judge = judge_of(targets, context, package->package.type, err);

	*out = (struct match_key){0};
	if (!judge)
		return ERR_MEM;
	if (!judge->target.ecosystem)
		return 0;
	out->ecosystem = slice_str(judge->target.ecosystem->name);
	out->name = match_unique_name(judge, package, arena);
	return arena_failed(arena) ? err_set(err, ERR_MEM, "matching: out of memory") : 0;
}

int match_targets_match(struct match_targets *targets, const struct match_context *context,
			const struct unique_package *package, struct arena *arena, struct match_found *out,
			struct err *err)
{
	const struct unique_judge *judge = judge_of(targets, context, package->package.type, err);

	*out = (struct match_found){0};
	return judge ? match_unique(targets->advisories, judge, package, arena, out, err) : ERR_MEM;
}
