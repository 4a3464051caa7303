/* report_cyclonedx.c - one CycloneDX 1.6 JSON document for the run (ECMA-424; schema bom-1.6.schema.json).
 *
 * One image: it is metadata.component and its packages are the components. Several: each is a component of type
 * "container" that holds its packages. The document has no time stamp and its serial number is a hash of its content,
 * so that the same results give the same bytes. Parts are collected and put in order at the end: their order of
 * arrival is not that of the document. Varve's own facts are properties "varve:…". */
#include "report/hash_map.h"
#include "report/report_format.h"

#include "base/limits.h"

#include <stdio.h>
#include <string.h>

enum { VERSION_BYTES_MAX = 1024 }; /* of a version string, by the schema */

struct cyclonedx_state {
	struct buf      first_head;       /* the first image's component, its brace still open */
	struct buf      first_components; /* and its packages */
	struct buf      components;       /* all images, once there are several */
	struct buf      vulnerabilities, dependencies, compositions;
	struct hash_map seen; /* images already in the document: bom-refs are unique */
	uint64_t        images;
	char            image_ref[80]; /* bom-ref of the image at hand */
};

static struct buf *const *state_bufs(struct cyclonedx_state *s, struct buf *list[7])
{
	list[0] = &s->first_head;
	list[1] = &s->first_components;
	list[2] = &s->components;
	list[3] = &s->vulnerabilities;
	list[4] = &s->dependencies;
	list[5] = &s->compositions;
	list[6] = NULL;
	return list;
}

static void put_property(struct json_writer *w, const char *name, struct slice value)
{
	if (!value.len)
		return;
	json_begin_object(w, NULL);
	json_put_str(w, "name", name);
	json_put_text(w, "value", value);
	json_end_object(w);
}

static void put_property_uint(struct json_writer *w, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	put_property(w, name, slice_str(text));
}

static void put_coverage_property(struct json_writer *w, const struct result_coverage *c)
{
	struct buf  text = {.bytes_max = LIMIT_STRING_BYTES * 4};
	const char *state = coverage_name(c->state);

	buf_append(&text, c->ecosystem.len ? c->ecosystem : SLICE_LIT("unknown ecosystem"));
	buf_printf(&text, ": %s, %llu packages", state, (unsigned long long)c->packages);
	if (c->feed_date.len) {
		buf_str(&text, ", feed of ");
		buf_append(&text, c->feed_date);
	}
	if (c->remark.len) {
		buf_str(&text, ", ");
		buf_append(&text, c->remark);
	}
	put_property(w, "varve:coverage", buf_slice(&text));
	buf_deinit(&text);
}

static void put_layer_property(struct json_writer *w, const struct result_layer *l, size_t index)
{
	struct buf text = {.bytes_max = LIMIT_STRING_BYTES * 2};
	char       digest[DIGEST_TEXT_BYTES];

	digest_text(&l->digest, digest);
	buf_printf(&text, "%zu: %s %s", index, digest_is_zero(&l->digest) ? "no digest" : digest,
		   layer_status_name(l->status));
	if (l->reason.len) {
		buf_str(&text, ": ");
		buf_append(&text, l->reason);
	}
	put_property(w, "varve:layer", buf_slice(&text));
	buf_deinit(&text);
}

static void put_image_properties(struct json_writer *w, const struct report *report, const struct image_result *r)
{
	static const char *const statuses[] = {"ok", "skipped", "failed"};
	char                     platform[96];

	platform_text(&r->image.platform, platform);
	json_begin_array(w, "properties");
	put_property(w, "varve:reference", r->image.reference);
	put_property(w, "varve:platform", slice_str(platform));
	put_property(w, "varve:status",
		     slice_str(statuses[r->image.status <= IMAGE_FAILED ? r->image.status : IMAGE_FAILED]));
	put_property(w, "varve:reason", r->image.reason);
	put_property(w, "varve:complete", slice_str(r->complete ? "true" : "false"));
	put_property(w, "varve:incomplete_reason", r->incomplete_reason);
	put_property(w, "varve:advisories:generation",
		     r->advisories_generation.len ? r->advisories_generation : SLICE_LIT("none: no advisory database"));
	put_property(w, "varve:advisories:date", r->advisories_date);
	for (size_t i = 0; i < r->coverage_count; i++)
		put_coverage_property(w, &r->coverage[i]);
	put_property_uint(w, "varve:negligible_hidden", report_hidden(&report->options, r));
	for (size_t i = 0; i < r->layers_count; i++)
		put_layer_property(w, &r->layers[i], i);
	for (size_t i = 0; i < r->findings_count; i++)
		put_property(w, "varve:finding", r->findings[i].text);
	for (size_t i = 0; i < r->notes_count; i++)
		put_property(w, "varve:note", r->notes[i].reason);
	for (size_t i = 0; i < r->image.warnings_count; i++)
		put_property(w, "varve:warning", r->image.warnings[i]);
	json_end_array(w);
}

/* The component of the image itself, left open: packages may follow. */
static void put_image_head(struct buf *out, const struct report *report, const struct image_result *r)
{
	struct cyclonedx_state *s = report->state;
	struct json_writer      w = json_writer_of(out, 0);
	char                    text[DIGEST_TEXT_BYTES];

	digest_text(&r->image.digest, text);
	json_begin_object(&w, NULL);
	json_put_str(&w, "type", "container");
	json_put_str(&w, "bom-ref", s->image_ref);
	json_put_text(&w, "name", r->image.reference);
	if (!digest_is_zero(&r->image.digest))
		json_put_str(&w, "version", text);
	put_image_properties(&w, report, r);
}

/* bom-ref of package `index`: unique also where one purl is installed twice. */
static void package_ref(const struct cyclonedx_state *s, const struct image_result *r, size_t index, struct buf *out)
{
	buf_clear(out);
	buf_str(out, s->image_ref);
	if (index >= r->packages_count)
		return; /* of no known package: the image's */
	buf_printf(out, "/%zu/", index);
	buf_append(out, r->packages[index].purl);
}

static void put_package_properties(struct json_writer *w, const struct image_result *r, const struct result_package *p)
{
	char digest[DIGEST_TEXT_BYTES];

	json_begin_array(w, "properties");
	put_property_uint(w, "varve:layer:index", p->layer);
	if (p->layer < r->layers_count && !digest_is_zero(&r->layers[p->layer].digest)) {
		digest_text(&r->layers[p->layer].digest, digest);
		put_property(w, "varve:layer:digest", slice_str(digest));
	}
	put_property(w, "varve:source:name", p->package.source_name);
	put_property(w, "varve:source:version", p->package.source_version);
	put_property(w, "varve:arch", p->package.arch);
	put_property(w, "varve:modularity", p->package.modularity);
	if (p->package.flags & PACKAGE_VIRTUAL)
		put_property(w, "varve:flag", SLICE_LIT("virtual"));
	if (p->package.flags & PACKAGE_NOT_CONFIGURED)
		put_property(w, "varve:flag", SLICE_LIT("not_configured"));
	if (p->package.flags & PACKAGE_THIRD_PARTY)
		put_property(w, "varve:flag", SLICE_LIT("third_party"));
	for (size_t i = 0; i < p->paths_count; i++)
		put_property(w, "varve:path", p->paths[i]);
	json_end_array(w);
}

static void put_package(struct json_writer *w, const struct image_result *r, const struct result_package *p,
			struct slice ref)
{
	json_begin_object(w, NULL);
	json_put_str(w, "type", "library");
	json_put_text(w, "bom-ref", ref);
	json_put_text_if(w, "publisher", p->package.vendor);
	json_put_text(w, "name", p->package.name);
	json_put_text(w, "version", slice_sub(p->package.version, 0, VERSION_BYTES_MAX));
	if (p->package.license.len) {
		json_begin_array(w, "licenses");
		json_begin_object(w, NULL);
		json_begin_object(w, "license");
		json_put_text(w, "name", p->package.license);
		json_end_object(w);
		json_end_object(w);
		json_end_array(w);
	}
	report_put_cpe(w, &p->package);
	json_put_text_if(w, "purl", p->purl);
	put_package_properties(w, r, p);
	json_end_object(w);
}

static void put_os(struct buf *out, const struct cyclonedx_state *s, const struct image_result *r)
{
	struct json_writer w = json_writer_of(out, 0);
	char               ref[sizeof(s->image_ref) + 8];

	snprintf(ref, sizeof(ref), "%s/os", s->image_ref);
	json_begin_object(&w, NULL);
	json_put_str(&w, "type", "operating-system");
	json_put_str(&w, "bom-ref", ref);
	json_put_text(&w, "name", r->os.id);
	if (r->os.version_id.len)
		json_put_text(&w, "version", slice_sub(r->os.version_id, 0, VERSION_BYTES_MAX));
	json_put_text_if(&w, "description", r->os.pretty_name);
	json_end_object(&w);
}

static void separate(struct buf *out)
{
	if (out->len)
		buf_str(out, ",\n");
}

static void put_components(struct buf *out, const struct cyclonedx_state *s, const struct image_result *r)
{
	struct buf ref = {.bytes_max = LIMIT_STRING_BYTES * 8};
	size_t     start = out->len;

	if (r->os.id.len)
		put_os(out, s, r);
	for (size_t i = 0; i < r->packages_count; i++) {
		struct json_writer w = json_writer_of(out, 0);

		if (out->len > start)
			buf_str(out, ",\n");
		package_ref(s, r, i, &ref);
		put_package(&w, r, &r->packages[i], buf_slice(&ref));
	}
	buf_deinit(&ref);
}

static void put_dependencies(struct buf *out, const struct cyclonedx_state *s, const struct image_result *r)
{
	struct buf         ref = {.bytes_max = LIMIT_STRING_BYTES * 8};
	struct json_writer w = json_writer_of(out, 0);

	separate(out);
	json_begin_object(&w, NULL);
	json_put_str(&w, "ref", s->image_ref);
	json_begin_array(&w, "dependsOn");
	for (size_t i = 0; i < r->packages_count; i++) {
		package_ref(s, r, i, &ref);
		json_put_text(&w, NULL, buf_slice(&ref));
	}
	json_end_array(&w);
	json_end_object(&w);
	buf_deinit(&ref);
}

static const char *score_method(struct slice vector)
{
	return slice_starts(vector, "CVSS:4")     ? "CVSSv4"
	       : slice_starts(vector, "CVSS:3.1") ? "CVSSv31"
	       : slice_starts(vector, "CVSS:3")   ? "CVSSv3"
	       : vector.len                       ? "CVSSv2"
						  : "other";
}

static void put_rating(struct json_writer *w, const struct result_vulnerability *v)
{
	json_begin_array(w, "ratings");
	json_begin_object(w, NULL);
	if (v->severity_source.len) {
		json_begin_object(w, "source");
		json_put_text(w, "name", v->severity_source);
		json_end_object(w);
	}
	if (v->cvss_score >= 0)
		json_put_fixed(w, "score", v->cvss_score, 1);
	json_put_str(w, "severity", v->severity == SEVERITY_NEGLIGIBLE ? "info" : severity_name(v->severity));
	json_put_str(w, "method", score_method(v->cvss_vector));
	json_put_text_if(w, "vector", v->cvss_vector);
	json_end_object(w);
	json_end_array(w);
}

static void put_aliases(struct json_writer *w, const struct result_vulnerability *v)
{
	if (!v->aliases_count)
		return;
	json_begin_array(w, "references");
	for (size_t i = 0; i < v->aliases_count; i++) {
		json_begin_object(w, NULL);
		json_put_text(w, "id", v->aliases[i]);
		json_begin_object(w, "source");
		json_put_str(w, "name", "OSV");
		json_end_object(w);
		json_end_object(w);
	}
	json_end_array(w);
}

static void put_affects(struct json_writer *w, const struct cyclonedx_state *s, const struct image_result *r,
			const struct result_vulnerability *v)
{
	struct buf ref = {.bytes_max = LIMIT_STRING_BYTES * 8};

	json_begin_array(w, "affects");
	json_begin_object(w, NULL);
	package_ref(s, r, v->package, &ref);
	json_put_text(w, "ref", buf_slice(&ref));
	if (v->package < r->packages_count && r->packages[v->package].package.version.len) {
		json_begin_array(w, "versions");
		json_begin_object(w, NULL);
		json_put_text(w, "version", slice_sub(r->packages[v->package].package.version, 0, VERSION_BYTES_MAX));
		json_put_str(w, "status", "affected");
		json_end_object(w);
		json_end_array(w);
	}
	json_end_object(w);
	json_end_array(w);
	buf_deinit(&ref);
}

static void put_vulnerability(struct buf *out, const struct cyclonedx_state *s, const struct image_result *r,
			      size_t index)
{
	const struct result_vulnerability *v = &r->vulnerabilities[index];
	struct buf                         text = {.bytes_max = LIMIT_STRING_BYTES * 8};
	struct json_writer                 w = json_writer_of(out, 0);

	separate(out);
	json_begin_object(&w, NULL);
	buf_printf(&text, "%s/vulnerability/%zu", s->image_ref, index);
	json_put_text(&w, "bom-ref", buf_slice(&text));
	json_put_text(&w, "id", v->id);
	put_aliases(&w, v);
	put_rating(&w, v);
	json_put_text_if(&w, "description", v->summary);
	if (v->fixed.len && v->package < r->packages_count) {
		buf_clear(&text);
		buf_str(&text, "Upgrade ");
		buf_append(&text, r->packages[v->package].package.name);
		buf_str(&text, " to ");
		buf_append(&text, v->fixed);
		json_put_text(&w, "recommendation", buf_slice(&text));
	}
	put_affects(&w, s, r, v);
	if (v->approximate) {
		json_begin_array(&w, "properties");
		put_property(&w, "varve:approximate", SLICE_LIT("true"));
		json_end_array(&w);
	}
	json_end_object(&w);
	buf_deinit(&text);
}

static void put_composition(struct buf *out, const struct cyclonedx_state *s, const struct image_result *r)
{
	struct json_writer w = json_writer_of(out, 0);

	separate(out);
	json_begin_object(&w, NULL);
	json_put_str(&w, "aggregate", r->complete ? "unknown" : "incomplete");
	json_begin_array(&w, "assemblies");
	json_put_str(&w, NULL, s->image_ref);
	json_end_array(&w);
	json_end_object(&w);
}

/* Names the image for bom-refs; false if the very same image is in the document already. */
static bool name_image(struct cyclonedx_state *s, const struct image_result *r)
{
	struct buf key = {.bytes_max = LIMIT_STRING_BYTES * 2};
	uint8_t    hash[SHA256_BYTES];
	char       hex[33], platform[96];
	bool       added;

	platform_text(&r->image.platform, platform);
	buf_append(&key, r->image.reference);
	buf_byte(&key, 0);
	buf_append(&key, digest_slice(&r->image.digest));
	buf_str(&key, platform);
	sha256_once(buf_slice(&key), hash);
	buf_deinit(&key);
	digest_hex(hash, 16, hex);
	snprintf(s->image_ref, sizeof(s->image_ref), "image:%s", hex);
	return !hash_map_at(&s->seen, xxh64_once(slice_of(hash, sizeof(hash)), 0), &added) || added;
}

static void put_nested(struct buf *out, const struct buf *head, const struct buf *components)
{
	separate(out);
	buf_append(out, buf_slice(head));
	if (components->len) {
		buf_str(out, ",\"components\":[\n");
		buf_append(out, buf_slice(components));
		buf_str(out, "\n]");
	}
	buf_str(out, "}");
}

static void cyclonedx_begin(struct report *report)
{
	struct cyclonedx_state *s = report->state;
	struct buf             *list[7];

	for (struct buf *const *b = state_bufs(s, list); *b; b++)
		buf_init(*b, LIMIT_REPORT_BYTES);
	hash_map_init(&s->seen, 1u << 26);
}

static void check_bufs(struct report *report)
{
	struct buf *list[7];

	for (struct buf *const *b = state_bufs(report->state, list); *b; b++)
		report->out.failed |= !buf_ok(*b);
}

static void cyclonedx_image(struct report *report, const struct image_result *r)
{
	struct cyclonedx_state *s = report->state;

	if (!name_image(s, r))
		return;
	if (s->images == 1)
		put_nested(&s->components, &s->first_head, &s->first_components);
	buf_clear(&s->first_head);
	buf_clear(&s->first_components);
	put_image_head(&s->first_head, report, r);
	put_components(&s->first_components, s, r);
	if (s->images++)
		put_nested(&s->components, &s->first_head, &s->first_components);
	for (size_t i = 0; i < r->vulnerabilities_count; i++)
		if (report_shows(&report->options, r->vulnerabilities[i].severity))
			put_vulnerability(&s->vulnerabilities, s, r, i);
	put_dependencies(&s->dependencies, s, r);
	put_composition(&s->compositions, s, r);
	check_bufs(report);
}

/* urn:uuid of version 8 (RFC 9562: vendor's own) from the content. */
static void serial_number(struct cyclonedx_state *s, char out[64])
{
	struct sha256 *hash = sha256_new();
	uint8_t        sum[SHA256_BYTES] = {0};
	struct buf    *list[7];
	char           hex[33];

	for (struct buf *const *b = state_bufs(s, list); *b && hash; b++)
		sha256_update(hash, buf_slice(*b));
	if (hash)
		sha256_final(hash, sum);
	sha256_free(hash);
	sum[6] = (uint8_t)((sum[6] & 0x0f) | 0x80);
	sum[8] = (uint8_t)((sum[8] & 0x3f) | 0x80);
	digest_hex(sum, 16, hex);
	snprintf(out, 64, "urn:uuid:%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static void put_array(struct buf *out, const char *key, const struct buf *items)
{
	buf_printf(out, ",\n\"%s\":[", key);
	if (items->len) {
		buf_byte(out, '\n');
		buf_append(out, buf_slice(items));
		buf_byte(out, '\n');
	}
	buf_byte(out, ']');
}

static void cyclonedx_end(struct report *report, const struct report_run *run)
{
	struct cyclonedx_state *s = report->state;
	struct buf             *out = &report->out;
	char                    serial[64];

	(void)run;
	serial_number(s, serial);
	buf_printf(out,
		   "{\"$schema\":\"http://cyclonedx.org/schema/bom-1.6.schema.json\",\"bomFormat\":\"CycloneDX\","
		   "\"specVersion\":\"1.6\",\"serialNumber\":\"%s\",\"version\":1,\n",
		   serial);
	buf_printf(out,
		   "\"metadata\":{\"tools\":{\"components\":[{\"type\":\"application\",\"name\":\"varve\",\"version\":"
		   "\"%s\"}]}",
		   VARVE_VERSION);
	if (s->images == 1) {
		buf_str(out, ",\n\"component\":");
		buf_append(out, buf_slice(&s->first_head));
		buf_str(out, "}");
	}
	buf_str(out, "}");
	put_array(out, "components", s->images == 1 ? &s->first_components : &s->components);
	put_array(out, "dependencies", &s->dependencies);
	put_array(out, "compositions", &s->compositions);
	put_array(out, "vulnerabilities", &s->vulnerabilities);
	buf_str(out, "}\n");
}

static void cyclonedx_deinit(struct report *report)
{
	struct cyclonedx_state *s = report->state;
	struct buf             *list[7];

	for (struct buf *const *b = state_bufs(s, list); *b; b++)
		buf_deinit(*b);
	hash_map_deinit(&s->seen);
}

const struct report_format report_cyclonedx = {
	"cyclonedx", sizeof(struct cyclonedx_state), cyclonedx_begin, cyclonedx_image, cyclonedx_end, cyclonedx_deinit,
};
