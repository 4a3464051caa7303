#include "lib/sample_result.h"

#include <string.h>

void sample_image(struct arena *arena, struct image *image)
{
	*image = (struct image){
		.reference = SLICE_LIT("docker://localhost:5000/app:1"),
		.digest = {{1}},
		.index_digest = {{2}},
		.config_digest = {{3}},
		.status = IMAGE_OK,
		.error = ERR_NET,
		.reason = SLICE_LIT("because"),
		.layers_count = 2,
		.warnings_count = 1,
	};
	platform_set(&image->platform, SLICE_LIT("linux"), SLICE_LIT("arm"), SLICE_LIT("v7"));
	image->layers = arena_array(arena, 2, sizeof(*image->layers));
	image->warnings = arena_array(arena, 1, sizeof(*image->warnings));
	image->layers[0] = (struct image_layer){.digest = {{4}},
						.diff_id = {{5}},
						.size = 77,
						.media_type = SLICE_LIT("application/vnd.oci.image.layer.v1.tar+gzip"),
						.created_by = SLICE_LIT("ADD file"),
						.location = SLICE_LIT("abc/layer.tar")};
	image->layers[1] = (struct image_layer){.size = UINT64_MAX};
	image->warnings[0] = SLICE_LIT("config: 1 diff_ids for 2 layers");
}

static void add_package(struct arena *arena, struct image_result *result)
{
	result->packages_count = 1;
	result->packages = arena_array(arena, 1, sizeof(*result->packages));
	result->packages[0] = (struct result_package){.package = {.type = SLICE_LIT("deb"),
								  .name = SLICE_LIT("bash"),
								  .version = SLICE_LIT("5.2-1"),
								  .arch = SLICE_LIT("amd64")},
						      .purl = SLICE_LIT("pkg:deb/debian/bash@5.2-1?arch=amd64"),
						      .layer = 1,
						      .paths = arena_array(arena, 1, sizeof(struct slice)),
						      .paths_count = 1};
	result->packages[0].paths[0] = SLICE_LIT("var/lib/dpkg/status");
}

static void add_vulnerability(struct arena *arena, struct image_result *result)
{
	result->vulnerabilities_count = 1;
	result->vulnerabilities = arena_array(arena, 1, sizeof(*result->vulnerabilities));
	result->vulnerabilities[0] =
		(struct result_vulnerability){.id = SLICE_LIT("CVE-2022-3715"),
					      .aliases = arena_array(arena, 1, sizeof(struct slice)),
					      .aliases_count = 1,
					      .fixed = SLICE_LIT("5.2-2"),
					      .severity = SEVERITY_HIGH,
					      .severity_source = SLICE_LIT("CVE-2022-3715 cvss 3.1"),
					      .cvss_vector = SLICE_LIT("CVSS:3.1/AV:L"),
					      .cvss_score = 7.8,
					      .summary = SLICE_LIT("heap overflow"),
					      .approximate = true};
	result->vulnerabilities[0].aliases[0] = SLICE_LIT("DSA-1-1");
}

void sample_result(struct arena *arena, struct image_result *result)
{
	*result = (struct image_result){
		.os = {.path = SLICE_LIT("etc/os-release"), .id = SLICE_LIT("debian"), .version_id = SLICE_LIT("12")},
		.incomplete_reason = SLICE_LIT("layer 1: partial"),
		.advisories_generation = SLICE_LIT("abcd"),
		.advisories_date = SLICE_LIT("2026-01-01T00:00:00Z"),
		.layers_count = 2,
		.findings_count = 1,
		.coverage_count = 1,
		.notes_count = 1,
	};
	sample_image(arena, &result->image);
	result->layers = arena_array(arena, 2, sizeof(*result->layers));
	result->layers[0] =
		(struct result_layer){.digest = {{4}}, .diff_id = {{5}}, .size = 77, .status = LAYER_REUSED};
	result->layers[1] = (struct result_layer){.status = LAYER_PARTIAL, .reason = SLICE_LIT("entries_max: many")};
	add_package(arena, result);
	add_vulnerability(arena, result);
	result->findings = arena_array(arena, 1, sizeof(*result->findings));
	result->findings[0] = (struct result_finding){.kind = SLICE_LIT("diff_id_mismatch"),
						      .text = SLICE_LIT("text"),
						      .path = SLICE_LIT("p"),
						      .layer = UINT32_MAX,
						      .severity = SEVERITY_MEDIUM};
	result->coverage = arena_array(arena, 1, sizeof(*result->coverage));
	result->coverage[0] = (struct result_coverage){.ecosystem = SLICE_LIT("Debian:12"),
						       .packages = 1,
						       .state = COVERAGE_MATCHED,
						       .feed_date = SLICE_LIT("2026-01-01T00:00:00Z"),
						       .remark = SLICE_LIT("r")};
	result->notes = arena_array(arena, 1, sizeof(*result->notes));
	result->notes[0] = (struct note){.kind = NOTE_PARTIAL, .path = SLICE_LIT("x"), .reason = SLICE_LIT("y")};
	result->notes_layer = arena_array(arena, 1, sizeof(*result->notes_layer));
	result->notes_layer[0] = 1;
}
