/* The rpm_bdb analyzer alone, so that mutations go where its format is. */
#include "analyze/analyzer_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct analyzer *analyzer = analyzer_find(SLICE_LIT("rpm-bdb"));
	struct entry           entry = {.path = SLICE_LIT("var/lib/rpm/database"), .type = PATH_FILE, .size = size};
	struct inventory       inv;
	struct err             err = {0};

	inventory_init(&inv);
	analyzer->run(&entry, slice_of(data, size), &inv, &err);
	inventory_deinit(&inv);
	return 0;
}
