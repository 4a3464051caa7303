#include "model/vendor.h"

/* os-release ID, and a part of the Vendor tag that its own packages have (lower case). */
static const struct {
	const char *id, *vendor;
} rpm_vendors[] = {
	{"almalinux", "almalinux"},
	{"almalinux", "cloudlinux"}, /* who founded it; some packages of 8 and 9 still say so */
	{"amzn", "amazon"},
	{"azurelinux", "microsoft"},
	{"centos", "centos"},
	{"centos", "red hat"},
	{"fedora", "fedora"},
	{"mageia", "mageia"},
	{"mariner", "microsoft"},
	{"ol", "oracle"},
	{"openEuler", "openeuler"},
	{"opensuse-leap", "suse"}, /* openSUSE's own and SLE's */
	{"opensuse-leap-micro", "suse"},
	{"opensuse-tumbleweed", "suse"},
	{"photon", "vmware"},
	{"photon", "broadcom"},
	{"rhel", "red hat"},
	{"rocky", "rocky"},
	{"sle-micro", "suse"},
	{"sled", "suse"},
	{"sles", "suse"},
	{"sles_sap", "suse"},
	{"sl-micro", "suse"},
};

/* Parts of Maintainer fields (lower case) of well-known repositories beside a deb distribution's own … */
static const char *const deb_maintainers[] = {
	"@docker.com",
	"nodesource",
	"@hashicorp.com",
	"@elastic.co",
	"@grafana.com",
	"@datadoghq.com",
	"@microsoft.com",
	"@google.com",
	"@nginx.com",
	"nginx-packaging",
	"@mongodb.com",
	"@oracle.com",
	"@gitlab.com",
	"@yarnpkg.com",
	"@influxdata.com",
	"@newrelic.com",
	"@percona.com",
	"@confluent.io",
	"@github.com",
	"adoptium",
	"@azul.com",
	"maria-developers",
	"@mariadb.org",
	"@rabbitmq.com",
	"@nvidia.com",
	"@redis.com",
	"@couchbase.com",
	"@clickhouse.com",
	"mysql-build@",
	"launchpadlibrarian",
	"chromium-dev@chromium.org",
};

/* … and marks that such repositories leave in their versions. */
static const char *const deb_version_marks[] = {".pgdg", "nodesource", "+maria~", "deb.sury.org", "+sury"};

static uint8_t lower(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
}

static bool contains(struct slice text, const char *part)
{
	struct slice wanted = slice_str(part);

	for (size_t i = 0; i + wanted.len <= text.len; i++) {
		size_t k = 0;

		while (k < wanted.len && lower(text.ptr[i + k]) == wanted.ptr[k])
			k++;
		if (k == wanted.len)
			return true;
	}
	return false;
}

static bool rpm_third_party(struct slice id, struct slice vendor)
{
	bool known = false;

	for (size_t i = 0; i < sizeof(rpm_vendors) / sizeof(*rpm_vendors); i++) {
		if (!slice_eq_str(id, rpm_vendors[i].id))
			continue;
		known = true;
		if (contains(vendor, rpm_vendors[i].vendor))
			return false;
	}
	return known;
}

static bool contains_any(struct slice text, const char *const *parts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (contains(text, parts[i]))
			return true;
	return false;
}

bool vendor_is_third_party(const struct os_release *os, const struct package *package)
{
	if (slice_eq_str(package->type, "rpm"))
		return package->vendor.len && rpm_third_party(os->id, package->vendor);
	if (!slice_eq_str(package->type, "deb"))
		return false;
	return contains_any(package->version, deb_version_marks,
			    sizeof(deb_version_marks) / sizeof(*deb_version_marks)) ||
	       contains_any(package->vendor, deb_maintainers, sizeof(deb_maintainers) / sizeof(*deb_maintainers));
}
