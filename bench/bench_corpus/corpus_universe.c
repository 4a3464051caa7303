#include "bench_corpus/corpus_universe.h"

#include "bench_corpus/corpus_roll.h"

#include <stdio.h>

enum { SHARED_SOURCE = 4 }; /* one package in so many is built from the source of the one before */

struct family_row {
	const char *type, *ecosystem, *os;
	uint32_t    packages;
	const char *version; /* of n and a number that the package keeps */
};

static const struct family_row families[FAMILIES] = {
	[DEBIAN] = {"deb", "Debian:12",
		    "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian "
		    "GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION=\"12 "
		    "(bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n",
		    3000, "1.%u.%u-1"},
	[UBUNTU] = {"deb", "Ubuntu:22.04:LTS",
		    "PRETTY_NAME=\"Ubuntu 22.04.4 LTS\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"22.04\"\nID=ubuntu\nID_LIKE="
		    "debian\nUBUNTU_CODENAME=jammy\n",
		    2000, "1.%u.%u-1ubuntu1"},
	[ALPINE] = {"apk", "Alpine:v3.20",
		    "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.1\nPRETTY_NAME=\"Alpine Linux v3.20\"\n", 2000,
		    "1.%u.%u-r0"},
	[ROCKY] = {"rpm", "Rocky Linux:9",
		   "NAME=\"Rocky Linux\"\nVERSION=\"9.4 (Blue Onyx)\"\nID=\"rocky\"\nID_LIKE=\"rhel centos "
		   "fedora\"\nVERSION_ID=\"9.4\"\nPRETTY_NAME=\"Rocky Linux 9.4 (Blue Onyx)\"\n",
		   2000, "1.%u.%u-1.el9"},
	[PYPI] = {"pypi", "PyPI", NULL, 3000, "1.%u.%u"},
	[NPM] = {"npm", "npm", NULL, 6000, "1.%u.%u"},
	[MAVEN] = {"maven", "Maven", NULL, 2500, "1.%u.%u"},
	[GOLANG] = {"golang", "Go", NULL, 1500, "v1.%u.%u"},
};

uint32_t family_packages(enum family family)
{
	return families[family].packages;
}

const char *family_type(enum family family)
{
	return families[family].type;
}

const char *family_ecosystem(enum family family)
{
	return families[family].ecosystem;
}

const char *family_os(enum family family)
{
	return families[family].os;
}

/* ---- names and versions ---- */

/* Different for every number: its digits to the base of 50, as syllables, in an order that the seed does not change. */
static void write_word(uint32_t number, char *out, size_t size)
{
	static const char first[] = "bdfgklmnrs", second[] = "aeiou";
	size_t            at = 0;

	for (number += 50; number && at + 3 < size; number /= 50) {
		out[at++] = first[number % 10];
		out[at++] = second[number / 10 % 5];
	}
	out[at] = 0;
}

uint32_t package_source(enum family family, uint32_t number)
{
	return families[family].os && number % SHARED_SOURCE == SHARED_SOURCE - 1 ? number - 1 : number;
}

void package_name(const struct universe *u, enum family family, uint32_t number, char out[NAME_TEXT_BYTES])
{
	uint32_t source = package_source(family, number);
	char     word[32];

	(void)u;
	write_word(source, word, sizeof(word));
	if (family == MAVEN)
		snprintf(out, NAME_TEXT_BYTES, "org.%s:%s-core", word, word);
	else if (family == GOLANG)
		snprintf(out, NAME_TEXT_BYTES, "example.com/%s/%s", word, word);
	else
		snprintf(out, NAME_TEXT_BYTES, "%s%s", word, source == number ? "" : "-data");
}

void package_version(const struct universe *u, struct piece piece, char out[VERSION_TEXT_BYTES])
{
	uint32_t source = package_source(piece.family, piece.number);
	unsigned kept = (unsigned)(roll(u->seed, ROLL_NAME, piece.family, source, 0) % 10);

	_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"");
	snprintf(out, VERSION_TEXT_BYTES, families[piece.family].version, piece.n, kept);
	_Pragma("GCC diagnostic pop");
}

/* ---- files ---- */

/* Many small ones; the few large ones have most of the bytes: 40 KB on average. */
size_t corpus_file_bytes(const struct universe *u, uint64_t throw)
{
	static const struct {
		uint32_t below_permille, bytes_min, bytes_max;
	} classes[] = {{300, 200, 1024},           {600, 1024, 8 << 10},         {850, 8 << 10, 32 << 10},
		       {970, 32 << 10, 200 << 10}, {999, 200 << 10, 1000 << 10}, {1000, 1 << 20, 12 << 20}};
	uint32_t permille = (uint32_t)(throw % 1000);
	size_t   row = 0, bytes;

	while (permille >= classes[row].below_permille)
		row++;
	bytes = classes[row].bytes_min + (throw >> 20) % (classes[row].bytes_max - classes[row].bytes_min);
	bytes = (size_t)((double)bytes * u->scale);
	return bytes < 48 ? 48 : bytes;
}

uint32_t package_files(const struct universe *u, enum family family, uint32_t number)
{
	uint64_t throw = roll(u->seed, ROLL_FILES, family, number, 0);
	uint32_t kind = (uint32_t)(throw % 100), more = (uint32_t)(throw >> 32);

	if (family == MAVEN)
		return 4 + more % 20;
	if (kind < 40)
		return 1 + more % 4;
	if (kind < 80)
		return 4 + more % 10;
	return kind < 97 ? 12 + more % 30 : 40 + more % 120;
}

/* Half of the files change from a version to the next. */
struct corpus_file package_file(const struct universe *u, struct piece piece, uint32_t index)
{
	uint32_t           n = piece.n;
	uint64_t           name = (uint64_t)piece.number << 20 | index;
	struct corpus_file file = {0};

	while (n > 1 && roll(u->seed, ROLL_FILE_VERSION, piece.family, name, n) % 2 == 0)
		n--;
	file.id = roll(u->seed, ROLL_FILES, piece.family, name, n + 1);
	file.bytes = corpus_file_bytes(u, roll(u->seed, ROLL_FILE_SIZE, piece.family, name, 0));
	file.program = families[piece.family].os && roll(u->seed, ROLL_PROGRAM, piece.family, name, 0) % 100 < 15 &&
		       file.bytes >= 256;
	return file;
}

void package_file_path(const struct universe *u, struct piece piece, uint32_t index, char out[PATH_TEXT_BYTES])
{
	char               name[NAME_TEXT_BYTES], word[32];
	struct corpus_file file = package_file(u, piece, index);

	package_name(u, piece.family, piece.number, name);
	write_word(index + 7, word, sizeof(word));
	if (!families[piece.family].os)
		snprintf(out, PATH_TEXT_BYTES, "%s%s.%s", index % 5 ? "" : "parts/", word,
			 piece.family == NPM    ? "js"
			 : piece.family == PYPI ? "py"
						: "class");
	else if (file.program)
		snprintf(out, PATH_TEXT_BYTES, "usr/%s/%.64s-%s", index % 2 ? "bin" : "lib", name, word);
	else
		snprintf(out, PATH_TEXT_BYTES, "usr/share/%.64s/%s%s.dat", name, index % 6 ? "" : "more/", word);
}

/* ---- advisories ---- */

static unsigned advisories_of(const struct universe *u, enum family family, uint32_t source)
{
	unsigned kind = (unsigned)(roll(u->seed, ROLL_ADVISORY, family, source, 0) % 100);

	return kind < 55 ? 0 : kind < 77 ? 1 : kind < 89 ? 2 : kind < 95 ? 3 : kind < 98 ? 4 : ADVISORIES_OF_ONE_MAX;
}

/* Of all advisories one in a hundred differs between the generations: a later fix, withdrawn, or new. */
struct corpus_advisory package_advisory(const struct universe *u, enum family family, uint32_t source, unsigned index,
					unsigned generation)
{
	enum { LATER, WITHDRAWN, NEW };
	uint64_t throw = roll(u->seed, ROLL_ADVISORY, family, source, index + 1);
	unsigned               change = (unsigned)(roll(u->seed, ROLL_CHANGED, family, source, index) % 300);
	struct corpus_advisory advisory = {.exists = index < advisories_of(u, family, source),
					   .fixed = 2 + (uint32_t)(throw % 10)};

	if (advisory.exists && change == NEW)
		advisory.exists = generation > 1;
	advisory.withdrawn = change == WITHDRAWN && generation > 1;
	if (change == LATER && generation > 1)
		advisory.fixed += 3;
	return advisory;
}

uint32_t package_findings(const struct universe *u, struct piece piece, unsigned generation)
{
	uint32_t found = 0;

	for (unsigned i = 0; i < ADVISORIES_OF_ONE_MAX; i++) {
		struct corpus_advisory a =
			package_advisory(u, piece.family, package_source(piece.family, piece.number), i, generation);

		found += a.exists && !a.withdrawn && piece.n < a.fixed;
	}
	return found;
}
