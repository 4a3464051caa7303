/* dpkg_stanza.h - packages of a file of dpkg stanzas: the status file, one file of status.d, opkg's status.
 *
 * Source: deb-control(5), dpkg's lib/dpkg/parse.c. The third word of Status decides: everything but "not-installed" and
 * "config-files" has files on disk and counts (TRAPS B1). */
#ifndef VARVE_WORKER_ANALYZE_DPKG_STANZA_H
#define VARVE_WORKER_ANALYZE_DPKG_STANZA_H

#include "base/err.h"
#include "model/inventory.h"

struct dpkg_dialect {
	const char *kind;           /* of the package_db */
	const char *type;           /* purl type */
	bool        status_implied; /* no Status field means installed (status.d); else not installed, as dpkg has it */
};

/* Adds one package_db under `path`. ERR_FORMAT: text that holds no stanza of a package at all. */
int dpkg_read_stanzas(const struct dpkg_dialect *dialect, struct slice path, struct slice text, struct inventory *out,
		      struct err *err);

bool dpkg_sniff_stanza(struct slice head); /* does the text begin as a stanza of an installed package? */

#endif
