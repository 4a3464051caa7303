#include "match/version.h"

/* vercmp(8) and pacman's lib/libalpm/version.c, test/util/vercmptest.sh: as rpm of old (no '~' and '^'), but a longer
 * run of separators is newer, and letters that follow lose against nothing ("1.5b" is before "1.5"). */

struct alpm_version {
	struct slice epoch, version, release;
	bool         has_release;
};

static struct alpm_version split(struct slice text)
{
	struct alpm_version v = {0};
	struct slice        rest = text, epoch;

	if (version_take_epoch(&rest, &epoch)) {
		struct slice left = epoch;

		version_take_digits(&left);
		if (left.len == 0) {
			v.epoch = epoch;
			text = rest;
		}
	}
	size_t dash = slice_rfind(text, '-');
	v.version = slice_sub(text, 0, dash);
	v.has_release = dash != SIZE_MAX;
	v.release = v.has_release ? slice_from(text, dash + 1) : SLICE_EMPTY;
	return v;
}

static size_t skip_separators(struct slice *s)
{
	size_t len = 0;

	while (len < s->len && !version_is_digit(s->ptr[len]) && !version_is_alpha(s->ptr[len]))
		len++;
	*s = slice_from(*s, len);
	return len;
}

static int compare_segment(struct slice *a, struct slice *b)
{
	if (version_is_digit(a->ptr[0]) != version_is_digit(b->ptr[0]))
		return version_is_digit(a->ptr[0]) ? 1 : -1;
	if (version_is_digit(a->ptr[0])) {
		struct slice a_digits = version_take_digits(a);

		return version_digits_cmp(a_digits, version_take_digits(b));
	}
	struct slice a_alphas = version_take_alphas(a);
	return slice_cmp(a_alphas, version_take_alphas(b));
}

/* One side, or both, have nothing more to compare segment by segment. */
static int compare_rest(struct slice a, struct slice b)
{
	bool a_alpha = a.len && version_is_alpha(a.ptr[0]);
	bool b_alpha = b.len && version_is_alpha(b.ptr[0]);

	if (a.len == 0 && b.len == 0)
		return 0;
	return (a.len == 0 && !b_alpha) || a_alpha ? -1 : 1;
}

static int compare_part(struct slice a, struct slice b)
{
	while (a.len && b.len) {
		size_t a_separators = skip_separators(&a);
		size_t b_separators = skip_separators(&b);

		if (a.len == 0 || b.len == 0)
			break;
		if (a_separators != b_separators)
			return a_separators < b_separators ? -1 : 1;
		int order = compare_segment(&a, &b);
		if (order)
			return order;
	}
	return compare_rest(a, b);
}

static bool readable(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] == 0x7f || s.ptr[i] == ':' || s.ptr[i] == '<' || s.ptr[i] == '>')
			return false;
	return true;
}

bool version_valid_alpm(struct slice version)
{
	struct alpm_version v = split(version);

	return v.version.len && (version_is_digit(v.version.ptr[0]) || version_is_alpha(v.version.ptr[0])) &&
	       readable(v.version) && readable(v.release);
}

int version_compare_alpm(struct slice a, struct slice b, int *order)
{
	struct alpm_version va = split(a), vb = split(b);

	*order = version_digits_cmp(va.epoch, vb.epoch);
	if (*order == 0)
		*order = compare_part(va.version, vb.version);
	if (*order == 0 && va.has_release && vb.has_release)
		*order = compare_part(va.release, vb.release);
	return version_valid_alpm(a) && version_valid_alpm(b) ? 0 : ERR_FORMAT;
}
