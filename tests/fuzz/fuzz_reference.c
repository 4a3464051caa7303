/* References over any bytes: what is accepted has a canonical text that means the same. */
#include "model/platform.h"
#include "model/reference.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reference first, second;
	struct platform  platform;
	char             text[REFERENCE_TEXT_BYTES], again[REFERENCE_TEXT_BYTES], name[96];

	if (reference_parse(slice_of(data, size), &first, NULL) == 0) {
		reference_text(&first, text);
		if (reference_parse(slice_str(text), &second, NULL))
			abort();
		reference_text(&second, again);
		if (strcmp(text, again) != 0)
			abort();
	}
	if (platform_parse(slice_of(data, size), &platform, NULL) == 0) {
		platform_text(&platform, name);
		if (!platform.all && platform_rank(&platform, &platform) == 0)
			abort();
	}
	return 0;
}
