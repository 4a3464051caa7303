/* cvss.h - base scores from CVSS vectors: 2.0, 3.0, 3.1, 4.0.
 *
 * Source: first.org/cvss specification documents. Temporal, threat and environmental metrics are accepted and ignored,
 * so that the score is the base score of the vulnerability. Pure. */
#ifndef VARVE_MATCH_CVSS_H
#define VARVE_MATCH_CVSS_H

#include "base/slice.h"
#include "model/result.h"

enum cvss_version { CVSS_NONE, CVSS_V2, CVSS_V30, CVSS_V31, CVSS_V40 };

struct cvss {
	enum cvss_version version;
	int               score_tenths; /* 0..100 */
};

/* False when the text is no complete vector: unknown, doubled, missing or misspelt metric. */
bool cvss_parse(struct slice vector, struct cvss *out);

/* 0.0 none, 0.1 low, 4.0 medium, 7.0 high, 9.0 critical; CVSS 2 has no critical (7.0 and more is high). */
enum severity cvss_band(const struct cvss *cvss);

#endif
