#include "report_format.h"

/* Where each package goes in the shorter list; UINT32_MAX: nowhere. Whatever is vulnerable stays. */
static size_t number(const struct image_result *result, uint32_t *places)
{
	uint32_t count = 0;

	for (size_t i = 0; i < result->packages_count; i++)
		places[i] = result->packages[i].suppressed == PACKAGE_LISTED ? 0 : UINT32_MAX;
	for (size_t i = 0; i < result->vulnerabilities_count; i++)
		if (result->vulnerabilities[i].package < result->packages_count)
			places[result->vulnerabilities[i].package] = 0;
	for (size_t i = 0; i < result->packages_count; i++)
		if (places[i] != UINT32_MAX)
			places[i] = count++;
	return count;
}

bool report_listed(const struct image_result *result, struct arena *arena, struct image_result *out)
{
	uint32_t *places = arena_array(arena, result->packages_count + 1, sizeof(*places));
	size_t    count = places ? number(result, places) : 0;

	*out = *result;
	if (places && count == result->packages_count)
		return true;
	out->packages = arena_array(arena, count + 1, sizeof(*out->packages));
	out->vulnerabilities = arena_array(arena, result->vulnerabilities_count + 1, sizeof(*out->vulnerabilities));
	if (!places || !out->packages || !out->vulnerabilities)
		return false;
	out->packages_count = count;
	for (size_t i = 0; i < result->packages_count; i++)
		if (places[i] != UINT32_MAX)
			out->packages[places[i]] = result->packages[i];
	for (size_t i = 0; i < result->vulnerabilities_count; i++) {
		out->vulnerabilities[i] = result->vulnerabilities[i];
		if (result->vulnerabilities[i].package < result->packages_count)
			out->vulnerabilities[i].package = places[result->vulnerabilities[i].package];
	}
	return true;
}
