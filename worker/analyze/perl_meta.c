/* Perl distributions as cpanm and carton record them: …/.meta/<distribution>-<version>/MYMETA.json. A .packlist names files and no
 * version; META.json elsewhere belongs to sources.
 *
 * Source: CPAN::Meta::Spec 2; App::cpanminus, "local library". */
#include "analyze/analyzer.h"
#include "analyze/license_list.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/path.h"

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return slice_eq_str(path_basename(path_dirname(path_dirname(entry->path))), ".meta") ? NEED_WHOLE
											     : NEED_NOTHING;
}

static int add(const struct entry *entry, const struct json *root, struct inventory *out, struct err *err)
{
	struct package     package = {.type = SLICE_LIT("cpan"),
				      .name = json_get_text(root, "name"),
				      .version = json_get_text(root, "version")};
	struct package_db *db;
	struct buf         license;

	if (!package.name.len || !package.version.len)
		return err_set(err, ERR_FORMAT, "no name or no version");
	db = inventory_add_db(out, entry->path, "perl");
	if (!db)
		return err_set(err, ERR_MEM, "out of memory");
	buf_init(&license, LIMIT_STRING_BYTES);
	license_list_of_json(json_get(root, "license"), &license);
	package.license = slice_eq_str(buf_slice(&license), "unknown") ? SLICE_EMPTY : buf_slice(&license);
	inventory_add_package(out, db, &package);
	buf_deinit(&license);
	return 0;
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct json *root = NULL;
	int          rc = json_parse(body, &root, err);

	if (rc == 0)
		rc = add(entry, root, out, err);
	json_free(root);
	return rc;
}

static const char *const names[] = {"MYMETA.json", "META.json", NULL};

const struct analyzer analyzer_perl_meta = {
	.name = "perl-meta",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 4u << 20,
	.names = names,
	.wants = wants,
	.run = run,
};
