/* CVSS vectors from any bytes: a score is within 0.0 and 10.0. */
#include "match/cvss.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cvss cvss;

	if (cvss_parse(slice_of(data, size), &cvss) && (cvss.score_tenths < 0 || cvss.score_tenths > 100))
		abort();
	return 0;
}
