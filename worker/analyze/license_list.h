/* license_list.h - licences of a package file as one SPDX-like text: "MIT", "(MIT OR Apache-2.0)", "MIT AND ISC". */
#ifndef VARVE_WORKER_ANALYZE_LICENSE_LIST_H
#define VARVE_WORKER_ANALYZE_LICENSE_LIST_H

#include "base/buf.h"
#include "base/json.h"

/* Appends one; further ones are joined by " AND ". Empty ones are passed over. */
void license_list_add(struct buf *out, struct slice license);

/* A text, {"type": …} or {"name": …}, or an array of those, as npm, Composer, conda and others write it. */
void license_list_of_json(const struct json *node, struct buf *out);

#endif
