/* catalog_finding.h - what each unique package of the index is affected by, since when, and how often that was asked anew.
 *
 * Derived, like the index whose package numbers it uses (catalog_index.h): when those change their meaning, it begins anew.
 * A *judgement* is one pass of a generation of advisories over the packages. Judgements are numbered from 1; number N knows
 * what has come and gone against N-1, so that the difference between any two is a walk over the log. Contents of findings are
 * opaque bytes here, interned: equal contents are one number.
 *
 * Who writes: whoever judges, within the writing thread's batch [w] (broker/judge.h). Readers have a view each. */
#ifndef VARVE_STORE_CATALOG_FINDING_H
#define VARVE_STORE_CATALOG_FINDING_H

#include "store/catalog_index.h"

struct findings_state {
	uint64_t judgement;        /* the last that has ended; 0 = none */
	uint64_t running;          /* one that has begun and not ended: its number; 0 = none */
	uint64_t index_generation; /* of the package numbers */
	uint64_t packages;         /* packages up to this number are judged */
	uint64_t told;             /* somebody was told of all judgements up to this one; see broker/announce.h */
	uint64_t first;            /* the oldest that can be compared with */
};

/* Zeroes when nothing was judged yet. */
int catalog_findings_state(struct catalog_view *view, struct findings_state *out, struct err *err);
int catalog_findings_state_put(struct catalog *catalog, const struct findings_state *state, struct err *err); /* [w] */
/* [w] Findings and log are void: other package numbers. Judgements stay, for their history. */
int catalog_findings_clear(struct catalog *catalog, struct err *err);

struct judgement {
	uint64_t     number;
	struct slice generation, date; /* of the advisories */
	struct slice identity;         /* of the program's way of matching */
	uint64_t     begun_ms, ended_ms;
	bool         first;             /* compared with nothing */
	uint64_t     packages, matched; /* unique packages; those of them that were matched (again) */
	uint64_t     come, gone;        /* findings of unique packages */
};

/* ERR_NOT_FOUND. Texts are copied to the arena. */
int catalog_judgement_get(struct catalog_view *view, uint64_t number, struct arena *arena, struct judgement *out,
			  struct err *err);
int catalog_judgement_put(struct catalog *catalog, const struct judgement *judgement, struct err *err); /* [w] */

/* Contents ---------------------------------------------------------------------------------------------------------- */

int catalog_finding_content(struct catalog_view *view, uint64_t content, struct slice *bytes,
			    struct err *err); /* borrowed */
int catalog_finding_content_find(struct catalog_view *view, struct slice bytes, uint64_t *content,
				 struct err *err); /* 0: nobody has interned it */
int catalog_finding_intern(struct catalog *catalog, struct slice bytes, uint64_t *content, struct err *err); /* [w] */

/* Findings of packages ---------------------------------------------------------------------------------------------- */

struct finding_ref {
	uint64_t content;
	uint64_t since; /* judgement */
};

struct package_findings {
	struct finding_ref *items; /* in the order of what they are called (content's key) */
	size_t              count;
};

/* None: count 0, also when it was never judged. */
int catalog_findings_get(struct catalog_view *view, uint64_t package, struct arena *arena, struct package_findings *out,
			 struct err *err);
int catalog_findings_put(struct catalog *catalog, uint64_t package, const struct package_findings *findings,
			 struct err *err); /* [w] */
/* All packages that have findings, in order of their number; rests between batches. */
int catalog_findings_each(struct catalog_view *view,
			  int (*each)(void *data, uint64_t package, const struct package_findings *findings),
			  void *data, struct err *err);

/* The log: what a judgement changed in a package; contents. */
struct finding_change {
	uint64_t  judgement, package;
	uint64_t *come, *gone;
	size_t    come_count, gone_count;
};

/* ERR_NOT_FOUND. */
int catalog_finding_change_get(struct catalog_view *view, uint64_t judgement, uint64_t package, struct arena *arena,
			       struct finding_change *out, struct err *err);
/* [w] Nothing has come or gone: findings have other words. */
int catalog_finding_change_put(struct catalog *catalog, const struct finding_change *change, struct err *err);
/* Rows of judgements >= from, in order; rests between batches. */
int catalog_finding_changes_each(struct catalog_view *view, uint64_t                                 from,
				 int (*each)(void *data, const struct finding_change *change), void *data,
				 struct err *err);

/* History ------------------------------------------------------------------------------------------------------------ */

enum history_kind { HISTORY_JOB = 1, HISTORY_JUDGEMENT = 2 };
enum { HISTORY_SEVERITIES = 7 }; /* enum severity of model/result.h */

/* What there was when a job had ended, or a judgement. */
struct history_row {
	uint64_t          at_ms; /* Unix time */
	enum history_kind kind;
	uint64_t          id;                           /* job, or judgement */
	uint64_t          schedule;                     /* whose run the job is; 0 = none */
	struct slice      label, generation, date;      /* of the job; of the advisories: empty = none */
	uint64_t          images, failed, packages;     /* of the job; of the whole store */
	uint64_t          findings[HISTORY_SEVERITIES]; /* image by image */
	uint64_t          come, gone;                   /* image by image: against the judgement before; of a job 0 */
};

int  catalog_history_put(struct catalog *catalog, const struct history_row *row, struct err *err); /* [w] */
bool catalog_history_has(struct catalog_view *view, uint64_t at_ms, enum history_kind kind, uint64_t id);
/* In the order of time, from `from_ms` on; rests between batches. */
int  catalog_history_each(struct catalog_view *view, uint64_t                           from_ms,
			  int (*each)(void *data, const struct history_row *row), void *data, struct err *err);

#endif
