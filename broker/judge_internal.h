/* judge_internal.h - the parts of judge.h; nobody else includes it. */
#ifndef VARVE_BROKER_JUDGE_INTERNAL_H
#define VARVE_BROKER_JUDGE_INTERNAL_H

#include "base/map.h"
#include "judge.h"
#include "match/match_targets.h"
#include "model/finding.h"

/* ---- what is put ---- */

/* A content: its number, or bytes that are to be given one. */
struct judged_content {
	uint64_t     number;
	struct slice bytes;
};

/* What one package is found to have now, by name, and how that differs from the judgement before. */
struct judged_package {
	uint64_t  package;
	uint32_t *contents; /* indexes into the batch's contents */
	uint64_t *since;
	size_t    count;
	bool      logged; /* its row of the log is written (or removed) too */
	uint32_t *come;   /* indexes into the batch's contents */
	uint64_t *gone;   /* numbers */
	size_t    come_count, gone_count;
};

struct judge_batch {
	struct arena           arena;
	struct judged_content *contents;
	size_t                 contents_count, contents_capacity;
	struct map             by_bytes; /* of contents without a number: bytes -> index + 1 */
	struct judged_package *packages;
	size_t                 packages_count, packages_capacity;
	bool                   clear;         /* all findings are void */
	struct findings_state  before, state; /* as it was computed from; after it */
	struct judgement       judgement;
	bool                   judgement_ended;
};

/* Index of the content in the batch; ERR_* below zero. */
int64_t judge_batch_content(struct judge_batch *batch, uint64_t number, struct slice bytes, struct err *err);

/* ---- one package (judge_package.c) ---- */

/* The findings of `package` under the new generation against those that are stored, into the batch if anything differs.
 * `running`: the judgement; its own row of the log, if there is one, is taken back first. fresh: the package was never judged,
 * so that nothing has come. Counts come and gone. */
struct judged_counts {
	uint64_t come, gone;
};
int judge_package(struct catalog_view *view, uint64_t package, const struct match_found *found, uint64_t running,
		  bool fresh, bool resumed, struct arena *scratch, struct judge_batch *batch,
		  struct judged_counts *counts, struct err *err);

/* ---- what has to be matched again (judge_delta.c) ---- */

struct judge_delta {
	struct arena arena;
	struct map   names; /* "ecosystem without suffix NUL name as in the advisories' keys NUL" */
	bool         all;
};

void judge_delta_init(struct judge_delta *delta);
void judge_delta_deinit(struct judge_delta *delta);
/* What differs between the generation and `since`; everything when nobody knows. */
int  judge_delta_read(struct judge_delta *delta, struct advisory_store *store, struct slice since, struct err *err);
bool judge_delta_has(const struct judge_delta *delta, const struct match_key *key);

#endif
