/* purl.h - package URLs: pkg:type/namespace/name@version?qualifiers#subpath.
 *
 * Source: package-url/purl-spec PURL-SPECIFICATION and types/ (ECMA-427). Written canonically: ':' is never
 * percent-encoded, '+' always; qualifiers are sorted by key, empty ones left out; namespace and name lower-case where
 * the type says so. Reading accepts any encoding. The normalised name is for identity in reports: matching against
 * advisories takes the name of struct package. */
#ifndef VARVE_MODEL_PURL_H
#define VARVE_MODEL_PURL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "model/inventory.h"

enum { PURL_QUALIFIERS_MAX = 32 };

struct purl_qualifier {
	struct slice key, value;
};

struct purl {
	struct slice type, namespace, name, version, subpath;  /* decoded; the namespace with '/' between its parts */
	struct purl_qualifier qualifiers[PURL_QUALIFIERS_MAX]; /* sorted by key */
	size_t                qualifiers_count;
};

/* ERR_FORMAT: no "pkg:", no type or name, a wrong qualifier key; ERR_LIMIT: LIMIT_STRING_BYTES or PURL_QUALIFIERS_MAX.
 * Everything is copied into `arena`. */
int purl_parse(struct slice text, struct arena *arena, struct purl *purl, struct err *err);

/* Sets or replaces, keeping the order; an empty value is ignored. False when there is no room. */
bool purl_set(struct purl *purl, const char *key, struct slice value);

void purl_write(const struct purl *purl, struct buf *out); /* canonical */

/* Of an installed package. OS packages (deb, apk, rpm, alpm) get the distribution as namespace and the qualifiers arch,
 * distro, epoch and upstream; names of other types are split where their type does ("@angular/core", "org.x:y").
 * In the arena; at most LIMIT_STRING_BYTES, an absurd name is cut. Empty without a type or name. */
struct slice purl_of_package(const struct package *package, const struct os_release *os, struct arena *arena);

#endif
