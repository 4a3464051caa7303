/* catalog_index_write.h - how the index (catalog_index.h) is made: the queue of finished images, and what is put for them.
 *
 * catalog_image_add() queues an image in its own transaction, so that nothing is forgotten whatever dies. An index thread
 * reads the queue, computes what each image is, and hands it to the writing thread, which puts it in grouped commits;
 * putting an image twice, or by two processes, does no harm. Functions marked [w] need the writing thread's batch. */
#ifndef VARVE_STORE_CATALOG_INDEX_WRITE_H
#define VARVE_STORE_CATALOG_INDEX_WRITE_H

#include "store/catalog_index.h"

struct index_queued {
	uint64_t     job, number;
	struct slice place; /* the whole key of its place, opaque; empty: it never was the latest of one */
};

/* At most `max` images behind (*job, *number), which move on, of jobs that this process or nobody alive runs; copied to the
 * arena. *count 0: the queue's end is reached. Damaged rows are given too, with an empty place. */
int catalog_index_queue_read(struct catalog *catalog, uint64_t *job, uint64_t *number, size_t max, struct arena *arena,
			     struct index_queued **out, size_t *count, struct err *err);

/* As of when numbers and contents were looked up: what was computed from an older state than the writer's is not put. */
struct index_stamp {
	uint64_t generation, changes;
};

int catalog_index_stamp(struct catalog_view *view, struct index_stamp *stamp, struct err *err);

/* Numbers are what was found when it was looked up; 0 = it was not there, and is given one if it still is not. */
struct index_new_package {
	uint64_t      package, evidence;
	struct digest identity_hash, evidence_hash;
	struct slice  identity, evidence_bytes;
	struct slice  names[INDEX_NAME_KINDS]; /* by kind; empty = none, or the same as the first; of new ones alone */
	uint32_t      layer, flags;
};

struct index_new_layer {
	struct index_layer layer;
	bool               content; /* it has an inventory, and so a number */
	struct digest      diff_id; /* computed; zero = not known. Of new ones alone, as `files` */
	struct slice
		files; /* 32-bit prefixes of its files' SHA-256, big-endian, sorted, each once; of new ones alone */
};

/* Everything borrowed until it is put. */
struct index_new_image {
	struct index_stamp        stamp;
	uint64_t                  job, number;
	struct slice              place;      /* index_queued.place */
	bool                      unreadable; /* its record cannot be read: it leaves the queue and is in no answer */
	struct digest             manifest;   /* of the image's; zero = none */
	struct digest             content;    /* of what the set is computed from: equal content, equal set */
	uint64_t                  set;        /* with this content; 0: there was none, and the rest is given */
	bool                      complete;
	struct slice              context;         /* of the image, encoded */
	struct slice              package_context; /* … of its packages of languages */
	struct index_new_layer   *layers;
	size_t                    layers_count;
	struct index_new_package *packages;
	size_t                    packages_count;
};

/* Numbers; 0 = it is not there. */
int catalog_index_content_find(struct catalog_view *view, const struct digest *content, uint64_t *set, struct err *err);
int catalog_index_package_find(struct catalog_view *view, const struct digest *identity, uint64_t *package,
			       struct err *err);
int catalog_index_evidence_find(struct catalog_view *view, const struct digest *bytes, uint64_t *evidence,
				struct err *err);
int catalog_index_layer_find(struct catalog_view *view, const struct layer_key *key, uint64_t *layer, struct err *err);
/* How often a layer's content was replaced by another: part of what a set is computed from. */
int catalog_index_layer_epoch(struct catalog_view *view, const struct layer_key *key, uint64_t *epoch, struct err *err);

/* [w] What cannot be put, because something has changed since it was computed, stays queued. ERR_STORE: a record is damaged;
 * catalog_index_restart() in the same batch goes on from there. Any other error: abort the batch. */
int catalog_index_put(struct catalog *catalog, const struct index_new_image *images, size_t count, struct err *err);

/* [w] Everything is forgotten and every image queued again: a damaged record was met, or rows have gone that others name
 * (garbage collection). `generation` changes. */
int catalog_index_restart(struct catalog *catalog, struct err *err);

/* Reads every record of the index, in short transactions. *damaged: records that cannot be read. */
int catalog_index_check(struct catalog *catalog, uint64_t *damaged, struct err *err);

#endif
