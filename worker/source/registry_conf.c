#include "source/registry_conf.h"

#include "base/file.h"
#include "source/registry_toml.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONF_BYTES_MAX = 4 << 20, CONF_ARENA_BYTES = 32 << 20, PATH_BYTES = 4096, REGISTRIES_MAX = 10000 };

void registries_conf_init(struct registries_conf *conf)
{
	*conf = (struct registries_conf){0};
	arena_init(&conf->arena, CONF_ARENA_BYTES);
}

void registries_conf_deinit(struct registries_conf *conf)
{
	arena_deinit(&conf->arena);
}

/* ---- reading ---- */

struct loading {
	struct registries_conf *conf;
	struct conf_registry    registry; /* being read */
	bool                    in_registry;
};

static struct conf_registry *find_prefix(const struct registries_conf *conf, struct slice prefix)
{
	for (size_t i = 0; i < conf->registries_count; i++)
		if (slice_eq(conf->registries[i].prefix, prefix))
			return &conf->registries[i];
	return NULL;
}

static int end_registry(struct loading *loading, struct err *err)
{
	struct registries_conf *conf = loading->conf;
	struct conf_registry   *registry = &loading->registry, *old;

	if (!loading->in_registry)
		return 0;
	loading->in_registry = false;
	if (registry->prefix.len == 0)
		registry->prefix = registry->location;
	if (registry->location.len == 0 && !slice_starts(registry->prefix, "*."))
		registry->location = registry->prefix;
	if (registry->prefix.len == 0)
		return err_set(err, ERR_CONFIG, "a [[registry]] has neither prefix nor location");
	if (conf->registries_count >= REGISTRIES_MAX)
		return err_set(err, ERR_CONFIG, "more than %d [[registry]] tables", REGISTRIES_MAX);
	old = find_prefix(conf, registry->prefix);
	if (old)
		*old = *registry;
	else if (arena_grow(&conf->arena, &conf->registries, &conf->registries_capacity, conf->registries_count,
			    sizeof(*conf->registries)))
		conf->registries[conf->registries_count++] = *registry;
	return 0;
}

static int on_table(void *data, struct slice path, bool array_item, struct err *err)
{
	struct loading       *loading = data;
	struct conf_registry *registry = &loading->registry;

	(void)array_item;
	if (slice_eq_str(path, "registry.mirror")) {
		if (!loading->in_registry)
			return err_set(err, ERR_CONFIG, "[[registry.mirror]] without [[registry]] before it");
		if (arena_grow(&loading->conf->arena, &registry->mirrors, &registry->mirrors_capacity,
			       registry->mirrors_count, sizeof(*registry->mirrors)))
			registry->mirrors[registry->mirrors_count++] = (struct conf_mirror){0};
		return 0;
	}
	if (end_registry(loading, err))
		return err ? err->code : ERR_CONFIG;
	loading->in_registry = slice_eq_str(path, "registry");
	*registry = (struct conf_registry){0};
	return 0;
}

static int on_back(void *data, struct slice path, struct err *err)
{
	(void)data, (void)path, (void)err;
	return 0;
}

static struct slice keep(struct loading *loading, struct slice text)
{
	while (slice_ends(text, "/"))
		text.len--;
	return arena_copy(&loading->conf->arena, text);
}

static int mirror_value(struct loading *loading, struct slice key, const struct toml_value *value, struct err *err)
{
	struct conf_registry *registry = &loading->registry;
	struct conf_mirror   *mirror = registry->mirrors_count ? &registry->mirrors[registry->mirrors_count - 1] : NULL;

	if (!mirror)
		return 0; /* no memory: said at the end */
	if (slice_eq_str(key, "location"))
		mirror->location = keep(loading, value->text);
	else if (slice_eq_str(key, "insecure"))
		mirror->insecure = value->flag;
	else if (slice_eq_str(key, "pull-from-mirror")) {
		if (slice_eq_str(value->text, "digest-only"))
			mirror->use = MIRROR_DIGEST_ONLY;
		else if (slice_eq_str(value->text, "tag-only"))
			mirror->use = MIRROR_TAG_ONLY;
		else if (value->text.len && !slice_eq_str(value->text, "all"))
			return err_set(err, ERR_CONFIG, "pull-from-mirror is neither all, digest-only nor tag-only");
	}
	return 0;
}

static void registry_value(struct loading *loading, struct slice key, const struct toml_value *value)
{
	struct conf_registry *registry = &loading->registry;

	if (slice_eq_str(key, "prefix"))
		registry->prefix = keep(loading, value->text);
	else if (slice_eq_str(key, "location"))
		registry->location = keep(loading, value->text);
	else if (slice_eq_str(key, "insecure"))
		registry->insecure = value->flag;
	else if (slice_eq_str(key, "blocked"))
		registry->blocked = value->flag;
	else if (slice_eq_str(key, "mirror-by-digest-only"))
		registry->mirror_by_digest_only = value->flag;
}

static int on_value(void *data, struct slice path, struct slice key, const struct toml_value *value, struct err *err)
{
	struct loading         *loading = data;
	struct registries_conf *conf = loading->conf;

	if (slice_eq_str(path, "registry.mirror"))
		return mirror_value(loading, key, value, err);
	if (slice_eq_str(path, "registry"))
		registry_value(loading, key, value);
	else if (path.len == 0 && slice_eq_str(key, "credential-helpers")) {
		if (value->index == 0)
			conf->helpers_count = 0;
		if (arena_grow(&conf->arena, &conf->helpers, &conf->helpers_capacity, conf->helpers_count,
			       sizeof(*conf->helpers)))
			conf->helpers[conf->helpers_count++] = arena_copy(&conf->arena, value->text);
	}
	return 0;
}

int registries_conf_add(struct registries_conf *conf, struct slice text, const char *name, struct err *err)
{
	struct loading            loading = {.conf = conf};
	const struct toml_handler handler = {.table = on_table, .back = on_back, .value = on_value, .data = &loading};
	struct err                why = {0};
	int                       code = toml_read(text, &handler, &why);

	if (!code)
		code = end_registry(&loading, &why);
	if (code)
		return err_set(err, ERR_CONFIG, "%s: %s", name, why.text);
	if (arena_failed(&conf->arena))
		return err_set(err, ERR_MEM, "%s: too large", name);
	return 0;
}

/* ---- finding the files ---- */

static int add_file(struct registries_conf *conf, const char *path, bool must_exist, bool *found, struct err *err)
{
	struct buf text = {.bytes_max = CONF_BYTES_MAX};
	struct err why = {0};
	int        code = file_read(path, &text, &why);

	*found = code == 0;
	if (!code)
		code = registries_conf_add(conf, buf_slice(&text), path, err);
	else if (code == ERR_NOT_FOUND && !must_exist)
		code = 0;
	else
		code = err_set(err, ERR_CONFIG, "%s", why.text);
	buf_deinit(&text);
	return code;
}

static int is_conf(const struct dirent *entry)
{
	return fnmatch("*.conf", entry->d_name, FNM_PERIOD) == 0;
}

static int add_folder(struct registries_conf *conf, const char *folder, struct err *err)
{
	struct dirent **entries;
	int             count = scandir(folder, &entries, is_conf, alphasort), code = 0;

	if (count < 0)
		return 0;
	for (int i = 0; i < count; i++) {
		char path[PATH_BYTES];
		bool found;

		if (!code && snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name) < (int)sizeof(path))
			code = add_file(conf, path, false, &found, err);
		free(entries[i]);
	}
	free(entries);
	return code;
}

int registries_conf_load(struct registries_conf *conf, const char *path, struct err *err)
{
	static const char system_file[] = "/etc/containers/registries.conf";
	const char       *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char              user_file[PATH_BYTES] = "", folder[PATH_BYTES];
	bool              found = false;
	int               code;

	if (!path || !path[0])
		path = getenv("CONTAINERS_REGISTRIES_CONF");
	if (path && path[0])
		return add_file(conf, path, true, &found, err);
	if (config && config[0])
		snprintf(user_file, sizeof(user_file), "%s/containers/registries.conf", config);
	else if (home)
		snprintf(user_file, sizeof(user_file), "%s/.config/containers/registries.conf", home);
	code = add_file(conf, user_file, false, &found, err);
	if (!code && !found)
		code = add_file(conf, system_file, false, &found, err);
	if (!code)
		code = add_folder(conf, "/etc/containers/registries.conf.d", err);
	if (!code && user_file[0] && snprintf(folder, sizeof(folder), "%s.d", user_file) < (int)sizeof(folder))
		code = add_folder(conf, folder, err);
	return code;
}

/* ---- choosing ---- */

/* How much of `name` ("host/repository:tag") the prefix takes; 0 = it does not match. */
static size_t match_length(struct slice prefix, struct slice name)
{
	size_t host_len = slice_find(name, '/') == SIZE_MAX ? name.len : slice_find(name, '/');

	if (slice_starts(prefix, "*.")) {
		struct slice host = slice_sub(name, 0, host_len), suffix = slice_from(prefix, 1);

		if (host.len <= suffix.len || !slice_eq(slice_from(host, host.len - suffix.len), suffix))
			return 0;
		return host_len;
	}
	if (prefix.len > name.len || !slice_eq(slice_sub(name, 0, prefix.len), prefix))
		return 0;
	if (prefix.len == name.len || name.ptr[prefix.len] == '/')
		return prefix.len;
	/* A ':' behind a bare host is its port: another host. */
	if (slice_find(prefix, '/') != SIZE_MAX && (name.ptr[prefix.len] == ':' || name.ptr[prefix.len] == '@'))
		return prefix.len;
	return 0;
}

static const struct conf_registry *choose(const struct registries_conf *conf, struct slice name, size_t *taken)
{
	const struct conf_registry *best = NULL;

	for (size_t i = 0; i < conf->registries_count; i++) {
		const struct conf_registry *registry = &conf->registries[i];
		size_t                      length = match_length(registry->prefix, name);

		if (length && (!best || registry->prefix.len > best->prefix.len)) {
			best = registry;
			*taken = length;
		}
	}
	return best;
}

/* location + the rest of the name behind the prefix, split at the first '/'. The selector stays out: it is ours. */
static int make_place(struct registry_place *place, struct slice location, struct slice rest, struct err *err)
{
	char         text[PLACE_HOST_BYTES + PLACE_REPOSITORY_BYTES];
	struct slice whole, host;
	int          len = snprintf(text, sizeof(text), "%.*s%.*s", SLICE_FMT(location), SLICE_FMT(rest));

	if (len < 0 || (size_t)len >= sizeof(text))
		return err_set(err, ERR_LIMIT, "a location of registries.conf makes too long a name");
	whole = slice_of(text, (size_t)len);
	host = slice_cut(&whole, '/');
	if (host.len >= PLACE_HOST_BYTES || whole.len >= PLACE_REPOSITORY_BYTES)
		return err_set(err, ERR_LIMIT, "a location of registries.conf makes too long a name");
	snprintf(place->host, sizeof(place->host), "%.*s", SLICE_FMT(host));
	snprintf(place->repository, sizeof(place->repository), "%.*s", SLICE_FMT(whole));
	return 0;
}

static bool mirror_serves(const struct conf_registry *registry, const struct conf_mirror *mirror, bool by_digest)
{
	if (mirror->location.len == 0)
		return false;
	if (registry->mirror_by_digest_only || mirror->use == MIRROR_DIGEST_ONLY)
		return by_digest;
	return mirror->use == MIRROR_ALL || !by_digest;
}

int registries_conf_places(const struct registries_conf *conf, const char *host, const char *repository,
			   const char *selector, struct registry_place places[PLACES_MAX], size_t *count,
			   struct err *err)
{
	char   name[PLACE_HOST_BYTES + PLACE_REPOSITORY_BYTES + 512];
	int    len = snprintf(name, sizeof(name), "%s%s%s%s", host, repository[0] ? "/" : "", repository, selector);
	size_t plain_len = strlen(host) + (repository[0] ? 1 : 0) + strlen(repository), taken = 0;
	const struct conf_registry *registry;
	struct slice                whole, rest;
	int                         code = 0;

	*count = 0;
	if (len < 0 || (size_t)len >= sizeof(name))
		return err_set(err, ERR_LIMIT, "the name %.100s… is too long", host);
	whole = slice_of(name, plain_len);
	registry = choose(conf, slice_of(name, (size_t)len), &taken);
	if (registry && registry->blocked)
		return err_set(err, ERR_CONFIG, "%s is blocked in registries.conf", name);
	rest = slice_from(whole, taken);
	for (size_t i = 0; registry && i < registry->mirrors_count && !code && *count + 1 < PLACES_MAX; i++) {
		const struct conf_mirror *mirror = &registry->mirrors[i];

		if (!mirror_serves(registry, mirror, selector[0] == '@'))
			continue;
		places[*count] = (struct registry_place){.insecure = mirror->insecure, .is_mirror = true};
		code = make_place(&places[(*count)++], mirror->location, rest, err);
	}
	if (code)
		return code;
	places[*count] = (struct registry_place){.insecure = registry && registry->insecure};
	if (registry && registry->location.len)
		return make_place(&places[(*count)++], registry->location, rest, err);
	return make_place(&places[(*count)++], whole, SLICE_EMPTY, err);
}
