/* apk's installed database (Alpine, Wolfi, Chainguard): "K:value" lines, a blank line behind each package.
 *
 * Source: apk-tools doc/apk-package.5, src/database.c. Keys are case-sensitive: P name, V version, A architecture,
 * o origin, L licence, m maintainer, F folder, R file in it. */
#include "analyze/analyzer.h"
#include "analyze/owned_files.h"
#include "base/cursor.h"

#include <inttypes.h>

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return TEXT_IS(entry->path, "lib/apk/db/installed") || TEXT_IS(entry->path, "usr/lib/apk/db/installed")
		       ? NEED_WHOLE
		       : NEED_NOTHING;
}

static bool sniff(struct slice head)
{
	return TEXT_STARTS(head, "C:Q") && slice_find_str(head, "\nP:") != SIZE_MAX &&
	       slice_find_str(head, "\nV:") != SIZE_MAX;
}

static void set_field(struct package *package, uint8_t key, struct slice value)
{
	switch (key) {
	case 'P':
		package->name = value;
		break;
	case 'V':
		package->version = value;
		break;
	case 'A':
		package->arch = value;
		break;
	case 'o':
		package->source_name = value;
		break;
	case 'L':
		package->license = value;
		break;
	case 'm':
		package->vendor = value;
		break;
	default:
		break;
	}
}

/* Text up to the blank line that ends a package. */
static struct slice cut_stanza(struct slice *rest)
{
	size_t       end = slice_find_str(*rest, "\n\n");
	struct slice stanza = slice_sub(*rest, 0, end);

	*rest = end == SIZE_MAX ? SLICE_EMPTY : slice_from(*rest, end + 2);
	return stanza;
}

static struct package read_package(struct slice stanza)
{
	struct package package = {.type = SLICE_LIT("apk")};
	struct cursor  lines = cursor_of(stanza);
	struct slice   line;

	while (cursor_line(&lines, &line))
		if (line.len >= 2 && line.ptr[1] == ':')
			set_field(&package, line.ptr[0], slice_trim(slice_from(line, 2)));
	if (package.name.len && package.name.ptr[0] == '.') /* ".build-deps": made by "apk add --virtual" */
		package.flags |= PACKAGE_VIRTUAL;
	return package;
}

static void read_files(struct slice stanza, struct owned_files *owned)
{
	struct cursor lines = cursor_of(stanza);
	struct slice  line, dir = SLICE_EMPTY;

	while (cursor_line(&lines, &line)) {
		if (slice_starts(line, "F:"))
			dir = slice_from(line, 2);
		else if (slice_starts(line, "R:"))
			owned_files_add(owned, dir, slice_from(line, 2));
	}
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct package_db *db = inventory_add_db(out, entry->path, "apk");
	struct slice       rest = body;
	uint64_t           incomplete = 0, owned_bytes = 0;

	if (!db)
		return err_set(err, ERR_MEM, "out of memory");
	while (rest.len) {
		struct slice       stanza = cut_stanza(&rest);
		struct package     package = read_package(stanza);
		struct owned_files owned = owned_files_of(out, entry->path, package.name, &owned_bytes);

		if (slice_trim(stanza).len == 0)
			continue;
		if (!package.name.len || !package.version.len) {
			incomplete++;
			continue;
		}
		inventory_add_package(out, db, &package);
		read_files(stanza, &owned);
	}
	owned_files_note(out, entry->path, owned_bytes);
	if (incomplete && db->packages_count == 0)
		return err_set(err, ERR_FORMAT, "no package with P: and V: in it");
	if (incomplete)
		inventory_note(out, NOTE_SKIPPED, entry->path,
			       "incomplete_stanza: %" PRIu64 " packages without P: or V:", incomplete);
	return 0;
}

const struct analyzer analyzer_apk_installed = {
	.name = "apk-installed",
	.version = 2,
	.inputs = 0,
	.body_bytes_max = 256u << 20,
	.database = true,
	.wants = wants,
	.run = run,
	.sniff = sniff,
};
