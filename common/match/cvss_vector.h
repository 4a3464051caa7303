/* cvss_vector.h - a CVSS vector taken apart, and the base formula of each version; used by cvss.c alone.
 *
 * A metric's value is its index in the metric's list of values, which the tables put in the order that the formulas
 * need. Source: first.org/cvss, specification documents 2.0 (section 3.2.1), 3.1 (7.1), 4.0 (8.2). */
#ifndef VARVE_MATCH_CVSS_VECTOR_H
#define VARVE_MATCH_CVSS_VECTOR_H

#include "base/slice.h"

enum { CVSS_METRICS_MAX = 32 };

/* Base metrics come first in their version's table, in this order. */
enum { V2_AV, V2_AC, V2_AU, V2_C, V2_I, V2_A, V2_BASE };
enum { V3_AV, V3_AC, V3_PR, V3_UI, V3_S, V3_C, V3_I, V3_A, V3_BASE };
enum { V4_AV, V4_AC, V4_AT, V4_PR, V4_UI, V4_VC, V4_VI, V4_VA, V4_SC, V4_SI, V4_SA, V4_BASE };

/* Score in tenths from the values of the base metrics. */
int cvss_v2_score(const uint8_t values[V2_BASE]);
int cvss_v3_score(const uint8_t values[V3_BASE]);
int cvss_v4_score(const uint8_t values[V4_BASE]);

#endif
