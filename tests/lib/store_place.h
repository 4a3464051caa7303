/* store_place.h - a store in a folder of its own that goes with the test; and damage to it. */
#ifndef VARVE_TESTS_LIB_STORE_PLACE_H
#define VARVE_TESTS_LIB_STORE_PLACE_H

#include "store/catalog.h"

enum { STORE_MAP_BYTES = 64 << 20, STORE_LARGE_BYTES = 3 << 20 /* a chunked value */ };

struct place {
	char dir[64], store[80];
};

int place_set_up(void **state); /* cmocka: *state is a struct place */
int place_tear_down(void **state);

struct catalog *place_open_catalog(const struct place *place, bool read_only);

/* Flips one bit of the value that holds `needle`, in the file. */
void place_damage(const struct place *place, const char *needle);

/* `out` becomes `size` bytes of noise. */
void place_fill(struct buf *out, size_t size, uint64_t seed);

#endif
