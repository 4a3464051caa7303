/* osv_internal.h - the parts of osv.c, split over files: severities, names and kinds of a record; not for callers. */
#ifndef VARVE_MATCH_OSV_INTERNAL_H
#define VARVE_MATCH_OSV_INTERNAL_H

#include "base/json.h"
#include "match/osv.h"

/* What the record, or one affected entry, says of severity. Vectors are copied into the arena. */
struct osv_severity osv_record_severity(const struct json *record, struct arena *arena);
struct osv_severity osv_affected_severity(const struct json *affected, struct arena *arena);

/* Fills id-derived fields: cves, aliases, per_cve. */
void osv_read_names(const struct json *record, struct arena *arena, struct osv_record *out);

/* Class of one affected entry of a record whose names are read. */
enum osv_class osv_read_class(const struct osv_record *record, const struct json *affected);

/* Livepatch notices: their entries would judge kernels by the version of a patch. */
bool osv_is_livepatch(struct slice id);

#endif
