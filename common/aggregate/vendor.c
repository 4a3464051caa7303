#include "aggregate/vendor.h"

/* os-release ID, and a part of the Vendor tag that its own packages have (lower case). */
static const struct {
	const char *id, *vendor;
} rpm_vendors[] = {
	{"almalinux", "almalinux"},
	{"almalinux", "cloudlinux"}, /* who founded it; some packages of 8 and 9 still say so */
	{"amzn", "amazon"},
	{"azurelinux", "microsoft"},
	{"centos", "centos"},
	{"fedora", "fedora"},
	{"mageia", "mageia"},
	{"mariner", "microsoft"},
	{"ol", "oracle"},
	{"openEuler", "openeuler"},
	{"opensuse-leap", "opensuse"},
	{"opensuse-leap", "suse"},
	{"opensuse-leap-micro", "suse"},
	{"opensuse-tumbleweed", "opensuse"},
	{"photon", "vmware"},
	{"photon", "broadcom"},
	{"rhel", "red hat"},
	{"rocky", "rocky"},
	{"sle-micro", "suse"},
	{"sled", "suse"},
	{"sles", "suse"},
};

/* Parts of Maintainer fields (lower case) of well-known repositories beside a deb distribution's own. */
static const char *const deb_third_parties[] = {
	"@docker.com",    "@nodesource.com", "@hashicorp.com", "@elastic.co",   "@grafana.com",       "@datadoghq.com",
	"@microsoft.com", "@google.com",     "@nginx.com",     "@nginx.org",    "@mongodb.com",       "@oracle.com",
	"@gitlab.com",    "@influxdata.com", "@yarnpkg.com",   "@newrelic.com", "@percona.com",       "@confluent.io",
	"@github.com",    "@adoptium.net",   "@azul.com",      "@mariadb.org",  "@rabbitmq.com",      "@clickhouse.com",
	"@nvidia.com",    "@redis.com",      "@couchbase.com", "nodesource",    "launchpadlibrarian",
};

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

bool vendor_is_third_party(const struct os_release *os, const struct package *package)
{
	/* PGDG packages say so in their version */
	if (slice_eq_str(package->type, "deb") && contains(package->version, ".pgdg"))
		return true;
	if (package->vendor.len == 0)
		return false;
	if (slice_eq_str(package->type, "rpm"))
		return rpm_third_party(os->id, package->vendor);
	if (!slice_eq_str(package->type, "deb"))
		return false;
	for (size_t i = 0; i < sizeof(deb_third_parties) / sizeof(*deb_third_parties); i++)
		if (contains(package->vendor, deb_third_parties[i]))
			return true;
	return false;
}
