#include "match/cvss.h"
#include "match/osv_internal.h"

static const struct osv_severity NOBODY = {.rank = OSV_RANK_NONE, .band = SEVERITY_UNKNOWN, .score_tenths = -1};

/* The distributions' words; SEVERITY_UNKNOWN for "not yet assigned", "untriaged" and whatever is no statement. */
static enum severity band_of_word(struct slice word)
{
	static const struct {
		const char   *word;
		enum severity band;
	} WORDS[] = {
		{"critical", SEVERITY_CRITICAL},
		{"high", SEVERITY_HIGH},
		{"important", SEVERITY_HIGH},
		{"medium", SEVERITY_MEDIUM},
		{"moderate", SEVERITY_MEDIUM},
		{"low", SEVERITY_LOW},
		{"negligible", SEVERITY_NEGLIGIBLE},
		{"unimportant", SEVERITY_NEGLIGIBLE},
		{"none", SEVERITY_NONE},
	};

	while (word.len && word.ptr[word.len - 1] == '*') /* Debian marks an automatic urgency so */
		word.len--;
	for (size_t i = 0; i < sizeof(WORDS) / sizeof(*WORDS); i++)
		if (slice_eq_nocase(word, slice_str(WORDS[i].word)))
			return WORDS[i].band;
	return SEVERITY_UNKNOWN;
}

static void consider(struct osv_severity *best, enum osv_severity_rank rank, enum severity band, struct slice source)
{
	if (band == SEVERITY_UNKNOWN || rank >= best->rank)
		return;
	best->rank = rank;
	best->band = band;
	best->source = source;
}

static enum osv_severity_rank rank_of(enum cvss_version version)
{
	switch (version) {
	case CVSS_V40:
		return OSV_RANK_CVSS_V4;
	case CVSS_V31:
		return OSV_RANK_CVSS_V31;
	case CVSS_V30:
		return OSV_RANK_CVSS_V30;
	case CVSS_V2:
		return OSV_RANK_CVSS_V2;
	case CVSS_NONE:
		break;
	}
	return OSV_RANK_NONE;
}

static struct slice name_of(enum cvss_version version)
{
	static const char *const NAMES[] = {
		[CVSS_V2] = "CVSS 2.0", [CVSS_V30] = "CVSS 3.0", [CVSS_V31] = "CVSS 3.1", [CVSS_V40] = "CVSS 4.0"};

	return slice_str(NAMES[version]);
}

/* Keeps the newest version's vector, and the band it gives under `rank` (or under its own rank when NONE). */
static void consider_vector(struct osv_severity *best, struct slice vector, enum osv_severity_rank rank,
			    struct arena *arena)
{
	enum osv_severity_rank own, kept = OSV_RANK_NONE;
	struct cvss            cvss, old;

	if (!cvss_parse(vector, &cvss))
		return;
	own = rank_of(cvss.version);
	if (best->vector.len && cvss_parse(best->vector, &old))
		kept = rank_of(old.version);
	if (own >= kept)
		return;
	best->vector = arena_copy(arena, vector);
	best->score_tenths = cvss.score_tenths;
	if (rank == OSV_RANK_NONE) {
		consider(best, own, cvss_band(&cvss), name_of(cvss.version));
	} else if (best->rank > rank || kept != OSV_RANK_NONE) {
		best->rank = OSV_RANK_NONE;
		consider(best, rank, cvss_band(&cvss), SLICE_LIT("affected.severity"));
	}
}

static bool is_cvss_type(struct slice type)
{
	return slice_starts(type, "CVSS_");
}

/* The schema's severity array; words first, because a distribution's word goes before any vector. */
static void read_array(struct osv_severity *best, const struct json *array, bool of_affected, struct arena *arena)
{
	for (size_t i = 0; i < json_count(array); i++) {
		const struct json *item = json_at(array, i);

		if (!is_cvss_type(json_get_text(item, "type")))
			consider(best, of_affected ? OSV_RANK_AFFECTED : OSV_RANK_RECORD,
				 band_of_word(json_get_text(item, "score")),
				 of_affected ? SLICE_LIT("affected.severity") : SLICE_LIT("severity"));
	}
	bool worded = best->rank != OSV_RANK_NONE;
	for (size_t i = 0; i < json_count(array); i++) {
		const struct json *item = json_at(array, i);

		if (is_cvss_type(json_get_text(item, "type")))
			consider_vector(best, json_get_text(item, "score"),
					of_affected && !worded ? OSV_RANK_AFFECTED : OSV_RANK_NONE, arena);
	}
}

static void read_specifics(struct osv_severity *best, const struct json *node, struct arena *arena)
{
	const struct json *ecosystem = json_get(node, "ecosystem_specific"),
			  *database = json_get(node, "database_specific");

	consider(best, OSV_RANK_RECORD, band_of_word(json_get_text(ecosystem, "ubuntu_priority")),
		 SLICE_LIT("ecosystem_specific.ubuntu_priority"));
	consider(best, OSV_RANK_RECORD, band_of_word(json_get_text(database, "ubuntu_priority")),
		 SLICE_LIT("database_specific.ubuntu_priority"));
	consider(best, OSV_RANK_URGENCY, band_of_word(json_get_text(ecosystem, "urgency")),
		 SLICE_LIT("ecosystem_specific.urgency"));
	consider(best, OSV_RANK_DATABASE, band_of_word(json_get_text(ecosystem, "severity")),
		 SLICE_LIT("ecosystem_specific.severity"));
	consider(best, OSV_RANK_DATABASE, band_of_word(json_get_text(database, "severity")),
		 SLICE_LIT("database_specific.severity"));
	consider_vector(best, json_get_text(database, "cvss"), OSV_RANK_NONE, arena);
}

struct osv_severity osv_record_severity(const struct json *record, struct arena *arena)
{
	struct osv_severity best = NOBODY;
	struct slice        summary = json_get_text(record, "summary");
	size_t              colon = slice_find(summary, ':');

	read_array(&best, json_get(record, "severity"), false, arena);
	read_specifics(&best, record, arena);
	if (colon != SIZE_MAX)
		consider(&best, OSV_RANK_DATABASE, band_of_word(slice_sub(summary, 0, colon)), SLICE_LIT("summary"));
	return best;
}

struct osv_severity osv_affected_severity(const struct json *affected, struct arena *arena)
{
	struct osv_severity best = NOBODY;

	read_array(&best, json_get(affected, "severity"), true, arena);
	read_specifics(&best, affected, arena);
	return best;
}
