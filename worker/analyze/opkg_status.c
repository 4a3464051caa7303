/* opkg's status file (OpenWrt and other embedded systems): dpkg's format, other places, versions and feeds. */
#include "analyze/analyzer.h"
#include "analyze/dpkg_stanza.h"

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return TEXT_IS(entry->path, "usr/lib/opkg/status") || TEXT_IS(entry->path, "var/lib/opkg/status")
		       ? NEED_WHOLE
		       : NEED_NOTHING;
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	static const struct dpkg_dialect dialect = {.kind = "opkg", .type = "opkg"};

	return dpkg_read_stanzas(&dialect, entry->path, body, out, err);
}

const struct analyzer analyzer_opkg_status = {
	.name = "opkg-status",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.database = true,
	.wants = wants,
	.run = run,
};
