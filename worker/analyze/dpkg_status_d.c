/* One file of var/lib/dpkg/status.d: a package of a distroless image. */
#include "analyze/analyzer.h"
#include "analyze/dpkg_stanza.h"
#include "base/path.h"

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	if (!TEXT_STARTS(entry->path, "var/lib/dpkg/status.d/") || TEXT_ENDS(entry->path, ".md5sums"))
		return NEED_NOTHING;
	return slice_eq_str(path_dirname(entry->path), "var/lib/dpkg/status.d") ? NEED_WHOLE : NEED_NOTHING;
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	static const struct dpkg_dialect dialect = {.kind = "dpkg-status.d", .type = "deb", .status_implied = true};

	return dpkg_read_stanzas(&dialect, entry->path, body, out, err);
}

const struct analyzer analyzer_dpkg_status_d = {
	.name = "dpkg-status.d",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 4u << 20,
	.database = true,
	.wants = wants,
	.run = run,
};
