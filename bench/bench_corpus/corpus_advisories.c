#include "bench_corpus/corpus_advisories.h"

#include "base/file.h"
#include "base/json_write.h"
#include "bench_corpus/corpus_die.h"
#include "bench_corpus/corpus_zip.h"

#include <stdio.h>
#include <string.h>

static const char *const prefixes[FAMILIES] = {"DEBIAN-CVE-", "UBUNTU-CVE-", "ALPINE-CVE-", "RLSA-",
					       "PYSEC-",      "GHSA-npm-",   "GHSA-mvn-",   "GO-"};

static bool same(struct corpus_advisory a, struct corpus_advisory b)
{
	return a.exists == b.exists && a.withdrawn == b.withdrawn && a.fixed == b.fixed;
}

static void put_range(struct json_writer *w, const struct universe *u, enum family family, uint32_t source,
		      uint32_t fixed)
{
	char version[VERSION_TEXT_BYTES];

	package_version(u, (struct piece){family, source, fixed}, version);
	json_begin_array(w, "ranges");
	json_begin_object(w, NULL);
	json_put_str(w, "type", family == NPM || family == GOLANG ? "SEMVER" : "ECOSYSTEM");
	json_begin_array(w, "events");
	json_begin_object(w, NULL);
	json_put_str(w, "introduced", "0");
	json_end_object(w);
	json_begin_object(w, NULL);
	json_put_str(w, "fixed", family == GOLANG ? version + 1 : version);
	json_end_object(w);
	json_end_array(w);
	json_end_object(w);
	json_end_array(w);
}

static void put_affected(struct json_writer *w, const struct universe *u, enum family family, uint32_t source,
			 uint32_t fixed)
{
	char name[NAME_TEXT_BYTES];

	package_name(u, family, source, name);
	json_begin_array(w, "affected");
	json_begin_object(w, NULL);
	json_begin_object(w, "package");
	json_put_str(w, "ecosystem", family_ecosystem(family));
	json_put_str(w, "name", name);
	json_end_object(w);
	put_range(w, u, family, source, fixed);
	json_end_object(w);
	json_end_array(w);
}

static void put_severity(struct json_writer *w, uint32_t number)
{
	static const char *const vectors[] = {
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H",
		"CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:L/I:L/A:N", "CVSS:3.1/AV:P/AC:H/PR:L/UI:R/S:U/C:L/I:N/A:N"};

	json_begin_array(w, "severity");
	json_begin_object(w, NULL);
	json_put_str(w, "type", "CVSS_V3");
	json_put_str(w, "score", vectors[number % 4]);
	json_end_object(w);
	json_end_array(w);
}

static void write_record(struct buf *out, const struct universe *u, enum family family, uint32_t source, unsigned index,
			 struct corpus_advisory advisory, bool changed)
{
	struct json_writer w = json_writer_of(out, 0);
	uint32_t           number = 100000 * (family + 1) + source * 8 + index;
	char               id[64], cve[64];

	snprintf(id, sizeof(id), "%s2025-%u", prefixes[family], number);
	snprintf(cve, sizeof(cve), "CVE-2025-%u", number);
	json_begin_object(&w, NULL);
	json_put_str(&w, "schema_version", "1.6.0");
	json_put_str(&w, "id", id);
	json_put_str(&w, "modified", changed ? "2026-02-01T00:00:00Z" : "2026-01-01T00:00:00Z");
	json_put_str(&w, "published", "2025-06-01T00:00:00Z");
	if (advisory.withdrawn)
		json_put_str(&w, "withdrawn", "2026-02-01T00:00:00Z");
	json_begin_array(&w, family_os(family) ? "upstream" : "aliases");
	json_put_str(&w, NULL, cve);
	json_end_array(&w);
	json_put_str(&w, "summary", "A weakness that the corpus has made up");
	put_severity(&w, number / 8 + index);
	put_affected(&w, u, family, source, advisory.fixed);
	json_end_object(&w);
}

static uint64_t write_family(const struct universe *u, enum family family, unsigned generation, struct zip_writer *zip)
{
	struct buf record;
	uint64_t   records = 0;

	buf_init(&record, 1 << 20);
	for (uint32_t source = 0; source < family_packages(family); source++) {
		if (package_source(family, source) != source)
			continue;
		for (unsigned i = 0; i < ADVISORIES_OF_ONE_MAX; i++) {
			struct corpus_advisory advisory = package_advisory(u, family, source, i, generation);
			char                   name[64];

			if (!advisory.exists)
				continue;
			buf_clear(&record);
			write_record(&record, u, family, source, i, advisory,
				     !same(advisory, package_advisory(u, family, source, i, 1)));
			snprintf(name, sizeof(name), "%u-%u.json", source, i);
			zip_writer_add(zip, name, buf_slice(&record));
			records++;
		}
	}
	buf_deinit(&record);
	return records;
}

uint64_t advisories_write(const struct universe *u, const char *folder, unsigned generation)
{
	uint64_t   records = 0;
	struct err err = {0};

	for (int family = 0; family < FAMILIES; family++) {
		const char       *ecosystem = family_ecosystem((enum family)family);
		struct zip_writer zip;
		char              path[4096];

		snprintf(path, sizeof(path), "%s/%u/%.*s", folder, generation, (int)strcspn(ecosystem, ":"), ecosystem);
		if (file_make_dirs(path, 0755, &err))
			corpus_die("%s", err.text);
		strncat(path, "/all.zip", sizeof(path) - strlen(path) - 1);
		zip_writer_init(&zip);
		records += write_family(u, (enum family)family, generation, &zip);
		if (file_write_atomic(path, zip_writer_end(&zip), 0644, &err))
			corpus_die("%s", err.text);
		zip_writer_deinit(&zip);
	}
	return records;
}
