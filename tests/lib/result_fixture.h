/* result_fixture.h - image results made by hand, with the strings that hostile images carry; for tests of reports. */
#ifndef VARVE_TESTS_LIB_RESULT_FIXTURE_H
#define VARVE_TESTS_LIB_RESULT_FIXTURE_H

#include "model/result.h"

enum result_fixture {
	FIXTURE_DEBIAN,     /* matched, every band, shared layers */
	FIXTURE_NASTY,      /* ESC, bidi, invalid UTF-8, quotes, formulas in every string */
	FIXTURE_NO_SOURCE,  /* Alpine without an advisory source */
	FIXTURE_CLEAN,      /* earned: matched, complete, nothing found */
	FIXTURE_FAILED,     /* could not be resolved */
	FIXTURE_INCOMPLETE, /* one layer failed, and the feed has a remark */
	FIXTURE_SKIPPED,    /* an attestation */
	FIXTURE_NO_DATABASE,
	FIXTURE_COUNT,
};

extern const char *const result_fixture_names[FIXTURE_COUNT];

/* All memory is the arena's; the strings are constants. */
void result_fixture_make(enum result_fixture which, struct arena *arena, struct image_result *out);

#endif
