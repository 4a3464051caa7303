/* metrics_serve.h - /metrics, /healthz and /readyz of a daemon over HTTP.
 *
 * /healthz answers 200 as long as the process lives and its loop turns, /readyz while it can do its work; else 503 and why.
 * Registry and health are borrowed and must outlive the server. Nobody is asked who he is: bind it to an address that only
 * the scraper reaches. */
#ifndef VARVE_NET_METRICS_SERVE_H
#define VARVE_NET_METRICS_SERVE_H

#include "base/health.h"
#include "base/metrics.h"

struct metrics_serve;

/* `where` as in http_serve.h. Adds process_* and varve_build_info of its own. */
int         metrics_serve_start(const char *where, struct metrics *metrics, const struct health *health,
				struct metrics_serve **out, struct err *err);
const char *metrics_serve_address(const struct metrics_serve *serve);
void        metrics_serve_stop(struct metrics_serve *serve); /* NULL is fine */

#endif
