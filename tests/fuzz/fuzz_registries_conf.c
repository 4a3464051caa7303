/* registries.conf over any bytes, and names looked up in what was read. */
#include "source/registry_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct registries_conf conf;
	struct registry_place  places[PLACES_MAX];
	size_t                 count;

	registries_conf_init(&conf);
	if (registries_conf_add(&conf, slice_of(data, size), "fuzz", NULL) == 0) {
		registries_conf_places(&conf, "docker.io", "library/alpine", ":latest", places, &count, NULL);
		registries_conf_places(&conf, "example.com", "foo/x", "@sha256:00", places, &count, NULL);
	}
	registries_conf_deinit(&conf);
	return 0;
}
