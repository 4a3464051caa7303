/* One rpm header blob. */
#include "analyze/rpm_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inventory   inv;
	struct rpm_records records;
	struct err         err = {0};

	inventory_init(&inv);
	if (rpm_records_begin(&records, &inv, SLICE_LIT("db"), "rpm-ndb", size, &err) == 0) {
		rpm_records_add(&records, slice_of(data, size));
		rpm_records_end(&records, &err);
	}
	inventory_deinit(&inv);
	return 0;
}
