#include "match/cvss.h"

#include "match/cvss_vector.h"

struct metric {
	const char *name;
	const char *values; /* comma between them */
};

static const struct metric METRICS_V2[] = {
	{"AV", "L,A,N"},       {"AC", "H,M,L"},
	{"Au", "M,S,N"},       {"C", "N,P,C"},
	{"I", "N,P,C"},        {"A", "N,P,C"},
	{"E", "U,POC,F,H,ND"}, {"RL", "OF,TF,W,U,ND"},
	{"RC", "UC,UR,C,ND"},  {"CDP", "N,L,LM,MH,H,ND"},
	{"TD", "N,L,M,H,ND"},  {"CR", "L,M,H,ND"},
	{"IR", "L,M,H,ND"},    {"AR", "L,M,H,ND"},
	{NULL, NULL},
};

static const struct metric METRICS_V3[] = {
	{"AV", "N,A,L,P"}, {"AC", "L,H"},      {"PR", "N,L,H"},   {"UI", "N,R"},      {"S", "U,C"},
	{"C", "N,L,H"},    {"I", "N,L,H"},     {"A", "N,L,H"},    {"E", "X,U,P,F,H"}, {"RL", "X,O,T,W,U"},
	{"RC", "X,U,R,C"}, {"CR", "X,L,M,H"},  {"IR", "X,L,M,H"}, {"AR", "X,L,M,H"},  {"MAV", "X,N,A,L,P"},
	{"MAC", "X,L,H"},  {"MPR", "X,N,L,H"}, {"MUI", "X,N,R"},  {"MS", "X,U,C"},    {"MC", "X,N,L,H"},
	{"MI", "X,N,L,H"}, {"MA", "X,N,L,H"},  {NULL, NULL},
};

static const struct metric METRICS_V4[] = {
	{"AV", "N,A,L,P"},    {"AC", "L,H"},        {"AT", "N,P"},      {"PR", "N,L,H"},
	{"UI", "N,P,A"},      {"VC", "H,L,N"},      {"VI", "H,L,N"},    {"VA", "H,L,N"},
	{"SC", "H,L,N"},      {"SI", "H,L,N"},      {"SA", "H,L,N"},    {"E", "X,A,P,U"},
	{"CR", "X,H,M,L"},    {"IR", "X,H,M,L"},    {"AR", "X,H,M,L"},  {"MAV", "X,N,A,L,P"},
	{"MAC", "X,L,H"},     {"MAT", "X,N,P"},     {"MPR", "X,N,L,H"}, {"MUI", "X,N,P,A"},
	{"MVC", "X,H,L,N"},   {"MVI", "X,H,L,N"},   {"MVA", "X,H,L,N"}, {"MSC", "X,H,L,N"},
	{"MSI", "X,S,H,L,N"}, {"MSA", "X,S,H,L,N"}, {"S", "X,N,P"},     {"AU", "X,N,Y"},
	{"R", "X,A,U,I"},     {"V", "X,D,C"},       {"RE", "X,L,M,H"},  {"U", "X,Clear,Green,Amber,Red"},
	{NULL, NULL},
};

static bool find_value(const char *list, struct slice value, uint8_t *out)
{
	struct slice rest = slice_str(list);

	for (uint8_t i = 0; rest.len; i++)
		if (slice_eq(slice_cut(&rest, ','), value)) {
			*out = i;
			return true;
		}
	return false;
}

/* "NAME:VALUE" into values[]; false on an unknown or doubled metric or an unknown value. */
static bool read_metric(const struct metric *metrics, struct slice field, uint8_t *values, uint64_t *seen)
{
	struct slice value = field, name = slice_cut(&value, ':');

	for (size_t i = 0; metrics[i].name; i++) {
		if (!slice_eq_str(name, metrics[i].name))
			continue;
		if (*seen & (1ull << i))
			return false;
		*seen |= 1ull << i;
		return find_value(metrics[i].values, value, &values[i]);
	}
	return false;
}

static bool read_metrics(const struct metric *metrics, size_t base_count, struct slice text, uint8_t *values)
{
	uint64_t seen = 0, base = (1ull << base_count) - 1;

	if (slice_ends(text, "/"))
		return false;
	while (text.len)
		if (!read_metric(metrics, slice_cut(&text, '/'), values, &seen))
			return false;
	return (seen & base) == base;
}

static bool parse_v2(struct slice text, uint8_t *values, struct cvss *out)
{
	if (slice_starts(text, "(") && slice_ends(text, ")"))
		text = slice_sub(text, 1, text.len - 2);
	if (!read_metrics(METRICS_V2, V2_BASE, text, values))
		return false;
	*out = (struct cvss){CVSS_V2, cvss_v2_score(values)};
	return true;
}

static bool parse_v3(struct slice text, enum cvss_version version, uint8_t *values, struct cvss *out)
{
	if (!read_metrics(METRICS_V3, V3_BASE, text, values))
		return false;
	*out = (struct cvss){version, cvss_v3_score(values)};
	return true;
}

static bool parse_v4(struct slice text, uint8_t *values, struct cvss *out)
{
	if (!read_metrics(METRICS_V4, V4_BASE, text, values))
		return false;
	*out = (struct cvss){CVSS_V40, cvss_v4_score(values)};
	return true;
}

bool cvss_parse(struct slice vector, struct cvss *out)
{
	uint8_t values[CVSS_METRICS_MAX] = {0};

	*out = (struct cvss){CVSS_NONE, 0};
	if (slice_starts(vector, "CVSS:3.0/"))
		return parse_v3(slice_from(vector, 9), CVSS_V30, values, out);
	if (slice_starts(vector, "CVSS:3.1/"))
		return parse_v3(slice_from(vector, 9), CVSS_V31, values, out);
	if (slice_starts(vector, "CVSS:4.0/"))
		return parse_v4(slice_from(vector, 9), values, out);
	return parse_v2(vector, values, out);
}

enum severity cvss_band(const struct cvss *cvss)
{
	if (cvss->version == CVSS_NONE)
		return SEVERITY_UNKNOWN;
	if (cvss->score_tenths >= 90 && cvss->version != CVSS_V2)
		return SEVERITY_CRITICAL;
	if (cvss->score_tenths >= 70)
		return SEVERITY_HIGH;
	if (cvss->score_tenths >= 40)
		return SEVERITY_MEDIUM;
	return cvss->score_tenths > 0 ? SEVERITY_LOW : SEVERITY_NONE;
}
