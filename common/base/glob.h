/* glob.h - patterns over names and paths: "?", "*", "[a-z]", "[!a-z]", "**", and "\" before what is meant as itself.
 *
 * Without `path`, "*" and "?" match any bytes. With it they stop at "/", and "**" does not. Pure; any bytes; the time is
 * bounded by the lengths' product. */
#ifndef VARVE_BASE_GLOB_H
#define VARVE_BASE_GLOB_H

#include "base/slice.h"

bool glob_match(struct slice pattern, struct slice text, bool path);

/* What every text that matches begins with: the pattern up to its first special byte. */
struct slice glob_literal(struct slice pattern);
bool         glob_is_literal(struct slice pattern); /* no special byte at all */

#endif
