/* catalog_index.h - the index over a catalog's images: unique packages, which images hold them, and what each image is.
 *
 * Derived from images and inventories and made again when it is damaged or of another version: nothing in it is a truth of
 * its own. Three things are numbered (u64, from 1, never given twice while `generation` stays the same):
 *   package   one unique package: opaque bytes (model/unique_package.h), everything a match and a report need of it
 *             beside its image. Equal bytes are one package (by SHA-256).
 *   layer     one (digest, analyzer set) with an inventory.
 *   set       one computed image: which layers, which packages. Images that were computed from the same
 *             content share it, whatever their names, jobs and nights: references to a set are (job, number) pairs, and
 *             "places" (reference and platform) whose latest image it is.
 * Docs: docs/STORE_FORMAT.md "Index", docs/decisions/0008-catalog-index.md.
 *
 * Who writes: the broker's index thread computes, the loop commits (catalog_index_write.h); a finished image waits in
 * a durable queue until then ("pending"). Readers are any thread of any process, each with a view of its own, and never
 * block the writer. What a reader gets is borrowed from the view until catalog_view_rest() or its close. */
#ifndef VARVE_STORE_CATALOG_INDEX_H
#define VARVE_STORE_CATALOG_INDEX_H

#include "store/catalog.h"

/* A view: one read transaction that is renewed at quiet points, so that a long report does not keep pages from being used
 * again; with `snapshot` it never is, and everything read is of one moment. Owner: one thread. */
struct catalog_view;

int             catalog_view_open(struct catalog *catalog, bool snapshot, struct catalog_view **out, struct err *err);
void            catalog_view_close(struct catalog_view *view); /* NULL is fine */
/* The caller holds nothing borrowed: renews the transaction when it has grown old. Never inside a callback below. */
int             catalog_view_rest(struct catalog_view *view, struct err *err);
struct catalog *catalog_view_catalog(const struct catalog_view *view);

/* Numbers of packages, layers and sets mean the same as long as this does: it changes when the index is made anew. What
 * is kept by package number elsewhere is void then. 0 = nothing was indexed yet. */
int catalog_index_generation(struct catalog_view *view, uint64_t *generation, struct err *err);

/* All `each` functions: a walk calls it for every row in order; non-zero ends the walk and is its answer. Inside it the
 * same view may be asked other things. ERR_STORE: a record is damaged; the answer cannot be had from the index. */

/* Packages -------------------------------------------------------------------------------------------------------- */

int catalog_index_package(struct catalog_view *view, uint64_t package, struct slice *identity, struct err *err);
/* Numbers >= from, in order of their number; rests between batches. */
int catalog_index_packages_each(struct catalog_view *view, uint64_t                                     from,
				int (*each)(void *data, uint64_t package, struct slice identity), void *data,
				struct err *err);
int catalog_index_packages_count(struct catalog_view *view, uint64_t *last, struct err *err); /* the highest number */
/* What several packages share: kept once under its SHA-256. ERR_NOT_FOUND, ERR_STORE. */
int catalog_index_context(struct catalog_view *view, const struct digest *context, struct slice *bytes,
			  struct err *err);

enum index_name_kind { INDEX_NAME_WHOLE, INDEX_NAME_LAST_PART, INDEX_NAME_SOURCE, INDEX_NAME_KINDS };

/* Packages by name: folded (lower case, runs of - _ . are one -), so that it finds more than is meant: the caller looks
 * at the package itself. `exact`: the whole name is as given; else it begins so. */
int catalog_index_names_each(struct catalog_view *view, struct slice name, bool exact,
			     int (*each)(void *data, enum index_name_kind kind, uint64_t package), void *data,
			     struct err *err);

/* Sets ------------------------------------------------------------------------------------------------------------ */

enum index_entry_flag {
	INDEX_ENTRY_OWNED = 1,    /* result_package.owner is not empty: a package of the distribution brought it */
	INDEX_ENTRY_DECLARED = 2, /* PACKAGE_IS_DECLARED */
};

struct index_entry {
	uint64_t package;
	uint32_t layer;    /* index into the set's layers: the one that introduced it */
	uint32_t flags;    /* enum index_entry_flag */
	uint64_t evidence; /* number of its paths and owner: catalog_index_evidence() */
};

struct index_layer {
	uint64_t         number; /* 0: it has no inventory (failed, skipped, damaged) */
	struct layer_key key;    /* of a layer without digest (rootfs:) what stands for it */
	bool             pseudo; /* … it is one of those */
	uint32_t         status; /* enum layer_status of model/result.h */
};

struct index_set {
	uint64_t            set;
	bool                complete; /* image_result.complete */
	struct digest       context;  /* of the image: os-release, architecture (model/unique_package.h) */
	struct index_layer *layers;   /* lowest first */
	size_t              layers_count;
	struct index_entry *entries; /* by package */
	size_t              entries_count;
};

int catalog_index_set(struct catalog_view *view, uint64_t set, struct arena *arena, struct index_set *out,
		      struct err *err);
/* The same without entries and keys of layers: catalog_index_layer() has those. */
int catalog_index_set_head(struct catalog_view *view, uint64_t set, struct arena *arena, struct index_set *out,
			   struct err *err);
int catalog_index_sets_count(struct catalog_view *view, uint64_t *last, struct err *err); /* the highest number */
/* Paths and owner of a package in an image: opaque bytes (model/unique_package.h). */
int catalog_index_evidence(struct catalog_view *view, uint64_t evidence, struct slice *bytes, struct err *err);

struct index_posting {
	uint64_t set;
	uint32_t layer, flags;
	uint64_t evidence;
};

/* The sets that hold a package, by set; a set twice if it holds it twice. */
int catalog_index_package_sets_each(struct catalog_view *view, uint64_t                                 package,
				    int (*each)(void *data, const struct index_posting *posting), void *data,
				    struct err *err);

/* The sets that are not complete: what is missing there is not known. */
int catalog_index_incomplete_each(struct catalog_view *view,
				  int (*each)(void *data, const struct index_posting *posting), void *data,
				  struct err *err);

/* Layers ---------------------------------------------------------------------------------------------------------- */

int catalog_index_layer(struct catalog_view *view, uint64_t layer, struct layer_key *key, struct err *err);
int catalog_index_layers_each(struct catalog_view *view, int (*each)(void *data, uint64_t layer), void *data,
			      struct err *err); /* by number; rests between batches */
/* The layers with this digest, one for each analyzer set; or of which this is the (computed) diffID. */
int catalog_index_layers_of_diff_id(struct catalog_view *view, const struct digest                             *diff_id,
				    int (*each)(void *data, uint64_t layer, const struct layer_key *key), void *data,
				    struct err *err);
int catalog_index_layers_of_digest(struct catalog_view *view, const struct digest                             *digest,
				   int (*each)(void *data, uint64_t layer, const struct layer_key *key), void *data,
				   struct err *err);
/* The sets that hold a layer; posting.layer is its place in the image. */
int catalog_index_layer_sets_each(struct catalog_view *view, uint64_t                                 layer,
				  int (*each)(void *data, const struct index_posting *posting), void *data,
				  struct err *err);
/* Layers that may hold an executable or evidence file with this SHA-256 (32 bits of it were compared): the caller looks into
 * their inventories. Rests between batches. */
int catalog_index_file_layers_each(struct catalog_view *view, const struct digest *sha256,
				   int (*each)(void *data, uint64_t layer), void *data, struct err *err);

/* Images and places ------------------------------------------------------------------------------------------------ */

struct index_place {
	struct slice  place;       /* "REFERENCE PLATFORM", its first 400 bytes */
	struct slice  key;         /* opaque: what tells it from all others */
	uint64_t      job, number; /* the latest image there, catalog_image_get() */
	uint64_t      set;         /* of it; 0: it is pending, or cannot be read */
	struct digest image;       /* of its manifest; zero: none, or pending */
};

/* Every place whose text begins with `prefix` (empty: all), by text: the latest image of each. Places that are retired have
 * none here and below. Rests between batches. */
int catalog_index_places_each(struct catalog_view *view, struct slice                         prefix,
			      int (*each)(void *data, const struct index_place *place), void *data, struct err *err);
int catalog_index_places_count(struct catalog_view *view, struct slice prefix, uint64_t *count,
			       struct err *err); /* that have an indexed image */
/* The places whose latest indexed image is this set. (job, number) may be an older image than the latest, which then is
 * pending. */
int catalog_index_set_places_each(struct catalog_view *view, uint64_t                             set,
				  int (*each)(void *data, const struct index_place *place), void *data,
				  struct err *err);
/* The set of image `number` of `job`. ERR_NOT_FOUND: pending, or it cannot be read. */
int catalog_index_image_set(struct catalog_view *view, uint64_t job, uint64_t number, uint64_t *set, struct err *err);
/* Images of a job with numbers >= from, in order: set as above. Rests between batches. */
int catalog_index_job_images_each(struct catalog_view *view, uint64_t job, uint64_t from,
				  int (*each)(void *data, uint64_t number, uint64_t set), void *data, struct err *err);

/* Images that wait to be indexed. `place` empty: not the latest of its place when it was queued. */
struct index_pending {
	uint64_t     job, number;
	struct slice place;  /* its first 400 bytes */
	struct slice key;    /* index_place.key */
	bool         latest; /* it is the latest of its place */
};

int catalog_index_pending_count(struct catalog_view *view, uint64_t *count, struct err *err);
int catalog_index_pending_each(struct catalog_view *view, int (*each)(void *data, const struct index_pending *pending),
			       void *data, struct err *err);

#endif
