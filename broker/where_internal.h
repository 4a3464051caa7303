/* where_internal.h - what the files of the question `where` share; nobody else includes it. */
#ifndef VARVE_BROKER_WHERE_INTERNAL_H
#define VARVE_BROKER_WHERE_INTERNAL_H

#include "match/match_unique.h"
#include "match/package_pattern.h"
#include "where.h"

enum where_kind { WHERE_PACKAGE, WHERE_VULNERABILITY, WHERE_FILE, WHERE_PATH, WHERE_LAYER };

/* One match. Slices are borrowed until where_emit() has returned. */
struct where_row {
	enum where_kind kind;
	struct slice    reference, platform;
	struct digest   image;                           /* of the manifest; zero = none */
	uint32_t        layer;                           /* its place in the image */
	struct digest   layer_digest;                    /* zero: it has none */
	struct slice    type, name, version, arch, purl; /* of packages */
	struct slice    owner;                           /* package of the distribution that brought it; empty = none */
	bool            declared;                        /* only a lock file or manifest names it */
	bool            unsure;                          /* its version cannot be compared */
	struct slice    id, fixed, severity;             /* of vulnerabilities */
	struct digest   sha256;                          /* of files */
	struct slice   *paths;
	size_t          paths_count;
};

enum where_asked { ASKED_PACKAGE, ASKED_VULNERABILITY, ASKED_DIGEST, ASKED_PATH };

struct where_query {
	enum where_asked       asked;
	struct package_pattern pattern;
	struct slice           id;     /* of a vulnerability */
	struct digest          digest; /* of a layer, a diffID, or a file */
	bool                   layers, files;
	struct slice           glob;    /* over paths, without a leading '/' */
	bool                   by_name; /* … over the last part alone */
	struct slice           prefix;
};

/* A row with what it sorts by. */
struct where_found {
	struct slice key, bytes;
};

struct where {
	struct catalog          *catalog;
	struct catalog_view     *view;
	const struct advisories *advisories; /* NULL = none */
	struct where_query       query;
	struct arena             arena; /* rows, and what is kept for the whole question */
	struct where_found      *found;
	size_t                   found_count, found_capacity;
	uint64_t                 found_bytes;
	uint64_t                 searched; /* images that were looked at: the latest of every place below the prefix */
	uint64_t      waiting;    /* of them, not indexed yet and too many to be computed now: as they were before */
	uint64_t      incomplete; /* of them, not read in whole: what is missing there is not known */
	struct slice *notices;
	size_t        notices_count, notices_capacity;
	struct map    pending; /* key of place -> itself: computed now, not taken from the index */
	struct buf    key, bytes;
	struct err   *err;
};

int where_out_of_memory(struct where *w);

/* Reference and platform of a place; a long one from its image's record. Borrowed from the place or the arena. */
int where_place_parts(struct where *w, const struct index_place *place, struct arena *arena, struct slice *reference,
		      struct slice *platform);

int where_emit(struct where *w, const struct where_row *row); /* copies */

/* Whether the vulnerability is the one that is asked for: by its id or an alias. */
bool where_is_vulnerability(const struct where *w, const struct result_vulnerability *v);

/* Paths of a layer's files with the digest, or of its entries that the glob matches, sorted, in the arena. ERR_STORE,
 * ERR_FORMAT …: its records cannot be read, `err` says why. */
int where_layer_files(struct catalog *catalog, const struct layer_key *key, const struct digest *sha256,
		      struct arena *arena, struct slice **paths, size_t *count, struct err *err);
int where_layer_paths(struct catalog *catalog, const struct layer_key *key, const struct where_query *query,
		      struct arena *arena, struct slice **paths, size_t *count, struct err *err);

/* One image computed now. What cannot be read has no rows, as in reports. */
int where_image(struct where *w, const struct index_place *place);

/* Everything that the index has, but for places in `pending`. ERR_STORE: it is damaged. */
int where_index(struct where *w);

#endif
