/* question.h - what the answers about many images share: sets, packages and findings of the catalog, each read once.
 *
 * A `struct question` is one answer in the making: one snapshot of the catalog, everything in its arena. Owner: one thread.
 * Answers are JSON documents (docs/schema), computed where the catalog is, so that --store and --broker give the same bytes. */
#ifndef VARVE_BROKER_QUESTION_H
#define VARVE_BROKER_QUESTION_H

#include "advisory_share.h"
#include "base/json_write.h"
#include "base/map.h"
#include "match/match_targets.h"
#include "model/finding.h"
#include "model/image.h"
#include "store/catalog_finding.h"

/* An image that is the latest of its place. */
struct question_image {
	struct slice  reference;
	char          platform[96];
	struct digest digest;
	uint64_t      job, number;
	size_t        index; /* in the answer's list of images; SIZE_MAX = not there yet */
};

struct question_set {
	struct index_set       set;          /* of a remembered one the layers alone */
	bool                   owned_hidden; /* the distribution is judged: owned entries do not count by themselves */
	bool                   images_known;
	struct question_image *images; /* that are this set now; see question_images() */
	size_t                 images_count;
};

/* How many findings a package has, by severity. */
struct question_counts {
	uint64_t of[SEVERITY_COUNT];
};

struct question_package {
	uint64_t               number;
	struct unique_package  unique;
	struct slice           purl;
	struct package_context context;
};

struct question_finding {
	struct finding finding;
	uint64_t       content;
};

struct question {
	struct catalog             *catalog;
	struct catalog_view        *view;
	struct findings_state       state;
	struct judgement            judgement; /* of state.judgement; number 0 = none */
	struct arena                arena;
	struct match_targets       *targets; /* of the current generation; NULL without one: owned entries count */
	struct advisories          *reader;
	struct advisory_share      *share;
	struct advisory_generation *generation;
	struct map   sets, packages, findings, counts, contexts; /* by number, eight bytes; contexts by digest */
	struct arena scratch;
};

/* `share` may be NULL. ERR_STORE, ERR_MEM. question_close() in any case. */
int  question_open(struct question *q, struct catalog *catalog, struct advisory_share *share, struct err *err);
void question_close(struct question *q);

/* NULL: `err`. They live as long as the question. */
struct question_set           *question_set(struct question *q, uint64_t set, struct err *err);
const struct question_package *question_package(struct question *q, uint64_t package, struct err *err);
const struct question_finding *question_finding(struct question *q, uint64_t content, struct err *err);
const struct question_counts  *question_counts(struct question *q, uint64_t package, struct err *err);

/* The images that are this set now, into set->images: once. */
int question_images(struct question *q, struct question_set *set, struct err *err);

/* With its entries, in another arena and not remembered: for walks over many. */
int question_load_set(struct question *q, uint64_t set, struct arena *arena, struct question_set *out, struct err *err);

/* Whether what is found in an entry counts in that image. */
bool question_entry_counts(const struct question_set *set, uint32_t entry_flags);

int question_fail(const struct question *q, struct err *err); /* ERR_MEM when the arena is full, else 0 */

/* Parts of documents. */
void question_put_digest(struct json_writer *w, const char *key, const struct digest *digest);
void question_put_package(struct json_writer            *w,
			  const struct question_package *package);               /* members: purl name version type */
void question_put_finding(struct json_writer *w, const struct finding *finding); /* members */
void question_put_severities(struct json_writer *w, const char *key, const uint64_t counts[SEVERITY_COUNT]);

#endif
