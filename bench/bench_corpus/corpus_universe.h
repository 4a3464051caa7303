/* corpus_universe.h - every package that there may be: its name, versions, files, and the advisories about it.
 *
 * Pure functions of the seed. A package is a family, a number and a version number n (1, 2, …), which its version text orders by.
 * Packages of one source have one version. A file has an id: the same id and size is the same content, wherever it lies. */
#ifndef VARVE_BENCH_CORPUS_UNIVERSE_H
#define VARVE_BENCH_CORPUS_UNIVERSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum family { DEBIAN, UBUNTU, ALPINE, ROCKY, PYPI, NPM, MAVEN, GOLANG, FAMILIES };

enum {
	NAME_TEXT_BYTES = 96,
	VERSION_TEXT_BYTES = 32,
	PATH_TEXT_BYTES = 256,
	ADVISORIES_OF_ONE_MAX = 5,
	GENERATIONS = 2
};

struct universe {
	uint64_t seed;
	double   scale; /* of file sizes */
};

struct piece {
	enum family family;
	uint32_t    number, n;
};

struct corpus_file {
	uint64_t id;
	size_t   bytes;
	bool     program; /* an ELF file */
};

struct corpus_advisory {
	bool     exists, withdrawn;
	uint32_t fixed; /* every n below is affected */
};

uint32_t    family_packages(enum family family); /* numbers 0 … this - 1 */
const char *family_type(enum family family);     /* purl type */
const char *family_ecosystem(enum family family);
const char *family_os(enum family family); /* os-release; NULL for languages */

void     package_name(const struct universe *u, enum family family, uint32_t number, char out[NAME_TEXT_BYTES]);
uint32_t package_source(enum family family, uint32_t number); /* the number of the package that names the source */
void     package_version(const struct universe *u, struct piece piece, char out[VERSION_TEXT_BYTES]);

uint32_t           package_files(const struct universe *u, enum family family, uint32_t number);
struct corpus_file package_file(const struct universe *u, struct piece piece, uint32_t index);
/* Beneath the root for distributions, else beneath the package's own folder. */
void package_file_path(const struct universe *u, struct piece piece, uint32_t index, char out[PATH_TEXT_BYTES]);

/* Advisory 0 … ADVISORIES_OF_ONE_MAX - 1 about a source, in generation 1 or 2. */
struct corpus_advisory package_advisory(const struct universe *u, enum family family, uint32_t source, unsigned index,
					unsigned generation);
uint32_t               package_findings(const struct universe *u, struct piece piece, unsigned generation);

/* A size as files of images have it, times the scale. */
size_t corpus_file_bytes(const struct universe *u, uint64_t throw);

#endif
