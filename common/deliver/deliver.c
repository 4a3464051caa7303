#include "deliver/deliver_internal.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "net/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	ATTEMPTS_MAX = 6,
	EXEC_TIMEOUT_MS = 60000,
	PAUSE_MS = 1000,
	PAUSE_MAX_MS = 300000,
	RETRY_AFTER_MAX_MS = 3600000, /* what a receiver may ask for */
	KEY_BYTES_MAX = 64 << 10,
	CA_BYTES_MAX = 8 << 20,
};

/* ---- configuration ---- */

static int read_files(struct deliver *deliver, const struct deliver_config *config, struct err *err)
{
	int status = 0;

	buf_init(&deliver->key, KEY_BYTES_MAX);
	buf_init(&deliver->ca, CA_BYTES_MAX);
	if (config->key_file)
		status = file_read(config->key_file, &deliver->key, err);
	while (deliver->key.len &&
	       (deliver->key.ptr[deliver->key.len - 1] == '\n' || deliver->key.ptr[deliver->key.len - 1] == '\r'))
		deliver->key.len--;
	if (!status && config->key_file && deliver->key.len == 0)
		status = err_set(err, ERR_CONFIG, "%s: the key of a webhook must not be empty", config->key_file);
	if (!status && config->ca_file)
		status = file_read(config->ca_file, &deliver->ca, err);
	buf_byte(&deliver->ca, 0);
	return status < 0 ? err_set(err, ERR_CONFIG, "%s", err && err->text[0] ? err->text : "cannot be read") : 0;
}

static int check(const struct deliver_config *config, struct err *err)
{
	struct slice url = slice_str(config->url);

	if (config->url && !slice_starts(url, "https://") && !slice_starts(url, "http://"))
		return err_set(err, ERR_USAGE, "a webhook is a URL that begins with https:// or http://");
	if (config->key_file && !config->url)
		return err_set(err, ERR_USAGE, "a key without a webhook signs nothing");
	if (config->command && slice_trim(slice_str(config->command)).len == 0)
		return err_set(err, ERR_USAGE, "the command to run is empty");
	return 0;
}

static char *copy_text(const char *text)
{
	return text ? strdup(text) : NULL;
}

int deliver_open(const struct deliver_config *config, struct deliver **out, struct err *err)
{
	struct deliver    *deliver;
	pthread_condattr_t monotonic;
	int                status = check(config, err);

	*out = NULL;
	if (status)
		return status;
	if ((deliver = calloc(1, sizeof(*deliver))) == NULL)
		return err_set(err, ERR_MEM, "out of memory");
	deliver->config = *config;
	deliver->config.command = copy_text(config->command);
	deliver->config.url = copy_text(config->url);
	deliver->config.attempts_max = config->attempts_max ? config->attempts_max : ATTEMPTS_MAX;
	deliver->config.exec_timeout_ms = config->exec_timeout_ms ? config->exec_timeout_ms : EXEC_TIMEOUT_MS;
	deliver->config.pause_ms = config->pause_ms ? config->pause_ms : PAUSE_MS;
	pthread_mutex_init(&deliver->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&deliver->woken, &monotonic);
	pthread_condattr_destroy(&monotonic);
	status = read_files(deliver, config, err);
	if (!status && config->url)
		status = (deliver->http = http_new(NULL, err)) == NULL ? ERR_MEM : 0;
	if (!status && ((config->command && !deliver->config.command) || (config->url && !deliver->config.url)))
		status = err_set(err, ERR_MEM, "out of memory");
	if (status) {
		deliver_close(deliver);
		return status;
	}
	*out = deliver;
	return 0;
}

void deliver_close(struct deliver *deliver)
{
	if (!deliver)
		return;
	if (deliver->http)
		http_free(deliver->http);
	if (deliver->key.ptr)
		explicit_bzero(deliver->key.ptr, deliver->key.capacity);
	buf_deinit(&deliver->key);
	buf_deinit(&deliver->ca);
	pthread_mutex_destroy(&deliver->lock);
	pthread_cond_destroy(&deliver->woken);
	free((char *)(uintptr_t)deliver->config.command);
	free((char *)(uintptr_t)deliver->config.url);
	free(deliver);
}

void deliver_cancel(struct deliver *deliver)
{
	pthread_mutex_lock(&deliver->lock);
	deliver->cancelled = true;
	pthread_cond_broadcast(&deliver->woken);
	pthread_mutex_unlock(&deliver->lock);
	if (deliver->http)
		http_stop(deliver->http);
}

/* ---- delivery ---- */

/* False: it was cancelled meanwhile. */
static bool wait_ms(struct deliver *deliver, uint64_t ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&deliver->lock);
	while (!deliver->cancelled && pthread_cond_timedwait(&deliver->woken, &deliver->lock, &until) == 0)
		;
	pthread_mutex_unlock(&deliver->lock);
	return !deliver->cancelled;
}

/* Half of each pause is by chance, so that several senders do not come back together. */
static uint64_t pause_before(const struct deliver *deliver, unsigned attempt, uint64_t retry_after_ms, struct rng *rng)
{
	uint64_t pause = deliver->config.pause_ms;

	for (unsigned i = 1; i < attempt && pause < PAUSE_MAX_MS; i++)
		pause *= 2;
	pause = pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
	pause = pause / 2 + rng_below(rng, pause / 2 + 1);
	if (retry_after_ms > RETRY_AFTER_MAX_MS)
		retry_after_ms = RETRY_AFTER_MAX_MS;
	return retry_after_ms > pause ? retry_after_ms : pause;
}

static bool is_transient(int status)
{
	return status == ERR_NET || status == ERR_RATE;
}

static int post(struct deliver *deliver, const struct deliver_event *event, struct err *err)
{
	struct rng rng = rng_seeded(random_seed());
	uint64_t   retry_after_ms;
	int        status = 0;

	for (unsigned attempt = 1; attempt <= deliver->config.attempts_max; attempt++) {
		if (deliver->cancelled)
			return err_set(err, ERR_CANCELLED, "the delivery was cancelled");
		err_clear(err);
		status = deliver_webhook_once(deliver, event, &retry_after_ms, err);
		if (!is_transient(status) || attempt == deliver->config.attempts_max)
			break;
		if (!wait_ms(deliver, pause_before(deliver, attempt, retry_after_ms, &rng)))
			return err_set(err, ERR_CANCELLED, "the delivery was cancelled");
	}
	return status;
}

static bool has_taken(const struct deliver_receiver *receiver, const char *id)
{
	return strcmp(receiver->taken, id) == 0;
}

static void note_taken(struct deliver_receiver *receiver, const char *id)
{
	snprintf(receiver->taken, sizeof(receiver->taken), "%s", id);
}

int deliver_event(struct deliver *deliver, const struct deliver_event *event, struct err *err)
{
	struct err why = {0};
	int        status = 0, posted = 0;

	if (deliver->config.command && !has_taken(&deliver->command, event->id)) {
		status = deliver_command_once(deliver, event, err);
		if (!status)
			note_taken(&deliver->command, event->id);
	}
	if (deliver->config.url && !has_taken(&deliver->webhook, event->id)) {
		posted = post(deliver, event, &why);
		if (!posted)
			note_taken(&deliver->webhook, event->id);
	}
	if (!status && posted)
		status = err_set(err, posted, "%s", why.text);
	return status;
}
