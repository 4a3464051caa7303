/* corpus_plan.h - which images a registry has on a given night, and which layers they are made of.
 *
 * Pure functions of the seed, the number of images on night 0 and the night, so that one night differs from the one before as a
 * real one does: some tags moved, some layers rebuilt with a few files changed, some images deleted, some new.
 *
 * A project is a repository: a base, perhaps packages that its build has added to it, a tree of dependencies (shared by three
 * tags on end), files of its own that change a little from tag to tag, and a small layer of settings. */
#ifndef VARVE_BENCH_CORPUS_PLAN_H
#define VARVE_BENCH_CORPUS_PLAN_H

#include "bench_corpus/corpus_universe.h"

enum { PLAN_NONE = UINT32_MAX, IMAGE_LAYERS_MAX = 5, NIGHTS_MAX = 3650 };

enum layer_kind { LAYER_BASE, LAYER_RUNTIME, LAYER_DEPENDENCIES, LAYER_APPLICATION, LAYER_SETTINGS };

enum stack { STACK_PYTHON, STACK_NODE, STACK_JAVA, STACK_GO, STACK_PLAIN };

/* What a layer is made from; what does not matter to its kind is 0. */
struct layer_spec {
	uint64_t        key; /* of all the others */
	enum layer_kind kind;
	uint32_t        base, build, runtime;
	uint32_t        project, tag, built;
	bool            zstd;
};

struct image_plan {
	uint32_t          project, tag;
	enum stack        stack;
	struct layer_spec layers[IMAGE_LAYERS_MAX]; /* lowest first */
	size_t            layers_count;
};

struct plan {
	struct universe    universe;
	uint32_t           images_wanted, night;
	uint32_t           bases, runtimes, projects; /* there are so many */
	uint32_t           first_projects, last_tags; /* of night 0; the last of them has only so many tags */
	unsigned           zstd_percent;
	struct image_plan *images;
	size_t             images_count;
};

struct piece_list {
	struct piece *items;
	size_t        count, capacity;
};

void plan_make(struct plan *plan, uint64_t seed, double scale, uint32_t images, uint32_t night, unsigned zstd_percent);
void plan_free(struct plan *plan);

void        plan_repository(const struct plan *plan, uint32_t project, char out[NAME_TEXT_BYTES]);
enum stack  plan_stack(const struct plan *plan, uint32_t project);
enum family plan_base_family(const struct plan *plan, uint32_t base);
enum family stack_family(enum stack stack); /* FAMILIES for STACK_PLAIN */

/* Packages of the distribution: of a base (runtime PLAN_NONE), or what a runtime layer adds to it. Sorted by number. */
void plan_base_pieces(const struct plan *plan, uint32_t base, uint32_t build, struct piece_list *out);
void plan_runtime_pieces(const struct plan *plan, const struct layer_spec *spec, struct piece_list *out);

/* `built` of the dependencies under an application that was rebuilt in a night: every other time they are rebuilt too. */
uint32_t plan_dependencies_built(uint32_t rebuilt);

/* Packages of a project's language: in its tree, or of STACK_GO in its program. Sorted by number. */
void plan_dependencies(const struct plan *plan, uint32_t project, uint32_t tag, uint32_t built, struct piece_list *out);

/* The dependency that the application layer deletes again by a whiteout, as a place in plan_dependencies(); PLAN_NONE. */
uint32_t plan_removed(const struct plan *plan, uint32_t project, size_t dependencies);

/* Of one large file (a model, a database) that a project in twelve has beside its settings; 0 = none. */
size_t plan_data_bytes(const struct plan *plan, uint32_t project);

uint32_t           plan_project_files(const struct plan *plan, uint32_t project);
struct corpus_file plan_project_file(const struct plan *plan, uint32_t project, uint32_t tag, uint32_t built,
				     uint32_t index);

void piece_list_add(struct piece_list *list, struct piece piece);
void piece_list_free(struct piece_list *list);

#endif
