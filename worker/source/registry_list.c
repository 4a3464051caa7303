#include "source/registry_client.h"

#include "base/json.h"
#include "base/limits.h"
#include "source/registry_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PAGE_BYTES_MAX = 16 << 20,
	PAGES_MAX = 100000,
	TAGS_MAX = 1000000, /* of one repository */
	TAGS_ARENA_BYTES = 512 << 20,
	URL_BYTES = 4096,
	RECENT_PAGES = 8,
};

struct listing {
	struct registry_client      *client;
	struct source_call          *call;
	struct registry_host        *host;
	const struct registry_place *place;
	const struct reference      *where;
	const struct listing_filter *filter;
	int (*found)(void *data, const struct reference *reference);
	void      *data;
	uint64_t   repositories, failed;
	struct err first_failure;
};

/* ---- pages ---- */

/* Where the pages of one list were: a registry that leads us back is caught. */
struct pages {
	char    *url; /* heap: the next one to ask for; NULL = no more */
	unsigned count;
	char    *recent[RECENT_PAGES];
};

static void pages_deinit(struct pages *pages)
{
	free(pages->url);
	for (size_t i = 0; i < RECENT_PAGES; i++)
		free(pages->recent[i]);
}

static int turn_page(struct pages *pages, const struct registry_host *host, const struct http_answer *answer,
		     const char *what, struct err *err)
{
	struct slice target = SLICE_EMPTY;
	char        *next = NULL;
	int          code = 0;

	for (size_t i = 0; target.len == 0 && http_answer_header(answer, "Link", i).len; i++)
		target = link_next(http_answer_header(answer, "Link", i));
	free(pages->recent[pages->count % RECENT_PAGES]);
	pages->recent[pages->count++ % RECENT_PAGES] = pages->url;
	pages->url = NULL;
	if (target.len == 0)
		return 0;
	code = http_url_resolve(pages->recent[(pages->count - 1) % RECENT_PAGES], target, &next, err);
	if (!code && !http_same_origin(next, host->base_url))
		code = err_set(err, ERR_UNSUPPORTED, "%s: the next page is on another server, which is refused", what);
	if (!code && pages->count >= PAGES_MAX)
		code = err_set(err, ERR_LIMIT, "%s: more than %d pages", what, PAGES_MAX);
	for (size_t i = 0; !code && i < RECENT_PAGES; i++)
		if (pages->recent[i] && strcmp(pages->recent[i], next) == 0)
			code = err_set(err, ERR_FORMAT, "%s: the registry's pages lead in a circle", what);
	if (code)
		free(next);
	else
		pages->url = next;
	return code;
}

/* Every page of a list, each as parsed JSON. */
static int each_page(struct listing *listing, const char *path, const char *repository, const char *scope,
		     const char *what,
		     int (*page)(struct listing *listing, const struct json *root, void *data, struct err *err),
		     void *data, struct err *err)
{
	struct pages pages = {0};
	int          code = 0;

	if (asprintf(&pages.url, "%s/v2/%s?n=1000", listing->host->base_url, path) < 0)
		return err_set(err, ERR_MEM, "out of memory for a listing");
	while (!code && pages.url) {
		struct registry_ask ask = {.host = listing->host,
					   .call = listing->call,
					   .url = pages.url,
					   .repository = repository,
					   .scope = scope,
					   .what = what};
		struct http_answer  answer = {0};
		struct json        *root = NULL;

		code = registry_fetch(&ask, PAGE_BYTES_MAX, &answer, err);
		if (!code && (code = json_parse(buf_slice(&answer.body), &root, err)))
			err_prefix(err, "%s", what);
		if (!code && json_kind(root) != JSON_KIND_OBJECT)
			code = err_set(err, ERR_FORMAT, "%s: not a JSON object", what);
		if (!code)
			code = page(listing, root, data, err);
		if (!code)
			code = turn_page(&pages, listing->host, &answer, what, err);
		json_free(root);
		http_answer_deinit(&answer);
	}
	pages_deinit(&pages);
	return code;
}

/* ---- tags of one repository ---- */

struct tags {
	struct arena  arena;
	struct slice *items;
	size_t        count, capacity;
	const char   *repository;
	char          name[LIMIT_PATH_BYTES + 1]; /* as the user knows it: the globs are about that */
};

static size_t length_without_slashes(const char *text)
{
	size_t len = strlen(text);

	while (len && text[len - 1] == '/')
		len--;
	return len;
}

/* The name as the user knows it, where registries.conf gives the prefix another location. */
static void user_name(const struct listing *listing, const char *repository, char *out, size_t size)
{
	size_t there = length_without_slashes(listing->place->repository),
	       here = length_without_slashes(listing->where->path);

	snprintf(out, size, "%.*s%s", (int)here, listing->where->path,
		 here == 0 && repository[there] == '/' ? repository + there + 1 : repository + there);
}

static int take_tags(struct listing *listing, const struct json *root, void *data, struct err *err)
{
	struct tags       *tags = data;
	const struct json *array = json_get_kind(root, "tags", JSON_KIND_ARRAY); /* null: none */

	for (size_t i = 0; i < json_count(array); i++) {
		struct slice tag = json_text(json_at(array, i));

		if (!listing_wants(listing->filter, tags->name, tag))
			continue;
		if (tags->count >= TAGS_MAX)
			return err_set(err, ERR_LIMIT, "tags of %s: more than %d", tags->repository, TAGS_MAX);
		if (!arena_grow(&tags->arena, &tags->items, &tags->capacity, tags->count, sizeof(*tags->items)))
			return err_set(err, ERR_MEM, "tags of %s: out of memory", tags->repository);
		tags->items[tags->count++] = arena_copy(&tags->arena, tag);
	}
	return 0;
}

static int newest_first(const void *a, const void *b)
{
	return -registry_tag_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static void note_failure(struct listing *listing, int code, const struct err *why)
{
	if (code == ERR_NOT_FOUND)
		return; /* registries keep listing what was deleted */
	listing->failed++;
	err_set(&listing->first_failure, code, "%s", why->text);
}

/* Completes `reference`; one name that cannot be must not spoil the list it is in. */
static int name_image(struct reference *reference, struct slice tag, struct err *err)
{
	struct reference again;
	struct err       why = {0};
	char             text[REFERENCE_TEXT_BYTES];

	if (tag.len >= sizeof(reference->tag) || slice_find(tag, '\0') != SIZE_MAX)
		return err_set(err, ERR_FORMAT, "%s/%s: a tag that no registry may give", reference->host,
			       reference->path);
	snprintf(reference->tag, sizeof(reference->tag), "%.*s", SLICE_FMT(tag));
	reference_text(reference, text);
	if (reference_parse(slice_str(text), &again, &why))
		return err_set(err, ERR_FORMAT, "%s", why.text);
	if (strcmp(again.tag, reference->tag) != 0)
		return err_set(err, ERR_FORMAT, "%s/%s: a tag that no registry may give", reference->host,
			       reference->path);
	return 0;
}

static int tell(struct listing *listing, struct tags *tags)
{
	struct reference reference = {.transport = TRANSPORT_DOCKER};
	struct err       why = {0};
	size_t           count = tags->count;
	int              code = 0;

	if (listing->filter && listing->filter->newest && count) {
		qsort(tags->items, count, sizeof(*tags->items), newest_first);
		if (count > listing->filter->newest)
			count = listing->filter->newest;
	}
	snprintf(reference.host, sizeof(reference.host), "%s", listing->where->host);
	snprintf(reference.path, sizeof(reference.path), "%s", tags->name);
	for (size_t i = 0; !code && i < count; i++) {
		if (name_image(&reference, tags->items[i], &why) == 0)
			code = listing->found(listing->data, &reference);
	}
	if (why.code)
		note_failure(listing, why.code, &why);
	return code;
}

/* *told: a non-zero answer of `found`, which stops the listing. */
static int list_tags(struct listing *listing, const char *repository, int *told, struct err *err)
{
	struct tags tags = {.repository = repository};
	char        path[PLACE_REPOSITORY_BYTES + 32], scope[PLACE_REPOSITORY_BYTES + 32],
		what[PLACE_HOST_BYTES + PLACE_REPOSITORY_BYTES + 16];
	int code;

	arena_init(&tags.arena, TAGS_ARENA_BYTES);
	user_name(listing, repository, tags.name, sizeof(tags.name));
	snprintf(path, sizeof(path), "%s/tags/list", repository);
	snprintf(scope, sizeof(scope), "repository:%s:pull", repository);
	snprintf(what, sizeof(what), "tags of %s/%s", listing->host->name, repository);
	code = each_page(listing, path, repository, scope, what, take_tags, &tags, err);
	if (!code && arena_failed(&tags.arena))
		code = err_set(err, ERR_MEM, "%s: out of memory", what);
	if (!code)
		*told = tell(listing, &tags);
	arena_deinit(&tags.arena);
	return code;
}

/* ---- repositories ---- */

static int take_repositories(struct listing *listing, const struct json *root, void *data, struct err *err)
{
	const struct json *array = json_get_kind(root, "repositories", JSON_KIND_ARRAY);
	int               *told = data;

	for (size_t i = 0; i < json_count(array) && !*told; i++) {
		struct slice name = json_text(json_at(array, i));
		char         repository[PLACE_REPOSITORY_BYTES];
		struct err   why = {0};
		int          code;

		if (!listing_is_below(name, slice_str(listing->place->repository)))
			continue;
		listing->repositories++;
		snprintf(repository, sizeof(repository), "%.*s", SLICE_FMT(slice_sub(name, 0, sizeof(repository) - 1)));
		if (!registry_name_is_safe(name, true) || name.len >= sizeof(repository))
			code = err_set(&why, ERR_FORMAT, "%s lists a repository whose name no registry may give",
				       listing->host->name);
		else
			code = list_tags(listing, repository, told, &why);
		if (code == ERR_CANCELLED || code == ERR_MEM)
			return err_set(err, code, "%s", why.text);
		if (code)
			note_failure(listing, code, &why);
	}
	return *told ? ERR_CANCELLED : 0; /* ends the paging; registry_list() returns what was told */
}

static const char *own_listing_api(const char *host)
{
	static const struct {
		const char *suffix, *api;
	} known[] = {
		{"docker.io", "https://hub.docker.com/v2/namespaces/NAME/repositories"},
		{"ghcr.io", "https://api.github.com/orgs/NAME/packages?package_type=container"},
		{"quay.io", "https://quay.io/api/v1/repository?namespace=NAME"},
		{"gcr.io", "gcloud container images list"},
		{"pkg.dev", "gcloud artifacts docker images list"},
		{"amazonaws.com", "aws ecr describe-repositories"},
		{"azurecr.io", "az acr repository list"},
		{"registry.gitlab.com", "https://gitlab.com/api/v4/groups/NAME/registry/repositories"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (slice_ends(slice_str(host), known[i].suffix))
			return known[i].api;
	return "its own API";
}

static bool catalog_is_refused(int code)
{
	return code == ERR_AUTH || code == ERR_NOT_FOUND || code == ERR_UNSUPPORTED;
}

static int refuse(const struct listing *listing, const struct err *why, struct err *err)
{
	return err_set(err, why->code,
		       "%s does not list its repositories (%.200s): list them by %s and scan with --from-file",
		       listing->host->name, why->text, own_listing_api(listing->where->host));
}

static int run_listing(struct listing *listing, int *told, struct err *err)
{
	const char *prefix = listing->place->repository;
	struct err  why = {0};
	char        what[PLACE_HOST_BYTES + 32];
	int         code;

	snprintf(what, sizeof(what), "catalog of %s", listing->host->name);
	code = each_page(listing, "_catalog", "", "registry:catalog:*", what, take_repositories, told, &why);
	if (*told)
		return 0;
	/* Without a catalog the prefix may itself be a repository. */
	if (code && catalog_is_refused(code) && listing->repositories == 0) {
		if (registry_name_is_safe(slice_str(prefix), true) && list_tags(listing, prefix, told, NULL) == 0)
			return 0;
		return refuse(listing, &why, err);
	}
	if (code)
		return err_set(err, code, "%s", why.text);
	if (listing->failed)
		return err_set(err, listing->first_failure.code,
			       "%llu of %llu repositories of %s could not be listed in full; the first: %s",
			       (unsigned long long)listing->failed, (unsigned long long)listing->repositories,
			       listing->host->name, listing->first_failure.text);
	if (listing->repositories == 0 && prefix[0])
		return err_set(err, ERR_NOT_FOUND, "%s lists no repository at or below %s", listing->host->name,
			       prefix);
	return 0;
}

int registry_list(struct registry_client *client, struct source_call *call, const struct reference *where,
		  const struct listing_filter *filter, int (*found)(void *data, const struct reference *reference),
		  void *data, struct err *err)
{
	struct registry_place *places = calloc(PLACES_MAX, sizeof(*places));
	struct listing         listing = {
			.client = client, .call = call, .where = where, .filter = filter, .found = found, .data = data};
	size_t count = 0;
	int    told = 0, code;

	if (!places)
		return err_set(err, ERR_MEM, "out of memory for a listing");
	code = registries_conf_places(&client->conf, where->host, where->path, "", places, &count, err);
	if (!code) {
		listing.place =
			&places[count - 1]; /* the registry itself: mirrors hold what was asked for, not all there is */
		listing.host = registry_host_get(client, call, listing.place->host, listing.place->insecure, err);
		code = listing.host ? run_listing(&listing, &told, err) : (err ? err->code : ERR_NET);
	}
	free(places);
	return told ? told : code;
}
