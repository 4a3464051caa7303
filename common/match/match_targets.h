/* match_targets.h - what judges each context and type of unique packages under one generation: looked up once, for passes over
 * all packages of a catalog.
 *
 * Owner: one thread; `advisories` are borrowed until free. */
#ifndef VARVE_MATCH_MATCH_TARGETS_H
#define VARVE_MATCH_MATCH_TARGETS_H

#include "match/match_unique.h"

/* Identifies this program's way of matching: the hash of its sources. Findings made under another one are made again. */
extern const char match_identity[];

struct match_targets;
struct match_targets *match_targets_new(const struct advisories *advisories); /* NULL without memory */
void                  match_targets_free(struct match_targets *targets);      /* NULL is fine */

/* One context, named by the digest that packages hold; lives as long as `targets`. */
struct match_context;
const struct match_context *match_context_find(const struct match_targets *targets, const struct digest *digest);
/* Copies it; NULL: `err`. */
const struct match_context *match_context_add(struct match_targets *targets, const struct digest *digest,
					      const struct package_context *context, struct err *err);

/* The distribution is judged: what a package of it brought (INDEX_ENTRY_OWNED) counts with that package, not by itself. */
bool match_context_judges_os(const struct match_context *context);

/* Under which OSV ecosystem, without its suffix, and under which name advisories would know the package, of this generation or
 * another; empty: none ever does. */
struct match_key {
	struct slice ecosystem, name;
};
int match_targets_key(struct match_targets *targets, const struct match_context *context,
		      const struct unique_package *package, struct arena *arena, struct match_key *out,
		      struct err *err);

/* As match_unique(). */
int match_targets_match(struct match_targets *targets, const struct match_context *context,
			const struct unique_package *package, struct arena *arena, struct match_found *out,
			struct err *err);

#endif
