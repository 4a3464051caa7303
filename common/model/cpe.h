/* cpe.h - the CPE 2.3 names of programs that no package manager has installed: for consumers that look into NVD. Varve itself
 * never matches by CPE. Source: NISTIR 7695 (CPE 2.3 naming), the dictionary of NVD for vendor and product. */
#ifndef VARVE_MODEL_CPE_H
#define VARVE_MODEL_CPE_H

#include "base/buf.h"
#include "model/package.h"

/* "cpe:2.3:a:nodejs:node.js:18.20.4:*:…"; nothing for packages that have no row. */
void cpe_of_package(const struct package *package, struct buf *out);

#endif
