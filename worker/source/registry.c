#include "source/registry_client.h"

#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRIES_MAX = 4, SMALL_PER_BODY = 2 };

/* ---- the client ---- */

static bool open_http(struct registry_client *client, const struct source_config *config, struct err *err)
{
	unsigned           per_host = config->host_connections_max ? config->host_connections_max : 8;
	struct http_config small = {.http2 = true,
				    .host_transfers_max = per_host * SMALL_PER_BODY,
				    .transfers_max = per_host * SMALL_PER_BODY * 4};
	struct http_config bodies = {.host_transfers_max = per_host,
				     .transfers_max = per_host * 4,
				     .buffer_bytes = (size_t)config->fetch_buffer_bytes};

	client->small = http_new(&small, err);
	client->bodies = client->small ? http_new(&bodies, err) : NULL;
	return client->bodies != NULL;
}

struct registry_client *registry_client_new(const struct source_config *config, struct err *err)
{
	struct registry_client *client = calloc(1, sizeof(*client));

	if (!client) {
		err_set(err, ERR_MEM, "out of memory for the registry client");
		return NULL;
	}
	pthread_mutex_init(&client->lock, NULL);
	registries_conf_init(&client->conf);
	client->plain_http = config->plain_http;
	client->tls_verify = config->tls_verify;
	client->retries_max = config->retries_max ? config->retries_max : RETRIES_MAX;
	client->cert_dir = config->cert_dir ? strdup(config->cert_dir) : NULL;
	if ((!config->cert_dir || client->cert_dir) &&
	    registries_conf_load(&client->conf, config->registries_conf, err) == 0 &&
	    (client->credentials = credential_store_new(config->auth_file, &client->conf, err)) &&
	    open_http(client, config, err))
		return client;
	err_set(err, ERR_MEM, "out of memory for the registry client");
	registry_client_free(client);
	return NULL;
}

void registry_client_stop(struct registry_client *client)
{
	client->stopping = true;
	http_stop(client->small);
	http_stop(client->bodies);
}

void registry_client_free(struct registry_client *client)
{
	if (!client)
		return;
	http_free(client->small);
	http_free(client->bodies);
	registry_hosts_free(client);
	credential_store_free(client->credentials);
	registries_conf_deinit(&client->conf);
	pthread_mutex_destroy(&client->lock);
	free(client->cert_dir);
	free(client);
}

void registry_stats_get(struct registry_client *client, struct source_stats *out)
{
	struct http_stats small, bodies;

	http_stats_get(client->small, &small);
	http_stats_get(client->bodies, &bodies);
	*out = (struct source_stats){
		.requests = small.requests + bodies.requests,
		.bytes_fetched = small.bytes_received + bodies.bytes_received,
		.retries = client->retries,
		.rate_limited = client->rate_limited,
		.token_requests = client->token_requests,
		.transfers = small.running + bodies.running,
	};
}

const char *source_answer_name(enum source_answer answer)
{
	static const char *const names[SOURCE_ANSWERS] = {
		[SOURCE_ANSWER_OK] = "ok",
		[SOURCE_ANSWER_UNAUTHORIZED] = "unauthorized",
		[SOURCE_ANSWER_FORBIDDEN] = "forbidden",
		[SOURCE_ANSWER_NOT_FOUND] = "not_found",
		[SOURCE_ANSWER_RATE_LIMITED] = "rate_limited",
		[SOURCE_ANSWER_SERVER_ERROR] = "server_error",
		[SOURCE_ANSWER_OTHER] = "other_status",
		[SOURCE_ANSWER_NO_ANSWER] = "no_answer",
		[SOURCE_ANSWER_TLS] = "tls",
	};

	return names[answer];
}

/* Hosts are added in front and stay: the list may be walked from its head without the lock. */
void registry_hosts_each(struct registry_client *client, void (*each)(void *data, const struct source_host_stats *host),
			 void                   *data)
{
	const struct registry_host *host;

	pthread_mutex_lock(&client->lock);
	host = client->hosts;
	pthread_mutex_unlock(&client->lock);
	for (; host; host = host->next) {
		struct source_host_stats stats = {.name = slice_str(host->name)};

		for (size_t i = 0; i < SOURCE_ANSWERS; i++)
			stats.answers[i] = host->answers[i];
		each(data, &stats);
	}
}

/* ---- names and places ---- */

static bool is_name_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
	       c == '-';
}

bool registry_name_is_safe(struct slice name, bool slashes)
{
	if (name.len == 0)
		return false;
	for (struct slice rest = name; rest.len || name.len == 0;) {
		struct slice part = slashes ? slice_cut(&rest, '/') : rest;

		if (!slashes)
			rest = SLICE_EMPTY;
		if (part.len == 0 || slice_eq_str(part, ".") || slice_eq_str(part, ".."))
			return false;
		for (size_t i = 0; i < part.len; i++)
			if (!is_name_byte(part.ptr[i]))
				return false;
	}
	return name.ptr[name.len - 1] != '/';
}

void registry_reference_part(const struct reference *where, const struct digest *digest, char out[REFERENCE_PART_BYTES])
{
	if (!digest && !digest_is_zero(&where->digest))
		digest = &where->digest;
	if (digest)
		digest_text(digest, out);
	else
		snprintf(out, REFERENCE_PART_BYTES, "%s", where->tag[0] ? where->tag : "latest");
}

static int check_names(const struct reference *where, const char *part, bool by_digest, struct err *err)
{
	if (!registry_name_is_safe(slice_str(where->path), true))
		return err_set(err, ERR_USAGE, "\"%.200s\" is no name of a repository", where->path);
	if (!by_digest && !registry_name_is_safe(slice_str(part), false))
		return err_set(err, ERR_USAGE, "\"%.200s\" is no tag", part);
	return 0;
}

int registry_each_place(struct registry_client *client, struct source_call *call, const struct reference *where,
			const struct digest *digest,
			int (*one)(void *data, struct registry_host *host, const struct registry_place *place,
				   struct err *err),
			void *data, struct err *err)
{
	struct registry_place *places = calloc(PLACES_MAX, sizeof(*places));
	char                   part[REFERENCE_PART_BYTES], selector[REFERENCE_PART_BYTES + 1];
	bool                   by_digest = digest || !digest_is_zero(&where->digest);
	struct err             why = {0};
	size_t                 count;
	int                    code;

	if (!places)
		return err_set(err, ERR_MEM, "out of memory for places of a registry");
	registry_reference_part(where, digest, part);
	snprintf(selector, sizeof(selector), "%c%s", by_digest ? '@' : ':', part);
	code = check_names(where, part, by_digest, &why);
	if (!code)
		code = registries_conf_places(&client->conf, where->host, where->path, selector, places, &count, &why);
	for (size_t i = 0; !why.code && i < count; i++) {
		struct registry_host *host = registry_host_get(client, call, places[i].host, places[i].insecure, &why);

		code = host ? one(data, host, &places[i], &why) : why.code;
		if (!code || code == ERR_CANCELLED || code == ERR_MEM)
			break;
		if (places[i].is_mirror)
			err_clear(&why); /* the next one may have it; the registry itself has the last word */
	}
	free(places);
	return code ? err_set(err, code, "%s", why.text) : 0;
}

/* ---- manifests ---- */

static const char *const manifest_headers[] = {
	"Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
	"application/vnd.docker.distribution.manifest.list.v2+json, "
	"application/vnd.docker.distribution.manifest.v2+json",
	NULL,
};

struct manifest_job {
	struct source_call       *call;
	const struct reference   *where;
	const struct digest      *digest;
	struct registry_manifest *out;
	struct digest            *head_digest;
};

static int expected_digest(const struct manifest_job *job, struct digest *out)
{
	if (job->digest)
		*out = *job->digest;
	else
		*out = job->where->digest;
	return !digest_is_zero(out);
}

static int take_manifest(const struct manifest_job *job, struct http_answer *answer, const char *what, struct err *err)
{
	struct registry_manifest *out = job->out;
	struct slice              type = http_answer_header(answer, "Content-Type", 0);
	struct digest             expected, said;

	registry_manifest_deinit(out);
	out->bytes = answer->body;
	answer->body = (struct buf){0};
	type = slice_trim(slice_cut(&type, ';'));
	snprintf(out->media_type, sizeof(out->media_type), "%.*s",
		 SLICE_FMT(slice_sub(type, 0, sizeof(out->media_type) - 1)));
	digest_of(buf_slice(&out->bytes), &out->digest);
	if (expected_digest(job, &expected) && !digest_eq(&expected, &out->digest))
		return err_set(err, ERR_DIGEST, "%s: the bytes do not hash to the digest they were asked for by", what);
	if (digest_parse(http_answer_header(answer, "Docker-Content-Digest", 0), &said, NULL) == 0 &&
	    !digest_eq(&said, &out->digest))
		return err_set(err, ERR_DIGEST,
			       "%s: the bytes do not hash to the digest that the registry gives for them", what);
	return 0;
}

struct manifest_names {
	char part[REFERENCE_PART_BYTES];
	char url[BASE_URL_BYTES + PLACE_REPOSITORY_BYTES + REFERENCE_PART_BYTES + 32];
	char scope[PLACE_REPOSITORY_BYTES + 32];
	char what[PLACE_HOST_BYTES + PLACE_REPOSITORY_BYTES + REFERENCE_PART_BYTES + 16];
};

static struct registry_ask manifest_ask(const struct manifest_job *job, struct registry_host *host,
					const struct registry_place *place, struct manifest_names *names)
{
	struct digest unused;

	registry_reference_part(job->where, job->digest, names->part);
	snprintf(names->url, sizeof(names->url), "%s/v2/%s/manifests/%s", host->base_url, place->repository,
		 names->part);
	snprintf(names->scope, sizeof(names->scope), "repository:%s:pull", place->repository);
	snprintf(names->what, sizeof(names->what), "manifest of %s/%s%c%s", place->host, place->repository,
		 expected_digest(job, &unused) ? '@' : ':', names->part);
	return (struct registry_ask){
		.host = host,
		.call = job->call,
		.url = names->url,
		.repository = place->repository,
		.scope = names->scope,
		.headers = manifest_headers,
		.what = names->what,
		.is_mirror = place->is_mirror,
	};
}

static int get_manifest_at(void *data, struct registry_host *host, const struct registry_place *place, struct err *err)
{
	struct manifest_job  *job = data;
	struct manifest_names names;
	struct registry_ask   ask = manifest_ask(job, host, place, &names);
	struct http_answer    answer = {0};
	int                   code = registry_fetch(&ask, LIMIT_MANIFEST_BYTES, &answer, err);

	if (!code)
		code = take_manifest(job, &answer, names.what, err);
	http_answer_deinit(&answer);
	return code;
}

int registry_get_manifest(struct registry_client *client, struct source_call *call, const struct reference *where,
			  const struct digest *digest, struct registry_manifest *out, struct err *err)
{
	struct manifest_job job = {.call = call, .where = where, .digest = digest, .out = out};

	*out = (struct registry_manifest){0};
	return registry_each_place(client, call, where, digest, get_manifest_at, &job, err);
}

void registry_manifest_deinit(struct registry_manifest *manifest)
{
	buf_deinit(&manifest->bytes);
	*manifest = (struct registry_manifest){0};
}

static int head_manifest_at(void *data, struct registry_host *host, const struct registry_place *place, struct err *err)
{
	struct manifest_job  *job = data;
	struct manifest_names names;
	struct registry_ask   ask = manifest_ask(job, host, place, &names);
	struct http_answer    answer = {0};
	struct err            why = {0};
	int                   code;

	ask.method = "HEAD";
	code = registry_fetch(&ask, LIMIT_MANIFEST_BYTES, &answer, &why);
	if (!code)
		code = digest_parse(http_answer_header(&answer, "Docker-Content-Digest", 0), job->head_digest, NULL);
	http_answer_deinit(&answer);
	if (why.code && why.code != ERR_UNSUPPORTED) /* some registries know no HEAD (405) */
		return err_set(err, why.code, "%s", why.text);
	if (!code)
		return 0;
	code = get_manifest_at(data, host, place, err);
	if (!code)
		*job->head_digest = job->out->digest;
	return code;
}

int registry_head_manifest(struct registry_client *client, struct source_call *call, const struct reference *where,
			   struct digest *digest, struct err *err)
{
	struct registry_manifest manifest = {0};
	struct manifest_job      job = {.call = call, .where = where, .out = &manifest, .head_digest = digest};
	int                      code = registry_each_place(client, call, where, NULL, head_manifest_at, &job, err);

	registry_manifest_deinit(&manifest);
	return code;
}
