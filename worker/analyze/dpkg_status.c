/* dpkg's status file: the packages of Debian, Ubuntu and their relatives. */
#include "analyze/analyzer.h"
#include "analyze/dpkg_stanza.h"

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return TEXT_IS(entry->path, "var/lib/dpkg/status") ? NEED_WHOLE : NEED_NOTHING;
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	static const struct dpkg_dialect dialect = {.kind = "dpkg", .type = "deb"};

	return dpkg_read_stanzas(&dialect, entry->path, body, out, err);
}

const struct analyzer analyzer_dpkg_status = {
	.name = "dpkg-status",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 256u << 20,
	.database = true,
	.wants = wants,
	.run = run,
	.sniff = dpkg_sniff_stanza,
};
