/* Which images a reference stands for: platforms, nested indexes, cycles, artifacts, configs that are missing or bad. */
#include "lib/check.h"

#include "base/limits.h"
#include "source/resolve.h"

#include <stdlib.h>
#include <string.h>

/* A registry in memory: documents by digest. */
enum { DOCS_MAX = 1100 };

struct doc {
	struct slice  bytes;
	struct digest digest;
	int           error; /* what reading it gives */
};

struct world {
	struct arena      arena;
	struct doc        docs[DOCS_MAX];
	size_t            docs_count;
	unsigned          reads;
	struct image_list list;
};

static struct doc *add(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static struct doc *add(struct world *w, const char *format, ...)
{
	struct doc *doc = &w->docs[w->docs_count++];
	struct buf  text;
	char        line[8192];
	va_list     args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	buf_init(&text, sizeof(line));
	buf_str(&text, line);
	doc->bytes = arena_copy(&w->arena, buf_slice(&text));
	digest_of(doc->bytes, &doc->digest);
	buf_deinit(&text);
	return doc;
}

static const char *text_of(struct world *w, const struct doc *doc)
{
	char text[DIGEST_TEXT_BYTES];

	digest_text(&doc->digest, text);
	return arena_str(&w->arena, slice_str(text));
}

static struct doc *add_image(struct world *w, const char *os, const char *arch)
{
	struct doc *config = add(w, "{\"os\":\"%s\",\"architecture\":\"%s\",\"rootfs\":{\"diff_ids\":[]}}", os, arch);

	return add(w, "{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\",\"size\":%zu},\"layers\":[]}",
		   text_of(w, config), config->bytes.len);
}

/* "{descriptor}" of a child; platform "" = none. */
static const char *child(struct world *w, const struct doc *doc, bool index, const char *os, const char *arch,
			 const char *variant)
{
	char text[1024], platform[200] = "";

	if (os[0])
		snprintf(platform, sizeof(platform),
			 ",\"platform\":{\"os\":\"%s\",\"architecture\":\"%s\",\"variant\":\"%s\"}", os, arch, variant);
	snprintf(text, sizeof(text),
		 "{\"mediaType\":\"application/vnd.oci.image.%s.v1+json\",\"digest\":\"%s\",\"size\":%zu%s}",
		 index ? "index" : "manifest", text_of(w, doc), doc->bytes.len, platform);
	return arena_str(&w->arena, slice_str(text));
}

static int read_doc(void *data, const struct digest *digest, uint64_t size, struct buf *out, struct err *err)
{
	struct world *w = data;

	(void)size;
	w->reads++;
	for (size_t i = 0; i < w->docs_count; i++) {
		if (!digest_eq(&w->docs[i].digest, digest))
			continue;
		if (w->docs[i].error)
			return err_set(err, w->docs[i].error, "made to fail");
		buf_append(out, w->docs[i].bytes);
		return buf_ok(out) ? 0 : err_set(err, ERR_LIMIT, "too large");
	}
	return err_set(err, ERR_NOT_FOUND, "no such document");
}

static int resolve(struct world *w, const struct doc *doc, const char *platform)
{
	struct blob_reader reader = {.manifest = read_doc, .config = read_doc, .data = w};
	struct platform    want;
	struct resolve_job job = {.reader = &reader, .reference = SLICE_LIT("docker://h.example/a:1"), .want = &want};

	w->list = (struct image_list){.arena = &w->arena};
	assert_int_equal(platform_parse(slice_str(platform), &want, NULL), 0);
	return resolve_manifest(&job, doc->bytes, &doc->digest, &w->list, NULL);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	arena_init(&w->arena, MANIFEST_ARENA_BYTES);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	arena_deinit(&w->arena);
	free(w);
	return 0;
}

static void expect_one(struct world *w, const struct doc *doc, const char *platform, enum image_status status,
		       const char *words)
{
	assert_int_equal(resolve(w, doc, platform), 0);
	assert_int_equal(w->list.count, 1);
	assert_slice_equal(w->list.images[0].reference, "docker://h.example/a:1");
	if (w->list.images[0].status != status || slice_find_str(w->list.images[0].reason, words) == SIZE_MAX)
		fail_msg("status %d, \"%.*s\"", w->list.images[0].status, SLICE_FMT(w->list.images[0].reason));
}

static void a_single_manifest_is_scanned_whatever_its_platform(void **state)
{
	struct world *w = *state;
	struct doc   *image = add_image(w, "windows", "arm64");

	expect_one(w, image, "linux/amd64", IMAGE_OK, "");
	assert_string_equal(w->list.images[0].platform.os, "windows");
	assert_true(digest_eq(&w->list.images[0].digest, &image->digest));
	assert_true(digest_is_zero(&w->list.images[0].index_digest));
}

static void the_best_platform_of_an_index_is_taken(void **state)
{
	struct world *w = *state;
	struct doc   *v6 = add_image(w, "linux", "arm"), *amd = add_image(w, "linux", "amd64"),
		   *v5 = add(w, "%.*s ", SLICE_FMT(v6->bytes));
	struct doc *index = add(w, "{\"manifests\":[%s,%s,%s]}", child(w, amd, false, "linux", "amd64", ""),
				child(w, v5, false, "linux", "arm", "v5"), child(w, v6, false, "linux", "arm", "v6"));

	expect_one(w, index, "linux/arm/v7", IMAGE_OK, "");
	assert_true(digest_eq(&w->list.images[0].digest, &v6->digest));
	assert_true(digest_eq(&w->list.images[0].index_digest, &index->digest));
	assert_string_equal(w->list.images[0].platform.variant, "v6");
}

static void a_missing_platform_is_a_visible_failure(void **state)
{
	struct world *w = *state;
	struct doc   *amd = add_image(w, "linux", "amd64");
	struct doc   *index = add(w, "{\"manifests\":[%s,%s]}", child(w, amd, false, "linux", "amd64", ""),
				  child(w, amd, false, "unknown", "unknown", ""));

	expect_one(w, index, "linux/s390x", IMAGE_FAILED, "no linux/s390x in the index; it has linux/amd64");
	assert_int_equal(w->list.images[0].error, ERR_NOT_FOUND);
	assert_int_equal(w->reads, 0);
}

static void an_index_without_platforms_is_decided_by_configs(void **state)
{
	struct world *w = *state;
	struct doc   *arm = add_image(w, "linux", "arm64"), *amd = add_image(w, "linux", "amd64");
	struct doc   *index =
		add(w, "{\"manifests\":[%s,%s]}", child(w, arm, false, "", "", ""), child(w, amd, false, "", "", ""));

	expect_one(w, index, "linux/amd64", IMAGE_OK, "");
	assert_true(digest_eq(&w->list.images[0].digest, &amd->digest));
	expect_one(w, index, "linux/s390x", IMAGE_FAILED, "it has linux/arm64, linux/amd64");
}

static void all_platforms_are_one_image_each(void **state)
{
	struct world *w = *state;
	struct doc   *arm = add_image(w, "linux", "arm64"), *amd = add_image(w, "linux", "amd64"),
		   *lost = add_image(w, "linux", "386");
	struct doc *index = add(w, "{\"manifests\":[%s,%s,%s,%s]}", child(w, arm, false, "linux", "arm64", ""),
				child(w, amd, false, "unknown", "unknown", ""),
				child(w, lost, false, "linux", "386", ""), child(w, amd, false, "linux", "amd64", ""));

	lost->error = ERR_NET;
	assert_int_equal(resolve(w, index, "all"), 0);
	assert_int_equal(w->list.count, 4);
	assert_int_equal(w->list.images[0].status, IMAGE_OK);
	assert_int_equal(w->list.images[1].status, IMAGE_SKIPPED);
	assert_int_equal(w->list.images[2].status, IMAGE_FAILED);
	assert_int_equal(w->list.images[2].error, ERR_NET);
	assert_int_equal(w->list.images[3].status, IMAGE_OK);
	for (size_t i = 0; i < 4; i++)
		assert_true(digest_eq(&w->list.images[i].index_digest, &index->digest));
}

static void nested_indexes_are_entered(void **state)
{
	struct world *w = *state;
	struct doc   *amd = add_image(w, "linux", "amd64");
	struct doc   *inner = add(w, "{\"manifests\":[%s]}", child(w, amd, false, "linux", "amd64", ""));
	struct doc   *outer =
		add(w, "{\"manifests\":[%s,%s]}", child(w, inner, true, "", "", ""), child(w, inner, true, "", "", ""));

	expect_one(w, outer, "linux/amd64", IMAGE_OK, "");
	assert_true(digest_eq(&w->list.images[0].index_digest, &outer->digest));
	assert_int_equal(resolve(w, outer, "all"), 0);
	assert_int_equal(w->list.count, 1);
}

static void nesting_has_a_ceiling(void **state)
{
	struct world *w = *state;
	struct doc   *index = add_image(w, "linux", "amd64");
	bool          is_index = false;

	for (unsigned i = 0; i < LIMIT_INDEX_DEPTH + 2; i++) {
		index = add(w, "{\"x\":%u,\"manifests\":[%s]}", i, child(w, index, is_index, "", "", ""));
		is_index = true;
	}
	expect_one(w, index, "linux/amd64", IMAGE_FAILED, "nested deeper");
	assert_int_equal(w->list.images[0].error, ERR_LIMIT);
}

/* A true cycle cannot be made with SHA-256; a reader that answers wrongly can make one. */
static void cycles_end(void **state)
{
	struct world *w = *state;
	struct doc   *inner = add(w, "{\"manifests\":[]}"), *outer;

	outer = add(w, "{\"manifests\":[%s]}", child(w, inner, true, "", "", ""));
	inner->bytes = arena_printf(&w->arena, "{\"manifests\":[%s,%s]}", child(w, outer, true, "", "", ""),
				    child(w, inner, true, "", "", ""));
	expect_one(w, outer, "linux/amd64", IMAGE_FAILED, "lists nothing");
	assert_int_equal(w->reads, 1);
}

static void artifacts_are_skipped_not_failed(void **state)
{
	struct world *w = *state;
	struct doc   *chart =
		add(w, "{\"config\":{\"mediaType\":\"application/vnd.cncf.helm.config.v1+json\"},\"layers\":[]}");
	struct doc *amd = add_image(w, "linux", "amd64");
	struct doc *attestations = add(w, "{\"manifests\":[%s]}", child(w, amd, false, "unknown", "unknown", ""));

	expect_one(w, chart, "linux/amd64", IMAGE_SKIPPED, "Helm chart");
	expect_one(w, attestations, "linux/amd64", IMAGE_SKIPPED, "index of artifacts only: attestation");
	expect_one(w, add(w, "{\"manifests\":[]}"), "linux/amd64", IMAGE_FAILED, "lists nothing");
	expect_one(w, add(w, "{\"manifests\":[]}"), "all", IMAGE_FAILED, "lists nothing");
}

static void bad_documents_are_failed_images(void **state)
{
	struct world *w = *state;

	expect_one(w, add(w, "<html>"), "linux/amd64", IMAGE_FAILED, "not JSON");
	assert_int_equal(w->list.images[0].error, ERR_FORMAT);
	expect_one(w, add(w, "{\"schemaVersion\":1,\"fsLayers\":[]}"), "linux/amd64", IMAGE_FAILED, "schema 1");
}

static void a_bad_config_leaves_the_layers_readable(void **state)
{
	struct world *w = *state;
	struct doc   *lost = add(w, "{\"config\":{\"digest\":\"sha256:%064d\",\"size\":2},\"layers\":[]}", 1);
	struct doc   *big = add(w, "{\"config\":{\"digest\":\"sha256:%064d\",\"size\":99999999999},\"layers\":[]}", 1);

	expect_one(w, lost, "linux/amd64", IMAGE_OK, "");
	assert_slice_equal(w->list.images[0].warnings[0], "config: no such document; diff_ids not known");
	w->reads = 0;
	expect_one(w, big, "linux/amd64", IMAGE_OK, "");
	assert_int_equal(w->reads, 0);
}

static void a_config_that_may_come_later_fails_the_image(void **state)
{
	struct world *w = *state;
	struct doc   *image = add_image(w, "linux", "amd64");

	w->docs[0].error = ERR_RATE;
	expect_one(w, image, "linux/amd64", IMAGE_FAILED, "config: made to fail");
	assert_int_equal(w->list.images[0].error, ERR_RATE);
	w->docs[0].error = ERR_CANCELLED;
	assert_int_equal(resolve(w, image, "linux/amd64"), ERR_CANCELLED);
}

static void inline_configs_need_no_request(void **state)
{
	struct world *w = *state;
	struct doc   *image = add(
		  w,
		  "{\"config\":{\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\","
		    "\"size\":2,\"data\":\"e30=\"},\"layers\":[]}");

	expect_one(w, image, "linux/amd64", IMAGE_OK, "");
	assert_int_equal(w->reads, 0);
}

static void an_index_of_many_indexes_has_a_ceiling(void **state)
{
	struct world *w = *state;
	struct doc   *amd = add_image(w, "linux", "amd64");
	struct buf    inner, outer;
	struct doc   *index;

	buf_init(&outer, 4 << 20);
	for (int i = 0; i < 3; i++) {
		buf_init(&inner, 4 << 20);
		for (int j = 0; j < 400; j++)
			buf_printf(&inner, "%s%s", j ? "," : "", child(w, amd, false, "linux", "arm64", ""));
		index = add(w, "%d", i);
		index->bytes =
			arena_printf(&w->arena, "{\"x\":%d,\"manifests\":[%.*s]}", i, SLICE_FMT(buf_slice(&inner)));
		digest_of(index->bytes, &index->digest);
		buf_printf(&outer, "%s%s", i ? "," : "", child(w, index, true, "", "", ""));
		buf_deinit(&inner);
	}
	index = add(w, "{\"manifests\":[%.*s]}", SLICE_FMT(buf_slice(&outer)));
	expect_one(w, index, "linux/amd64", IMAGE_FAILED, "more than 1000 images in one index");
	buf_deinit(&outer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_single_manifest_is_scanned_whatever_its_platform),
		TEST(the_best_platform_of_an_index_is_taken),
		TEST(a_missing_platform_is_a_visible_failure),
		TEST(an_index_without_platforms_is_decided_by_configs),
		TEST(all_platforms_are_one_image_each),
		TEST(nested_indexes_are_entered),
		TEST(nesting_has_a_ceiling),
		TEST(cycles_end),
		TEST(artifacts_are_skipped_not_failed),
		TEST(bad_documents_are_failed_images),
		TEST(a_bad_config_leaves_the_layers_readable),
		TEST(a_config_that_may_come_later_fails_the_image),
		TEST(inline_configs_need_no_request),
		TEST(an_index_of_many_indexes_has_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
