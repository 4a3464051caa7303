#include "source/registry_client.h"

#include "base/clock.h"
#include "source/registry_patience.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNREACHABLE_MS = 30000, PING_BYTES_MAX = 64 << 10 };

static struct registry_host *new_host(struct registry_client *client, const char *name, bool insecure, struct err *err)
{
	struct registry_host *host = calloc(1, sizeof(*host));
	pthread_condattr_t    attributes;

	if (!host) {
		err_set(err, ERR_MEM, "out of memory for a registry");
		return NULL;
	}
	host->client = client;
	host->insecure = insecure;
	snprintf(host->name, sizeof(host->name), "%s", name);
	if (registry_certs_load(&host->certs, client->cert_dir, name, err)) {
		registry_certs_deinit(&host->certs);
		free(host);
		return NULL;
	}
	host->tls = (struct http_tls){
		.insecure = insecure || !client->tls_verify,
		.ca_pem = host->certs.ca_pem.len ? (const char *)host->certs.ca_pem.ptr : NULL,
		.client_cert = host->certs.client_cert[0] ? host->certs.client_cert : NULL,
		.client_key = host->certs.client_key[0] ? host->certs.client_key : NULL,
	};
	pthread_mutex_init(&host->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&host->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return host;
}

static void free_host(struct registry_host *host)
{
	for (size_t i = 0; i < AUTHORIZATIONS_MAX; i++) {
		free(host->authorizations[i].scope);
		buf_deinit(&host->authorizations[i].value);
	}
	registry_certs_deinit(&host->certs);
	pthread_cond_destroy(&host->changed);
	pthread_mutex_destroy(&host->lock);
	free(host);
}

void registry_hosts_free(struct registry_client *client)
{
	while (client->hosts) {
		struct registry_host *host = client->hosts;

		client->hosts = host->next;
		free_host(host);
	}
}

static struct registry_host *find_or_add(struct registry_client *client, const char *name, bool insecure,
					 struct err *err)
{
	struct registry_host *host;

	pthread_mutex_lock(&client->lock);
	for (host = client->hosts; host; host = host->next)
		if (strcmp(host->name, name) == 0 && host->insecure == insecure)
			break;
	if (!host && (host = new_host(client, name, insecure, err))) {
		host->next = client->hosts;
		client->hosts = host;
	}
	pthread_mutex_unlock(&client->lock);
	return host;
}

/* Any answer settles the scheme, but for a TLS server's complaint about plain HTTP. */
static int ping_once(struct registry_host *host, const struct source_call *call, const char *scheme, struct err *err)
{
	const char         *where = strcmp(host->name, "docker.io") == 0 ? "registry-1.docker.io" : host->name;
	char                url[BASE_URL_BYTES + 8];
	struct http_request request = {.url = url,
				       .tls = &host->tls,
				       .plain_allowed = strcmp(scheme, "http") == 0,
				       .cancel = call ? call->cancel : NULL,
				       .received = call ? call->moved : NULL};
	struct http_answer  answer = {0};
	int                 code;

	snprintf(host->base_url, sizeof(host->base_url), "%s://%s", scheme, where);
	snprintf(url, sizeof(url), "%s/v2/", host->base_url);
	code = http_fetch(host->client->small, &request, PING_BYTES_MAX, &answer, err);
	if (!code && answer.status == 400 && strcmp(scheme, "http") == 0)
		code = err_set(err, ERR_TLS, "%s answers plain HTTP with an error; it may want https", host->name);
	if (!code && answer.status == 401)
		challenge_choose(buf_slice(&answer.headers), &host->challenge);
	http_answer_deinit(&answer);
	return code;
}

/* https, then http where that is allowed: loopback hosts and those marked insecure. The first error is told. */
static int ping(struct registry_host *host, const struct source_call *call, struct err *err)
{
	struct err why = {0};
	int        code;

	if (host->client->plain_http)
		return ping_once(host, call, "http", err);
	code = ping_once(host, call, "https", &why);
	if ((code == ERR_TLS || code == ERR_NET) && (host->insecure || http_host_is_loopback(slice_str(host->name))) &&
	    ping_once(host, call, "http", NULL) == 0)
		return 0;
	return code ? err_set(err, code, "%s", why.text) : 0;
}

/* A host that was found dead before is given one try at a time: it may be a mirror that nobody waits for. Who has no time
 * to wait tries twice: whoever gave him the task knows what becomes of the host elsewhere. */
static unsigned tries_again(const struct registry_host *host, const struct source_call *call)
{
	if (host->unreachable.code)
		return 0;
	return call && call->wait_ms_max && host->client->retries_max > 1 ? 1 : host->client->retries_max;
}

static int settle(struct registry_host *host, const struct source_call *call, struct err *err)
{
	struct patience patience = patience_new(tries_again(host, call), random_seed());
	uint64_t        wait_ms;

	if (host->unreachable.code && clock_ms() < host->unreachable_until_ms)
		return err_set(err, host->unreachable.code, "%s", host->unreachable.text);
	for (;;) {
		int code;

		err_clear(&host->unreachable);
		code = ping(host, call, &host->unreachable);
		if (!code) {
			host->known = true;
			return 0;
		}
		if (code == ERR_CANCELLED) { /* says nothing about the host: whoever waits for it asks himself */
			err_clear(&host->unreachable);
			return err_set(err, code, "stopped");
		}
		host->answers[code == ERR_TLS ? SOURCE_ANSWER_TLS : SOURCE_ANSWER_NO_ANSWER]++;
		if (!patience_again(&patience, code, 0, &wait_ms)) {
			host->unreachable_until_ms = clock_ms() + UNREACHABLE_MS;
			return err_set(err, code, "%s", host->unreachable.text);
		}
		host->client->retries++;
		if ((code = registry_pause(host->client, call, wait_ms, err)))
			return code;
	}
}

/* Somebody may be settling it for a minute and more. */
static int lock_host(struct registry_host *host, const struct source_call *call, struct err *err)
{
	for (;;) {
		struct timespec until = registry_soon(CLOCK_REALTIME);

		if (pthread_mutex_timedlock(&host->lock, &until) == 0)
			return 0;
		if (registry_stopped(host->client, call, err))
			return ERR_CANCELLED;
	}
}

struct registry_host *registry_host_get(struct registry_client *client, struct source_call *call, const char *name,
					bool insecure, struct err *err)
{
	struct registry_host *host = find_or_add(client, name, insecure, err);
	bool                  known;

	if (!host || lock_host(host, call, err))
		return NULL;
	known = host->known || settle(host, call, err) == 0;
	pthread_mutex_unlock(&host->lock);
	return known ? host : NULL;
}
