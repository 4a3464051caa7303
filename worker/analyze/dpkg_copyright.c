/* usr/share/doc/<package>/copyright: the licences of a dpkg package.
 *
 * Machine-readable files (DEP-5, copyright-format 1.0) name them in License fields; elsewhere the mentions of
 * /usr/share/common-licenses/<name> are taken. Short names are kept as written. */
#include "analyze/analyzer.h"
#include "analyze/deb822.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/path.h"

#include <stdlib.h>

enum { LICENSES_MAX = 64 }; /* names of one file; the kernel's has about 30 */

struct license_set {
	struct slice names[LICENSES_MAX];
	size_t       count;
};

static struct slice package_of(struct slice path)
{
	struct slice dir;

	if (!TEXT_STARTS(path, "usr/share/doc/") || !TEXT_ENDS(path, "/copyright"))
		return SLICE_EMPTY;
	dir = path_dirname(path);
	return TEXT_IS(path_dirname(dir), "usr/share/doc") ? path_basename(dir) : SLICE_EMPTY;
}

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return package_of(entry->path).len ? NEED_WHOLE : NEED_NOTHING;
}

static void add_name(struct license_set *set, struct slice name)
{
	if (name.len == 0 || name.len > 200 || set->count == LICENSES_MAX)
		return;
	for (size_t i = 0; i < set->count; i++)
		if (slice_eq(set->names[i], name))
			return;
	set->names[set->count++] = name;
}

static bool is_machine_readable(struct slice body)
{
	return slice_find_str(slice_sub(body, 0, LIMIT_HEAD_BYTES), "copyright-format") != SIZE_MAX ||
	       slice_starts(body, "Format:") || slice_starts(body, "Format-Specification:");
}

static void read_fields(struct slice body, struct license_set *set)
{
	struct deb822       reader = deb822_of(body);
	struct deb822_field field;
	enum deb822_token   token;

	while ((token = deb822_next(&reader, &field)) != DEB822_END)
		if (token == DEB822_FIELD && slice_eq_nocase(field.name, SLICE_LIT("License")))
			add_name(set, field.value);
}

static bool is_name_byte(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
	       c == '+';
}

static void read_mentions(struct slice body, struct license_set *set)
{
	static const char where[] = "/usr/share/common-licenses/";
	size_t            at;

	while ((at = slice_find_str(body, where)) != SIZE_MAX) {
		size_t len = 0;

		body = slice_from(body, at + sizeof(where) - 1);
		while (len < body.len && is_name_byte(body.ptr[len]))
			len++;
		while (len && body.ptr[len - 1] == '.') /* the end of a sentence */
			len--;
		add_name(set, slice_sub(body, 0, len));
	}
}

static int compare(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* "A AND (B or C)" */
static void join(const struct license_set *set, struct buf *out)
{
	for (size_t i = 0; i < set->count; i++) {
		bool group = set->count > 1 && slice_find(set->names[i], ' ') != SIZE_MAX;

		buf_str(out, i ? " AND " : "");
		buf_str(out, group ? "(" : "");
		buf_append(out, set->names[i]);
		buf_str(out, group ? ")" : "");
	}
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct license_set set = {.count = 0};
	struct buf         joined;
	int                rc = 0;

	if (is_machine_readable(body))
		read_fields(body, &set);
	if (set.count == 0)
		read_mentions(body, &set);
	if (set.count == 0)
		return 0;
	qsort(set.names, set.count, sizeof(set.names[0]), compare);
	buf_init(&joined, LIMIT_STRING_BYTES);
	join(&set, &joined);
	if (buf_ok(&joined))
		inventory_add_license(out, entry->path, package_of(entry->path), buf_slice(&joined));
	else
		rc = err_set(err, ERR_MEM, "out of memory");
	buf_deinit(&joined);
	return rc;
}

const struct analyzer analyzer_dpkg_copyright = {
	.name = "dpkg-copyright",
	.version = 1,
	.inputs = INPUT_PATH,
	.body_bytes_max = 4u << 20,
	.wants = wants,
	.run = run,
};
