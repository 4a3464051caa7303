/* match.h - joins an image's packages with advisories: what is affected, by what, since which layer; and what could not be judged.
 *
 * Pure: a function of the image's packages and os-release and of one generation of advisories. Nothing is stored. Each
 * unique (target, package) gives the same findings, so that a bulk re-match may ask once per unique package. */
#ifndef VARVE_MATCH_MATCH_H
#define VARVE_MATCH_MATCH_H

#include "match/advisories.h"
#include "match/ecosystem.h"
#include "model/result.h"

/* Fills vulnerabilities, coverage, advisories_generation and advisories_date of `result`, adds findings (unmaintained,
 * malware …) to those that are there, and marks PACKAGE_THIRD_PARTY. `advisories` NULL = no database: coverage then says
 * no_advisory_source for what is installed. Everything new lives in `arena`. ERR_MEM, ERR_STORE from the look-ups. */
int match_image(const struct advisories *advisories, struct arena *arena, struct image_result *result, struct err *err);

/* The same for one package that ecosystem_target_for_package() gave a target. `package_index` is copied into what is
 * found. Arrays in `arena`; strings may borrow the advisories: match_image() copies what it keeps. */
struct match_found {
	struct result_vulnerability *vulnerabilities; /* by id */
	size_t                       vulnerabilities_count;
	struct result_finding       *findings;
	size_t                       findings_count;
};

int match_package(const struct advisories *advisories, const struct ecosystem_target *target, const struct package *package,
                  struct arena *arena, struct match_found *out, struct err *err);

#endif
