/* package.h - one installed package as its package manager recorded it; context-free (no distribution, no layer).
 *
 * All slices belong to the arena of the inventory (or result) that holds the package; absent fields are empty.
 * Strings are foreign bytes as read, at most LIMIT_STRING_BYTES each. */
#ifndef VARVE_MODEL_PACKAGE_H
#define VARVE_MODEL_PACKAGE_H

#include "base/slice.h"

enum package_flag {
	PACKAGE_VIRTUAL = 1,        /* made up by the package manager (apk ".build-deps"): shown, never matched */
	PACKAGE_NOT_CONFIGURED = 2, /* on disk, but its state is not "installed" (dpkg unpacked, half-configured …) */
	PACKAGE_THIRD_PARTY = 4,    /* set at aggregation: vendor is not the distribution; listed, not matched */
	PACKAGE_DEV = 8,            /* for development and tests only, says its package manager */
	PACKAGE_DECLARED = 16,      /* a lock file or manifest asks for it; whether it is installed is not known */
	PACKAGE_NO_RELEASE = 32, /* a local, edited or unnamed state, not a published version: listed, never matched */
};

/* "deb" "rpm" "apk" "alpm" …: packages that the distribution's advisories judge, not those of a language. */
bool package_type_is_os(struct slice purl_type);

struct package {
	struct slice type; /* purl type: "deb" "apk" "rpm" "alpm" … */
	struct slice name;
	struct slice version; /* complete, as its own tools print and compare it: "[epoch:]upstream[-release]" */
	struct slice arch;
	struct slice source_name;    /* deb Source, apk origin, rpm SOURCERPM, alpm %BASE%; empty = as the binary */
	struct slice source_version; /* without an epoch for rpm (TRAPS B6); empty = as the binary */
	struct slice license;        /* as the database words it; SPDX only where the database says so */
	struct slice vendor;         /* rpm Vendor, deb Maintainer, alpm %PACKAGER%, apk m: */
	struct slice modularity;     /* rpm MODULARITYLABEL "name:stream:version:context" */
	uint32_t     flags;          /* enum package_flag */
};

#endif
