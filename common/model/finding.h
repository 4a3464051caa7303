/* finding.h - one thing that advisories say about a unique package: a vulnerability, or what is none (malware, unmaintained).
 *
 * As the catalog keeps it, once for all packages of which the same is said (docs/STORE_FORMAT.md, "Findings"). Equal findings
 * are equal bytes. Encoded as msgpack; decoding treats the bytes as hostile and borrows them. */
#ifndef VARVE_MODEL_FINDING_H
#define VARVE_MODEL_FINDING_H

#include "model/result.h"

struct finding {
	struct slice  kind; /* empty: a vulnerability; else that of result_finding: "malware" "unmaintained" … */
	struct slice  id;   /* the CVE or advisory; of the others their text */
	struct slice *aliases;
	size_t        aliases_count;
	struct slice  fixed;
	enum severity severity;
	struct slice  severity_source, cvss_vector;
	int           cvss_tenths; /* < 0 = none */
	struct slice  summary;
	bool          approximate;
};

void finding_encode(const struct finding *finding, struct buf *out);
int  finding_decode(struct slice bytes, struct arena *arena, struct finding *out, struct err *err);

/* What a finding is called: two contents of one name say it in other words. Borrowed; empty when damaged. The order of names
 * is that of kind, then id. */
struct finding_name {
	struct slice kind, id;
};
struct finding_name finding_name_of(struct slice bytes);
int                 finding_name_cmp(const struct finding_name *a, const struct finding_name *b);

/* Without allocation, for counting; SEVERITY_UNKNOWN when damaged. */
enum severity finding_severity_of(struct slice bytes);

#endif
