#include "match/cvss_vector.h"

#include <math.h>

int cvss_v2_score(const uint8_t v[V2_BASE])
{
	static const double AV[] = {0.395, 0.646, 1.0}, AC[] = {0.35, 0.61, 0.71}, AU[] = {0.45, 0.56, 0.704};
	static const double CIA[] = {0.0, 0.275, 0.660};

	double impact = 10.41 * (1 - (1 - CIA[v[V2_C]]) * (1 - CIA[v[V2_I]]) * (1 - CIA[v[V2_A]]));
	double exploitability = 20 * AV[v[V2_AV]] * AC[v[V2_AC]] * AU[v[V2_AU]];

	if (v[V2_C] + v[V2_I] + v[V2_A] == 0)
		return 0;
	return (int)lround((0.6 * impact + 0.4 * exploitability - 1.5) * 1.176 * 10);
}

/* Specification 3.1, appendix A: rounds up on integers, so that 4.00000001 stays 4.0. */
static int roundup_tenths(double score)
{
	long scaled = lround(score * 100000);

	return (int)(scaled % 10000 == 0 ? scaled / 10000 : scaled / 10000 + 1);
}

int cvss_v3_score(const uint8_t v[V3_BASE])
{
	static const double AV[] = {0.85, 0.62, 0.55, 0.2}, AC[] = {0.77, 0.44}, UI[] = {0.85, 0.62},
			    CIA[] = {0.0, 0.22, 0.56};
	static const double PR[2][3] = {{0.85, 0.62, 0.27}, {0.85, 0.68, 0.5}};

	bool   changed = v[V3_S] != 0;
	double iss = 1 - (1 - CIA[v[V3_C]]) * (1 - CIA[v[V3_I]]) * (1 - CIA[v[V3_A]]);
	double impact = changed ? 7.52 * (iss - 0.029) - 3.25 * pow(iss - 0.02, 15) : 6.42 * iss;
	double exploitability = 8.22 * AV[v[V3_AV]] * AC[v[V3_AC]] * PR[changed][v[V3_PR]] * UI[v[V3_UI]];
	double score = changed ? 1.08 * (impact + exploitability) : impact + exploitability;

	if (v[V3_C] + v[V3_I] + v[V3_A] == 0)
		return 0;
	return roundup_tenths(score < 10 ? score : 10);
}

/* Scores of the macrovectors that a base vector can have (exploit maturity "attacked", requirements "high"), and of the
 * next lower ones that interpolation looks at: [EQ1][EQ2][EQ3 and EQ6: 00 01 10 11 21][EQ4: 1 2]. */
static const int MACROVECTOR_TENTHS[3][2][5][2] = {
	{{{100, 93}, {96, 90}, {93, 88}, {92, 80}, {79, 69}}, {{95, 92}, {91, 81}, {92, 84}, {82, 70}, {71, 63}}},
	{{{94, 87}, {89, 75}, {86, 72}, {76, 57}, {65, 53}}, {{90, 77}, {77, 66}, {74, 61}, {59, 52}, {58, 23}}},
	{{{86, 70}, {74, 54}, {72, 53}, {57, 36}, {47, 24}}, {{73, 54}, {55, 43}, {61, 46}, {51, 18}, {24, 10}}},
};

enum { EQ36_00, EQ36_01, EQ36_10, EQ36_11, EQ36_21 };

/* Steps below the most severe vector of the same macrovector, and how many steps the macrovector is deep. All its most
 * severe vectors have the same sum of levels, so that the sum alone tells the distance. */
struct depth {
	int steps, max;
};

static int eq1_of(const uint8_t v[V4_BASE])
{
	bool network = v[V4_AV] == 0, none = v[V4_PR] == 0, passive = v[V4_UI] == 0;

	if (network && none && passive)
		return 0;
	return (network || none || passive) && v[V4_AV] != 3 ? 1 : 2;
}

static int eq36_of(const uint8_t v[V4_BASE])
{
	if (v[V4_VC] == 0 && v[V4_VI] == 0)
		return EQ36_00;
	return v[V4_VC] == 0 || v[V4_VI] == 0 || v[V4_VA] == 0 ? EQ36_10 : EQ36_21;
}

static int smaller(int a, int b)
{
	return a < b ? a : b;
}

/* The part of the way to the next lower macrovector, in 1/280 of a tenth (280: common multiple of the depths). */
static int way(int value, int lower, struct depth depth)
{
	return (value - lower) * depth.steps * (280 / depth.max);
}

int cvss_v4_score(const uint8_t v[V4_BASE])
{
	int          eq1 = eq1_of(v), eq2 = v[V4_AC] + v[V4_AT] > 0, eq36 = eq36_of(v);
	int          eq4 = v[V4_SC] && v[V4_SI] && v[V4_SA]; /* index: 0 = level 1, 1 = level 2 */
	struct depth depth1 = {v[V4_AV] + v[V4_PR] + v[V4_UI] - (const int[]){0, 1, 3}[eq1],
			       (const int[]){1, 4, 5}[eq1]};
	struct depth depth2 = {v[V4_AC] + v[V4_AT] - eq2, eq2 + 1};
	struct depth depth36 = {v[V4_VC] + v[V4_VI] + v[V4_VA], 7};
	struct depth depth4 = {v[V4_SC] + v[V4_SI] + v[V4_SA] - 3 * eq4, 5 - eq4};
	int          value = MACROVECTOR_TENTHS[eq1][eq2][eq36][eq4];
	int          total = 0, lower_count = 1; /* EQ5 has a lower one always, at distance 0 */

	if (v[V4_VC] + v[V4_VI] + v[V4_VA] + v[V4_SC] + v[V4_SI] + v[V4_SA] == 12)
		return 0;
	if (eq36 == EQ36_10)
		depth36 = (struct depth){depth36.steps - 1, 8};
	if (eq1 < 2) {
		total += way(value, MACROVECTOR_TENTHS[eq1 + 1][eq2][eq36][eq4], depth1);
		lower_count++;
	}
	if (eq2 < 1) {
		total += way(value, MACROVECTOR_TENTHS[eq1][eq2 + 1][eq36][eq4], depth2);
		lower_count++;
	}
	if (eq36 != EQ36_21) {
		const int(*row)[2] = MACROVECTOR_TENTHS[eq1][eq2];
		int drop = eq36 == EQ36_00 ? smaller(value - row[EQ36_01][eq4], value - row[EQ36_10][eq4])
					   : value - row[EQ36_11][eq4];

		total += way(drop, 0, depth36);
		lower_count++;
	}
	if (eq4 < 1) {
		total += way(value, MACROVECTOR_TENTHS[eq1][eq2][eq36][1], depth4);
		lower_count++;
	}
	int scale = 280 * lower_count;
	return (2 * (value * scale - total) + scale) / (2 * scale);
}
