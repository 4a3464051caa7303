/* db_info.h - what `varve db info` prints of the current generation of advisories, as a table or as JSON. */
#ifndef VARVE_TOOLS_DB_INFO_H
#define VARVE_TOOLS_DB_INFO_H

#include "base/buf.h"
#include "base/err.h"

/* `dir`: the advisory folder. The table has the width and colours of standard output. ERR_NOT_FOUND when nothing was
 * imported yet; ERR_STORE, ERR_VERSION, ERR_LIMIT. */
int db_info_put(const char *dir, bool json, struct buf *out, struct err *err);

#endif
