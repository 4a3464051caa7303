/* oci_fixture.h - writes a small OCI image layout for tests: images by name, of layers that may be shared. */
#ifndef VARVE_TESTS_LIB_OCI_FIXTURE_H
#define VARVE_TESTS_LIB_OCI_FIXTURE_H

#include "base/buf.h"
#include "base/digest.h"

struct oci_layer {
	struct digest digest, diff_id;
	uint64_t      size;
};

struct oci_fixture {
	char       dir[256];
	struct buf manifests; /* JSON of index.json, growing */
};

/* A folder that exists and is empty. Every failure is a failed test. */
void oci_fixture_open(struct oci_fixture *fixture, const char *dir);
void oci_fixture_close(struct oci_fixture *fixture); /* writes index.json and oci-layout */

/* A layer of one file; format as in compress.h. */
struct oci_layer oci_fixture_layer(struct oci_fixture *fixture, const char *path, const char *body, const char *format);
void oci_fixture_image(struct oci_fixture *fixture, const char *name, const struct oci_layer *layers, size_t count);

void oci_fixture_break_blob(const struct oci_fixture *fixture,
			    const struct oci_layer   *layer); /* other bytes, same length */

#endif
