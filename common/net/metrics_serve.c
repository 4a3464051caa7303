#include "net/metrics_serve.h"

#include "base/process_metrics.h"
#include "net/http_serve.h"

#include <stdlib.h>
#include <string.h>

struct metrics_serve {
	struct metrics      *metrics;
	struct metrics      *process; /* of this process as the system sees it; read when asked */
	const struct health *health;
	struct http_serve   *http;
};

static unsigned probe(struct buf *body, const char *why_not)
{
	buf_printf(body, "%s\n", why_not ? why_not : "ok");
	return why_not ? 503 : 200;
}

static unsigned answer(void *data, const char *path, struct buf *body, const char **type)
{
	const struct metrics_serve *serve = data;

	if (strcmp(path, "/metrics") == 0) {
		process_metrics_read(serve->process);
		metrics_render(serve->metrics, body);
		metrics_render(serve->process, body);
		*type = "text/plain; version=0.0.4; charset=utf-8";
		return 200;
	}
	if (strcmp(path, "/healthz") == 0)
		return probe(body, health_why_dead(serve->health));
	if (strcmp(path, "/readyz") == 0)
		return probe(body, health_why_unready(serve->health));
	buf_str(body, "/metrics, /healthz and /readyz are here\n");
	return strcmp(path, "/") == 0 ? 200 : 404;
}

int metrics_serve_start(const char *where, struct metrics *metrics, const struct health *health,
			struct metrics_serve **out, struct err *err)
{
	struct metrics_serve *serve = calloc(1, sizeof(*serve));
	int                   status = 0;

	if (!serve || (serve->process = process_metrics_new()) == NULL) {
		free(serve);
		return err_set(err, ERR_MEM, "metrics: out of memory");
	}
	serve->metrics = metrics;
	serve->health = health;
	status = http_serve_start(where, answer, serve, &serve->http, err);
	if (status < 0) {
		err_prefix(err, "--metrics");
		metrics_serve_stop(serve);
		return status;
	}
	*out = serve;
	return 0;
}

const char *metrics_serve_address(const struct metrics_serve *serve)
{
	return http_serve_address(serve->http);
}

void metrics_serve_stop(struct metrics_serve *serve)
{
	if (!serve)
		return;
	http_serve_stop(serve->http);
	metrics_free(serve->process);
	free(serve);
}
