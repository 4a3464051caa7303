/* Orders of versions obey the laws of an order: reflexive, antisymmetric, transitive; for any three texts. */
#include "match/version.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int sign(enum version_scheme scheme, struct slice a, struct slice b)
{
	int order;

	(void)version_compare(scheme, a, b, &order);
	return (order > 0) - (order < 0);
}

/* Maven's own order is not transitive where a qualifier stands behind a '.' or first (version.h). */
static bool is_plain_maven(struct slice version)
{
	uint8_t before = '.';

	version = slice_trim(version);
	for (size_t i = 0; i < version.len; before = version.ptr[i++])
		if (before == '.' && !version_is_digit(version.ptr[i]))
			return false;
	return true;
}

/* pacman's own order is not transitive where a version or release ends in separators (version.h). */
static bool has_law(enum version_scheme scheme, struct slice version)
{
	for (size_t i = 0; scheme == VERSION_ALPM && i < version.len; i++) {
		bool ends = i + 1 == version.len || version.ptr[i + 1] == '-';

		if (ends && !version_is_digit(version.ptr[i]) && !version_is_alpha(version.ptr[i]))
			return false;
	}
	return version_valid(scheme, version) && (scheme != VERSION_MAVEN || is_plain_maven(version));
}

static void check_laws(enum version_scheme scheme, struct slice a, struct slice b, struct slice c)
{
	if (sign(scheme, a, a) || sign(scheme, a, b) != -sign(scheme, b, a))
		abort();
	if (!has_law(scheme, a) || !has_law(scheme, b) || !has_law(scheme, c))
		return;
	if (sign(scheme, a, b) <= 0 && sign(scheme, b, c) <= 0 && sign(scheme, a, c) > 0)
		abort();
}

/* First byte: the scheme; then three lines. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of(data, size);

	if (size < 2)
		return 0;
	enum version_scheme scheme = VERSION_DEB + data[0] % (VERSION_SCHEMES - 1);
	rest = slice_from(rest, 1);
	struct slice a = slice_cut(&rest, '\n'), b = slice_cut(&rest, '\n');
	check_laws(scheme, a, b, rest);
	return 0;
}
