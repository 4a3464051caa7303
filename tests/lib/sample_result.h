/* sample_result.h - an image and a result with every field set, for codec tests and fuzz seeds. Literals only. */
#ifndef VARVE_TESTS_LIB_SAMPLE_RESULT_H
#define VARVE_TESTS_LIB_SAMPLE_RESULT_H

#include "model/result.h"

void sample_image(struct arena *arena, struct image *image);
void sample_result(struct arena *arena, struct image_result *result);

#endif
