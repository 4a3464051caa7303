/* advisory_build.h - makes a new generation of advisories: what is kept of the current one, plus new sources, then the swap.
 *
 * Owner: one thread; over all processes one builder per folder (ERR_BUSY). Records are written as they come, so memory
 * does not grow with their number. Nothing is seen by readers before advisory_build_finish(), and nothing changes if it
 * is never called. */
#ifndef VARVE_MATCH_ADVISORY_BUILD_H
#define VARVE_MATCH_ADVISORY_BUILD_H

#include "match/advisory_store.h"
#include "match/osv.h"

struct advisory_build;

/* Creates `dir` where it is missing. ERR_BUSY when another import runs, ERR_FULL, ERR_IO, ERR_STORE. */
int  advisory_build_begin(const char *dir, struct advisory_build **out, struct err *err);
void advisory_build_abort(struct advisory_build *build); /* NULL is fine */

/* Everything the current generation has, but the sources named. Call once, before the first source. No generation yet,
 * or one of another format: nothing is kept (`*dropped_format` then says which, else it is 0). */
int advisory_build_keep(struct advisory_build *build, const char *const *replaced, size_t replaced_count,
			int *dropped_format, struct err *err);

/* The records that follow belong to this source. */
int advisory_build_source(struct advisory_build *build, struct slice name, struct slice origin, struct slice etag,
			  struct err *err);

/* One parsed record and the JSON it came from (hashed into the generation's id). */
int advisory_build_add(struct advisory_build *build, const struct osv_record *record, struct slice json,
		       struct err *err);

/* A record of this source that could not be read: counted. */
void advisory_build_broken(struct advisory_build *build);

struct advisory_build_result {
	char     generation[ADVISORY_GENERATION_BYTES];
	char     date[40];
	uint64_t records;   /* all there are now */
	bool     unchanged; /* the same content as before: the current generation stays */
};

/* Makes the new generation current, removes the old one (who reads it goes on reading it) and frees `build`, whatever
 * it answers. */
int advisory_build_finish(struct advisory_build *build, struct advisory_build_result *result, struct err *err);

#endif
