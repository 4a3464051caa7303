/* Package databases of real distributions, in ../shared/data: counts, and rpm lists field by field. */
#include "lib/analyze_run.h"
#include "lib/check.h"

#include "base/cursor.h"
#include "base/file.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

struct scan {
	struct inventory inv;
	struct dispatch *dispatch;
};

static bool have_data(const char *name)
{
	if (access(SHARED_DATA_DIR "/README.md", R_OK) == 0)
		return true;
	print_message("SKIP %s: needs ../shared/data\n", name);
	return false;
}

static void scan_begin(struct scan *scan)
{
	inventory_init(&scan->inv);
	scan->dispatch = dispatch_new(&scan->inv, -1, NULL, NULL);
	assert_non_null(scan->dispatch);
}

static void scan_end(struct scan *scan)
{
	dispatch_free(scan->dispatch);
	inventory_deinit(&scan->inv);
}

static size_t count_packages(const struct inventory *inv, const char *kind, bool by_magic)
{
	size_t count = 0;

	for (size_t i = 0; i < inv->dbs_count; i++)
		if (!inv->dbs[i].dropped && inv->dbs[i].by_magic == by_magic && slice_eq_str(inv->dbs[i].kind, kind))
			count += inv->dbs[i].packages_count;
	return count;
}

static void assert_no_bad_notes(const struct inventory *inv, const char *file)
{
	for (size_t i = 0; i < inv->notes_count; i++)
		if (inv->notes[i].kind != NOTE_INFO)
			fail_msg("%s: %.*s: %.*s", file, SLICE_FMT(inv->notes[i].path),
				 SLICE_FMT(inv->notes[i].reason));
}

static void images_have_their_packages(void **state)
{
	static const struct {
		const char *file, *kind;
		size_t      packages;
		const char *id, *version_id;
		bool        by_magic; /* the whole tree lies below rootfs/ */
	} images[] = {
		{"alpine-3.6.5-x86_64.tar.gz", "apk", 13, "alpine", "3.6.5", false},
		{"alpine-3.10.9-x86_64.tar.gz", "apk", 14, "alpine", "3.10.9", false},
		{"alpine-3.14.10-x86_64.tar.gz", "apk", 14, "alpine", "3.14.10", false},
		{"alpine-3.17.10-x86_64.tar.gz", "apk", 15, "alpine", "3.17.10", false},
		{"alpine-3.20.3-x86_64.tar.gz", "apk", 14, "alpine", "3.20.3", false},
		{"alpine-3.20.3-aarch64.tar.gz", "apk", 14, "alpine", "3.20.3", false},
		{"alpine-gl-library-3.4.tar.gz", "apk", 11, "alpine", "3.4.0", false},
		{"alpine-gl-library-3.9-x86_64.tar.xz", "apk", 14, "alpine", "3.9.0", false},
		{"almalinux-9-micro-20220707-aarch64.tar.xz", "rpm-sqlite", 22, "almalinux", "9.0", false},
		{"almalinux-9-micro-20231125-s390x.tar.xz", "rpm-sqlite", 22, "almalinux", "9.3", false},
		{"almalinux-8-micro-20230523-s390x.tar.xz", "rpm-bdb", 19, "almalinux", "8.8", false},
		{"bdb-fedora-rootfs.tar.xz", "rpm-bdb", 113, "fedora-modular", "26", true},
		{"debian-8-jessie-layer.tar.gz", "dpkg", 117, "debian", "8", false},
		{"arch-layer.tar.gz", "alpm", 2, "arch", "", false},
		{"ubuntu-22.04.5-python-amd64-tree.tar.zst", "dpkg", 117, "ubuntu", "22.04", false},
		{"docker-23.0.3-amd64-tree.tar.zst", "apk", 55, "alpine", "3.17.3", false},
	};

	(void)state;
	if (!have_data(__func__))
		skip();
	for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
		struct scan scan;
		struct err  err = {0};
		char        path[1024];
		size_t      count;

		snprintf(path, sizeof(path), SHARED_DATA_DIR "/images/%s", images[i].file);
		scan_begin(&scan);
		if (analyze_tarball(scan.dispatch, path, &err) || dispatch_end(scan.dispatch, &err))
			fail_msg("%s: %s", images[i].file, err.text);
		count = count_packages(&scan.inv, images[i].kind, images[i].by_magic);
		assert_no_bad_notes(&scan.inv, images[i].file);
		if (count != images[i].packages)
			fail_msg("%s: %zu packages of %s, not %zu", images[i].file, count, images[i].kind,
				 images[i].packages);
		assert_true(scan.inv.os_releases_count > 0);
		assert_slice_equal(scan.inv.os_releases[0].id, images[i].id);
		assert_slice_equal(scan.inv.os_releases[0].version_id, images[i].version_id);
		scan_end(&scan);
	}
}

/* Columns of the lists: epoch name version release arch sourcerpm size license vendor modularitylabel sigmd5 */
enum { EPOCH, NAME, VERSION, RELEASE, ARCH, SOURCERPM, SIZE, LICENSE, VENDOR, MODULARITY, COLUMNS };

static const struct package *find_package(const struct package_db *db, struct slice name, const char *version)
{
	for (size_t i = 0; i < db->packages_count; i++)
		if (slice_eq(db->packages[i].name, name) && slice_eq_str(db->packages[i].version, version))
			return &db->packages[i];
	return NULL;
}

static void assert_field(const struct package *package, const char *field, struct slice actual, struct slice expected)
{
	if (!slice_eq(actual, expected))
		fail_msg("%.*s: %s is '%.*s', not '%.*s'", SLICE_FMT(package->name), field, SLICE_FMT(actual),
			 SLICE_FMT(expected));
}

static void check_row(const struct package_db *db, const struct slice *row)
{
	char                  version[512], source[512];
	const struct package *package;

	snprintf(version, sizeof(version), "%.*s%s%.*s-%.*s", SLICE_FMT(row[EPOCH]), row[EPOCH].len ? ":" : "",
		 SLICE_FMT(row[VERSION]), SLICE_FMT(row[RELEASE]));
	package = find_package(db, row[NAME], version);
	if (!package)
		fail_msg("no package %.*s %s", SLICE_FMT(row[NAME]), version);
	snprintf(source, sizeof(source), "%.*s-%.*s.src.rpm", SLICE_FMT(package->source_name),
		 SLICE_FMT(package->source_version));
	assert_field(package, "arch", package->arch, row[ARCH]);
	assert_field(package, "source", slice_str(source), row[SOURCERPM]);
	assert_field(package, "license", package->license, row[LICENSE]);
	assert_field(package, "vendor", package->vendor, row[VENDOR]);
	assert_field(package, "modularity", package->modularity, row[MODULARITY]);
}

static size_t check_list(const struct package_db *db, struct slice list)
{
	struct cursor lines = cursor_of(list);
	struct slice  line;
	size_t        rows = 0;

	while (cursor_line(&lines, &line)) {
		struct slice row[COLUMNS] = {0};

		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		for (size_t i = 0; i < COLUMNS; i++)
			row[i] = slice_cut(&line, '\t');
		if (slice_eq_str(row[NAME], "gpg-pubkey")) {
			for (size_t i = 0; i < db->packages_count; i++)
				assert_false(slice_eq_str(db->packages[i].name, "gpg-pubkey"));
			continue;
		}
		check_row(db, row);
		rows++;
	}
	return rows;
}

static void read_shared(const char *name, struct buf *out)
{
	char path[1024];

	snprintf(path, sizeof(path), SHARED_DATA_DIR "/%s", name);
	buf_init(out, 64 << 20);
	assert_int_equal(file_read(path, out, NULL), 0);
}

static void rpm_lists_agree_field_by_field(void **state)
{
	static const struct {
		const char *file, *as, *list;
		size_t      packages;
	} databases[] = {
		{"rpmdb/amazonlinux2023-rpmdb.sqlite", "var/lib/rpm/rpmdb.sqlite",
		 "truth/rpm/go-rpmdb-cee58d9.amazonlinux2023-plain.tsv", 102},
		{"rpmdb/sle15-bci-a-Packages.db", "usr/lib/sysimage/rpm/Packages.db",
		 "truth/rpm/go-rpmdb-HEAD.sle15-bci.tsv", 35},
		{"truth/packages/inputs/extractor/filesystem/os/rpm/testdata/Packages_epoch", "var/lib/rpm/Packages",
		 "truth/rpm/osv-scalibr.Packages_epoch.tsv", 1},
	};

	(void)state;
	if (!have_data(__func__))
		skip();
	for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++) {
		struct scan scan;
		struct buf  body, list;

		read_shared(databases[i].file, &body);
		read_shared(databases[i].list, &list);
		scan_begin(&scan);
		analyze_file(scan.dispatch, databases[i].as, 0644, buf_slice(&body));
		assert_int_equal(dispatch_end(scan.dispatch, NULL), 0);
		assert_no_bad_notes(&scan.inv, databases[i].file);
		assert_int_equal(scan.inv.dbs_count, 1);
		assert_int_equal(check_list(&scan.inv.dbs[0], buf_slice(&list)), scan.inv.dbs[0].packages_count);
		assert_int_equal(scan.inv.dbs[0].packages_count, databases[i].packages);
		scan_end(&scan);
		buf_deinit(&body);
		buf_deinit(&list);
	}
}

static void a_berkeley_db_with_odd_pages_is_read(void **state)
{
	struct scan scan;
	struct buf  body;

	(void)state;
	if (!have_data(__func__))
		skip();
	read_shared("rpmdb/libuuid-Packages.bdb", &body);
	scan_begin(&scan);
	analyze_file(scan.dispatch, "var/lib/rpm/Packages", 0644, buf_slice(&body));
	assert_int_equal(dispatch_end(scan.dispatch, NULL), 0);
	assert_no_bad_notes(&scan.inv, "libuuid");
	assert_int_equal(count_packages(&scan.inv, "rpm-bdb", false), 1);
	assert_slice_equal(scan.inv.dbs[0].packages[0].name, "libuuid");
	assert_slice_equal(scan.inv.dbs[0].packages[0].version, "2.32.1-42.el8_8");
	scan_end(&scan);
	buf_deinit(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images_have_their_packages),
		cmocka_unit_test(rpm_lists_agree_field_by_field),
		cmocka_unit_test(a_berkeley_db_with_odd_pages_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
