/* match_unique.h - one unique package of the catalog's index judged without its image; and how an image's packages become such.
 *
 * Pure. For every package of every image: match_unique() of what match_unique_of() made finds what match_image() finds for
 * it, unless the image suppresses it (owned by a package of a judged distribution, or only declared). */
#ifndef VARVE_MATCH_MATCH_UNIQUE_H
#define VARVE_MATCH_MATCH_UNIQUE_H

#include "match/match.h"
#include "model/unique_package.h"

/* Contexts of an aggregated image: of its OS packages, and of those of languages. Borrowed from it. */
struct package_context match_context_of(const struct image_result *result);
struct package_context match_language_context_of(const struct image_result *result);

/* Package `index` of an aggregated image, borrowed from it and the arena; its context is the caller's to set. */
struct unique_package match_unique_of(const struct image_result *result, size_t index, struct arena *arena);

/* What judges the packages of one type and context: to be kept for all of them. Lives in the arena. */
struct unique_judge {
	struct ecosystem_target target;
	bool                    nobody; /* a package type that the distribution does not use, no rule, or no feed */
	struct slice            arch;
};

/* `advisories` may be NULL: nobody judges. */
int match_unique_judge(const struct advisories *advisories, const struct package_context *context, struct slice type,
		       struct arena *arena, struct unique_judge *out, struct err *err);

/* The name under which advisories of the judge's ecosystem (not NULL) know the package. Borrowed, or in the arena. */
struct slice match_unique_name(const struct unique_judge *judge, const struct unique_package *package,
			       struct arena *arena);

/* As match_subject(): arrays in the arena, strings borrowed. Nothing is found for what is never judged. */
int match_unique(const struct advisories *advisories, const struct unique_judge *judge,
		 const struct unique_package *package, struct arena *arena, struct match_found *out, struct err *err);

/* Whether an image suppresses its package: `owned` and `declared` as result_package has them; `os` judges the
 * distribution's packages of the image, `judge` this one. */
bool match_unique_suppressed(const struct unique_judge *os, const struct unique_judge *judge, bool owned,
			     bool declared);

#endif
