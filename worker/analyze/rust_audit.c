/* Rust programs built with cargo-auditable: the section .dep-v0 holds their crates as zlib-compressed JSON.
 *
 * Source: rust-secure-code/cargo-auditable, PARSING.md. Build dependencies are not in the program; crates that are not from
 * crates.io (git, local, other registries) are listed, not matched (TRAPS E6). */
#include "analyze/analyzer.h"
#include "analyze/exe_file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/zlib_inflate.h"

enum { AUDIT_BYTES_MAX = 8 << 20 }; /* what the reference implementation takes */

static enum need wants(const struct entry *entry, struct slice head)
{
	enum exe_kind kind = exe_kind_of(head);

	if (kind == EXE_NONE || (kind == EXE_ELF && !(entry->mode & 0111)))
		return NEED_NOTHING;
	return NEED_WHOLE;
}

static bool add_crate(const struct json *crate, struct package_db *db, struct inventory *out)
{
	struct package package = {.type = SLICE_LIT("cargo"),
				  .name = json_get_text(crate, "name"),
				  .version = json_get_text(crate, "version")};
	struct slice   source = json_get_text(crate, "source");

	if (!package.name.len || !package.version.len || slice_eq_str(json_get_text(crate, "kind"), "build"))
		return true;
	if (!slice_eq_str(source, "crates.io") && !slice_eq_str(source, "registry"))
		package.flags = PACKAGE_NO_RELEASE;
	return inventory_add_package(out, db, &package) != NULL;
}

static int read_audit(const struct entry *entry, struct slice text, struct inventory *out, struct err *err)
{
	struct json       *root = NULL;
	const struct json *crates;
	struct package_db *db;
	int                rc = json_parse(text, &root, err);

	if (rc < 0)
		return rc;
	crates = json_get_kind(root, "packages", JSON_KIND_ARRAY);
	db = crates ? inventory_add_db(out, entry->path, "rust-audit") : NULL;
	if (!db)
		rc = crates ? err_set(err, ERR_MEM, "out of memory") : err_set(err, ERR_FORMAT, "no list of packages");
	for (size_t i = 0; db && i < json_count(crates); i++)
		if (!add_crate(json_at(crates, i), db, out))
			break;
	json_free(root);
	return rc;
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct exe_file exe;
	struct slice    section;
	struct buf      text;
	int             rc;

	if (!exe_open(body, &exe) || !(section = exe_section(&exe, ".dep-v0")).len)
		return 0; /* no such program */
	buf_init(&text, AUDIT_BYTES_MAX);
	rc = zlib_inflate(section, &text, err);
	if (rc == 0)
		rc = read_audit(entry, buf_slice(&text), out, err);
	buf_deinit(&text);
	return rc;
}

const struct analyzer analyzer_rust_audit = {
	.name = "rust-audit",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 1u << 30,
	.skims = true,
	.wants = wants,
	.run = run,
};
