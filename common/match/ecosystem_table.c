#include "match/ecosystem.h"

/* The part before the ':' of every ecosystem string of osv-schema docs/schema.md. VERSION_NONE: the order is not known
 * here, so that only listed versions and SEMVER ranges are judged. */
static const struct ecosystem TABLE[] = {
	/* name, purl type, order, key, names, fixed issues only */
	{"AlmaLinux", "rpm", VERSION_RPM, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, true},
	{"Alpaquita", "apk", VERSION_APK, ECOSYSTEM_BY_SOURCE, ECOSYSTEM_NAMES_EXACT, true},
	{"Alpine", "apk", VERSION_APK, ECOSYSTEM_BY_SOURCE, ECOSYSTEM_NAMES_EXACT, true},
	{"Azure Linux", "rpm", VERSION_RPM, ECOSYSTEM_BY_SOURCE, ECOSYSTEM_NAMES_EXACT, false},
	{"BellSoft Hardened Containers", "apk", VERSION_APK, ECOSYSTEM_BY_SOURCE, ECOSYSTEM_NAMES_EXACT, false},
	{"Chainguard", "apk", VERSION_APK, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, true},
	{"Debian", "deb", VERSION_DEB, ECOSYSTEM_BY_SOURCE, ECOSYSTEM_NAMES_EXACT, false},
	{"Echo", "deb", VERSION_DEB, ECOSYSTEM_BY_SOURCE, ECOSYSTEM_NAMES_EXACT, false},
	{"Mageia", "rpm", VERSION_RPM, ECOSYSTEM_BY_SOURCE, ECOSYSTEM_NAMES_EXACT, true},
	{"MinimOS", "apk", VERSION_APK, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, true},
	{"Photon OS", "rpm", VERSION_RPM, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, true},
	{"Red Hat", "rpm", VERSION_RPM, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, true},
	{"Rocky Linux", "rpm", VERSION_RPM, ECOSYSTEM_BY_SOURCE, ECOSYSTEM_NAMES_EXACT, true},
	{"SUSE", "rpm", VERSION_RPM, ECOSYSTEM_BY_SOURCE, ECOSYSTEM_NAMES_EXACT, true},
	{"Ubuntu", "deb", VERSION_DEB, ECOSYSTEM_BY_SOURCE, ECOSYSTEM_NAMES_EXACT, false},
	{"Wolfi", "apk", VERSION_APK, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, true},
	{"openEuler", "rpm", VERSION_RPM, ECOSYSTEM_BY_SOURCE, ECOSYSTEM_NAMES_EXACT, true},
	{"openSUSE", "rpm", VERSION_RPM, ECOSYSTEM_BY_SOURCE, ECOSYSTEM_NAMES_EXACT, true},

	{"Bitnami", "bitnami", VERSION_SEMVER, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, false},
	{"CRAN", "cran", VERSION_DOTTED, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, false},
	{"ConanCenter", "conan", VERSION_NONE, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, false},
	{"GitHub Actions", "githubactions", VERSION_SEMVER, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, false},
	{"Go", "golang", VERSION_SEMVER, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, false},
	{"Hackage", "hackage", VERSION_DOTTED, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, false},
	{"Hex", "hex", VERSION_SEMVER, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, false},
	{"Julia", "julia", VERSION_SEMVER, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, false},
	{"Maven", "maven", VERSION_MAVEN, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, false},
	{"NuGet", "nuget", VERSION_NUGET, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_LOWERCASE, false},
	{"Packagist", "composer", VERSION_COMPOSER, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_LOWERCASE, false},
	{"Pub", "pub", VERSION_PUB, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, false},
	{"PyPI", "pypi", VERSION_PEP440, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_PEP503, false},
	{"RubyGems", "gem", VERSION_GEM, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, false},
	{"SwiftURL", "swift", VERSION_SEMVER, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, false},
	{"crates.io", "cargo", VERSION_SEMVER, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, false},
	{"npm", "npm", VERSION_SEMVER, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, false},
	{NULL, NULL, VERSION_NONE, ECOSYSTEM_BY_BINARY, ECOSYSTEM_NAMES_EXACT, false},
};

const struct ecosystem *ecosystem_find(struct slice ecosystem)
{
	struct slice base = slice_sub(ecosystem, 0, slice_find(ecosystem, ':'));

	for (const struct ecosystem *row = TABLE; row->name; row++)
		if (slice_eq_str(base, row->name))
			return row;
	return NULL;
}

const struct ecosystem *ecosystem_of_type(struct slice purl_type)
{
	if (package_type_is_os(purl_type))
		return NULL;
	for (const struct ecosystem *row = TABLE; row->name; row++)
		if (slice_eq_str(purl_type, row->type))
			return row;
	return NULL;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool is_joiner(uint8_t c)
{
	return c == '-' || c == '_' || c == '.';
}

struct slice ecosystem_name_key(const struct ecosystem *ecosystem, struct slice name, struct arena *arena)
{
	if (!ecosystem || ecosystem->names == ECOSYSTEM_NAMES_EXACT || name.len == 0)
		return name;
	bool     pep503 = ecosystem->names == ECOSYSTEM_NAMES_PEP503;
	uint8_t *key = arena_alloc(arena, name.len);
	size_t   len = 0;

	for (size_t i = 0; key && i < name.len; i++) {
		if (!pep503 || !is_joiner(name.ptr[i]))
			key[len++] = lower(name.ptr[i]);
		else if (i == 0 || !is_joiner(name.ptr[i - 1]))
			key[len++] = '-';
	}
	return slice_of(key, len);
}
