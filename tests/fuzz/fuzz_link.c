/* Link headers over any bytes: the target lies inside the header. */
#include "source/registry_link.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice target = link_next(slice_of(data, size));

	if (target.len && (target.ptr < data || target.ptr + target.len > data + size))
		abort();
	return 0;
}
