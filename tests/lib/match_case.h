/* match_case.h - an image and its advisories as text, and what matching says about it as text, for data-driven tests.
 *
 * Lines of a case: "os KEY=value<TAB>…" (os-release), "arch amd64", "pkg type<TAB>name<TAB>version[<TAB>key=value…]" with keys
 * arch, source, source_version, vendor, modularity, virtual; "osv {record}"; "no database". Everything else is the
 * caller's: match_case_line() answers false for it. */
#ifndef VARVE_TESTS_LIB_MATCH_CASE_H
#define VARVE_TESTS_LIB_MATCH_CASE_H

#include "match/advisories_memory.h"
#include "match/match.h"

struct match_case {
	struct arena              arena;
	struct image_result       result;
	size_t                    packages_capacity;
	struct advisories_memory *memory;
	bool                      no_database;
};

void match_case_init(struct match_case *c);
void match_case_deinit(struct match_case *c);

bool match_case_line(struct match_case *c, struct slice line);

/* Matches with the case's own records, or with `advisories` unless NULL. Fails the test on an error. */
void match_case_run(struct match_case *c, const struct advisories *advisories);

/* One line per coverage row, vulnerability and finding, and per third-party package. */
void match_case_print(const struct match_case *c, struct buf *out);

#endif
