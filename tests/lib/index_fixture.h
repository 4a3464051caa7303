/* index_fixture.h - images put into a catalog's index without scanning anything: for tests and benchmarks of what reads it. */
#ifndef VARVE_TESTS_LIB_INDEX_FIXTURE_H
#define VARVE_TESTS_LIB_INDEX_FIXTURE_H

#include "model/unique_package.h"
#include "store/catalog_index_write.h"

struct index_fixture_package {
	struct unique_package unique; /* `context` is filled */
	const struct package_context
		   *context; /* the image's for packages of the distribution, else that of its architecture */
	uint32_t    layer, flags;
	const char *path;
};

struct index_fixture_image {
	const char                         *reference;
	struct digest                       digest;
	const struct digest                *layers;
	size_t                              layers_count;
	const struct package_context       *context, *package_context;
	const struct index_fixture_package *packages;
	size_t                              packages_count;
};

uint64_t index_fixture_job(struct catalog *catalog, const char *label); /* running, without references */

/* Images `first` … of the job, in one transaction; aborts the program when that fails. */
void index_fixture_put(struct catalog *catalog, uint64_t job, uint64_t first, const struct index_fixture_image *images,
		       size_t count);

#endif
