#include "match/version.h"
#include "match/version_parts.h"

/* PEP 440 (packaging.python.org "Version specifiers"), with the spellings that it normalises. What is no PEP 440 version
 * sorts below all that are, as setuptools' LegacyVersion did. */

enum phase { PHASE_BEFORE_ALL, PHASE_ALPHA, PHASE_BETA, PHASE_RC, PHASE_NONE };

struct pep440 {
	struct slice epoch, release; /* release: "1.2.3" */
	enum phase   phase;
	struct slice pre, post, dev, local;
	bool         has_post, has_dev, has_local, valid;
};

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool take_separator(struct slice *rest)
{
	if (!rest->len || !(rest->ptr[0] == '.' || rest->ptr[0] == '-' || rest->ptr[0] == '_'))
		return false;
	*rest = slice_from(*rest, 1);
	return true;
}

/* "[sep]word[sep][number]", word of `words` in lower case; the longest spelling stands first. */
static bool take_word(struct slice *rest, const char *const *words, struct slice *number)
{
	struct slice at = *rest;

	take_separator(&at);
	for (; *words; words++) {
		struct slice word = slice_str(*words), after;

		if (!slice_eq_nocase(slice_sub(at, 0, word.len), word))
			continue;
		at = after = slice_from(at, word.len);
		take_separator(&after);
		*number = version_take_digits(&after);
		*rest = number->len ? after : at;
		return true;
	}
	return false;
}

static void take_pre(struct slice *rest, struct pep440 *v)
{
	static const char *const ALPHA[] = {"alpha", "a", NULL}, *const BETA[] = {"beta", "b", NULL};
	static const char *const RC[] = {"preview", "pre", "rc", "c", NULL};

	if (take_word(rest, ALPHA, &v->pre))
		v->phase = PHASE_ALPHA;
	else if (take_word(rest, BETA, &v->pre))
		v->phase = PHASE_BETA;
	else if (take_word(rest, RC, &v->pre))
		v->phase = PHASE_RC;
}

static void take_post(struct slice *rest, struct pep440 *v)
{
	static const char *const POST[] = {"post", "rev", "r", NULL};
	struct slice             at = *rest;

	v->has_post = take_word(rest, POST, &v->post);
	if (v->has_post || !at.len || at.ptr[0] != '-')
		return;
	at = slice_from(at, 1); /* "1.0-1" is 1.0.post1 */
	v->post = version_take_digits(&at);
	v->has_post = v->post.len != 0;
	if (v->has_post)
		*rest = at;
}

static bool local_valid(struct slice local)
{
	bool separated = true;

	for (size_t i = 0; i < local.len; i++) {
		bool separator = local.ptr[i] == '.' || local.ptr[i] == '-' || local.ptr[i] == '_';

		if (!separator && !version_is_digit(local.ptr[i]) && !version_is_alpha(local.ptr[i]))
			return false;
		if (separator && separated)
			return false;
		separated = separator;
	}
	return !separated;
}

static void take_local(struct slice *rest, struct pep440 *v)
{
	if (!rest->len || rest->ptr[0] != '+')
		return;
	v->has_local = true;
	v->local = slice_from(*rest, 1);
	v->valid = v->valid && local_valid(v->local);
	*rest = SLICE_EMPTY;
}

static struct pep440 parse(struct slice text)
{
	static const char *const DEV[] = {"dev", NULL};
	struct pep440            v = {.phase = PHASE_NONE, .valid = true};
	struct slice             rest = slice_trim(text), first;

	if (rest.len && lower(rest.ptr[0]) == 'v')
		rest = slice_from(rest, 1);
	first = rest;
	v.epoch = version_take_digits(&first);
	if (v.epoch.len && first.len && first.ptr[0] == '!')
		rest = slice_from(first, 1);
	else
		v.epoch = SLICE_EMPTY;
	v.release = version_take_dotted(&rest);
	v.valid = v.release.len != 0;
	take_pre(&rest, &v);
	take_post(&rest, &v);
	v.has_dev = take_word(&rest, DEV, &v.dev);
	if (v.has_dev && v.phase == PHASE_NONE && !v.has_post)
		v.phase = PHASE_BEFORE_ALL; /* 1.0.dev1 < 1.0a1 */
	take_local(&rest, &v);
	v.valid = v.valid && rest.len == 0;
	return v;
}

/* --- order --- */

static struct slice take_segment(struct slice *rest)
{
	struct slice whole = *rest;
	size_t       len = 0;

	while (len < whole.len && (version_is_digit(whole.ptr[len]) || version_is_alpha(whole.ptr[len])))
		len++;
	*rest = slice_from(whole, len + 1);
	return slice_sub(whole, 0, len);
}

static int compare_segment(struct slice a, struct slice b)
{
	bool a_number = version_is_number(a), b_number = version_is_number(b);

	if (a_number != b_number)
		return a_number ? 1 : -1;
	return a_number ? version_digits_cmp(a, b) : version_cmp_nocase(a, b);
}

static int compare_local(const struct pep440 *a, const struct pep440 *b)
{
	struct slice left = a->local, right = b->local;
	int          order = 0;

	if (a->has_local != b->has_local)
		return a->has_local ? 1 : -1;
	while (order == 0 && left.len && right.len) {
		struct slice segment = take_segment(&left);

		order = compare_segment(segment, take_segment(&right));
	}
	return order ? order : (left.len != 0) - (right.len != 0);
}

static int compare_optional(bool has_a, struct slice a, bool has_b, struct slice b, int absent)
{
	if (has_a != has_b)
		return has_a ? -absent : absent;
	return version_digits_cmp(a, b);
}

static int compare_valid(const struct pep440 *a, const struct pep440 *b)
{
	int order = version_digits_cmp(a->epoch, b->epoch);

	if (order == 0)
		order = version_dotted_cmp(a->release, b->release);
	if (order == 0)
		order = (a->phase > b->phase) - (a->phase < b->phase);
	if (order == 0)
		order = version_digits_cmp(a->pre, b->pre);
	if (order == 0)
		order = compare_optional(a->has_post, a->post, b->has_post, b->post, -1);
	if (order == 0)
		order = compare_optional(a->has_dev, a->dev, b->has_dev, b->dev, 1);
	return order ? order : compare_local(a, b);
}

/* Runs of digits by value, everything else by its bytes in lower case. */
static int compare_legacy(struct slice a, struct slice b)
{
	while (a.len && b.len) {
		struct slice left = version_take_digits(&a), right = version_take_digits(&b);
		int          order = version_digits_cmp(left, right);

		if (order)
			return order;
		if (a.len && b.len && lower(a.ptr[0]) != lower(b.ptr[0]))
			return lower(a.ptr[0]) < lower(b.ptr[0]) ? -1 : 1;
		a = slice_from(a, 1);
		b = slice_from(b, 1);
	}
	return (a.len != 0) - (b.len != 0);
}

struct version_parts version_parts_pep440(struct slice version)
{
	struct pep440 v = parse(version);

	return (struct version_parts){.epoch = v.epoch,
				      .numbers = v.release,
				      .prerelease = v.phase != PHASE_NONE || v.has_dev,
				      .post = v.has_post};
}

bool version_valid_pep440(struct slice version)
{
	return parse(version).valid;
}

int version_compare_pep440(struct slice a, struct slice b, int *order)
{
	struct pep440 va = parse(a), vb = parse(b);

	if (va.valid && vb.valid)
		*order = compare_valid(&va, &vb);
	else if (va.valid != vb.valid)
		*order = va.valid ? 1 : -1;
	else
		*order = compare_legacy(slice_trim(a), slice_trim(b));
	return va.valid && vb.valid ? 0 : ERR_FORMAT;
}
