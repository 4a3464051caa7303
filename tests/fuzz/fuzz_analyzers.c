/* Every analyzer of the table over the same bytes, as a body and as a body whose companion is its second half. */
#include "analyze/analyzer_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const struct analyzer *analyzer, struct slice body)
{
	struct entry entry = {
		.path = SLICE_LIT("var/lib/pacman/local/name-1-1/files"), .type = PATH_FILE, .size = body.len};
	struct slice     first = slice_sub(body, 0, body.len / 2), second = slice_from(body, body.len / 2);
	struct inventory inv;
	struct err       err = {0};

	inventory_init(&inv);
	if (analyzer->sniff)
		analyzer->sniff(body);
	if (analyzer->wants)
		analyzer->wants(&entry, body);
	if (analyzer->run) {
		analyzer->run(&entry, body, &inv, &err);
	} else {
		analyzer->run_pair(&entry, body, SLICE_EMPTY, &inv, &err);
		err_clear(&err);
		analyzer->run_pair(&entry, first, second, &inv, &err);
	}
	inventory_deinit(&inv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < analyzer_count(); i++)
		run(analyzer_at(i), slice_of(data, size));
	return 0;
}
