#include "match/os_table.h"

/* Last day of updates in the public feed, as each project announced it: Debian with LTS, Ubuntu's standard support,
 * SUSE's general support. Sources: wiki.debian.org/LTS, ubuntu.com/about/release-cycle, alpinelinux.org/releases,
 * suse.com/lifecycle, en.opensuse.org/Lifetime, wiki.almalinux.org, wiki.rockylinux.org, access.redhat.com. */
static const struct {
	const char *ecosystem, *day;
} TABLE[] = {
	{"Debian:4", "2010-02-15"},
	{"Debian:5", "2012-02-06"},
	{"Debian:6", "2016-02-29"},
	{"Debian:7", "2018-05-31"},
	{"Debian:8", "2020-06-30"},
	{"Debian:9", "2022-06-30"},
	{"Debian:10", "2024-06-30"},
	{"Debian:11", "2026-08-31"},
	{"Debian:12", "2028-06-30"},
	{"Debian:13", "2030-06-30"},

	{"Ubuntu:14.04:LTS", "2019-04-25"},
	{"Ubuntu:16.04:LTS", "2021-04-30"},
	{"Ubuntu:18.04:LTS", "2023-05-31"},
	{"Ubuntu:20.04:LTS", "2025-05-31"},
	{"Ubuntu:22.04:LTS", "2027-04-30"},
	{"Ubuntu:22.10", "2023-07-20"},
	{"Ubuntu:23.04", "2024-01-25"},
	{"Ubuntu:23.10", "2024-07-11"},
	{"Ubuntu:24.04:LTS", "2029-05-31"},
	{"Ubuntu:24.10", "2025-07-10"},
	{"Ubuntu:25.04", "2026-01-15"},

	{"Alpine:v3.2", "2017-05-01"},
	{"Alpine:v3.3", "2017-11-01"},
	{"Alpine:v3.4", "2018-05-01"},
	{"Alpine:v3.5", "2018-11-01"},
	{"Alpine:v3.6", "2019-05-01"},
	{"Alpine:v3.7", "2019-11-01"},
	{"Alpine:v3.8", "2020-05-01"},
	{"Alpine:v3.9", "2020-11-01"},
	{"Alpine:v3.10", "2021-05-01"},
	{"Alpine:v3.11", "2021-11-01"},
	{"Alpine:v3.12", "2022-05-01"},
	{"Alpine:v3.13", "2022-11-01"},
	{"Alpine:v3.14", "2023-05-01"},
	{"Alpine:v3.15", "2023-11-01"},
	{"Alpine:v3.16", "2024-05-23"},
	{"Alpine:v3.17", "2024-11-22"},
	{"Alpine:v3.18", "2025-05-09"},
	{"Alpine:v3.19", "2025-11-01"},
	{"Alpine:v3.20", "2026-04-01"},
	{"Alpine:v3.21", "2026-11-01"},
	{"Alpine:v3.22", "2027-05-01"},

	{"AlmaLinux:8", "2029-05-31"},
	{"AlmaLinux:9", "2032-05-31"},
	{"AlmaLinux:10", "2035-05-31"},
	{"Rocky Linux:8", "2029-05-31"},
	{"Rocky Linux:9", "2032-05-31"},
	{"Rocky Linux:10", "2035-05-31"},
	{"Red Hat:enterprise_linux:6", "2020-11-30"},
	{"Red Hat:enterprise_linux:7", "2024-06-30"},
	{"Red Hat:enterprise_linux:8", "2029-05-31"},
	{"Red Hat:enterprise_linux:9", "2032-05-31"},

	{"SUSE:Linux Enterprise Server 12 SP5", "2024-10-31"},
	{"SUSE:Linux Enterprise Server 15", "2019-12-31"},
	{"SUSE:Linux Enterprise Server 15 SP1", "2021-01-31"},
	{"SUSE:Linux Enterprise Server 15 SP2", "2021-12-31"},
	{"SUSE:Linux Enterprise Server 15 SP3", "2022-12-31"},
	{"SUSE:Linux Enterprise Server 15 SP4", "2023-12-31"},
	{"SUSE:Linux Enterprise Server 15 SP5", "2024-12-31"},
	{"openSUSE:Leap 15.2", "2022-01-04"},
	{"openSUSE:Leap 15.3", "2022-12-31"},
	{"openSUSE:Leap 15.4", "2023-12-07"},
	{"openSUSE:Leap 15.5", "2024-12-31"},
	{"openSUSE:Leap 15.6", "2026-04-30"},

	{"Azure Linux:1", "2023-07-31"},
	{"Azure Linux:2", "2025-07-31"},
	{"Mageia:8", "2023-11-30"},
};

struct slice os_end_of_life(struct slice ecosystem)
{
	for (size_t i = 0; i < sizeof(TABLE) / sizeof(*TABLE); i++)
		if (slice_eq_str(ecosystem, TABLE[i].ecosystem))
			return slice_str(TABLE[i].day);
	return SLICE_EMPTY;
}
