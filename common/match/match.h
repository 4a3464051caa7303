/* match.h - joins an image's packages with advisories: what is affected, by what, since which layer; and what could not be judged.
 *
 * Pure: a function of the image's packages and os-release and of one generation of advisories. Nothing is stored. Equal
 * (target, subject) give equal findings, so that a bulk re-match may ask once per unique subject. */
#ifndef VARVE_MATCH_MATCH_H
#define VARVE_MATCH_MATCH_H

#include "match/advisories.h"
#include "match/ecosystem.h"
#include "model/result.h"

/* Fills vulnerabilities, coverage, advisories_generation and advisories_date of `result`, adds findings (unmaintained,
 * malware …) to those that are there. Packages with PACKAGE_THIRD_PARTY are not judged by the distribution's feed.
 * `advisories` NULL = no database: coverage then says no_advisory_source for what is installed. Everything new lives in
 * `arena`. ERR_MEM, ERR_STORE from the look-ups. */
int match_image(const struct advisories *advisories, struct arena *arena, struct image_result *result, struct err *err);

/* What is asked about one package: under which name and version its target's feed knows it. */
struct match_subject {
	struct slice     name;
	struct osv_query query;
	bool             modular; /* rpm of a module stream */
	struct slice     arch;    /* of the image, as OCI names it; empty = any. Advisories may be for one alone */
};

struct match_found {
	struct result_vulnerability *vulnerabilities; /* by id; `package` is 0 */
	size_t                       vulnerabilities_count;
	struct result_finding       *findings; /* `layer` is 0 */
	size_t                       findings_count;
};

/* A package that nothing judges, whatever it is called: made up, unpublished, or a key. */
bool match_is_never(const struct package *package);

/* Under which version an rpm's source is asked for: with the epoch of the binary that bears its name, or without any. */
struct osv_query match_rpm_source_query(const struct result_package *packages, size_t packages_count, size_t index,
					struct arena *arena);

/* `packages` are all of the image, sorted as result.h says: the epoch of a source package is that of the binary that
 * bears its name. The caller sets `arch`. */
struct match_subject match_subject_of(const struct ecosystem_target *target, const struct result_package *packages,
				      size_t packages_count, size_t index, struct arena *arena);

/* The join for one subject. Arrays in `arena`; strings may borrow advisories and subject: match_image() copies what it keeps. */
int match_subject(const struct advisories *advisories, const struct ecosystem_target *target,
		  const struct match_subject *subject, struct arena *arena, struct match_found *out, struct err *err);

#endif
