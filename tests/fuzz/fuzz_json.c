/* The bounded JSON reader over any bytes. */
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json *root;

	if (json_parse(slice_of(data, size), &root, NULL) == 0)
		json_free(root);
	return 0;
}
