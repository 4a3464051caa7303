/* WWW-Authenticate headers over any bytes. */
#include "source/registry_challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct challenge challenge;
	struct slice     rest = slice_of(data, size);

	challenge_choose(rest, &challenge);
	while (challenge_next(&rest, &challenge))
		;
	return 0;
}
