/* maven_pom.h - a pom.xml, as far as it speaks for itself: its properties, its parent's coordinates, what it manages.
 *
 * Parents and imported poms are not read (they lie elsewhere): what only they say stays unknown.
 * Source: maven.apache.org "POM Reference" and "Introduction to the POM". */
#ifndef VARVE_WORKER_ANALYZE_MAVEN_POM_H
#define VARVE_WORKER_ANALYZE_MAVEN_POM_H

#include "base/map.h"
#include "base/xml.h"

struct maven_pom {
	struct arena     *arena;
	const struct xml *project;
	struct map        properties; /* name -> struct xml */
	struct map        managed;    /* "group:artifact" -> struct xml of its dependency */
	struct slice      parent_group, parent_version;
	struct slice      group, artifact,
		version; /* its own, its parent's where it has none; resolved; empty = not known */
};

/* What it holds lies in `arena`. ERR_FORMAT (not XML, or no project), ERR_LIMIT, ERR_MEM; to be closed in any case. */
int  maven_pom_open(struct slice text, struct arena *arena, struct maven_pom *pom, struct err *err);
void maven_pom_close(struct maven_pom *pom);

/* `text` with every ${…} put in; empty when one of them is not known here. */
struct slice maven_pom_resolve(const struct maven_pom *pom, struct slice text);

/* "group:artifact" of a dependency, or empty; its version, or that which the pom manages for it; empty when neither, and for a range. */
struct slice maven_pom_name(const struct maven_pom *pom, const struct xml *dependency);
struct slice maven_pom_version(const struct maven_pom *pom, const struct xml *dependency, struct slice name);

#endif
