#include "analyze/dpkg_stanza.h"

#include "analyze/analyzer.h"
#include "analyze/deb822.h"

#include <inttypes.h>

struct stanza {
	struct slice package, status, version, arch, source, maintainer;
};

static void set_field(struct stanza *stanza, const struct deb822_field *field)
{
	static const struct {
		const char *name;
		size_t      at;
	} fields[] = {
		{"Package", offsetof(struct stanza, package)}, {"Status", offsetof(struct stanza, status)},
		{"Version", offsetof(struct stanza, version)}, {"Architecture", offsetof(struct stanza, arch)},
		{"Source", offsetof(struct stanza, source)},   {"Maintainer", offsetof(struct stanza, maintainer)},
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (slice_eq_nocase(field->name, slice_str(fields[i].name)))
			*(struct slice *)(void *)((char *)stanza + fields[i].at) = field->value;
}

/* "install ok half-configured" -> "half-configured" */
static struct slice installed_state(struct slice status)
{
	struct slice word = SLICE_EMPTY;

	for (int words = 0; status.len && words < 3;) {
		word = slice_trim(slice_cut(&status, ' '));
		words += word.len != 0;
	}
	return word;
}

/* "foo (1.2-3)": name and version; "foo": name alone, the version is the binary's. */
static void split_source(struct slice source, struct package *package)
{
	size_t open = slice_find(source, '('), close = slice_rfind(source, ')');

	package->source_name = slice_trim(slice_sub(source, 0, open));
	if (open != SIZE_MAX && close != SIZE_MAX && close > open)
		package->source_version = slice_trim(slice_sub(source, open + 1, close - open - 1));
}

static bool is_on_disk(const struct dpkg_dialect *dialect, const struct stanza *stanza, struct slice *state)
{
	*state = installed_state(stanza->status);
	if (state->len == 0)
		return dialect->status_implied;
	return !slice_eq_str(*state, "not-installed") && !slice_eq_str(*state, "config-files");
}

struct tally {
	uint64_t packages, incomplete;
};

static void add_stanza(const struct dpkg_dialect *dialect, const struct stanza *stanza, struct inventory *out,
		       struct package_db *db, struct tally *tally)
{
	struct package package = {.type = slice_str(dialect->type),
				  .name = stanza->package,
				  .version = stanza->version,
				  .arch = stanza->arch,
				  .vendor = stanza->maintainer};
	struct slice   state;

	if (stanza->package.len)
		tally->packages++;
	if (!is_on_disk(dialect, stanza, &state))
		return;
	if (!package.name.len || !package.version.len) {
		tally->incomplete++;
		return;
	}
	split_source(stanza->source, &package);
	if (state.len && !slice_eq_str(state, "installed"))
		package.flags |= PACKAGE_NOT_CONFIGURED;
	inventory_add_package(out, db, &package);
}

int dpkg_read_stanzas(const struct dpkg_dialect *dialect, struct slice path, struct slice text, struct inventory *out,
		      struct err *err)
{
	struct package_db  *db = inventory_add_db(out, path, dialect->kind);
	struct deb822       reader = deb822_of(text);
	struct stanza       stanza = {0};
	struct tally        tally = {0};
	struct deb822_field field;
	enum deb822_token   token;

	if (!db)
		return err_set(err, ERR_MEM, "out of memory");
	while ((token = deb822_next(&reader, &field)) != DEB822_END) {
		if (token == DEB822_FIELD) {
			set_field(&stanza, &field);
			continue;
		}
		add_stanza(dialect, &stanza, out, db, &tally);
		stanza = (struct stanza){0};
	}
	if (tally.packages == 0 && slice_trim(text).len)
		return err_set(err, ERR_FORMAT, "no stanza with a Package field");
	if (tally.incomplete)
		inventory_note(out, NOTE_SKIPPED, path,
			       "incomplete_stanza: %" PRIu64 " stanzas without Package or Version", tally.incomplete);
	return 0;
}

bool dpkg_sniff_stanza(struct slice head)
{
	return TEXT_STARTS(head, "Package: ") && slice_find_str(head, "\nStatus: ") != SIZE_MAX &&
	       slice_find_str(head, "\nVersion: ") != SIZE_MAX;
}
