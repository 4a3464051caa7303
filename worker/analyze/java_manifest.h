/* java_manifest.h - the main attributes of META-INF/MANIFEST.MF that tell what an archive is.
 *
 * Source: JAR File Specification, "Notes on Manifest and Signature Files": lines of 72 bytes, continued by a leading blank. */
#ifndef VARVE_WORKER_ANALYZE_JAVA_MANIFEST_H
#define VARVE_WORKER_ANALYZE_JAVA_MANIFEST_H

#include "base/arena.h"

struct java_manifest { /* absent ones are empty */
	struct slice implementation_title, implementation_version, bundle_name, bundle_version, specification_title,
		specification_version, license;
};

/* Values are joined into the arena; one without room is left empty. */
void java_manifest_read(struct slice body, struct arena *arena, struct java_manifest *out);

/* The best of them; empty when nothing tells. A title with blanks is prose, not a name. */
struct slice java_manifest_artifact(const struct java_manifest *manifest);
struct slice java_manifest_version(const struct java_manifest *manifest);

#endif
