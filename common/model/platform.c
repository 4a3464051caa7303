#include "model/platform.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

static void put_lower(char *out, size_t size, struct slice text)
{
	size_t len = text.len < size ? text.len : size - 1;

	for (size_t i = 0; i < len; i++)
		out[i] = (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] + 32 : text.ptr[i]);
	out[len] = '\0';
}

struct alias {
	const char *name, *arch, *variant;
};

/* Names that uname, Debian, RPM and people use, and what image indexes call them. */
static const struct alias aliases[] = {
	{"x86_64", "amd64", ""},      {"x86-64", "amd64", ""},
	{"aarch64", "arm64", ""},     {"arm64v8", "arm64", ""},
	{"armhf", "arm", "v7"},       {"armel", "arm", "v6"},
	{"armv7l", "arm", "v7"},      {"armv7", "arm", "v7"},
	{"armv6l", "arm", "v6"},      {"armv6", "arm", "v6"},
	{"arm32v7", "arm", "v7"},     {"arm32v6", "arm", "v6"},
	{"arm32v5", "arm", "v5"},     {"i386", "386", ""},
	{"i486", "386", ""},          {"i586", "386", ""},
	{"i686", "386", ""},          {"x86", "386", ""},
	{"ppc64el", "ppc64le", ""},   {"powerpc64le", "ppc64le", ""},
	{"mips64el", "mips64le", ""}, {"loongarch64", "loong64", ""},
};

static void normalise_arch(struct platform *p)
{
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (strcmp(p->arch, aliases[i].name) != 0)
			continue;
		snprintf(p->arch, sizeof(p->arch), "%s", aliases[i].arch);
		if (!p->variant[0])
			snprintf(p->variant, sizeof(p->variant), "%s", aliases[i].variant);
		return;
	}
}

/* "7" is "v7"; the variant that an architecture has anyway is not written. */
static void normalise_variant(struct platform *p)
{
	if (p->variant[0] >= '0' && p->variant[0] <= '9') {
		char digits[sizeof(p->variant)];

		memcpy(digits, p->variant, sizeof(digits));
		snprintf(p->variant, sizeof(p->variant), "v%.14s", digits);
	}
	if (strcmp(p->arch, "arm") == 0 && !p->variant[0])
		snprintf(p->variant, sizeof(p->variant), "v7");
	if ((strcmp(p->arch, "arm64") == 0 && strcmp(p->variant, "v8") == 0) ||
	    (strcmp(p->arch, "amd64") == 0 && strcmp(p->variant, "v1") == 0))
		p->variant[0] = '\0';
}

void platform_set(struct platform *out, struct slice os, struct slice arch, struct slice variant)
{
	memset(out, 0, sizeof(*out));
	put_lower(out->os, sizeof(out->os), os);
	put_lower(out->arch, sizeof(out->arch), arch);
	put_lower(out->variant, sizeof(out->variant), variant);
	if (strcmp(out->os, "macos") == 0)
		snprintf(out->os, sizeof(out->os), "darwin");
	normalise_arch(out);
	normalise_variant(out);
}

static bool part_valid(struct slice part, size_t size)
{
	if (part.len == 0 || part.len >= size)
		return false;
	for (size_t i = 0; i < part.len; i++) {
		uint8_t c = part.ptr[i];
		bool    alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!alnum && c != '_' && c != '-' && c != '.')
			return false;
	}
	return true;
}

int platform_parse(struct slice text, struct platform *out, struct err *err)
{
	struct slice parts[3] = {SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY}, rest = text;
	size_t       count = 0;

	memset(out, 0, sizeof(*out));
	if (slice_eq_str(text, "all")) {
		out->all = true;
		return 0;
	}
	while (rest.len && count < 3)
		parts[count++] = slice_cut(&rest, '/');
	if (count == 0 || rest.len || text.ptr[text.len - 1] == '/' || !part_valid(parts[0], sizeof(out->os)) ||
	    (count > 1 && !part_valid(parts[1], sizeof(out->arch))) ||
	    (count > 2 && !part_valid(parts[2], sizeof(out->variant) - 1)))
		return err_set(err, ERR_USAGE,
			       "platform \"%.*s\" is not os/architecture[/variant], an architecture, or \"all\"",
			       (int)(text.len < 80 ? text.len : 80), (const char *)text.ptr);
	if (count == 1)
		platform_set(out, SLICE_LIT("linux"), parts[0], SLICE_EMPTY);
	else
		platform_set(out, parts[0], parts[1], parts[2]);
	return 0;
}

void platform_host(struct platform *out)
{
	struct utsname host;

	if (uname(&host) != 0)
		snprintf(host.machine, sizeof(host.machine), "x86_64");
	platform_set(out, SLICE_LIT("linux"), slice_str(host.machine), SLICE_EMPTY);
}

/* "v7" -> 7, nothing -> `base`; -1 for anything else. */
static int level(const char *variant, int base)
{
	if (!variant[0])
		return base;
	if (variant[0] == 'v' && variant[1] >= '1' && variant[1] <= '9' && !variant[2])
		return variant[1] - '0';
	return -1;
}

static int base_level(const char *arch)
{
	if (strcmp(arch, "arm") == 0)
		return 7;
	if (strcmp(arch, "arm64") == 0)
		return 8;
	return strcmp(arch, "amd64") == 0 ? 1 : -1;
}

enum { RANK_EXACT = 100 };

int platform_rank(const struct platform *want, const struct platform *have)
{
	int base, wanted, had;

	if (strcmp(want->os, have->os) != 0 || strcmp(want->arch, have->arch) != 0 || !have->os[0] || !have->arch[0])
		return 0;
	if (strcmp(want->variant, have->variant) == 0)
		return RANK_EXACT;
	base = base_level(want->arch);
	wanted = level(want->variant, base);
	had = level(have->variant, base);
	if (base < 0 || wanted < 0 || had < 0)
		return want->variant[0] && have->variant[0] ? 0 : 1;
	return had > wanted ? 0 : RANK_EXACT - (wanted - had);
}

void platform_text(const struct platform *platform, char out[96])
{
	if (platform->all)
		snprintf(out, 96, "all");
	else
		snprintf(out, 96, "%s%s%s%s%s", platform->os, platform->arch[0] ? "/" : "", platform->arch,
			 platform->variant[0] ? "/" : "", platform->variant);
}
