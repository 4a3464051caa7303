/* facts.h - what the tree's nodes hold: facts of one path, pointing into the decoded inventory they came from.
 *
 * An inventory stays decoded while a fact of it is in the tree, and is given back when the last one is gone: of a
 * database that 127 layers rewrote, one version is in memory. Owner: one thread. */
#ifndef VARVE_AGGREGATE_FACTS_H
#define VARVE_AGGREGATE_FACTS_H

#include "aggregate/presence.h"
#include "aggregate/tree.h"
#include "base/err.h"
#include "model/inventory.h"

struct source {
	struct inventory inventory;
	size_t           refs; /* facts in the tree, and one while its layer is worked on */
	uint32_t         layer;
	size_t          *bytes_held; /* what all decoded inventories of the image take */
};

struct facts {
	struct facts                 *next; /* further facts of the same path */
	struct source                *source;
	const struct package_db      *db; /* one of these four */
	const struct os_release      *os;
	const struct package_license *license;
	const struct owner_list      *owners;
	bool                          by_magic; /* counts only if a well-known name leads to it */
	bool                          counted;  /* its packages are in the presence table */
};

/* Whether `path` is where the tools of `kind` (package_db.kind, or "os-release"; NULL: any) look for it. */
bool evidence_name(const char *kind, struct slice path);

/* The fixed names among them, in order of preference; NULL at the end. */
const char *evidence_name_at(size_t i, const char **kind);

struct fact_store {
	struct tree    *tree;
	struct presence presence;
	bool            packages_left_out; /* databases beyond LIMIT_PACKAGES_PER_IMAGE were passed over */
};

/* All facts of `source` into the tree, under the real paths that theirs lead to; then its hard links. */
void facts_attach(struct fact_store *store, struct source *source);

/* Whether `path` itself holds facts now: a hard link just attached leads to some. */
bool facts_are_at(const struct fact_store *store, struct slice path);

/* Forgets what the layer took away; inventories without facts are given back. */
void facts_settle(struct fact_store *store);

void facts_release_all(struct fact_store *store); /* the tree's facts, and the presence table */

/* With one reference, the caller's. NULL without memory. */
struct source *source_new(uint32_t layer, size_t *bytes_held);
void           source_release(struct source *source);

/* Once. ERR_LIMIT past LIMIT_AGGREGATE_BYTES over all sources, else what inventory_decode_parts() gives. */
int source_decode(struct source *source, struct slice encoded, uint32_t parts, struct err *err);

#endif
