/* vendor.h - is a package the distribution's own, or was it added from a third party's repository?
 *
 * A third-party package must not be judged by the distribution's advisories (TRAPS B12). rpm packages name their
 * vendor, so for the distributions known here everything of another vendor is third-party (EPEL on RHEL too). deb
 * packages name a maintainer, who is a person as often as not: there only well-known third parties are recognised. */
#ifndef VARVE_MODEL_VENDOR_H
#define VARVE_MODEL_VENDOR_H

#include "model/inventory.h"

bool vendor_is_third_party(const struct os_release *os, const struct package *package);

#endif
