/* Zips by their directory, and those inside them: every member of one of any shape; what is walked is begun and ended in pairs. */
#include "analyze/nested_archive.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMBERS_MAX = 64, MEMBER_BYTES_MAX = 64 << 10 };

static void read_all(struct slice bytes)
{
	struct zip_file   zip;
	struct zip_member member;
	struct err        err = {0};

	if (zip_open(bytes, &zip, &err) < 0)
		return;
	for (unsigned i = 0; i < MEMBERS_MAX && zip_next(&zip, &member); i++) {
		struct buf   out;
		struct slice stored = zip_stored(&zip, &member);
		int          rc;

		buf_init(&out, MEMBER_BYTES_MAX);
		err_clear(&err);
		rc = zip_read(&zip, &member, &out, &err);
		if (out.len > MEMBER_BYTES_MAX || (rc < 0) != (err.code < 0))
			abort();
		if (rc == 0 && stored.len && !slice_eq(stored, buf_slice(&out)))
			abort();
		buf_deinit(&out);
	}
}

static bool is_archive(struct slice name)
{
	return name.len && name.ptr[name.len - 1] != 'F';
}

static void begin(void *data, struct slice name)
{
	(void)name;
	(*(size_t *)data)++;
}

static bool wants(void *data, struct slice name)
{
	(void)data;
	return name.len != 0;
}

static void member(void *data, struct slice name, struct slice body)
{
	(void)name;
	(void)body;
	if (*(size_t *)data == 0)
		abort();
}

static void end(void *data)
{
	if ((*(size_t *)data)-- == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice          bytes = slice_of(data, size);
	size_t                open = 0;
	struct nested_visitor visitor = {
		.data = &open, .is_archive = is_archive, .begin = begin, .wants = wants, .member = member, .end = end};
	struct inventory inv;
	struct err       err = {0};

	read_all(bytes);
	inventory_init(&inv);
	nested_archive_walk(SLICE_LIT("a.jar"), bytes, &visitor, &inv, &err);
	if (open)
		abort();
	inventory_deinit(&inv);
	return 0;
}
