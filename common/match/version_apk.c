#include "match/version.h"

/* apk-package(5), apk-tools' src/version.c and test/unit/version.data:
 * digits{.digits}…[letter]{_suffix[digits]}…[~hash][-rdigits]. Token kinds are in the order in which they may follow,
 * so that where two versions part, the earlier kind is the newer version; pre-release suffixes are the exception.
 * Digits behind the letter ("1.9.5p2") were good until apk-tools 3 and stand in the older releases' advisories. What is
 * no version (ERR_FORMAT) is ordered by its text from where it stops being one. */

enum token_kind { T_FIRST_DIGITS, T_DIGITS, T_LETTER, T_SUFFIX, T_SUFFIX_DIGITS, T_HASH, T_REVISION, T_END, T_INVALID };

enum suffix {
	SUFFIX_ALPHA,
	SUFFIX_BETA,
	SUFFIX_PRE,
	SUFFIX_RC,
	SUFFIX_NONE,
	SUFFIX_CVS,
	SUFFIX_SVN,
	SUFFIX_GIT,
	SUFFIX_HG,
	SUFFIX_P
};

struct token {
	enum token_kind kind;
	struct slice    text; /* digits, letter or hash */
	enum suffix     suffix;
	struct slice    rest;
};

static bool find_suffix(struct slice word, enum suffix *out)
{
	static const struct {
		const char *word;
		enum suffix suffix;
	} SUFFIXES[] = {
		{"alpha", SUFFIX_ALPHA}, {"beta", SUFFIX_BETA}, {"pre", SUFFIX_PRE},
		{"rc", SUFFIX_RC},       {"cvs", SUFFIX_CVS},   {"svn", SUFFIX_SVN},
		{"git", SUFFIX_GIT},     {"hg", SUFFIX_HG},     {"p", SUFFIX_P},
	};

	for (size_t i = 0; i < sizeof(SUFFIXES) / sizeof(*SUFFIXES); i++)
		if (slice_eq_str(word, SUFFIXES[i].word)) {
			*out = SUFFIXES[i].suffix;
			return true;
		}
	return false;
}

static struct slice take_hex(struct slice *rest)
{
	size_t len = 0;

	while (len < rest->len &&
	       (version_is_digit(rest->ptr[len]) || (rest->ptr[len] >= 'a' && rest->ptr[len] <= 'f')))
		len++;
	struct slice hex = slice_sub(*rest, 0, len);
	*rest = slice_from(*rest, len);
	return hex;
}

/* Without text the token is invalid, and what it was to be read from stays the rest. */
static void set(struct token *t, enum token_kind kind, struct slice text, struct slice rest)
{
	t->kind = text.len ? kind : T_INVALID;
	if (text.len) {
		t->text = text;
		t->rest = rest;
	}
}

static void read_suffix(struct token *t, struct slice rest)
{
	size_t len = 0;

	while (len < rest.len && rest.ptr[len] >= 'a' && rest.ptr[len] <= 'z')
		len++;
	bool known = find_suffix(slice_sub(rest, 0, len), &t->suffix);
	t->kind = known ? T_SUFFIX : T_INVALID;
	if (known)
		t->rest = slice_from(rest, len);
}

static void next(struct token *t)
{
	struct slice rest = t->rest, text;

	if (rest.len == 0) {
		t->kind = T_END;
		return;
	}
	uint8_t c = rest.ptr[0];
	rest = slice_from(rest, 1);
	if (c == '.' && t->kind <= T_DIGITS) {
		text = version_take_digits(&rest);
		set(t, T_DIGITS, text, rest);
	} else if (c >= 'a' && c <= 'z' && t->kind <= T_DIGITS) {
		set(t, T_LETTER, slice_sub(t->rest, 0, 1), rest);
	} else if (c == '_' && t->kind <= T_SUFFIX_DIGITS) {
		read_suffix(t, rest);
	} else if (version_is_digit(c) && (t->kind == T_SUFFIX || t->kind == T_LETTER)) {
		rest = t->rest;
		text = version_take_digits(&rest);
		set(t, t->kind == T_SUFFIX ? T_SUFFIX_DIGITS : T_DIGITS, text, rest);
	} else if (c == '~' && t->kind < T_HASH) {
		text = take_hex(&rest);
		set(t, T_HASH, text, rest);
	} else if (c == '-' && t->kind < T_REVISION && slice_starts(rest, "r")) {
		rest = slice_from(rest, 1);
		text = version_take_digits(&rest);
		set(t, T_REVISION, text, rest);
	} else {
		t->kind = T_INVALID;
	}
}

static struct token first(struct slice version)
{
	struct token t = {.rest = version};
	struct slice digits = version_take_digits(&version);

	set(&t, T_FIRST_DIGITS, digits, version);
	return t;
}

static int compare_token(const struct token *a, const struct token *b)
{
	switch (a->kind) {
	case T_DIGITS: /* behind a dot a leading zero makes it a decimal fraction, compared as text */
		if (a->text.ptr[0] == '0' || b->text.ptr[0] == '0')
			return slice_cmp(a->text, b->text);
		return version_digits_cmp(a->text, b->text);
	case T_FIRST_DIGITS:
	case T_SUFFIX_DIGITS:
	case T_REVISION:
		return version_digits_cmp(a->text, b->text);
	case T_SUFFIX:
		return (a->suffix > b->suffix) - (a->suffix < b->suffix);
	default:
		return slice_cmp(a->text, b->text);
	}
}

static bool is_prerelease(const struct token *t)
{
	return t->kind == T_SUFFIX && t->suffix < SUFFIX_NONE;
}

bool version_valid_apk(struct slice version)
{
	struct token t = first(version);

	while (t.kind < T_END)
		next(&t);
	return t.kind == T_END;
}

int version_compare_apk(struct slice a, struct slice b, int *order)
{
	struct token ta = first(a), tb = first(b);

	*order = 0;
	while (*order == 0 && ta.kind == tb.kind && ta.kind < T_END) {
		*order = compare_token(&ta, &tb);
		next(&ta);
		next(&tb);
	}
	if (*order == 0 && ta.kind == T_INVALID && tb.kind == T_INVALID)
		*order = slice_cmp(ta.rest, tb.rest);
	if (*order == 0 && ta.kind != tb.kind) {
		if (is_prerelease(&ta) != is_prerelease(&tb))
			*order = is_prerelease(&ta) ? -1 : 1;
		else
			*order = ta.kind > tb.kind ? -1 : 1;
	}
	return version_valid_apk(a) && version_valid_apk(b) ? 0 : ERR_FORMAT;
}
