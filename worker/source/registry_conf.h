/* registry_conf.h - registries.conf: which places really serve a name (mirrors, other locations), and how strictly.
 *
 * Source: containers-registries.conf(5) version 2 and containers-registries.conf.d(5). Immutable once loaded. Search
 * registries and short-name aliases are not used: bare references mean docker.io (docs). */
#ifndef VARVE_WORKER_SOURCE_REGISTRY_CONF_H
#define VARVE_WORKER_SOURCE_REGISTRY_CONF_H

#include "base/arena.h"
#include "base/err.h"

enum mirror_use { MIRROR_ALL, MIRROR_DIGEST_ONLY, MIRROR_TAG_ONLY };

struct conf_mirror {
	struct slice    location;
	bool            insecure;
	enum mirror_use use;
};

struct conf_registry {
	struct slice        prefix, location;
	bool                insecure, blocked, mirror_by_digest_only;
	struct conf_mirror *mirrors;
	size_t              mirrors_count, mirrors_capacity;
};

struct registries_conf {
	struct arena          arena;
	struct conf_registry *registries;
	size_t                registries_count, registries_capacity;
	struct slice         *helpers; /* credential-helpers, in order */
	size_t                helpers_count, helpers_capacity;
};

void registries_conf_init(struct registries_conf *conf);
void registries_conf_deinit(struct registries_conf *conf);

/* Adds one file's text; a [[registry]] of the same prefix replaces the earlier one. `name` is for messages. ERR_CONFIG. */
int registries_conf_add(struct registries_conf *conf, struct slice text, const char *name, struct err *err);

/* `path`, or (NULL) $CONTAINERS_REGISTRIES_CONF, else ~/.config/containers/registries.conf, else the one of
 * /etc/containers, and the *.conf of registries.conf.d beside it. A default that is absent is no error. */
int registries_conf_load(struct registries_conf *conf, const char *path, struct err *err);

enum { PLACES_MAX = 16, PLACE_HOST_BYTES = 300, PLACE_REPOSITORY_BYTES = 1024 };

struct registry_place {
	char host[PLACE_HOST_BYTES];
	char repository[PLACE_REPOSITORY_BYTES];
	bool insecure;
	bool is_mirror;
};

/* The places to ask for `host`/`repository` in order, the registry itself last; mirrors beyond PLACES_MAX - 1 are left
 * out. `selector` is ":tag", "@digest" or "". ERR_CONFIG when it is blocked, ERR_LIMIT when a name gets too long. */
int registries_conf_places(const struct registries_conf *conf, const char *host, const char *repository,
			   const char *selector, struct registry_place places[PLACES_MAX], size_t *count,
			   struct err *err);

#endif
