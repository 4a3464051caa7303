/* registry_client.h - what the parts of the registry client share: the client and what it knows of each host. */
#ifndef VARVE_WORKER_SOURCE_REGISTRY_CLIENT_H
#define VARVE_WORKER_SOURCE_REGISTRY_CLIENT_H

#include "net/http.h"
#include "source/registry.h"
#include "source/registry_certs.h"
#include "source/registry_challenge.h"
#include "source/registry_conf.h"
#include "source/registry_credential.h"

#include <pthread.h>
#include <time.h>

struct registry_host;

/* Two HTTP clients: answers that fit in memory share HTTP/2 connections; bodies take HTTP/1.1 connections of their own,
 * where a reader that is behind stops its peer and nobody else. */
struct registry_client {
	struct http             *small, *bodies;
	struct registries_conf   conf;
	struct credential_store *credentials;
	char                    *cert_dir; /* NULL = the default places */
	bool                     plain_http, tls_verify;
	unsigned                 retries_max;
	pthread_mutex_t          lock;  /* of `hosts` */
	struct registry_host    *hosts; /* never shrinks while the client lives */
	_Atomic bool             stopping;
	_Atomic uint64_t         retries, rate_limited, token_requests;
};

/* One Authorization value and what it is good for. */
struct authorization {
	char      *scope;
	struct buf value; /* "Bearer …" or "Basic …"; empty = nothing is needed */
	uint64_t   until_ms;
	bool       in_progress; /* a thread is getting it; others wait */
};

enum { AUTHORIZATIONS_MAX = 1024, BASE_URL_BYTES = 400 };

struct registry_host {
	struct registry_host   *next;
	struct registry_client *client;
	char                    name[PLACE_HOST_BYTES]; /* as the user or a mirror entry spells it */
	bool                    insecure;
	struct registry_certs   certs;
	struct http_tls         tls;
	_Atomic uint64_t        not_before_ms; /* clock_ms(): the registry asked to be left alone until then */
	_Atomic uint64_t        answers[SOURCE_ANSWERS];

	pthread_mutex_t      lock; /* of all below */
	pthread_cond_t       changed;
	bool                 known;                    /* base_url is settled */
	char                 base_url[BASE_URL_BYTES]; /* "https://registry-1.docker.io"; constant once known */
	struct err           unreachable;              /* why it is not known, believed until … */
	uint64_t             unreachable_until_ms;
	struct challenge     challenge; /* the last one seen */
	struct authorization authorizations[AUTHORIZATIONS_MAX];
	size_t               authorizations_next;
};

/* The host's record, with its scheme settled: the first caller tries /v2/, others wait. NULL with err set. */
struct registry_host *registry_host_get(struct registry_client *client, struct source_call *call, const char *name,
					bool insecure, struct err *err);
void                  registry_hosts_free(struct registry_client *client);

/* The Authorization value for `scope`, appended to `value` (nothing: none is needed). `refused`: the value that was
 * just answered with 401 ("" if none was sent), or NULL; then a new one is got, with a credential asked for anew.
 * ERR_AUTH when there is none, or what token servers answer. */
int  registry_authorize(struct registry_host *host, struct source_call *call, const char *repository, const char *scope,
			const char *refused, struct buf *value, struct err *err);
void registry_challenged(struct registry_host *host, const struct challenge *challenge);

/* A request to a registry, authenticated, retried, polite. */
struct registry_ask {
	struct registry_host *host;
	struct source_call   *call;       /* NULL = nobody's */
	const char           *method;     /* NULL = GET */
	const char           *url;        /* below host->base_url: anything else is sent without credentials */
	const char           *repository; /* "" for the registry as a whole */
	const char           *scope;      /* "repository:NAME:pull" */
	const char *const    *headers;
	const char           *what;      /* for messages: "manifest of host/repo:tag" */
	bool                  is_mirror; /* another place is asked after it: little patience */
};

/* The answer whole, or its body as it comes. Statuses of 400 and above are errors; redirects were followed. */
int registry_fetch(const struct registry_ask *ask, size_t body_bytes_max, struct http_answer *answer, struct err *err);
int registry_open(const struct registry_ask *ask, struct http_response **response, struct err *err);

/* ERR_CANCELLED when the client was stopped, or the call was cancelled. */
int registry_stopped(struct registry_client *client, const struct source_call *call, struct err *err);

/* Sleeps, but not on when stopped: ERR_CANCELLED. */
int registry_pause(struct registry_client *client, const struct source_call *call, uint64_t ms, struct err *err);

/* When a wait for another thread looks up whether it was stopped. */
struct timespec registry_soon(clockid_t clock);

/* Whether a registry that asked to be left alone for so long is waited for; if not, the call says how long that is. */
bool registry_may_wait(struct source_call *call, uint64_t wait_ms);

/* The text of an error answer, "CODE: message" of distribution-spec's errors, escaped and cut; "" when it has none. */
void registry_error_text(struct slice body, char out[200]);

/* Calls `one` for each place that serves `where`, until one of them succeeds. */
int registry_each_place(struct registry_client *client, struct source_call *call, const struct reference *where,
			const struct digest *digest,
			int (*one)(void *data, struct registry_host *host, const struct registry_place *place,
				   struct err *err),
			void *data, struct err *err);

/* "sha256:…" of `digest`, else what `where` names: digest, tag, "latest". */
enum { REFERENCE_PART_BYTES = 300 };
void registry_reference_part(const struct reference *where, const struct digest *digest,
			     char out[REFERENCE_PART_BYTES]);

/* A name that may go into a URL as it is. */
bool registry_name_is_safe(struct slice name, bool slashes);

#endif
