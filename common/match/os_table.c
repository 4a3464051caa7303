#include "match/os_table.h"

#include "match/version.h"

static const struct os_row TABLE[] = {
	{"debian", "Debian", OS_RULE_MAJOR, "Debian:12", NULL},
	{"ubuntu", "Ubuntu", OS_RULE_UBUNTU, "Ubuntu:22.04:LTS", NULL},
	{"linuxmint", "Ubuntu", OS_RULE_UBUNTU_CODENAME, "Ubuntu:22.04:LTS", "inferred from UBUNTU_CODENAME"},
	{"pop", "Ubuntu", OS_RULE_UBUNTU_CODENAME, "Ubuntu:22.04:LTS", "inferred from UBUNTU_CODENAME"},
	{"alpine", "Alpine", OS_RULE_ALPINE, "Alpine:v3.20", NULL},
	{"wolfi", "Wolfi", OS_RULE_BARE, "Wolfi", NULL},
	{"chainguard", "Chainguard", OS_RULE_BARE, "Chainguard", NULL},
	{"minimos", "MinimOS", OS_RULE_BARE, "MinimOS", NULL},
	{"alpaquita", "Alpaquita", OS_RULE_ALPAQUITA, "Alpaquita:23", NULL},
	{"almalinux", "AlmaLinux", OS_RULE_MAJOR, "AlmaLinux:9", NULL},
	{"rocky", "Rocky Linux", OS_RULE_MAJOR, "Rocky Linux:9", NULL},
	{"rhel", "Red Hat", OS_RULE_REDHAT, "Red Hat:enterprise_linux:9::baseos", NULL},
	{"centos", "Red Hat", OS_RULE_CENTOS, "Red Hat:enterprise_linux:7", "inferred: CentOS is judged as Red Hat"},
	{"sles", "SUSE", OS_RULE_SUSE, "SUSE:Linux Enterprise Server 15 SP5", NULL},
	{"sled", "SUSE", OS_RULE_SUSE, "SUSE:Linux Enterprise Desktop 15 SP5", NULL},
	{"sles_sap", "SUSE", OS_RULE_SUSE, "SUSE:Linux Enterprise Server for SAP Applications 15 SP5", NULL},
	{"sle-micro", "SUSE", OS_RULE_SUSE_MICRO, "SUSE:Linux Enterprise Micro 5.5", NULL},
	{"sl-micro", "SUSE", OS_RULE_SUSE_MICRO, "SUSE:Linux Micro 6.0", NULL},
	{"opensuse-leap", "openSUSE", OS_RULE_LEAP, "openSUSE:Leap 15.6", NULL},
	{"opensuse-leap-micro", "openSUSE", OS_RULE_LEAP_MICRO, "openSUSE:Leap Micro 5.5", NULL},
	{"opensuse-tumbleweed", "openSUSE", OS_RULE_TUMBLEWEED, "openSUSE:Tumbleweed", NULL},
	{"openEuler", "openEuler", OS_RULE_OPENEULER, "openEuler:24.03-LTS-SP1", NULL},
	{"mageia", "Mageia", OS_RULE_VERSION, "Mageia:9", NULL},
	{"azurelinux", "Azure Linux", OS_RULE_MAJOR, "Azure Linux:3", NULL},
	{"mariner", "Azure Linux", OS_RULE_MAJOR, "Azure Linux:2", NULL},
	{"photon", "Photon OS", OS_RULE_VERSION, "Photon OS:4.0", NULL},
	{"amzn", NULL, OS_RULE_NONE, NULL, NULL},
	{"ol", NULL, OS_RULE_NONE, NULL, NULL},
	{"fedora", NULL, OS_RULE_NONE, NULL, NULL},
	{"arch", NULL, OS_RULE_NONE, NULL, NULL},
	{"gentoo", NULL, OS_RULE_NONE, NULL, NULL},
	{"nixos", NULL, OS_RULE_NONE, NULL, NULL},
	{"void", NULL, OS_RULE_NONE, NULL, NULL},
	{"openwrt", NULL, OS_RULE_NONE, NULL, NULL},
	{"kali", NULL, OS_RULE_NONE, NULL, NULL},
};

enum { ROWS = sizeof(TABLE) / sizeof(*TABLE) };

const struct os_row *os_row_at(size_t index)
{
	return index < ROWS ? &TABLE[index] : NULL;
}

const struct os_row *os_row_find(struct slice id)
{
	for (size_t i = 0; i < ROWS; i++)
		if (slice_eq_str(id, TABLE[i].id))
			return &TABLE[i];
	return NULL;
}

const char *os_rule_text(enum os_rule rule)
{
	static const char *const TEXTS[] = {
		[OS_RULE_NONE] = "no advisory source",
		[OS_RULE_BARE] = "no suffix",
		[OS_RULE_MAJOR] = "major part of VERSION_ID; none (testing, sid) has no feed",
		[OS_RULE_VERSION] = "VERSION_ID",
		[OS_RULE_UBUNTU] = ("VERSION_ID, `:LTS` for April of even years; `Ubuntu:Pro:…` first where packages "
				    "carry `+esm` or "
				    "`~esm`, else its fixes are marked \"requires Ubuntu Pro\""),
		[OS_RULE_UBUNTU_CODENAME] = "release of UBUNTU_CODENAME, then as ubuntu",
		[OS_RULE_ALPINE] = "`v` and two parts of VERSION_ID; edge (`_alpha`) has no feed",
		[OS_RULE_ALPAQUITA] = "VERSION_ID, else `stream`",
		[OS_RULE_REDHAT] = "every `enterprise_linux:N`, `:N.x`, `:N::*` of the major release N; no EUS, AUS, "
				   "TUS, E4S, ELS",
		[OS_RULE_CENTOS] = "releases up to 8 as rhel; CentOS Stream has no feed",
		[OS_RULE_SUSE] = "every `SUSE:Linux Enterprise …` of the same service pack; fixes of LTSS and ESPOS "
				 "products are marked",
		[OS_RULE_SUSE_MICRO] = "every `SUSE:… Micro …` of VERSION_ID",
		[OS_RULE_LEAP] = "`Leap ` and VERSION_ID, with its NonFree",
		[OS_RULE_LEAP_MICRO] = "`Leap Micro ` and VERSION_ID",
		[OS_RULE_TUMBLEWEED] = "`Tumbleweed`",
		[OS_RULE_OPENEULER] = "VERSION_ID and what PRETTY_NAME says behind it: `(LTS-SP1)`",
	};

	return TEXTS[rule];
}

/* ---- suffixes ---- */

static struct slice major_of(struct slice version_id)
{
	struct slice rest = version_id;

	return version_take_digits(&rest);
}

static struct slice with_suffix(const struct os_row *row, const char *before, struct slice suffix, struct arena *arena)
{
	return arena_printf(arena, "%s:%s%.*s", row->ecosystem, before, SLICE_FMT(suffix));
}

static bool is_lts(struct slice version_id)
{
	struct slice rest = version_id, year = version_take_digits(&rest);

	return year.len && (year.ptr[year.len - 1] - '0') % 2 == 0 && slice_eq_str(rest, ".04");
}

static struct slice ubuntu(struct slice version_id, struct arena *arena)
{
	version_id = slice_sub(version_id, 0, 5); /* "14.04", should a point release be there */
	return arena_printf(arena, "Ubuntu:%.*s%s", SLICE_FMT(version_id), is_lts(version_id) ? ":LTS" : "");
}

static struct slice version_of_codename(struct slice codename)
{
	static const struct {
		const char *codename, *version;
	} RELEASES[] = {
		{"trusty", "14.04"}, {"xenial", "16.04"}, {"bionic", "18.04"},   {"focal", "20.04"},
		{"jammy", "22.04"},  {"noble", "24.04"},  {"resolute", "26.04"},
	};

	for (size_t i = 0; i < sizeof(RELEASES) / sizeof(*RELEASES); i++)
		if (slice_eq_str(codename, RELEASES[i].codename))
			return slice_str(RELEASES[i].version);
	return SLICE_EMPTY;
}

/* "3.20" of "3.20.3"; empty for edge ("3.21.0_alpha20240606"). */
static struct slice alpine_branch(struct slice version_id)
{
	struct slice rest = version_id;
	size_t       first, second;

	if (slice_find_str(version_id, "_alpha") != SIZE_MAX)
		return SLICE_EMPTY;
	first = slice_find(rest, '.');
	if (first == SIZE_MAX)
		return SLICE_EMPTY;
	second = slice_find(slice_from(rest, first + 1), '.');
	return second == SIZE_MAX ? version_id : slice_sub(version_id, 0, first + 1 + second);
}

/* "LTS-SP1" of "openEuler 24.03 (LTS-SP1)", "LTS" of "openEuler 22.03 LTS". */
static struct slice edition_of(struct slice pretty_name)
{
	struct slice edition;

	(void)slice_cut(&pretty_name, ' ');
	(void)slice_cut(&pretty_name, ' ');
	edition = slice_trim(pretty_name);
	if (slice_starts(edition, "(") && slice_ends(edition, ")"))
		edition = slice_sub(edition, 1, edition.len - 2);
	return edition;
}

static struct slice openeuler(const struct os_release *os, struct arena *arena)
{
	struct slice edition = edition_of(os->pretty_name);

	return arena_printf(arena, "openEuler:%.*s%s%.*s", SLICE_FMT(os->version_id), edition.len ? "-" : "",
			    SLICE_FMT(edition));
}

static bool is_stream(const struct os_release *os)
{
	return slice_find_str(os->pretty_name, "Stream") != SIZE_MAX ||
	       slice_find_str(os->version, "Stream") != SIZE_MAX;
}

struct slice os_suse_release(const struct os_release *os, struct arena *arena)
{
	struct slice rest = os->version_id, major = slice_cut(&rest, '.');

	if (rest.len == 0 || slice_eq_str(rest, "0"))
		return major;
	return arena_printf(arena, "%.*s SP%.*s", SLICE_FMT(major), SLICE_FMT(rest));
}

/* PRETTY_NAME without "SUSE "; made up of the release where it is something else. */
static struct slice suse(const struct os_release *os, const char *product, struct slice release, struct arena *arena)
{
	if (slice_starts(os->pretty_name, "SUSE Linux "))
		return arena_printf(arena, "SUSE:%.*s", SLICE_FMT(slice_from(os->pretty_name, 5)));
	return arena_printf(arena, "SUSE:%s %.*s", product, SLICE_FMT(release));
}

static struct slice centos(const struct os_row *row, const struct os_release *os, struct arena *arena, const char **why)
{
	struct slice major = major_of(os->version_id);
	uint64_t     number = 0;

	*why = "CentOS Stream has no feed";
	if (is_stream(os) || !slice_u64(major, &number) || number > 8)
		return SLICE_EMPTY;
	return with_suffix(row, "enterprise_linux:", major, arena);
}

static struct slice by_version_id(const struct os_row *row, const struct os_release *os, struct arena *arena)
{
	struct slice id = os->version_id;

	switch (row->rule) {
	case OS_RULE_MAJOR:
		return major_of(id).len ? with_suffix(row, "", major_of(id), arena) : SLICE_EMPTY;
	case OS_RULE_VERSION:
		return with_suffix(row, "", id, arena);
	case OS_RULE_UBUNTU:
		return ubuntu(id, arena);
	case OS_RULE_ALPINE:
		return alpine_branch(id).len ? with_suffix(row, "v", alpine_branch(id), arena) : SLICE_EMPTY;
	case OS_RULE_REDHAT:
		return with_suffix(row, "enterprise_linux:", major_of(id), arena);
	case OS_RULE_SUSE:
		return suse(os, "Linux Enterprise Server", os_suse_release(os, arena), arena);
	case OS_RULE_SUSE_MICRO:
		return suse(os, slice_starts(id, "5") ? "Linux Enterprise Micro" : "Linux Micro", id, arena);
	case OS_RULE_LEAP:
		return with_suffix(row, "Leap ", id, arena);
	case OS_RULE_LEAP_MICRO:
		return with_suffix(row, "Leap Micro ", id, arena);
	case OS_RULE_OPENEULER:
		return openeuler(os, arena);
	default:
		return SLICE_EMPTY;
	}
}

struct slice os_ecosystem(const struct os_row *row, const struct os_release *os, struct arena *arena, const char **why)
{
	struct slice codename_version;

	*why = "no advisory source for this distribution";
	switch (row->rule) {
	case OS_RULE_NONE:
		return SLICE_EMPTY;
	case OS_RULE_BARE:
		return slice_str(row->ecosystem);
	case OS_RULE_TUMBLEWEED:
		return SLICE_LIT("openSUSE:Tumbleweed");
	case OS_RULE_ALPAQUITA:
		return with_suffix(row, "", major_of(os->version_id).len ? os->version_id : SLICE_LIT("stream"), arena);
	case OS_RULE_UBUNTU_CODENAME:
		codename_version = version_of_codename(os->ubuntu_codename);
		*why = "UBUNTU_CODENAME names no known release";
		return codename_version.len ? ubuntu(codename_version, arena) : SLICE_EMPTY;
	case OS_RULE_CENTOS:
		return centos(row, os, arena, why);
	default:
		*why = os->version_id.len ? "a development release has no feed"
					  : "no VERSION_ID: a development release has no feed";
		return os->version_id.len ? by_version_id(row, os, arena) : SLICE_EMPTY;
	}
}
