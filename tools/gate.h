/* gate.h - `--fail-on`: whether a run may pass.
 *
 * A threshold is "low", "medium", "high" or "critical" (that band and all above), and "unknown", which must be named to
 * count: it is a band of its own. A gate also fails when it could not be judged: an image that is failed or incomplete,
 * or packages that no advisory source covers, or none any longer (end of life). Without any advisory database it is no gate at all (exit 4). */
#ifndef VARVE_TOOLS_GATE_H
#define VARVE_TOOLS_GATE_H

#include "base/err.h"
#include "exit_status.h"
#include "model/result.h"

struct gate {
	bool          asked;
	enum severity least; /* SEVERITY_COUNT = none */
	bool          unknown;
	uint64_t      over, unjudged, without_database;
};

int              gate_parse(const char *text, struct gate *gate, struct err *err); /* "high,unknown"; NULL = no gate */
void             gate_add(struct gate *gate, const struct image_result *result);
enum exit_status gate_status(const struct gate *gate);
void gate_explain(const struct gate *gate, char *out, size_t size); /* one line; "" when passed or not asked */

#endif
