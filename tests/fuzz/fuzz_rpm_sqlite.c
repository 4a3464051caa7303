/* The rpm_sqlite analyzer alone, so that mutations go where its format is. A 0x37 in front splits the input at its
 * middle into database and -wal. */
#include "analyze/analyzer_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct analyzer *analyzer = analyzer_find(SLICE_LIT("rpm-sqlite"));
	struct entry           entry = {.path = SLICE_LIT("var/lib/rpm/database"), .type = PATH_FILE, .size = size};
	struct inventory       inv;
	struct err             err = {0};

	inventory_init(&inv);
	if (size && data[0] == 0x37)
		analyzer->run_pair(&entry, slice_sub(slice_of(data, size), 1, size / 2),
				   slice_from(slice_of(data, size), 1 + size / 2), &inv, &err);
	else
		analyzer->run_pair(&entry, slice_of(data, size), SLICE_EMPTY, &inv, &err);
	inventory_deinit(&inv);
	return 0;
}
