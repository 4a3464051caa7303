/* Ranges of versions: an answer to any range and version; what cannot be read never holds, and "not" is the contrary. */
#include "match/version_range.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const TYPES[] = {"npm", "cargo", "pub", "pypi", "composer", "nuget", "maven",  "gem",    "hex",
				    "apk", "deb",   "rpm", "alpm", "conda",    "cran",  "golang", "ebuild", "julia"};

static bool ask(const struct version_range_language *language, struct slice range, struct slice version, bool *holds)
{
	int rc = version_range_holds(language, range, version, VERSION_RANGE_AS_ORDERED, holds);

	if (rc && *holds)
		abort();
	return rc == 0;
}

/* A version lies in exactly one of "<b" and ">=b", where neither has rules of its own for pre-releases. */
static void check_halves(const struct version_range_language *language, struct slice bound, struct slice version)
{
	char   text[2][256];
	bool   below, above;
	size_t len = bound.len < 200 ? bound.len : 200;

	if (memchr(bound.ptr, ' ', len) || memchr(bound.ptr, ',', len) || memchr(bound.ptr, '|', len) ||
	    memchr(bound.ptr, '\t', len) || !len || !version_is_digit(bound.ptr[0]))
		return;
	text[0][0] = '<';
	memcpy(text[0] + 1, bound.ptr, len);
	memcpy(text[1], ">=", 2);
	memcpy(text[1] + 2, bound.ptr, len);
	if (ask(language, slice_of(text[0], len + 1), version, &below) &&
	    ask(language, slice_of(text[1], len + 2), version, &above) && below == above)
		abort();
}

/* First byte: the type; then range and version, a line each. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of(data, size);
	bool         holds;

	if (size < 2)
		return 0;
	const char                          *type = TYPES[data[0] % (sizeof(TYPES) / sizeof(*TYPES))];
	const struct version_range_language *language = version_range_language(slice_str(type));

	rest = slice_from(rest, 1);
	struct slice range = slice_cut(&rest, '\n');

	(void)ask(language, range, rest, &holds);
	(void)version_range_holds(language, range, rest, VERSION_RANGE_AS_RESOLVED, &holds);
	if (strcmp(type, "pypi") != 0 && strcmp(type, "npm") != 0)
		check_halves(language, range, rest);
	return 0;
}
