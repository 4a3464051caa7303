/* local_fixture.h - small folders, OCI layouts and docker-save archives made on the spot, for tests of local sources. */
#ifndef VARVE_TESTS_LIB_LOCAL_FIXTURE_H
#define VARVE_TESTS_LIB_LOCAL_FIXTURE_H

#include "base/buf.h"
#include "base/digest.h"

enum { FIXTURE_PATH_BYTES = 512 };

/* A new temporary folder; fixture_remove() deletes it with all below. */
void fixture_folder(char path[FIXTURE_PATH_BYTES]);
void fixture_remove(const char *path);

void fixture_write(const char *folder, const char *name, struct slice bytes); /* makes missing folders */
void fixture_write_text(const char *folder, const char *name, const char *text);

/* Writes `bytes` as blobs/sha256/<hex>; `digest` is their digest as text. */
void fixture_blob(const char *folder, struct slice bytes, char digest[DIGEST_TEXT_BYTES]);

/* An image of one layer with these bytes below `folder`: `descriptor` is its manifest's. */
void fixture_image(const char *folder, struct slice layer, const char *arch, char *descriptor, size_t size);

/* A member of a tar. */
void fixture_member(struct buf *tar, const char *name, struct slice body);
void fixture_link(struct buf *tar, char type, const char *name, const char *target);

#endif
