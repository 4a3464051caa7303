/* image_load.h - one image of the catalog: its record, the keys of its layers, and what they hold together; nothing is matched.
 *
 * Blocking, reads in short transactions; any thread. What is loaded lives in the arena. */
#ifndef VARVE_BROKER_IMAGE_LOAD_H
#define VARVE_BROKER_IMAGE_LOAD_H

#include "model/result.h"
#include "store/catalog.h"

/* Image `number` (in order of finishing) of `job`. ERR_NOT_FOUND past the last; ERR_STORE, ERR_FORMAT, ERR_MEM. */
int image_load(struct catalog *catalog, uint64_t job, uint64_t number, struct arena *arena, struct job_image *stored,
	       struct image *record, struct err *err);

/* The key of layer `index`; *pseudo: it has no digest (rootfs:), and what stands for one is made up. */
struct layer_key image_layer_key(uint64_t job, const struct job_image *stored, const struct image *record, size_t index,
				 bool *pseudo);

/* How layer `index` ended, and whether it left an inventory. */
enum layer_status image_layer_status(const struct job_image *stored, size_t index);
bool              image_layer_has_content(enum layer_status status);

/* As aggregate_image(). A layer whose record is damaged is a failed layer of this image, with the reason. */
int image_aggregate(struct catalog *catalog, uint64_t job, const struct image *record, const struct job_image *stored,
		    struct arena *arena, struct image_result *out, struct err *err);

#endif
