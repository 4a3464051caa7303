#include "bench_corpus/corpus_layer.h"

#include "bench_corpus/corpus_elf.h"
#include "bench_corpus/corpus_language.h"
#include "bench_corpus/corpus_os.h"
#include "bench_corpus/corpus_roll.h"

#include <stdio.h>
#include <string.h>

enum { PROGRAM_BYTES_MAX = 64 << 20 };

struct making {
	const struct plan       *plan;
	const struct pool       *pool;
	const struct layer_spec *spec;
	struct layer_tar        *tar;
};

static void make_os(struct making *m)
{
	const struct layer_spec *spec = m->spec;
	enum family              family = plan_base_family(m->plan, spec->base);
	struct piece_list        pieces = {0};
	size_t                   fresh = 0;

	plan_base_pieces(m->plan, spec->base, spec->build, &pieces);
	if (spec->kind == LAYER_RUNTIME) {
		fresh = pieces.count;
		plan_runtime_pieces(m->plan, spec, &pieces);
	} else {
		layer_tar_text(m->tar, "etc/os-release", 0644, slice_str(family_os(family)), 0);
	}
	os_packages_write(m->tar, &m->plan->universe, family, &pieces, fresh);
	piece_list_free(&pieces);
}

static void make_dependencies(struct making *m)
{
	const struct universe *u = &m->plan->universe;
	enum stack             stack = plan_stack(m->plan, m->spec->project);
	struct piece_list      pieces = {0};

	plan_dependencies(m->plan, m->spec->project, m->spec->tag, m->spec->built, &pieces);
	for (size_t i = 0; i < pieces.count; i++) {
		if (stack == STACK_PYTHON)
			python_package(m->tar, u, pieces.items[i]);
		else if (stack == STACK_NODE)
			node_package(m->tar, u, pieces.items[i]);
		else
			java_package(m->tar, u, m->pool, pieces.items[i]);
	}
	piece_list_free(&pieces);
}

/* A Go program: 8 MB at full scale, with what its modules are. */
static void make_program(struct making *m, const char *repository)
{
	const struct layer_spec *spec = m->spec;
	struct piece_list        modules = {0};
	struct buf               begin;
	char                     path[PATH_TEXT_BYTES], module[PATH_TEXT_BYTES];
	struct corpus_file       file = {.program = true};

	plan_dependencies(m->plan, spec->project, spec->tag, spec->built, &modules);
	snprintf(path, sizeof(path), "usr/local/bin/%.64s", strchr(repository, '/') + 1);
	snprintf(module, sizeof(module), "example.com/%.64s", repository);
	file.bytes = (size_t)(8e6 * m->plan->universe.scale) + (32 << 10);
	file.id = roll(m->plan->universe.seed, ROLL_BYTES, spec->project, spec->tag, spec->built);
	buf_init(&begin, PROGRAM_BYTES_MAX);
	go_program_begin(&begin, &m->plan->universe, module, &modules, file.bytes);
	layer_tar_program(m->tar, path, buf_slice(&begin), &file);
	buf_deinit(&begin);
	piece_list_free(&modules);
}

static void remove_dependency(struct making *m)
{
	struct piece_list pieces = {0};
	char              path[PATH_TEXT_BYTES];
	uint32_t          removed;

	plan_dependencies(m->plan, m->spec->project, m->spec->tag, plan_dependencies_built(m->spec->built), &pieces);
	removed = plan_removed(m->plan, m->spec->project, pieces.count);
	if (removed != PLAN_NONE) {
		language_evidence_path(&m->plan->universe, pieces.items[removed], path);
		layer_tar_whiteout(m->tar, path);
	}
	piece_list_free(&pieces);
}

static void make_application(struct making *m)
{
	const struct layer_spec *spec = m->spec;
	char                     repository[NAME_TEXT_BYTES], path[PATH_TEXT_BYTES];

	plan_repository(m->plan, spec->project, repository);
	if (plan_stack(m->plan, spec->project) == STACK_GO) {
		make_program(m, repository);
		return;
	}
	for (uint32_t i = 0; i < plan_project_files(m->plan, spec->project); i++) {
		struct corpus_file file = plan_project_file(m->plan, spec->project, spec->tag, spec->built, i);

		snprintf(path, sizeof(path), "srv/app/src/part%u/file%u.txt", i / 12, i);
		layer_tar_file(m->tar, path, &file, NULL);
	}
	remove_dependency(m);
}

static void make_settings(struct making *m)
{
	struct corpus_file data = {.bytes = plan_data_bytes(m->plan, m->spec->project)};
	char               repository[NAME_TEXT_BYTES], text[256];

	plan_repository(m->plan, m->spec->project, repository);
	snprintf(text, sizeof(text), "name = %s\nlisten = 0.0.0.0:8080\n", repository);
	layer_tar_text(m->tar, "etc/app/app.conf", 0644, slice_str(text), 0);
	layer_tar_text(m->tar, "etc/app/log.conf", 0644, SLICE_LIT("level = info\n"), 0);
	data.id = roll(m->plan->universe.seed, ROLL_BYTES, m->spec->project, 0, 0);
	if (data.bytes)
		layer_tar_file(m->tar, "srv/app/data/model.bin", &data, NULL);
}

void layer_write(const struct plan *plan, const struct pool *pool, const struct layer_spec *spec,
		 struct blob_writer *blob, struct tar_counts *counts)
{
	struct making m = {.plan = plan, .pool = pool, .spec = spec, .tar = layer_tar_new(pool, blob, spec->built)};

	switch (spec->kind) {
	case LAYER_BASE:
	case LAYER_RUNTIME:
		make_os(&m);
		break;
	case LAYER_DEPENDENCIES:
		make_dependencies(&m);
		break;
	case LAYER_APPLICATION:
		make_application(&m);
		break;
	case LAYER_SETTINGS:
		make_settings(&m);
		break;
	}
	layer_tar_end(m.tar, counts);
}
