#include "source/source.h"

#include "base/limits.h"
#include "base/verify_stream.h"
#include "source/docker_archive.h"
#include "source/member_store.h"
#include "source/oci_layout.h"
#include "source/registry.h"
#include "source/resolve.h"
#include "source/rootfs.h"

#include <fnmatch.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder or archive that is open; it stays so until sources_free(), as many layers are read from it. */
struct place {
	struct place        *next;
	enum transport       transport;
	struct member_store *store;
	char                 path[LIMIT_PATH_BYTES + 1];
};

struct sources {
	struct registry_client *registry;
	pthread_mutex_t         lock; /* of `places`; a place itself is immutable */
	struct place           *places;
	char                    spool_dir[LIMIT_PATH_BYTES + 1];
};

static const char *default_spool_dir(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && dir[0] ? dir : "/var/tmp";
}

/* What the user named must be there from the start: one message, not one failure for every image. */
static int check_named(const char *what, const char *path, bool folder, struct err *err)
{
	struct stat info;

	if (!path || !path[0])
		return 0;
	if (stat(path, &info) != 0 || access(path, R_OK) != 0)
		return err_errno(err, ERR_CONFIG, "%s %s", what, path);
	if (S_ISDIR(info.st_mode) != folder)
		return err_set(err, ERR_CONFIG, "%s %s is %s folder", what, path, folder ? "no" : "a");
	return 0;
}

struct sources *sources_new(const struct source_config *config, struct err *err)
{
	struct sources *sources;

	if (check_named("credentials file", config->auth_file, false, err) ||
	    check_named("certificate folder", config->cert_dir, true, err) ||
	    check_named("spool folder", config->spool_dir, true, err))
		return NULL;
	sources = calloc(1, sizeof(*sources));
	if (!sources) {
		err_set(err, ERR_MEM, "opening sources: out of memory");
		return NULL;
	}
	snprintf(sources->spool_dir, sizeof(sources->spool_dir), "%s",
		 config->spool_dir ? config->spool_dir : default_spool_dir());
	sources->registry = registry_client_new(config, err);
	if (!sources->registry) {
		free(sources);
		return NULL;
	}
	pthread_mutex_init(&sources->lock, NULL);
	return sources;
}

void sources_stop(struct sources *sources)
{
	registry_client_stop(sources->registry);
}

void sources_free(struct sources *sources)
{
	if (!sources)
		return;
	while (sources->places) {
		struct place *place = sources->places;

		sources->places = place->next;
		member_store_close(place->store);
		free(place);
	}
	registry_client_free(sources->registry);
	pthread_mutex_destroy(&sources->lock);
	free(sources);
}

/* ---- places ---- */

static struct place *find_place(struct sources *sources, const struct reference *where)
{
	for (struct place *place = sources->places; place; place = place->next)
		if (place->transport == where->transport && strcmp(place->path, where->path) == 0)
			return place;
	return NULL;
}

static struct place *open_place(struct sources *sources, const struct reference *where, struct err *err)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place) {
		err_set(err, ERR_MEM, "opening %s: out of memory", where->path);
		return NULL;
	}
	place->transport = where->transport;
	memcpy(place->path, where->path, sizeof(place->path));
	place->store = where->transport == TRANSPORT_OCI
			       ? member_store_open_folder(where->path, err)
			       : member_store_open_archive(where->path, sources->spool_dir, err);
	if (!place->store) {
		free(place);
		return NULL;
	}
	place->next = sources->places;
	sources->places = place;
	return place;
}

/* Opened once, however many threads ask: they wait for the index. */
static const struct member_store *get_store(struct sources *sources, const struct reference *where, struct err *err)
{
	struct place *place;

	pthread_mutex_lock(&sources->lock);
	place = find_place(sources, where);
	if (!place)
		place = open_place(sources, where, err);
	pthread_mutex_unlock(&sources->lock);
	return place ? place->store : NULL;
}

/* ---- resolve ---- */

struct registry_place {
	struct registry_client *client;
	struct source_call     *call;
	const struct reference *where;
};

static int read_registry_manifest(void *data, const struct digest *digest, uint64_t size, struct buf *out,
				  struct err *err)
{
	const struct registry_place *place = data;
	struct registry_manifest     manifest;
	int status = registry_get_manifest(place->client, place->call, place->where, digest, &manifest, err);

	if (!status && size != UINT64_MAX && manifest.bytes.len != size)
		status = err_set(err, ERR_DIGEST, "manifest has %zu bytes, its descriptor says %llu",
				 manifest.bytes.len, (unsigned long long)size);
	if (!status)
		buf_append(out, buf_slice(&manifest.bytes));
	registry_manifest_deinit(&manifest);
	return !status && !buf_ok(out) ? err_set(err, ERR_LIMIT, "manifest is larger than %zu bytes", out->bytes_max)
				       : status;
}

static int read_registry_config(void *data, const struct digest *digest, uint64_t size, struct buf *out,
				struct err *err)
{
	const struct registry_place *place = data;

	return registry_get_blob(place->client, place->call, place->where, digest, size, out, err);
}

static int resolve_registry(struct sources *sources, struct source_call *call, const struct reference *reference,
			    struct slice text, const struct platform *want, struct image_list *out, struct err *err)
{
	struct registry_place place = {.client = sources->registry, .call = call, .where = reference};
	struct blob_reader    reader = {
		   .manifest = read_registry_manifest, .config = read_registry_config, .data = &place};
	struct resolve_job       job = {.reader = &reader, .reference = text, .want = want};
	struct registry_manifest manifest;
	struct err               why = {0};
	int status = registry_get_manifest(sources->registry, call, reference, NULL, &manifest, &why);

	if (status)
		status = image_list_put(out, text, status, why.text, err);
	else
		status = resolve_manifest(&job, buf_slice(&manifest.bytes), &manifest.digest, out, err);
	registry_manifest_deinit(&manifest);
	return status;
}

/* One pseudo-layer: no digest, hence never reused. */
static int resolve_rootfs(const struct reference *reference, struct slice text, struct image_list *out, struct err *err)
{
	struct stat   info;
	struct image *image;
	char          reason[LIMIT_PATH_BYTES + 64];

	if (stat(reference->path, &info) != 0 || !S_ISDIR(info.st_mode)) {
		snprintf(reason, sizeof(reason), "%s: no such folder", reference->path);
		return image_list_put(out, text, ERR_NOT_FOUND, reason, err);
	}
	image = image_list_add(out, text);
	if (image)
		image->layers = arena_array(out->arena, 1, sizeof(*image->layers));
	if (!image || !image->layers)
		return err_set(err, ERR_MEM, "resolving %s: out of memory", reference->path);
	platform_host(&image->platform);
	image->layers_count = 1;
	image->layers[0].size = UINT64_MAX;
	image->layers[0].media_type = arena_copy(out->arena, SLICE_LIT("tar"));
	return 0;
}

static int resolve_store(struct sources *sources, const struct reference *reference, struct slice text,
			 const struct platform *want, struct image_list *out, struct err *err)
{
	struct err                 why = {0};
	const struct member_store *store = get_store(sources, reference, &why);

	if (!store)
		return image_list_put(out, text, why.code, why.text, err);
	if (reference->transport == TRANSPORT_DOCKER_ARCHIVE)
		return docker_archive_resolve(store, reference, want, out, err);
	return oci_layout_resolve(store, reference, want, out, err);
}

int source_resolve(struct sources *sources, struct source_call *call, const struct reference *reference,
		   const struct platform *want, struct arena *arena, struct image **images, size_t *images_count,
		   struct err *err)
{
	struct image_list list = {.arena = arena};
	char              text[REFERENCE_TEXT_BYTES];
	struct slice      name;
	int               status;

	reference_text(reference, text);
	name = slice_str(text);
	if (reference->transport == TRANSPORT_DOCKER)
		status = resolve_registry(sources, call, reference, name, want, &list, err);
	else if (reference->transport == TRANSPORT_REGISTRY)
		status = image_list_put(&list, name, ERR_USAGE, "a listing is no image: it is to be enumerated", err);
	else if (reference->transport == TRANSPORT_ROOTFS)
		status = resolve_rootfs(reference, name, &list, err);
	else
		status = resolve_store(sources, reference, name, want, &list, err);
	*images = list.images;
	*images_count = list.count;
	return status;
}

/* The digest that a resolve of the reference began with. */
static const struct digest *top_digest(const struct image *image)
{
	return digest_is_zero(&image->index_digest) ? &image->digest : &image->index_digest;
}

/* One resolve gave them all: same reference, same manifest or index, nothing failed. */
static bool belong_together(const struct image *known, size_t count, struct slice reference)
{
	for (size_t i = 0; i < count; i++)
		if (known[i].status == IMAGE_FAILED || !slice_eq(known[i].reference, reference) ||
		    !digest_eq(top_digest(&known[i]), top_digest(known)))
			return false;
	return count > 0 && !digest_is_zero(top_digest(known));
}

int source_still_is(struct sources *sources, struct source_call *call, const struct reference *reference,
		    const struct image *known, size_t known_count, struct err *err)
{
	struct digest now;
	struct err    why = {0};
	char          text[REFERENCE_TEXT_BYTES];
	int           status;

	reference_text(reference, text);
	if (reference->transport != TRANSPORT_DOCKER || !belong_together(known, known_count, slice_str(text)))
		return 0;
	status = registry_head_manifest(sources->registry, call, reference, &now, &why);
	if (status == ERR_NET || status == ERR_RATE || status == ERR_CANCELLED)
		return err_set(err, status, "%s", why.text);
	return status == 0 && digest_eq(&now, top_digest(known)); /* what else went wrong, the GET will say in full */
}

/* ---- layers ---- */

struct stream *source_open_layer(struct sources *sources, struct source_call *call, const struct reference *reference,
				 const struct image_layer *layer, struct err *err)
{
	const struct member_store *store;

	switch (reference->transport) {
	case TRANSPORT_DOCKER:
		return registry_open_blob(sources->registry, call, reference, &layer->digest, layer->size, err);
	case TRANSPORT_ROOTFS:
		return rootfs_open(reference->path, err);
	case TRANSPORT_OCI:
	case TRANSPORT_OCI_ARCHIVE:
	case TRANSPORT_DOCKER_ARCHIVE:
		store = get_store(sources, reference, err);
		return store ? docker_archive_open_layer(store, layer, err) : NULL;
	case TRANSPORT_REGISTRY:
		break;
	}
	err_set(err, ERR_USAGE, "a listing has no layers");
	return NULL;
}

/* ---- enumerate ---- */

struct filtered {
	const struct listing_filter *filter;
	int (*found)(void *data, const struct reference *reference);
	void *data;
};

static bool matches_any(const char *const *globs, const char *name)
{
	for (; globs && *globs; globs++)
		if (fnmatch(*globs, name, 0) == 0)
			return true;
	return false;
}

/* Archives and layouts: the globs apply to the image's name. */
static int found_local(void *data, const struct reference *reference)
{
	const struct filtered       *filtered = data;
	const struct listing_filter *filter = filtered->filter;

	if (filter && filter->include && filter->include[0] && !matches_any(filter->include, reference->tag))
		return 0;
	if (filter && matches_any(filter->exclude, reference->tag))
		return 0;
	return filtered->found(filtered->data, reference);
}

int source_enumerate(struct sources *sources, struct source_call *call, const struct reference *where,
		     const struct listing_filter *filter, int (*found)(void *data, const struct reference *reference),
		     void *data, struct err *err)
{
	struct filtered            filtered = {.filter = filter, .found = found, .data = data};
	const struct member_store *store;

	if (where->transport == TRANSPORT_REGISTRY)
		return registry_list(sources->registry, call, where, filter, found, data, err);
	if (where->transport == TRANSPORT_DOCKER || where->transport == TRANSPORT_ROOTFS)
		return found(data, where);
	store = get_store(sources, where, err);
	if (!store)
		return err && err->code ? err->code : ERR_IO;
	if (where->transport == TRANSPORT_DOCKER_ARCHIVE)
		return docker_archive_list(store, where, found_local, &filtered, err);
	return oci_layout_list(store, where, found_local, &filtered, err);
}

void source_stats_get(struct sources *sources, struct source_stats *out)
{
	registry_stats_get(sources->registry, out);
}

void source_hosts_each(struct sources *sources, void (*each)(void *data, const struct source_host_stats *host),
		       void           *data)
{
	registry_hosts_each(sources->registry, each, data);
}
