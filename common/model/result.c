#include "model/result.h"

#include "base/limits.h"
#include "base/msgpack_write.h"
#include "model/image_codec.h"
#include "model/package_codec.h"

enum {
	RESULT_FORMAT_VERSION = 1,
	RESULT_FIELDS = 13,
	LAYER_FIELDS = 7,
	RESULT_PACKAGE_FIELDS = 6,
	VULNERABILITY_FIELDS = 10,
	FINDING_FIELDS = 5,
	COVERAGE_FIELDS = 5,
	RESULT_NOTE_FIELDS = 2,
	COVERAGE_MAX = 10000,
};

static void write_layers(const struct image_result *result, struct buf *out)
{
	msgpack_write_array(out, result->layers_count);
	for (size_t i = 0; i < result->layers_count; i++) {
		const struct result_layer *layer = &result->layers[i];

		msgpack_write_array(out, LAYER_FIELDS);
		encode_digest(out, &layer->digest);
		encode_digest(out, &layer->diff_id);
		msgpack_write_uint(out, layer->size);
		msgpack_write_str(out, layer->media_type);
		msgpack_write_str(out, layer->created_by);
		msgpack_write_uint(out, (uint64_t)layer->status);
		msgpack_write_str(out, layer->reason);
	}
}

static void read_layers(struct decoder *d, struct image_result *result)
{
	result->layers_count = decode_array(d, &result->layers, sizeof(*result->layers), LAYER_FIELDS + 1,
					    LIMIT_LAYERS_PER_IMAGE, "LIMIT_LAYERS_PER_IMAGE layers");
	for (size_t i = 0; i < result->layers_count && msgpack_ok(&d->r); i++) {
		struct result_layer *layer = &result->layers[i];
		size_t               fields = msgpack_begin_record(&d->r, LAYER_FIELDS);

		decode_digest(d, &layer->digest);
		decode_digest(d, &layer->diff_id);
		layer->size = msgpack_read_uint(&d->r);
		layer->media_type = decode_text(d);
		layer->created_by = decode_text(d);
		layer->status = (enum layer_status)decode_enum(d, LAYER_SKIPPED + 1);
		layer->reason = decode_text(d);
		msgpack_end_record(&d->r, fields, LAYER_FIELDS);
	}
}

static void write_packages(const struct image_result *result, struct buf *out)
{
	msgpack_write_array(out, result->packages_count);
	for (size_t i = 0; i < result->packages_count; i++) {
		const struct result_package *package = &result->packages[i];

		msgpack_write_array(out, RESULT_PACKAGE_FIELDS);
		package_encode(&package->package, out);
		msgpack_write_str(out, package->purl);
		msgpack_write_uint(out, package->layer);
		encode_texts(out, package->paths, package->paths_count);
		msgpack_write_str(out, package->owner);
		msgpack_write_uint(out, package->suppressed);
	}
}

/* Layer indexes and package indexes are checked here, so that no user of a result has to. */
static void check_index(struct decoder *d, uint64_t index, size_t count)
{
	if (index >= count)
		msgpack_fail(&d->r);
}

static void read_packages(struct decoder *d, struct image_result *result)
{
	result->packages_count =
		decode_array(d, &result->packages, sizeof(*result->packages), PACKAGE_BYTES_MIN + 4,
			     (size_t)LIMIT_PACKAGES_PER_LAYER * LIMIT_LAYERS_PER_IMAGE, "packages of one image");
	for (size_t i = 0; i < result->packages_count && msgpack_ok(&d->r); i++) {
		struct result_package *package = &result->packages[i];
		size_t                 fields = msgpack_begin_record(&d->r, RESULT_PACKAGE_FIELDS);

		package_decode(d, &package->package);
		package->purl = decode_text(d);
		package->layer = decode_u32(d);
		check_index(d, package->layer, result->layers_count);
		package->paths_count = decode_texts(d, &package->paths, SIZE_MAX, "paths of one package");
		package->owner = decode_text(d);
		package->suppressed = (uint32_t)decode_enum(d, PACKAGE_IS_DECLARED + 1);
		msgpack_end_record(&d->r, fields, RESULT_PACKAGE_FIELDS);
	}
}

static void write_vulnerabilities(const struct image_result *result, struct buf *out)
{
	msgpack_write_array(out, result->vulnerabilities_count);
	for (size_t i = 0; i < result->vulnerabilities_count; i++) {
		const struct result_vulnerability *v = &result->vulnerabilities[i];

		msgpack_write_array(out, VULNERABILITY_FIELDS);
		msgpack_write_str(out, v->id);
		encode_texts(out, v->aliases, v->aliases_count);
		msgpack_write_uint(out, v->package);
		msgpack_write_str(out, v->fixed);
		msgpack_write_uint(out, (uint64_t)v->severity);
		msgpack_write_str(out, v->severity_source);
		msgpack_write_str(out, v->cvss_vector);
		msgpack_write_float(out, v->cvss_score);
		msgpack_write_str(out, v->summary);
		msgpack_write_bool(out, v->approximate);
	}
}

static void read_vulnerability(struct decoder *d, struct image_result *result, struct result_vulnerability *v)
{
	size_t fields = msgpack_begin_record(&d->r, VULNERABILITY_FIELDS);

	v->id = decode_text(d);
	v->aliases_count = decode_texts(d, &v->aliases, SIZE_MAX, "aliases of one vulnerability");
	v->package = decode_u32(d);
	check_index(d, v->package, result->packages_count);
	v->fixed = decode_text(d);
	v->severity = (enum severity)decode_enum(d, SEVERITY_COUNT);
	v->severity_source = decode_text(d);
	v->cvss_vector = decode_text(d);
	v->cvss_score = msgpack_read_float(&d->r);
	if (!(v->cvss_score >= -1 && v->cvss_score <= 10)) /* NaN too */
		msgpack_fail(&d->r);
	v->summary = decode_text(d);
	v->approximate = msgpack_read_bool(&d->r);
	msgpack_end_record(&d->r, fields, VULNERABILITY_FIELDS);
}

static void read_vulnerabilities(struct decoder *d, struct image_result *result)
{
	result->vulnerabilities_count = decode_array(d, &result->vulnerabilities, sizeof(*result->vulnerabilities), 18,
						     SIZE_MAX, "vulnerabilities of one image");
	for (size_t i = 0; i < result->vulnerabilities_count && msgpack_ok(&d->r); i++)
		read_vulnerability(d, result, &result->vulnerabilities[i]);
}

static void write_findings(const struct image_result *result, struct buf *out)
{
	msgpack_write_array(out, result->findings_count);
	for (size_t i = 0; i < result->findings_count; i++) {
		const struct result_finding *finding = &result->findings[i];

		msgpack_write_array(out, FINDING_FIELDS);
		msgpack_write_str(out, finding->kind);
		msgpack_write_str(out, finding->text);
		msgpack_write_str(out, finding->path);
		msgpack_write_uint(out, finding->layer);
		msgpack_write_uint(out, (uint64_t)finding->severity);
	}
}

static void read_findings(struct decoder *d, struct image_result *result)
{
	result->findings_count = decode_array(d, &result->findings, sizeof(*result->findings), FINDING_FIELDS + 1,
					      SIZE_MAX, "findings of one image");
	for (size_t i = 0; i < result->findings_count && msgpack_ok(&d->r); i++) {
		struct result_finding *finding = &result->findings[i];
		size_t                 fields = msgpack_begin_record(&d->r, FINDING_FIELDS);

		finding->kind = decode_text(d);
		finding->text = decode_text(d);
		finding->path = decode_text(d);
		finding->layer = decode_u32(d);
		if (finding->layer != UINT32_MAX)
			check_index(d, finding->layer, result->layers_count);
		finding->severity = (enum severity)decode_enum(d, SEVERITY_COUNT);
		msgpack_end_record(&d->r, fields, FINDING_FIELDS);
	}
}

static void write_coverage(const struct image_result *result, struct buf *out)
{
	msgpack_write_array(out, result->coverage_count);
	for (size_t i = 0; i < result->coverage_count; i++) {
		const struct result_coverage *coverage = &result->coverage[i];

		msgpack_write_array(out, COVERAGE_FIELDS);
		msgpack_write_str(out, coverage->ecosystem);
		msgpack_write_uint(out, coverage->packages);
		msgpack_write_uint(out, (uint64_t)coverage->state);
		msgpack_write_str(out, coverage->feed_date);
		msgpack_write_str(out, coverage->remark);
	}
}

static void read_coverage(struct decoder *d, struct image_result *result)
{
	result->coverage_count = decode_array(d, &result->coverage, sizeof(*result->coverage), COVERAGE_FIELDS + 1,
					      COVERAGE_MAX, "10000 ecosystems");
	for (size_t i = 0; i < result->coverage_count && msgpack_ok(&d->r); i++) {
		struct result_coverage *coverage = &result->coverage[i];
		size_t                  fields = msgpack_begin_record(&d->r, COVERAGE_FIELDS);

		coverage->ecosystem = decode_text(d);
		coverage->packages = msgpack_read_uint(&d->r);
		coverage->state = (enum coverage_state)decode_enum(d, COVERAGE_NO_PACKAGES + 1);
		coverage->feed_date = decode_text(d);
		coverage->remark = decode_text(d);
		msgpack_end_record(&d->r, fields, COVERAGE_FIELDS);
	}
}

static void write_notes(const struct image_result *result, struct buf *out)
{
	msgpack_write_array(out, result->notes_count);
	for (size_t i = 0; i < result->notes_count; i++) {
		msgpack_write_array(out, RESULT_NOTE_FIELDS);
		msgpack_write_uint(out, result->notes_layer[i]);
		note_encode(&result->notes[i], out);
	}
}

static void read_notes(struct decoder *d, struct image_result *result)
{
	result->notes_count = decode_array(d, &result->notes, sizeof(*result->notes), NOTE_BYTES_MIN + 2, SIZE_MAX,
					   "notes of one image");
	result->notes_layer =
		result->notes_count ? arena_array(d->arena, result->notes_count, sizeof(*result->notes_layer)) : NULL;
	for (size_t i = 0; result->notes_layer && i < result->notes_count && msgpack_ok(&d->r); i++) {
		size_t fields = msgpack_begin_record(&d->r, RESULT_NOTE_FIELDS);

		result->notes_layer[i] = decode_u32(d);
		check_index(d, result->notes_layer[i], result->layers_count);
		note_decode(d, &result->notes[i]);
		msgpack_end_record(&d->r, fields, RESULT_NOTE_FIELDS);
	}
}

int result_encode(const struct image_result *result, struct buf *out, struct err *err)
{
	msgpack_write_array(out, RESULT_FIELDS);
	msgpack_write_uint(out, RESULT_FORMAT_VERSION);
	image_write(&result->image, out);
	os_release_encode(&result->os, out);
	msgpack_write_bool(out, result->complete);
	msgpack_write_str(out, result->incomplete_reason);
	msgpack_write_str(out, result->advisories_generation);
	msgpack_write_str(out, result->advisories_date);
	write_layers(result, out);
	write_packages(result, out);
	write_vulnerabilities(result, out);
	write_findings(result, out);
	write_coverage(result, out);
	write_notes(result, out);
	return encode_verdict(out, "result", err);
}

int result_decode(struct slice bytes, struct arena *arena, struct image_result *result, struct err *err)
{
	struct decoder d = decoder_of(bytes, arena);
	size_t         fields = msgpack_begin_record(&d.r, RESULT_FIELDS);
	uint64_t       version = msgpack_read_uint(&d.r);

	*result = (struct image_result){0};
	if (msgpack_ok(&d.r) && version != RESULT_FORMAT_VERSION)
		return err_set(err, ERR_VERSION, "result: format %llu, this program reads %d",
			       (unsigned long long)version, RESULT_FORMAT_VERSION);
	image_read(&d, &result->image);
	os_release_decode(&d, &result->os);
	result->complete = msgpack_read_bool(&d.r);
	result->incomplete_reason = decode_text(&d);
	result->advisories_generation = decode_text(&d);
	result->advisories_date = decode_text(&d);
	read_layers(&d, result);
	read_packages(&d, result);
	read_vulnerabilities(&d, result);
	read_findings(&d, result);
	read_coverage(&d, result);
	read_notes(&d, result);
	msgpack_end_record(&d.r, fields, RESULT_FIELDS);
	if (!msgpack_at_end(&d.r))
		msgpack_fail(&d.r);
	return decoder_verdict(&d, "result", err);
}
