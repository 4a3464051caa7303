/* tally.h - what a run of images adds up to: the figures of the registry summary, in bounded memory.
 *
 * Results are borrowed only during tally_add(). Distinct things are counted by hash. "Reuse" is the share of layer uses
 * that needed no reading: 1 - layers read / layers of all images. Owner: one thread. */
#ifndef VARVE_TOOLS_REPORT_TALLY_H
#define VARVE_TOOLS_REPORT_TALLY_H

#include "base/arena.h"
#include "model/result.h"
#include "report/hash_map.h"

enum { TALLY_WORST = 10, TALLY_FIXES = 10, TALLY_GAPS_MAX = 500, TALLY_TROUBLES_MAX = 20, TALLY_TEXT_BYTES = 512 };

struct tally_counts {
	uint64_t severity[SEVERITY_COUNT];
};

struct tally_image {
	char                reference[TALLY_TEXT_BYTES], os[64];
	struct tally_counts counts;
	bool                complete;
};

/* Packages that are made of one source package of one distribution release: what one upgrade puts right. */
struct tally_fix {
	struct slice        package, os;
	struct tally_counts distinct; /* vulnerabilities, each once */
	uint64_t            images, layers, image_last;
	bool                fixable, unfixed; /* some findings have a fixed version; some have none */
};

struct tally_gap {
	struct slice        ecosystem, remark, feed_date;
	enum coverage_state state;
	uint64_t            images, packages;
};

struct tally_trouble {
	struct slice reference, reason;
	bool         failed; /* else incomplete */
};

struct tally {
	uint64_t images, ok, complete, skipped, failed, without_database;
	uint64_t layer_uses, layers, layers_read, layers_bad;
	uint64_t bytes_uses, bytes, bytes_read;
	uint64_t packages;

	struct tally_counts  findings, images_with, distinct;
	struct tally_image   worst[TALLY_WORST];
	size_t               worst_count;
	struct tally_fix    *fixes;
	size_t               fixes_count, fixes_capacity;
	struct tally_gap     gaps[TALLY_GAPS_MAX];
	size_t               gaps_count;
	uint64_t             gaps_dropped;
	struct tally_trouble troubles[TALLY_TROUBLES_MAX];
	size_t               troubles_count;
	uint64_t             troubles_dropped;

	char            generation[80], advisories_date[40];
	bool            generations_differ;
	struct arena    arena;
	struct hash_map layers_seen, layers_read_seen, vulnerabilities_seen, fix_of, fix_seen;
};

void tally_init(struct tally *tally);
void tally_deinit(struct tally *tally);
void tally_add(struct tally *tally, const struct image_result *result);

/* The fixes that help most first; at most `count` of them. */
size_t tally_top_fixes(struct tally *tally, const struct tally_fix **fixes, size_t count);

/* Percent of layer uses that needed no reading. */
unsigned tally_reuse_percent(const struct tally *tally);

/* Worse (more of the worst band that differs) sorts first: < 0 when a is worse. Unknown counts last. */
int tally_counts_cmp(const struct tally_counts *a, const struct tally_counts *b);

struct tally_counts tally_counts_of(const struct image_result *result);

/* True if zero findings really mean none: complete, everything matched, no remark on any feed. */
bool tally_is_judged(const struct image_result *result);
bool tally_is_matched(const struct image_result *result); /* at least one ecosystem was matched */
bool coverage_was_matched(enum coverage_state state);     /* also where the feed has ended (end of life) */

#endif
