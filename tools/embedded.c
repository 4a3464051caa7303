#include "embedded.h"

#include "agent.h"
#include "base/log.h"
#include "loop.h"
#include "memo/memo.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct embedded {
	struct wire_context *context;
	struct catalog      *catalog;
	struct loop         *loop;
	struct sources      *sources;
	struct memo         *memo;
	struct agent        *agent;
	pthread_t            thread;
	bool                 running;
};

static const char endpoint[] = "inproc://varve";

/* The loop's clients hear of a store that fails; here is nobody else to tell. */
static void *loop_thread(void *data)
{
	struct embedded *embedded = data;
	struct err       err = {0};

	if (loop_run(embedded->loop, &err) < 0)
		log_line(LOG_ERROR, "broker", "%s", err.text);
	return NULL;
}

static int start_loop(struct embedded *embedded, const struct embedded_config *config, struct err *err)
{
	static const char *const endpoints[] = {endpoint, NULL};
	struct loop_config       loop = {
		      .context = embedded->context,
		      .server = {.endpoints = endpoints},
		      .catalog = embedded->catalog,
		      .db_dir = config->db_dir,
		      .core = {.attempts_max = 3, .backoff_max_ms = 10000, .host_dead_ms = 60000, .host_rate_ms = 600000},
		      .embedded = true};
	int status = loop_open(&loop, &embedded->loop, err);

	if (status < 0)
		return status;
	if (pthread_create(&embedded->thread, NULL, loop_thread, embedded) != 0)
		return err_set(err, ERR_MEM, "cannot start a thread");
	embedded->running = true;
	return 0;
}

static void open_memo(struct embedded *embedded, const struct embedded_config *config)
{
	char               inside[4096];
	struct memo_config memo = {.dir = config->memo_dir, .bytes_max = config->memo_bytes_max};

	if (!memo.dir) {
		snprintf(inside, sizeof(inside), "%s/memo", config->store_dir);
		memo.dir = inside;
	}
	if (strcmp(memo.dir, "none") != 0)
		embedded->memo = memo_open_if_can(&memo);
}

static int start_agent(struct embedded *embedded, const struct embedded_config *config, struct err *err)
{
	struct agent_config agent = {.context = embedded->context,
				     .broker = {.endpoint = endpoint},
				     .sources = embedded->sources,
				     .spool_dir = config->spool_dir,
				     .threads = config->threads,
				     .parser = config->parser,
				     .memo = embedded->memo,
				     .embedded = true,
				     .scan_log = LOG_DEBUG};

	return agent_start(&agent, &embedded->agent, err);
}

int embedded_start(const struct embedded_config *config, struct embedded **out, struct err *err)
{
	const struct catalog_config catalog = {0};
	struct embedded            *embedded = calloc(1, sizeof(*embedded));
	int                         status;

	if (!embedded)
		return err_set(err, ERR_MEM, "out of memory");
	status = catalog_open(config->store_dir, &catalog, &embedded->catalog, err);
	if (status >= 0 && ((embedded->context = wire_context_new(err)) == NULL ||
			    (embedded->sources = sources_new(config->source, err)) == NULL))
		status = err->code;
	if (status >= 0)
		status = start_loop(embedded, config, err);
	if (status >= 0)
		open_memo(embedded, config);
	if (status >= 0)
		status = start_agent(embedded, config, err);
	if (status < 0) {
		embedded_stop(embedded);
		return status;
	}
	*out = embedded;
	return 0;
}

void embedded_stop(struct embedded *embedded)
{
	if (!embedded)
		return;
	agent_stop(embedded->agent);
	if (embedded->running) {
		loop_stop(embedded->loop);
		pthread_join(embedded->thread, NULL);
	}
	loop_close(embedded->loop);
	wire_context_free(embedded->context);
	sources_free(embedded->sources);
	memo_close(embedded->memo);
	catalog_close(embedded->catalog);
	free(embedded);
}

struct wire_context *embedded_context(struct embedded *embedded)
{
	return embedded->context;
}

const char *embedded_endpoint(const struct embedded *embedded)
{
	(void)embedded;
	return endpoint;
}

void embedded_source_stats(struct embedded *embedded, struct source_stats *out)
{
	source_stats_get(embedded->sources, out);
}
