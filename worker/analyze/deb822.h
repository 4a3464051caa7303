/* deb822.h - reads "Field: value" stanzas (deb822(5)): dpkg status, status.d, machine-readable copyright files.
 *
 * Pull reader over borrowed text. Lines that are neither a field, a continuation, a comment nor blank are passed over
 * and counted in `odd_lines`. Field names compare without case (slice_eq_nocase). */
#ifndef VARVE_WORKER_ANALYZE_DEB822_H
#define VARVE_WORKER_ANALYZE_DEB822_H

#include "base/cursor.h"

enum deb822_token { DEB822_END, DEB822_STANZA_END, DEB822_FIELD };

struct deb822 {
	struct cursor cursor;
	bool          in_stanza;
	uint64_t      odd_lines;
};

struct deb822_field {
	struct slice name;
	struct slice value; /* what stands on the field's own line, trimmed; continuation lines are passed over */
};

struct deb822     deb822_of(struct slice text);
enum deb822_token deb822_next(struct deb822       *reader,
			      struct deb822_field *field); /* every stanza, the last too, has its end */

#endif
