/* go_version.h - versions of the Go distribution as OSV orders them: "go1.21rc2 X:boringcrypto" is "1.21.0-rc.2". */
#ifndef VARVE_WORKER_ANALYZE_GO_VERSION_H
#define VARVE_WORKER_ANALYZE_GO_VERSION_H

#include "base/buf.h"

/* False, with something written, for development versions ("devel go1.22-…"). */
bool go_version_write(struct slice text, struct buf *out);

#endif
