#include "match/ecosystem.h"

#include "match/os_table.h"

static bool contains_nocase(struct slice text, const char *part)
{
	struct slice wanted = slice_str(part);

	for (size_t i = 0; i + wanted.len <= text.len; i++)
		if (slice_eq_nocase(slice_sub(text, i, wanted.len), wanted))
			return true;
	return false;
}

static bool contains_any(struct slice text, const char *const *parts)
{
	for (; *parts; parts++)
		if (contains_nocase(text, *parts))
			return true;
	return false;
}

/* Debian and Ubuntu packages are maintained by anybody, with any address; so the well-known repositories beside them
 * are named, by maintainer or by the mark that they leave in the version. */
static bool is_third_party_deb(const struct package *package)
{
	static const char *const MAINTAINERS[] = {"docker.com",
						  "nodesource",
						  "@microsoft.com",
						  "@hashicorp.com",
						  "nginx-packaging",
						  "@nginx.com",
						  "@elastic.co",
						  "@grafana.com",
						  "@mongodb.com",
						  "@percona.com",
						  "maria-developers",
						  "mysql-build@",
						  "@influxdata.com",
						  "@datadoghq.com",
						  "adoptium",
						  "@azul.com",
						  "packages@gitlab.com",
						  "chromium-dev@chromium.org",
						  NULL};
	static const char *const VERSIONS[] = {".pgdg", "nodesource", "+maria~", "deb.sury.org", "+sury", NULL};

	return contains_any(package->vendor, MAINTAINERS) || contains_any(package->version, VERSIONS);
}

bool ecosystem_is_third_party(const struct ecosystem_target *target, const struct package *package)
{
	if (!target->ecosystem || !target->os_row || package->vendor.len == 0)
		return false;
	if (slice_eq_str(package->type, "deb"))
		return is_third_party_deb(package);
	return target->os_row->vendors && slice_eq_str(package->type, "rpm") &&
	       !contains_any(package->vendor, target->os_row->vendors);
}
