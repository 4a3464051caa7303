#include "bench_corpus/corpus_plan.h"

#include "bench_corpus/corpus_die.h"
#include "bench_corpus/corpus_roll.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST_NIGHT = 20, /* night 0 on the calendar: what was there before it was built on days 0 to 20 */
	TAGS_SHARING_DEPENDENCIES = 3,
	SHARED_FILES = 20000, /* files of frameworks and templates that projects have in common */
};

/* Per thousand tags or projects and night. */
enum { REBUILT_PERMILLE = 25, DELETED_PERMILLE = 3, NEW_TAG_PERMILLE = 60, NEW_PROJECT_PERMILLE = 5 };

static uint64_t throw(const struct plan *plan, enum roll_topic topic, uint64_t a, uint64_t b, uint64_t c)
{
	return roll(plan->universe.seed, topic, a, b, c);
}

/* ---- lists ---- */

void piece_list_add(struct piece_list *list, struct piece piece)
{
	if (list->count == list->capacity) {
		list->capacity = list->capacity ? 2 * list->capacity : 64;
		list->items = realloc(list->items, list->capacity * sizeof(*list->items));
		if (!list->items)
			corpus_die("out of memory");
	}
	list->items[list->count++] = piece;
}

void piece_list_free(struct piece_list *list)
{
	free(list->items);
	*list = (struct piece_list){0};
}

static int compare_pieces(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

/* Sorted from `from` on, each number once. */
static void piece_list_sort(struct piece_list *list, size_t from)
{
	size_t kept = from;

	if (list->count > from)
		qsort(list->items + from, list->count - from, sizeof(*list->items), compare_pieces);
	for (size_t i = from; i < list->count; i++)
		if (kept == from || list->items[kept - 1].number != list->items[i].number)
			list->items[kept++] = list->items[i];
	list->count = kept;
}

/* ---- bases ---- */

enum family plan_base_family(const struct plan *plan, uint32_t base)
{
	static const enum family first[] = {DEBIAN, ALPINE, DEBIAN, UBUNTU, ALPINE, ROCKY};
	uint64_t                 kind = throw(plan, ROLL_BASE, base, 0, 0) % 100;

	if (base < sizeof(first) / sizeof(first[0]))
		return first[base];
	return kind < 45 ? DEBIAN : kind < 75 ? ALPINE : kind < 90 ? UBUNTU : ROCKY;
}

/* How often it had been rebuilt by that day. */
static uint32_t base_build(const struct plan *plan, uint32_t base, uint32_t day)
{
	uint32_t builds = 0;

	for (uint32_t d = 1; d <= day; d++)
		builds += throw(plan, ROLL_BASE_BUILD, base, d, 0) % 100 < 4;
	return builds;
}

/* The version that a base's distribution has of a package in a build. */
static uint32_t base_version(const struct plan *plan, enum family family, uint32_t base, uint32_t build,
			     uint32_t number)
{
	uint32_t source = package_source(family, number);
	uint32_t n = 1 + (uint32_t)(throw(plan, ROLL_BASE_PACKAGE, base, source, 0) % 4);

	for (uint32_t b = 1; b <= build; b++)
		n += throw(plan, ROLL_BASE_PACKAGE, base, source, b) % 40 == 0;
	return n;
}

static void add_os_piece(const struct plan *plan, uint32_t base, uint32_t build, uint32_t number,
			 struct piece_list *out)
{
	enum family family = plan_base_family(plan, base);

	piece_list_add(out, (struct piece){family, number, base_version(plan, family, base, build, number)});
}

void plan_base_pieces(const struct plan *plan, uint32_t base, uint32_t build, struct piece_list *out)
{
	enum family family = plan_base_family(plan, base);
	uint32_t    count = (family == ALPINE ? 14 : 70) + (uint32_t)(throw(plan, ROLL_BASE, base, 1, 0) % 50);
	size_t      from = out->count;

	for (uint32_t i = 0; i < count; i++) /* some that every base has, then others */
		add_os_piece(plan, base, build,
			     i < 10 ? i : roll_popular(throw(plan, ROLL_BASE, base, 2, i), family_packages(family)),
			     out);
	piece_list_sort(out, from);
}

void plan_runtime_pieces(const struct plan *plan, const struct layer_spec *spec, struct piece_list *out)
{
	enum family       family = plan_base_family(plan, spec->base);
	uint32_t          count = 3 + (uint32_t)(throw(plan, ROLL_BASE, spec->base, 3, spec->runtime) % 20);
	struct piece_list below = {0};
	size_t            from = out->count, kept = out->count;

	plan_base_pieces(plan, spec->base, spec->build, &below);
	for (uint32_t i = 0; i < count; i++)
		add_os_piece(plan, spec->base, spec->build,
			     roll_popular(throw(plan, ROLL_BASE, spec->base, 4 + (uint64_t)spec->runtime, i),
					  family_packages(family)),
			     out);
	piece_list_sort(out, from);
	for (size_t i = from; i < out->count; i++)
		if (!bsearch(&out->items[i], below.items, below.count, sizeof(*below.items), compare_pieces))
			out->items[kept++] = out->items[i];
	out->count = kept;
	piece_list_free(&below);
}

/* ---- projects ---- */

void plan_repository(const struct plan *plan, uint32_t project, char out[NAME_TEXT_BYTES])
{
	char name[NAME_TEXT_BYTES];

	package_name(&plan->universe, NPM, project, name);
	snprintf(out, NAME_TEXT_BYTES, "team%u/%.64s", project / 7, name);
}

enum stack plan_stack(const struct plan *plan, uint32_t project)
{
	uint64_t kind = throw(plan, ROLL_PROJECT, project, 0, 0) % 100;

	return kind < 30   ? STACK_PYTHON
	       : kind < 60 ? STACK_NODE
	       : kind < 75 ? STACK_JAVA
	       : kind < 90 ? STACK_GO
			   : STACK_PLAIN;
}

enum family stack_family(enum stack stack)
{
	static const enum family of[] = {PYPI, NPM, MAVEN, GOLANG, FAMILIES};

	return of[stack];
}

static uint32_t first_tags(const struct plan *plan, uint32_t project)
{
	uint64_t dice = throw(plan, ROLL_PROJECT, project, 1, 0);
	uint32_t tags = dice % 100 < 35 ? 1 : 2 + (uint32_t)(dice >> 20) % 5;

	if (dice % 100 >= 92)
		tags += (uint32_t)(dice >> 40) % 25;
	return project + 1 == plan->first_projects && plan->last_tags ? plan->last_tags : tags;
}

uint32_t plan_dependencies_built(uint32_t rebuilt)
{
	return rebuilt % 2 ? rebuilt : 0;
}

void plan_dependencies(const struct plan *plan, uint32_t project, uint32_t tag, uint32_t built, struct piece_list *out)
{
	static const uint32_t least[] = {8, 15, 8, 8}, more[] = {40, 120, 50, 50};
	enum stack            stack = plan_stack(plan, project);
	uint32_t              count, step = tag / TAGS_SHARING_DEPENDENCIES;
	size_t                from = out->count;

	if (stack == STACK_PLAIN)
		return;
	count = least[stack] + (uint32_t)(throw(plan, ROLL_PROJECT, project, 2, 0) % more[stack]);
	for (uint32_t i = 0; i < count; i++) {
		enum family family = stack_family(stack);
		uint32_t    number = roll_popular(throw(plan, ROLL_PROJECT, project, 3, i), family_packages(family));
		uint32_t    n = 1 + (uint32_t)(throw(plan, ROLL_PROJECT_PACKAGE, project, number, 0) % 6);

		for (uint32_t s = 1; s <= step; s++)
			n += throw(plan, ROLL_PROJECT_PACKAGE, project, number, s) % 8 == 0;
		n += built && throw(plan, ROLL_PROJECT_PACKAGE, project, number, built + 1000u) % 30 == 0;
		piece_list_add(out, (struct piece){family, number, n});
	}
	piece_list_sort(out, from);
}

uint32_t plan_removed(const struct plan *plan, uint32_t project, size_t dependencies)
{
	uint64_t dice = throw(plan, ROLL_PROJECT, project, 4, 0);

	if (!dependencies || dice % 100 >= 15 || plan_stack(plan, project) == STACK_GO)
		return PLAN_NONE;
	return (uint32_t)((dice >> 20) % dependencies);
}

uint32_t plan_project_files(const struct plan *plan, uint32_t project)
{
	return 8 + roll_popular(throw(plan, ROLL_PROJECT, project, 5, 0), 500);
}

size_t plan_data_bytes(const struct plan *plan, uint32_t project)
{
	uint64_t dice = throw(plan, ROLL_PROJECT, project, 9, 0);

	return dice % 12 ? 0 : (size_t)(((20 << 20) + (double)(dice >> 20 & 0x1fffffff) / 2) * plan->universe.scale);
}

/* Most files of a project are those of a template that others use too; from tag to tag one in 25 changes. */
struct corpus_file plan_project_file(const struct plan *plan, uint32_t project, uint32_t tag, uint32_t built,
				     uint32_t index)
{
	uint64_t           own = (uint64_t)project << 24 | index, version = 0;
	uint64_t           dice = throw(plan, ROLL_PROJECT_FILE, own, 0, 0);
	struct corpus_file file = {.bytes = corpus_file_bytes(&plan->universe, dice)};

	for (uint32_t t = 1; t <= tag; t++)
		if (throw(plan, ROLL_PROJECT_FILE, own, t, 1) % 25 == 0)
			version = t;
	if (built && throw(plan, ROLL_PROJECT_FILE, own, built, 2) % 50 == 0)
		version = 1000u + built;
	if (version == 0 && (dice >> 32) % 100 < 70) {
		uint32_t shared = roll_popular(throw(plan, ROLL_PROJECT_FILE, own, 0, 3), SHARED_FILES);

		file.id = throw(plan, ROLL_PROJECT_FILE, UINT64_MAX, shared, 0);
		file.bytes = corpus_file_bytes(&plan->universe, file.id);
		return file;
	}
	file.id = throw(plan, ROLL_PROJECT_FILE, own, version, 4);
	return file;
}

/* ---- tags and nights ---- */

static uint32_t projects_on(const struct plan *plan, uint32_t night)
{
	return plan->first_projects + (uint32_t)((uint64_t)plan->first_projects * NEW_PROJECT_PERMILLE * night / 1000);
}

static uint32_t birth_night(const struct plan *plan, uint32_t project)
{
	uint32_t night = 0;

	while (projects_on(plan, night) <= project)
		night++;
	return night;
}

struct tag_life {
	uint32_t day;     /* when what is there now was built */
	uint32_t rebuilt; /* the night of its last rebuild; 0 = never */
	bool     deleted;
};

static struct tag_life tag_on(const struct plan *plan, uint32_t project, uint32_t tag, uint32_t born, uint32_t day)
{
	struct tag_life life = {.day = day};

	for (uint32_t night = born + 1; night <= plan->night && !life.deleted; night++) {
		uint64_t dice = throw(plan, ROLL_NIGHT, project, tag, night) % 1000;

		life.deleted = dice < DELETED_PERMILLE;
		if (dice >= DELETED_PERMILLE && dice < DELETED_PERMILLE + REBUILT_PERMILLE) {
			life.rebuilt = night;
			life.day = FIRST_NIGHT + night;
		}
	}
	return life;
}

static uint64_t spec_key(const struct plan *plan, const struct layer_spec *spec)
{
	uint64_t key = throw(plan, ROLL_TAG, spec->kind, spec->base, spec->build);

	key = throw(plan, ROLL_TAG, key, spec->runtime, spec->project);
	key = throw(plan, ROLL_TAG, key, spec->tag, spec->built);
	return throw(plan, ROLL_TAG, key, (uint64_t)(plan->universe.scale * 1e6), plan->zstd_percent);
}

static void add_layer(const struct plan *plan, struct image_plan *image, struct layer_spec spec)
{
	spec.key = spec_key(plan, &spec);
	spec.zstd = throw(plan, ROLL_ZSTD, spec.key, 0, 0) % 100 < plan->zstd_percent;
	image->layers[image->layers_count++] = spec;
}

/* Half of the Go programs come alone; half of the others have packages added to their base. */
static void add_os_layers(const struct plan *plan, struct image_plan *image, uint32_t day)
{
	uint64_t dice = throw(plan, ROLL_PROJECT, image->project, 6, 0);
	uint32_t base = roll_popular(throw(plan, ROLL_PROJECT, image->project, 7, 0), plan->bases);
	uint32_t runtime = roll_popular(throw(plan, ROLL_PROJECT, image->project, 8, 0), plan->runtimes);
	uint32_t build = base_build(plan, base, day);

	if (image->stack == STACK_GO && dice % 2)
		return;
	add_layer(plan, image,
		  (struct layer_spec){.kind = LAYER_BASE, .base = base, .build = build, .runtime = PLAN_NONE});
	if (dice / 2 % 2)
		add_layer(plan, image,
			  (struct layer_spec){.kind = LAYER_RUNTIME, .base = base, .build = build, .runtime = runtime});
}

static void add_image(struct plan *plan, uint32_t project, uint32_t tag, struct tag_life life)
{
	struct image_plan *image;
	bool               tree;

	if ((plan->images_count & (plan->images_count + 1)) == 0) {
		plan->images = realloc(plan->images, (2 * plan->images_count + 2) * sizeof(*plan->images));
		if (!plan->images)
			corpus_die("out of memory");
	}
	image = &plan->images[plan->images_count++];
	*image = (struct image_plan){.project = project, .tag = tag, .stack = plan_stack(plan, project)};
	tree = image->stack != STACK_PLAIN && image->stack != STACK_GO;
	add_os_layers(plan, image, life.day);
	if (tree)
		add_layer(plan, image,
			  (struct layer_spec){.kind = LAYER_DEPENDENCIES,
					      .project = project,
					      .tag = tag / TAGS_SHARING_DEPENDENCIES * TAGS_SHARING_DEPENDENCIES,
					      .built = plan_dependencies_built(life.rebuilt)});
	add_layer(
		plan, image,
		(struct layer_spec){.kind = LAYER_APPLICATION, .project = project, .tag = tag, .built = life.rebuilt});
	add_layer(plan, image, (struct layer_spec){.kind = LAYER_SETTINGS, .project = project});
}

static void add_project(struct plan *plan, uint32_t project)
{
	uint32_t born = birth_night(plan, project), tags = first_tags(plan, project);

	for (uint32_t tag = 0; tag < tags; tag++) {
		uint32_t        age = 2 * (tags - 1 - tag), day = FIRST_NIGHT + born;
		struct tag_life life = tag_on(plan, project, tag, born, day > age ? day - age : 0);

		if (!life.deleted)
			add_image(plan, project, tag, life);
	}
	for (uint32_t night = born + 1; night <= plan->night; night++) {
		struct tag_life life;

		if (throw(plan, ROLL_NIGHT, project, UINT32_MAX, night) % 1000 >= NEW_TAG_PERMILLE)
			continue;
		life = tag_on(plan, project, tags, night, FIRST_NIGHT + night);
		if (!life.deleted)
			add_image(plan, project, tags, life);
		tags++;
	}
}

/* As many projects as make the wanted images on night 0. */
static void count_first_projects(struct plan *plan)
{
	uint32_t images = 0, tags = 0;

	plan->first_projects = 0;
	while (images < plan->images_wanted) {
		tags = first_tags(plan, plan->first_projects++);
		images += tags;
	}
	plan->last_tags = tags - (images - plan->images_wanted);
}

void plan_make(struct plan *plan, uint64_t seed, double scale, uint32_t images, uint32_t night, unsigned zstd_percent)
{
	*plan = (struct plan){.universe = {.seed = seed, .scale = scale},
			      .images_wanted = images,
			      .night = night,
			      .zstd_percent = zstd_percent,
			      .bases = 6 + images / 100,
			      .runtimes = 4 + images / 400};
	if (plan->bases > 300)
		plan->bases = 300;
	if (plan->runtimes > 60)
		plan->runtimes = 60;
	count_first_projects(plan);
	plan->projects = projects_on(plan, night);
	for (uint32_t project = 0; project < plan->projects; project++)
		add_project(plan, project);
}

void plan_free(struct plan *plan)
{
	free(plan->images);
	*plan = (struct plan){0};
}
