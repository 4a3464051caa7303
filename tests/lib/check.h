/* check.h - cmocka with the headers it needs first, and asserts for Varve's own types. */
#ifndef VARVE_TESTS_LIB_CHECK_H
#define VARVE_TESTS_LIB_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/slice.h"

#define assert_slice_equal(actual, expected)                                                                           \
	do {                                                                                                           \
		struct slice check_slice = (actual);                                                                   \
		char         check_text[4096];                                                                         \
		snprintf(check_text, sizeof(check_text), "%.*s", SLICE_FMT(check_slice));                              \
		assert_string_equal(check_text, expected);                                                             \
	} while (0)

#endif
