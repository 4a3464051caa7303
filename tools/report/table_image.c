/* table_image.c - all about one image: what it is, how far the answer reaches, then what is wrong with it. */
#include "report/table_parts.h"

#include "base/escape.h"

#include <stdio.h>

static void put_label(struct buf *out, const struct report_options *o, const char *label)
{
	char text[24];

	snprintf(text, sizeof(text), "  %-12s", label);
	style_put(out, o->colour, STYLE_DIM, slice_str(text));
}

static void put_line(struct buf *out, const struct report_options *o, const char *label, struct slice text)
{
	if (!text.len)
		return;
	put_label(out, o, label);
	table_paragraph(out, 14, o->columns, text);
}

static void put_digest_line(struct buf *out, const struct report_options *o, const char *label,
			    const struct digest *digest)
{
	char text[DIGEST_TEXT_BYTES];

	digest_text(digest, text);
	if (!digest_is_zero(digest))
		put_line(out, o, label, slice_str(text));
}

static void put_layers_line(struct buf *out, const struct report_options *o, const struct image_result *r)
{
	size_t      counts[LAYER_SKIPPED + 1] = {0};
	struct buf  text = {.bytes_max = 1024};
	const char *separator = ": ";

	for (size_t i = 0; i < r->layers_count; i++)
		counts[r->layers[i].status <= LAYER_SKIPPED ? r->layers[i].status : LAYER_FAILED]++;
	buf_printf(&text, "%zu", r->layers_count);
	for (size_t s = 0; s <= LAYER_SKIPPED; s++) {
		if (!counts[s])
			continue;
		buf_printf(&text, "%s%zu %s", separator, counts[s], layer_status_name((enum layer_status)s));
		separator = ", ";
	}
	put_line(out, o, "layers", buf_slice(&text));
	buf_deinit(&text);
}

static void put_packages_line(struct buf *out, const struct report_options *o, const struct image_result *r)
{
	struct buf text = {.bytes_max = 4096};
	size_t     i = 0;

	buf_printf(&text, "%zu", r->packages_count);
	while (i < r->packages_count) { /* sorted by type */
		size_t start = i;

		while (i < r->packages_count && slice_eq(r->packages[i].package.type, r->packages[start].package.type))
			i++;
		buf_printf(&text, "%s%zu ", start ? ", " : ": ", i - start);
		buf_append(&text, slice_sub(r->packages[start].package.type, 0, 32));
	}
	put_line(out, o, "packages", buf_slice(&text));
	buf_deinit(&text);
}

static void put_identity(struct buf *out, const struct report_options *o, const struct image_result *r)
{
	struct buf title = {.bytes_max = 1u << 20};
	char       platform[96];

	escape_terminal(&title, table_reference(r->image.reference));
	style_put(out, o->colour, STYLE_BOLD, buf_slice(&title));
	buf_byte(out, '\n');
	buf_deinit(&title);
	platform_text(&r->image.platform, platform);
	put_digest_line(out, o, "digest", &r->image.digest);
	put_line(out, o, "platform", slice_str(platform));
	if (r->image.status != IMAGE_OK) {
		put_label(out, o, r->image.status == IMAGE_FAILED ? "FAILED" : "skipped");
		table_paragraph(out, 14, o->columns,
				r->image.reason.len ? r->image.reason : SLICE_LIT("no reason given"));
		return;
	}
	put_line(out, o, "os",
		 r->os.pretty_name.len ? r->os.pretty_name
		 : r->os.id.len        ? r->os.id
				       : SLICE_LIT("unknown"));
	put_packages_line(out, o, r);
	put_layers_line(out, o, r);
}

static void put_coverage_line(struct buf *out, const struct report_options *o, const struct result_coverage *c)
{
	struct buf text = {.bytes_max = 1u << 18};

	buf_append(&text, c->ecosystem.len ? c->ecosystem : SLICE_LIT("(no ecosystem)"));
	buf_printf(&text, ": %s, %llu packages", coverage_words(c->state), (unsigned long long)c->packages);
	if (c->feed_date.len) {
		buf_str(&text, ", feed of ");
		buf_append(&text, c->feed_date);
	}
	if (c->remark.len) {
		buf_str(&text, "; ");
		buf_append(&text, c->remark);
	}
	put_line(out, o, "coverage", buf_slice(&text));
	buf_deinit(&text);
}

static void put_coverage(struct buf *out, const struct report_options *o, const struct image_result *r)
{
	struct buf text = {.bytes_max = 4096};

	if (!r->complete) {
		put_label(out, o, "INCOMPLETE");
		table_paragraph(out, 14, o->columns,
				r->incomplete_reason.len ? r->incomplete_reason : SLICE_LIT("no reason given"));
	}
	for (size_t i = 0; i < r->coverage_count; i++)
		put_coverage_line(out, o, &r->coverage[i]);
	if (!r->coverage_count)
		put_line(out, o, "coverage", SLICE_LIT("none: nothing was compared with any advisory"));
	if (r->advisories_generation.len) {
		buf_str(&text, "generation ");
		buf_append(&text, slice_sub(r->advisories_generation, 0, 16));
		if (r->advisories_date.len) {
			buf_str(&text, " of ");
			buf_append(&text, slice_sub(r->advisories_date, 0, 40));
		}
		put_line(out, o, "advisories", buf_slice(&text));
	} else {
		put_line(out, o, "advisories", SLICE_LIT("no database: run varve db update"));
	}
	buf_deinit(&text);
}

static void put_bands(struct buf *out, const struct report_options *o, const struct image_result *r)
{
	enum severity       bands[SEVERITY_COUNT];
	struct tally_counts counts = tally_counts_of(r);
	size_t              count = table_bands(o, bands), hidden = report_hidden(o, r);
	const char         *separator = "";

	put_label(out, o, "findings");
	for (size_t i = 0; i < count; i++) {
		char text[64];

		if (!counts.severity[bands[i]])
			continue;
		snprintf(text, sizeof(text), "%llu %s", (unsigned long long)counts.severity[bands[i]],
			 severity_name(bands[i]));
		buf_str(out, separator);
		style_put(out, o->colour, severity_style(bands[i]), slice_str(text));
		separator = ", ";
	}
	if (!*separator && !tally_is_matched(r))
		buf_str(out, "not known: nothing could be matched");
	else if (!*separator)
		buf_str(out, tally_is_judged(r) ? "none" : "none found, but this is not proof: see coverage above");
	if (hidden)
		buf_printf(out, "%s%zu negligible not shown (--negligible)", *separator ? ", " : "; ", hidden);
	buf_byte(out, '\n');
}

static void put_vulnerability_row(struct grid *grid, const struct image_result *r, const struct result_vulnerability *v)
{
	static const struct result_package none = {.layer = UINT32_MAX};
	const struct result_package       *p = v->package < r->packages_count ? &r->packages[v->package] : &none;

	grid_cell(grid, severity_style(v->severity), slice_str(severity_name(v->severity)));
	grid_cell(grid, STYLE_PLAIN, v->id);
	grid_cell(grid, STYLE_PLAIN, p->package.name);
	grid_cell(grid, STYLE_PLAIN, p->package.version);
	if (v->fixed.len)
		grid_cell(grid, STYLE_GREEN, v->fixed);
	else
		grid_cell(grid, STYLE_DIM, SLICE_LIT("none known"));
	if (v->cvss_score >= 0)
		grid_cell_printf(grid, STYLE_PLAIN, "%.1f", v->cvss_score);
	else
		grid_cell(grid, STYLE_DIM, SLICE_LIT("-"));
	if (p->layer != UINT32_MAX)
		grid_cell_printf(grid, STYLE_PLAIN, "%u%s", p->layer, v->approximate ? " ~" : "");
	else
		grid_cell(grid, STYLE_DIM, SLICE_LIT("-"));
}

static void put_vulnerabilities(struct buf *out, const struct report_options *o, const struct image_result *r)
{
	static const struct grid_column columns[] = {
		{.title = "SEVERITY"},
		{.title = "ID", .width_min = 13, .width_max = 32},
		{.title = "PACKAGE", .width_min = 10, .width_max = 40},
		{.title = "INSTALLED", .width_min = 9, .width_max = 40},
		{.title = "FIXED", .width_min = 9, .width_max = 40},
		{.title = "CVSS", .right = true},
		{.title = "LAYER"},
	};
	struct grid grid;
	bool        approximate = false;

	grid_init(&grid, columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; i < r->vulnerabilities_count; i++) {
		if (!report_shows(o, r->vulnerabilities[i].severity))
			continue;
		approximate |= r->vulnerabilities[i].approximate;
		put_vulnerability_row(&grid, r, &r->vulnerabilities[i]);
	}
	if (grid.cells_count) {
		buf_byte(out, '\n');
		grid_print(&grid, out, 2, o->columns, true, o->colour);
	}
	if (approximate)
		buf_str(out, "  ~ approximate: judged by module stream or with an empty version\n");
	grid_deinit(&grid);
}

static void put_remarks(struct buf *out, const struct report_options *o, const struct image_result *r)
{
	static const char *const kinds[] = {"note", "not read", "partial"};
	struct buf               text = {.bytes_max = 1u << 18};

	for (size_t i = 0; i < r->findings_count; i++)
		put_line(out, o, "finding", r->findings[i].text);
	for (size_t i = 0; i < r->notes_count; i++) {
		buf_clear(&text);
		buf_append(&text, r->notes[i].path);
		buf_str(&text, r->notes[i].path.len ? ": " : "");
		buf_append(&text, r->notes[i].reason);
		if (r->notes_layer)
			buf_printf(&text, " (layer %u)", r->notes_layer[i]);
		put_line(out, o, kinds[r->notes[i].kind <= NOTE_PARTIAL ? r->notes[i].kind : NOTE_INFO],
			 buf_slice(&text));
	}
	for (size_t i = 0; i < r->layers_count; i++) {
		const struct result_layer *l = &r->layers[i];

		if (!l->reason.len || l->status == LAYER_SCANNED || l->status == LAYER_REUSED)
			continue;
		buf_clear(&text);
		buf_printf(&text, "%zu %s: ", i, layer_status_name(l->status));
		buf_append(&text, l->reason);
		put_line(out, o, "layer", buf_slice(&text));
	}
	for (size_t i = 0; i < r->image.warnings_count; i++)
		put_line(out, o, "warning", r->image.warnings[i]);
	buf_deinit(&text);
}

void table_image_put(struct buf *out, const struct report_options *options, const struct image_result *result)
{
	put_identity(out, options, result);
	if (result->image.status != IMAGE_OK)
		return;
	put_coverage(out, options, result);
	put_remarks(out, options, result);
	put_bands(out, options, result);
	put_vulnerabilities(out, options, result);
}
