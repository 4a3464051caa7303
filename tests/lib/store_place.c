#include "lib/store_place.h"

#include "lib/check.h"

#include "base/file.h"
#include "base/rng.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int place_set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	snprintf(place->dir, sizeof(place->dir), "/tmp/varve-test-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	snprintf(place->store, sizeof(place->store), "%s/store", place->dir);
	*state = place;
	return 0;
}

int place_tear_down(void **state)
{
	struct place *place = *state;
	char          command[128];

	snprintf(command, sizeof(command), "rm -rf %s", place->dir);
	assert_int_equal(system(command), 0);
	free(place);
	return 0;
}

struct catalog *place_open_catalog(const struct place *place, bool read_only)
{
	struct catalog_config config = {.read_only = read_only, .map_bytes = STORE_MAP_BYTES};
	struct catalog       *catalog = NULL;
	struct err            err = {0};

	if (catalog_open(place->store, &config, &catalog, &err) < 0)
		fail_msg("%s", err.text);
	return catalog;
}

void place_damage(const struct place *place, const char *needle)
{
	char       path[120];
	struct buf bytes;
	size_t     at;
	int        fd;
	uint8_t    flipped;

	snprintf(path, sizeof(path), "%s/data.mdb", place->store);
	buf_init(&bytes, STORE_MAP_BYTES);
	assert_int_equal(file_read(path, &bytes, NULL), 0);
	at = slice_find_str(buf_slice(&bytes), needle);
	assert_int_not_equal(at, SIZE_MAX);
	flipped = bytes.ptr[at + 3] ^ 1;
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &flipped, 1, (off_t)at + 3), 1);
	close(fd);
	buf_deinit(&bytes);
}

void place_fill(struct buf *out, size_t size, uint64_t seed)
{
	struct rng rng = rng_seeded(seed);

	buf_init(out, size);
	while (out->len < size)
		buf_byte(out, (uint8_t)rng_next(&rng));
}
