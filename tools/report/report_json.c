/* report_json.c - "json": one array of varve.image/1 objects; "jsonl": one such object per line, as images finish.
 * The schema is docs/schema/varve.image.1.json. */
#include "report/report_format.h"

#include "base/limits.h"
#include "model/cpe.h"

#include <stdlib.h>

static void put_text_or_null(struct json_writer *w, const char *key, struct slice text)
{
	if (text.len)
		json_put_text(w, key, text);
	else
		json_put_null(w, key);
}

static void put_digest(struct json_writer *w, const char *key, const struct digest *digest)
{
	char text[DIGEST_TEXT_BYTES];

	digest_text(digest, text);
	if (digest_is_zero(digest))
		json_put_null(w, key);
	else
		json_put_str(w, key, text);
}

static void put_texts(struct json_writer *w, const char *key, const struct slice *texts, size_t count)
{
	json_begin_array(w, key);
	for (size_t i = 0; i < count; i++)
		json_put_text(w, NULL, texts[i]);
	json_end_array(w);
}

static void put_os(struct json_writer *w, const struct os_release *os)
{
	if (!os->id.len && !os->pretty_name.len) {
		json_put_null(w, "os");
		return;
	}
	json_begin_object(w, "os");
	json_put_text(w, "id", os->id);
	json_put_text(w, "version_id", os->version_id);
	json_put_text(w, "pretty_name", os->pretty_name);
	json_end_object(w);
}

static void put_coverage(struct json_writer *w, const struct image_result *r)
{
	json_begin_array(w, "coverage");
	for (size_t i = 0; i < r->coverage_count; i++) {
		const struct result_coverage *c = &r->coverage[i];

		json_begin_object(w, NULL);
		json_put_text(w, "ecosystem", c->ecosystem);
		json_put_uint(w, "packages", c->packages);
		json_put_str(w, "state", coverage_name(c->state));
		put_text_or_null(w, "feed_date", c->feed_date);
		json_put_text_if(w, "remark", c->remark);
		json_end_object(w);
	}
	json_end_array(w);
	if (!r->advisories_generation.len) {
		json_put_null(w, "advisories");
		return;
	}
	json_begin_object(w, "advisories");
	json_put_text(w, "generation", r->advisories_generation);
	put_text_or_null(w, "date", r->advisories_date);
	json_end_object(w);
}

static void put_layers(struct json_writer *w, const struct image_result *r)
{
	json_begin_array(w, "layers");
	for (size_t i = 0; i < r->layers_count; i++) {
		const struct result_layer *l = &r->layers[i];

		json_begin_object(w, NULL);
		json_put_uint(w, "index", i);
		put_digest(w, "digest", &l->digest);
		put_digest(w, "diff_id", &l->diff_id);
		if (l->size == UINT64_MAX)
			json_put_null(w, "size");
		else
			json_put_uint(w, "size", l->size);
		json_put_text_if(w, "media_type", l->media_type);
		json_put_text_if(w, "created_by", l->created_by);
		json_put_str(w, "status", layer_status_name(l->status));
		json_put_text_if(w, "reason", l->reason);
		json_end_object(w);
	}
	json_end_array(w);
}

static void put_layer_ref(struct json_writer *w, const struct image_result *r, uint32_t layer)
{
	json_begin_object(w, "layer");
	json_put_uint(w, "index", layer);
	if (layer < r->layers_count)
		put_digest(w, "digest", &r->layers[layer].digest);
	else
		json_put_null(w, "digest");
	json_end_object(w);
}

static void put_flags(struct json_writer *w, uint32_t flags)
{
	json_begin_array(w, "flags");
	if (flags & PACKAGE_VIRTUAL)
		json_put_str(w, NULL, "virtual");
	if (flags & PACKAGE_NOT_CONFIGURED)
		json_put_str(w, NULL, "not_configured");
	if (flags & PACKAGE_THIRD_PARTY)
		json_put_str(w, NULL, "third_party");
	if (flags & PACKAGE_DEV)
		json_put_str(w, NULL, "dev");
	if (flags & PACKAGE_DECLARED)
		json_put_str(w, NULL, "declared");
	if (flags & PACKAGE_NO_RELEASE)
		json_put_str(w, NULL, "no_release");
	json_end_array(w);
}

void report_put_cpe(struct json_writer *w, const struct package *package)
{
	struct buf cpe;

	buf_init(&cpe, 2 * LIMIT_STRING_BYTES);
	cpe_of_package(package, &cpe);
	json_put_text_if(w, "cpe", buf_slice(&cpe));
	buf_deinit(&cpe);
}

static void put_package(struct json_writer *w, const struct image_result *r, const struct result_package *p)
{
	const struct package *k = &p->package;

	json_begin_object(w, NULL);
	json_put_text(w, "purl", p->purl);
	report_put_cpe(w, k);
	json_put_text(w, "name", k->name);
	json_put_text(w, "version", k->version);
	json_put_text(w, "type", k->type);
	json_put_text_if(w, "arch", k->arch);
	json_begin_object(w, "source");
	json_put_text(w, "name", k->source_name.len ? k->source_name : k->name);
	json_put_text(w, "version", k->source_version.len ? k->source_version : k->version);
	json_end_object(w);
	json_put_text_if(w, "license", k->license);
	json_put_text_if(w, "vendor", k->vendor);
	json_put_text_if(w, "modularity", k->modularity);
	if (k->flags)
		put_flags(w, k->flags);
	json_put_text_if(w, "owner", p->owner);
	if (p->suppressed != PACKAGE_LISTED)
		json_put_bool(w, "matched", false);
	put_layer_ref(w, r, p->layer);
	put_texts(w, "paths", p->paths, p->paths_count);
	json_end_object(w);
}

static void put_cvss(struct json_writer *w, const struct result_vulnerability *v)
{
	if (v->cvss_score < 0 && !v->cvss_vector.len) {
		json_put_null(w, "cvss");
		return;
	}
	json_begin_object(w, "cvss");
	if (v->cvss_score < 0)
		json_put_null(w, "score");
	else
		json_put_fixed(w, "score", v->cvss_score, 1);
	put_text_or_null(w, "vector", v->cvss_vector);
	json_end_object(w);
}

static void put_vulnerability(struct json_writer *w, const struct image_result *r, const struct result_vulnerability *v)
{
	static const struct result_package none = {.layer = UINT32_MAX};
	const struct result_package       *p = v->package < r->packages_count ? &r->packages[v->package] : &none;

	json_begin_object(w, NULL);
	json_put_text(w, "id", v->id);
	put_texts(w, "aliases", v->aliases, v->aliases_count);
	json_put_text(w, "purl", p->purl);
	json_put_text(w, "installed", p->package.version);
	put_text_or_null(w, "fixed", v->fixed);
	json_put_str(w, "severity", severity_name(v->severity));
	put_text_or_null(w, "severity_source", v->severity_source);
	put_cvss(w, v);
	json_put_text_if(w, "summary", v->summary);
	if (v->approximate)
		json_put_bool(w, "approximate", true);
	put_layer_ref(w, r, p->layer);
	json_end_object(w);
}

static void put_findings(struct json_writer *w, const struct image_result *r)
{
	json_begin_array(w, "findings");
	for (size_t i = 0; i < r->findings_count; i++) {
		const struct result_finding *f = &r->findings[i];

		json_begin_object(w, NULL);
		json_put_text(w, "kind", f->kind);
		json_put_text(w, "text", f->text);
		json_put_text_if(w, "path", f->path);
		json_put_str(w, "severity", severity_name(f->severity));
		if (f->layer != UINT32_MAX)
			put_layer_ref(w, r, f->layer);
		json_end_object(w);
	}
	json_end_array(w);
}

static void put_notes(struct json_writer *w, const struct image_result *r)
{
	static const char *const kinds[] = {"info", "skipped", "partial"};

	json_begin_array(w, "notes");
	for (size_t i = 0; i < r->notes_count; i++) {
		json_begin_object(w, NULL);
		json_put_str(w, "kind", kinds[r->notes[i].kind <= NOTE_PARTIAL ? r->notes[i].kind : NOTE_INFO]);
		json_put_text_if(w, "path", r->notes[i].path);
		json_put_text(w, "reason", r->notes[i].reason);
		if (r->notes_layer)
			put_layer_ref(w, r, r->notes_layer[i]);
		json_end_object(w);
	}
	json_end_array(w);
	put_texts(w, "warnings", r->image.warnings, r->image.warnings_count);
}

static void put_identity(struct json_writer *w, const struct image_result *r)
{
	static const char *const statuses[] = {"ok", "skipped", "failed"};
	char                     platform[96];

	platform_text(&r->image.platform, platform);
	json_put_str(w, "schema", "varve.image/1");
	json_put_text(w, "reference", r->image.reference);
	put_digest(w, "digest", &r->image.digest);
	if (!digest_is_zero(&r->image.index_digest))
		put_digest(w, "index_digest", &r->image.index_digest);
	put_text_or_null(w, "platform", slice_str(platform));
	put_os(w, &r->os);
	json_put_str(w, "status", statuses[r->image.status <= IMAGE_FAILED ? r->image.status : IMAGE_FAILED]);
	if (r->image.status == IMAGE_FAILED)
		json_put_str(w, "error", err_name(r->image.error));
	json_put_text_if(w, "reason", r->image.reason);
	json_put_bool(w, "complete", r->complete);
	json_put_text_if(w, "incomplete_reason", r->incomplete_reason);
}

void json_write_image_result(struct json_writer *w, const struct image_result *r, bool negligible)
{
	struct report_options options = {.negligible = negligible};

	json_begin_object(w, NULL);
	put_identity(w, r);
	put_coverage(w, r);
	put_layers(w, r);
	json_begin_array(w, "packages");
	for (size_t i = 0; i < r->packages_count; i++)
		put_package(w, r, &r->packages[i]);
	json_end_array(w);
	json_begin_array(w, "vulnerabilities");
	for (size_t i = 0; i < r->vulnerabilities_count; i++)
		if (report_shows(&options, r->vulnerabilities[i].severity))
			put_vulnerability(w, r, &r->vulnerabilities[i]);
	json_end_array(w);
	json_put_uint(w, "negligible_hidden", report_hidden(&options, r));
	put_findings(w, r);
	put_notes(w, r);
	json_end_object(w);
}

struct json_state {
	uint64_t images;
};

static void json_begin(struct report *report)
{
	(void)report; /* the bracket comes with the first image: a run that could not begin prints nothing */
}

static void json_image(struct report *report, const struct image_result *result)
{
	struct json_state *state = report->state;
	struct json_writer w = json_writer_of(&report->out, 2);

	buf_str(&report->out, state->images++ ? ",\n" : "[\n");
	json_write_image_result(&w, result, report->options.negligible);
}

static void json_end(struct report *report, const struct report_run *run)
{
	struct json_state *state = report->state;

	(void)run;
	buf_str(&report->out, state->images ? "\n]\n" : "[]\n");
}

static void jsonl_begin(struct report *report)
{
	(void)report;
}

static void jsonl_image(struct report *report, const struct image_result *result)
{
	struct json_writer w = json_writer_of(&report->out, 0);

	json_write_image_result(&w, result, report->options.negligible);
	buf_byte(&report->out, '\n');
}

static void jsonl_end(struct report *report, const struct report_run *run)
{
	(void)report;
	(void)run;
}

const struct report_format report_json = {"json", sizeof(struct json_state), json_begin, json_image, json_end, NULL};
const struct report_format report_jsonl = {"jsonl", 0, jsonl_begin, jsonl_image, jsonl_end, NULL};
