#include "loop_internal.h"

#include "base/clock.h"
#include "base/limits.h"
#include "model/inventory.h"
#include "model/reference.h"

#include <stdio.h>

enum { IMAGE_BYTES_MAX = 64 << 20, IMAGE_PLACES_BYTES = 320 };

static void count_layer(struct loop *loop, const struct wire_layer_result *m)
{
	catalog_count(loop->catalog, FLEET_FINISHED, 1);
	catalog_count(loop->catalog, FLEET_VERIFIED, m->verified);
	catalog_count(loop->catalog, FLEET_CUT, m->by_resource);
	catalog_count(loop->catalog, FLEET_BYTES_FETCHED, m->bytes_fetched);
	catalog_count(loop->catalog, FLEET_TAR_BYTES, m->tar_bytes);
}

static void describe(const struct wire_layer_result *m, struct core_event *event)
{
	event->partial = m->partial;
	event->reusable = !m->by_resource;
	event->verified = m->verified;
	event->bytes_fetched = m->bytes_fetched;
	event->tar_bytes = m->tar_bytes;
	event->entries = m->entries;
	event->files_analyzed = m->files_analyzed;
	event->memo_lookups = m->memo_lookups;
	event->memo_hits = m->memo_hits;
	event->memo_kept = m->memo_kept;
}

/* Of a worker of before: whose inventory a layer shows that was only compared. ERR_NOT_FOUND: it has gone meanwhile; the layer is to be scanned. */
static int find_verified(struct loop *loop, const struct core_lease_info *info, const struct wire_layer_result *m,
			 struct digest *inventory, struct err *err)
{
	if (!info->verify || !digest_eq(&m->diff_id, &info->diff_id))
		return err_set(err, ERR_PROTOCOL, "layer result: verified what was not asked for");
	return catalog_diff_id_find(loop->catalog, &m->diff_id, info->key.set, inventory, err);
}

static bool holds_the_same(struct loop *loop, const struct layer_key *known, const struct wire_layer_result *m)
{
	struct buf content;
	bool       same;

	buf_init(&content, LIMIT_INVENTORY_BYTES);
	same = catalog_inventory(loop->catalog, known, &content, NULL) >= 0 &&
	       inventory_same_facts(buf_slice(&content), m->inventory);
	buf_clear(&content);
	same = same && catalog_path_table(loop->catalog, known, &content, NULL) >= 0 &&
	       slice_eq(buf_slice(&content), m->path_table);
	buf_deinit(&content);
	return same;
}

/* A known diffID is only the word of the parser that read the known layer, and a layer may have taken that over. So a layer
 * shows another's inventory only where its own parser, fed with its own bytes, has found the same; else it keeps what
 * was found (docs/decisions/0007-parser-process.md). */
static void compare_with_known(struct loop *loop, const struct core_lease_info *info, struct wire_layer_result *m,
			       struct digest *inventory)
{
	struct layer_key known = {.set = info->key.set};
	char             digest[DIGEST_TEXT_BYTES], other[DIGEST_TEXT_BYTES];

	m->verified = false;
	if (!info->verify || !digest_eq(&m->diff_id, &info->diff_id) ||
	    catalog_diff_id_find(loop->catalog, &m->diff_id, known.set, &known.digest, NULL) < 0 ||
	    digest_eq(&known.digest, &info->key.digest))
		return;
	if (holds_the_same(loop, &known, m)) {
		*inventory = known.digest;
		m->inventory = m->path_table = SLICE_EMPTY;
		m->verified = true;
		return;
	}
	digest_text(&info->key.digest, digest);
	digest_text(&known.digest, other);
	log_about(LOG_WARNING, "broker", &(struct log_subject){.layer = slice_str(digest)},
		  "layer %s has the diffID of layer %s and holds something else: each keeps what was found in it; "
		  "one of their parsers may have been taken over",
		  digest, other);
}

int loop_take_layer(struct loop *loop, const struct core_lease_info *info, struct slice bytes, struct core_event *event,
		    struct err *err)
{
	struct layer_key         key = {.digest = info->key.digest, .set = info->key.set};
	struct wire_layer_result m;
	struct layer_record      record;
	int                      status = wire_get_layer_result(bytes, &m, err);

	if (status < 0)
		return status;
	record = (struct layer_record){.diff_id = m.diff_id,
				       .blob_bytes = m.blob_bytes,
				       .tar_bytes = m.tar_bytes,
				       .entries = m.entries,
				       .files_analyzed = m.files_analyzed,
				       .partial = m.partial,
				       .reusable = !m.by_resource && !info->pseudo,
				       .inventory = key.digest,
				       .scanned_ms = clock_unix_ms()};
	if (m.verified && m.inventory.len)
		compare_with_known(loop, info, &m, &record.inventory);
	else if (m.verified && (status = find_verified(loop, info, &m, &record.inventory, err)) < 0)
		return status;
	if (!loop_write(loop))
		return 0; /* the loop ends; nothing is acknowledged */
	status = catalog_layer_put(loop->catalog, &key, &record, m.inventory, m.path_table, err);
	if (status < 0)
		loop_broken(loop, err);
	count_layer(loop, &m);
	describe(&m, event);
	return status;
}

static void set_places(struct core_image *image, const struct job_record *job)
{
	struct reference reference;
	char             platform[96] = "";

	if (slice_eq_str(job->platform, "all"))
		platform_text(&image->image.platform, platform);
	else
		snprintf(platform, sizeof(platform), "%.*s", (int)(job->platform.len < 95 ? job->platform.len : 95),
			 (const char *)job->platform.ptr);
	image->place = arena_printf(&image->arena, "%.*s %s", SLICE_FMT(image->image.reference), platform);
	if (reference_parse(image->image.reference, &reference, NULL) < 0)
		return;
	if (!reference_is_local(&reference))
		image->host = arena_copy(&image->arena, slice_str(reference.host));
	image->location = arena_printf(&image->arena, "%s/%s", reference.host, reference.path);
}

/* What an image takes that waits: its record, what is decoded of it and points into it, the places, a byte a layer. */
static size_t image_bytes(const struct image *image, size_t encoded)
{
	return encoded + image->layers_count * (sizeof(*image->layers) + 1) +
	       image->warnings_count * sizeof(*image->warnings) + 4 * image->reference.len + IMAGE_PLACES_BYTES;
}

/* It may wait for hours beside thousands of others: its memory is what it needs and no more. */
static int read_image(struct core_image *image, struct slice encoded, struct err *err)
{
	struct arena scratch;
	struct image shape;
	int          status;

	arena_init(&scratch, IMAGE_BYTES_MAX);
	status = image_decode_borrowed(encoded, &scratch, &shape, err);
	if (status >= 0)
		arena_reserve(&image->arena, image_bytes(&shape, encoded.len));
	arena_deinit(&scratch);
	if (status < 0)
		return status;
	image->encoded = arena_copy(&image->arena, encoded);
	return image_decode_borrowed(image->encoded, &image->arena, &image->image, err);
}

static int take_image(struct loop *loop, const struct core_lease_info *info, struct slice encoded, uint64_t set,
		      struct err *err)
{
	const struct loop_job *job = loop_job_find(loop, info->job);
	struct core_image     *image = core_image_new();
	struct core_event      event = {.kind = CORE_IMAGE_FOUND, .image = image, .set = set};
	int                    status;

	if (!image)
		return err_set(err, ERR_MEM, "broker: out of memory");
	status = read_image(image, encoded, err);
	if (status >= 0 && image->image.layers_count > LIMIT_LAYERS_PER_IMAGE)
		status = err_set(err, ERR_LIMIT, "image of %zu layers", image->image.layers_count);
	if (status >= 0 && job) {
		image->job = info->job;
		image->reference = info->reference;
		set_places(image, &job->record);
		if (arena_failed(&image->arena))
			status = err_set(err, ERR_LIMIT, "image record is too large");
	}
	if (status < 0 || !job) {
		core_image_free(image);
		return status;
	}
	loop_step(loop, &event);
	return 0;
}

/* *whole stays true for what is worth remembering: nothing failed or was odd, and it is what was asked for. */
static int check_image(struct slice encoded, struct slice reference, bool *whole, struct err *err)
{
	struct arena scratch;
	struct image image;
	int          status;

	arena_init(&scratch, IMAGE_BYTES_MAX);
	status = image_decode_borrowed(encoded, &scratch, &image, err);
	*whole &= status >= 0 && image.status != IMAGE_FAILED && image.warnings_count == 0 &&
		  slice_eq(image.reference, reference);
	arena_deinit(&scratch);
	return status;
}

int loop_take_images(struct loop *loop, const struct loop_worker *worker, const struct core_lease_info *info,
		     struct slice bytes, struct err *err)
{
	const struct loop_job *job = loop_job_find(loop, info->job);
	const uint64_t         set = worker->set;
	struct wire_strings    images;
	bool                   whole = true;
	int status = wire_get_strings(bytes, &loop->arena, LIMIT_INDEX_MANIFESTS * LIMIT_INDEX_DEPTH, &images, err);

	if (status >= 0 && images.count == 0)
		status = err_set(err, ERR_PROTOCOL, "resolve result holds no image");
	for (size_t i = 0; i < images.count && status >= 0; i++)
		status = check_image(images.items[i], info->text, &whole,
				     err); /* all must be good before the first is taken */
	catalog_count(loop->catalog, FLEET_RESOLVES, status >= 0);
	if (status >= 0 && whole && job)
		status = loop_known_put(loop, job, worker, info->text, &images, err);
	for (size_t i = 0; i < images.count && status >= 0; i++)
		status = take_image(loop, info, images.items[i], set, err);
	return status;
}

int loop_take_listed(struct loop *loop, const struct core_lease_info *info, struct slice bytes, struct err *err)
{
	struct loop_job    *job = loop_job_running(loop, info->job);
	struct loop_added   added = {0};
	struct wire_strings found;
	int                 status = wire_get_strings(bytes, &loop->arena, WIRE_REFERENCES_MAX, &found, err);

	for (size_t i = 0; i < found.count && status >= 0 && job; i++)
		if (!loop_reference_add(loop, job, found.items[i], &added, err))
			status = err->code;
	if (job)
		loop_references_added(loop, job, &added);
	return status;
}
