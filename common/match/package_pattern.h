/* package_pattern.h - which packages are meant: "NAME", "NAME<2.17.1", "NAME>=1,<2", "pkg:npm/NAME@4.*", with globs.
 *
 * NAME means packages with that name, or whose name ends with it behind a '/' or ':' (Maven artifact, npm scope, Go
 * module); case and the difference between - _ . do not count. What follows from the first of < > = ! ~ ^ on is a range in the
 * words of each package's own manager (version_range.h); "@V" a glob over the version's text. A purl's type, namespace,
 * name and version may be globs; what it leaves out may be anything; its qualifiers have to be there. Pure. */
#ifndef VARVE_MATCH_PACKAGE_PATTERN_H
#define VARVE_MATCH_PACKAGE_PATTERN_H

#include "base/arena.h"
#include "model/purl.h"

struct package_pattern {
	bool         is_purl;
	bool         by_source; /* also packages that are built from a source of that name */
	struct slice name;      /* glob; of a purl, of its name alone */
	struct slice range;     /* empty = any version */
	struct slice version;   /* glob; empty = any */
	struct purl  purl;      /* its type and namespace as globs, its qualifiers */
};

/* Borrows `text` and the arena. ERR_USAGE. */
int package_pattern_parse(struct slice text, struct arena *arena, struct package_pattern *out, struct err *err);

/* By name (and of a purl its type) alone: nothing of it is missed among those whose folded name begins with
 * glob_literal(pattern->name). */
bool package_pattern_names(const struct package_pattern *pattern, const struct package *package);

/* The rest, of one that is named: *unsure when its version cannot be compared, which counts as meant. `purl`: its own. */
bool package_pattern_holds(const struct package_pattern *pattern, const struct package *package, struct slice purl,
			   bool *unsure);

#endif
