#include "source/registry_credential.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "source/registry_helper.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 4, PATH_BYTES = 4096, FILE_BYTES_MAX = 4 << 20, KEPT_MAX = 64, KEPT_MS = 5 * 60 * 1000 };

struct kept_answer {
	char       key[640]; /* helper, space, server */
	struct buf json;
	uint64_t   until_ms;
};

struct credential_store {
	char                          files[FILES_MAX][PATH_BYTES];
	size_t                        files_count;
	bool                          must_exist; /* the user named the file */
	const struct registries_conf *conf;
	pthread_mutex_t               lock; /* of `kept` */
	struct kept_answer            kept[KEPT_MAX];
	size_t                        kept_next;
};

static void add_path(struct credential_store *store, const char *folder, const char *name)
{
	if (folder && folder[0] &&
	    snprintf(store->files[store->files_count], PATH_BYTES, "%s%s", folder, name) < PATH_BYTES)
		store->files_count++;
}

static void add_default_paths(struct credential_store *store)
{
	const char *home = getenv("HOME"), *config = getenv("XDG_CONFIG_HOME"), *docker = getenv("DOCKER_CONFIG");

	add_path(store, getenv("XDG_RUNTIME_DIR"), "/containers/auth.json");
	if (config && config[0])
		add_path(store, config, "/containers/auth.json");
	else
		add_path(store, home, "/.config/containers/auth.json");
	if (docker && docker[0])
		add_path(store, docker, "/config.json");
	else
		add_path(store, home, "/.docker/config.json");
	add_path(store, home, "/.dockercfg");
}

struct credential_store *credential_store_new(const char *auth_file, const struct registries_conf *conf,
					      struct err *err)
{
	struct credential_store *store = calloc(1, sizeof(*store));

	if (!store) {
		err_set(err, ERR_MEM, "out of memory for credentials");
		return NULL;
	}
	pthread_mutex_init(&store->lock, NULL);
	store->conf = conf;
	if (!auth_file || !auth_file[0])
		auth_file = getenv("REGISTRY_AUTH_FILE");
	store->must_exist = auth_file && auth_file[0];
	if (store->must_exist)
		add_path(store, auth_file, "");
	else
		add_default_paths(store);
	return store;
}

static void wipe_kept(struct kept_answer *kept)
{
	if (kept->json.ptr)
		explicit_bzero(kept->json.ptr, kept->json.capacity);
	buf_deinit(&kept->json);
	kept->key[0] = '\0';
}

void credential_store_free(struct credential_store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < KEPT_MAX; i++)
		wipe_kept(&store->kept[i]);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

/* ---- helpers ---- */

static bool recall(struct credential_store *store, const char *key, struct buf *answer)
{
	bool found = false;

	pthread_mutex_lock(&store->lock);
	for (size_t i = 0; i < KEPT_MAX && !found; i++) {
		struct kept_answer *kept = &store->kept[i];

		if (strcmp(kept->key, key) != 0)
			continue;
		if (kept->until_ms > clock_ms()) {
			buf_append(answer, buf_slice(&kept->json));
			found = true;
		} else {
			wipe_kept(kept);
		}
	}
	pthread_mutex_unlock(&store->lock);
	return found;
}

static void remember(struct credential_store *store, const char *key, struct slice answer)
{
	struct kept_answer *kept = NULL;

	pthread_mutex_lock(&store->lock);
	for (size_t i = 0; i < KEPT_MAX && !kept; i++)
		if (strcmp(store->kept[i].key, key) == 0)
			kept = &store->kept[i];
	if (!kept)
		kept = &store->kept[store->kept_next++ % KEPT_MAX];
	wipe_kept(kept);
	buf_init(&kept->json, LIMIT_TOKEN_BYTES * 2);
	buf_append(&kept->json, answer);
	kept->until_ms = clock_ms() + KEPT_MS;
	snprintf(kept->key, sizeof(kept->key), "%s", buf_ok(&kept->json) ? key : "");
	pthread_mutex_unlock(&store->lock);
}

/* A helper that has nothing for this server leaves `out` at CREDENTIAL_NONE. */
static int ask_helper(struct credential_store *store, const char *helper, const char *server, bool fresh,
		      struct credential *out, struct err *err)
{
	struct buf answer = {.bytes_max = LIMIT_TOKEN_BYTES * 2};
	char       key[640];
	int        code = 0;

	snprintf(key, sizeof(key), "%.120s %.500s", helper, server);
	if (fresh || !recall(store, key, &answer)) {
		struct err why = {0};

		code = registry_helper_get(helper, server, &answer, &why);
		if (code && code != ERR_NOT_FOUND)
			err_set(err, code, "%s", why.text);
		if (!code)
			remember(store, key, buf_slice(&answer));
	}
	if (!code && helper_answer_parse(buf_slice(&answer), out, err)) {
		code = ERR_AUTH;
		err_prefix(err, "credential helper %s", helper);
	}
	if (answer.ptr)
		explicit_bzero(answer.ptr, answer.capacity);
	buf_deinit(&answer);
	return code == ERR_NOT_FOUND ? 0 : code;
}

static int ask_named_helper(struct credential_store *store, bool fresh, struct credential *out, struct err *err)
{
	char helper[128], server[sizeof(out->server)];

	snprintf(helper, sizeof(helper), "%.*s", SLICE_FMT(buf_slice(&out->secret)));
	memcpy(server, out->server, sizeof(server));
	credential_deinit(out);
	return ask_helper(store, helper, server, fresh, out, err);
}

/* ---- look-up ---- */

static int look_in_file(struct credential_store *store, const char *path, const char *host, const char *repository,
			bool fresh, struct credential *out, struct err *err)
{
	struct buf text = {.bytes_max = FILE_BYTES_MAX};
	struct err why = {0};
	int        code = file_read(path, &text, &why);

	if (code == ERR_NOT_FOUND && !store->must_exist)
		code = 0;
	else if (code)
		code = err_set(err, ERR_CONFIG, "credentials: %s", why.text);
	else if (text.len && auth_file_find(buf_slice(&text), host, repository, out, &why))
		code = err_set(err, ERR_CONFIG, "credentials in %s: %s", path, why.text);
	else if (out->kind == CREDENTIAL_HELPER)
		code = ask_named_helper(store, fresh, out, err);
	if (text.ptr)
		explicit_bzero(text.ptr, text.capacity);
	buf_deinit(&text);
	return code;
}

int credential_find(struct credential_store *store, const char *host, const char *repository, bool fresh,
		    struct credential *out, struct err *err)
{
	int code = 0;

	credential_init(out);
	for (size_t i = 0; i < store->files_count && !code && out->kind == CREDENTIAL_NONE; i++)
		code = look_in_file(store, store->files[i], host, repository, fresh, out, err);
	for (size_t i = 0; i < store->conf->helpers_count && !code && out->kind == CREDENTIAL_NONE; i++) {
		char helper[128];

		snprintf(helper, sizeof(helper), "%.*s", SLICE_FMT(store->conf->helpers[i]));
		if (strcmp(helper, "containers-auth.json") != 0)
			code = ask_helper(store, helper, host, fresh, out, err);
	}
	return code;
}
