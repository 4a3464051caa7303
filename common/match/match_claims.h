/* match_claims.h - what each advisory says about one subject, before CVEs are gathered; used by match_subject.c alone. */
#ifndef VARVE_MATCH_MATCH_CLAIMS_H
#define VARVE_MATCH_MATCH_CLAIMS_H

#include "match/match.h"

/* One record's word on the subject, in one of the target's ecosystem strings' ranks. */
struct claim {
	const struct osv_record       *record;
	const struct osv_affected     *affected; /* the entry that decided */
	const struct ecosystem_string *string;
	bool                           hit;
	bool                           approximate;
	struct slice                   fixed;
};

struct claims {
	struct claim *items; /* by record id, rank */
	size_t        count, capacity;
};

/* Claims that do not hit are there too: a distribution's own record of a CVE outweighs its summary advisories. */
int claims_collect(const struct advisories *advisories, const struct ecosystem_target *target,
		   const struct match_subject *subject, struct arena *arena, struct claims *out, struct err *err);

#endif
