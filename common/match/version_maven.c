#include "match/version.h"

/* Maven's "Version Order Specification" (maven.apache.org/pom.html) as ComparableVersion of Maven 4 carries it out.
 *
 * A version is a row of tokens, numbers and qualifiers, each behind a '.' or a '-'; a change between digits and letters
 * counts as a '-'. Null tokens (0, "", ga, final, release) before a '-' or the end have no part in the order. */

struct token {
	struct slice text;
	bool         number, hyphen;
	bool         before_digit; /* a qualifier directly followed by a digit: a, b and m are short forms */
};

struct tokens {
	struct slice rest;
	bool         hyphen; /* hyphen: what separates the next token */
	bool         more;   /* a token follows, though it may be empty */
	size_t       kept;   /* rest.len down to which null tokens are known to count */
};

static const char *const QUALIFIERS[] = {"alpha", "beta", "milestone", "rc", "snapshot", "", "sp"};
enum { QUALIFIER_NONE = 5, QUALIFIER_UNKNOWN = 7 };

/* --- tokens --- */

static struct token take(struct tokens *tokens)
{
	struct slice *rest = &tokens->rest;
	struct token  token = {.hyphen = tokens->hyphen};
	size_t        len = 0;

	token.number = rest->len && version_is_digit(rest->ptr[0]);
	while (len < rest->len && rest->ptr[len] != '.' && rest->ptr[len] != '-' &&
	       version_is_digit(rest->ptr[len]) == token.number)
		len++;
	token.text = slice_sub(*rest, 0, len);
	*rest = slice_from(*rest, len);
	if (len == 0) { /* "1..2", "1." */
		token.text = SLICE_LIT("0");
		token.number = true;
	}
	tokens->more = rest->len != 0;
	tokens->hyphen = true;
	if (tokens->more && (rest->ptr[0] == '.' || rest->ptr[0] == '-')) {
		tokens->hyphen = rest->ptr[0] == '-';
		*rest = slice_from(*rest, 1);
	} else {
		token.before_digit = tokens->more && !token.number;
	}
	return token;
}

static uint32_t qualifier_rank(const struct token *token)
{
	static const struct {
		const char *name;
		uint32_t    rank;
	} ALIASES[] = {{"ga", QUALIFIER_NONE}, {"final", QUALIFIER_NONE}, {"release", QUALIFIER_NONE}, {"cr", 3}};
	static const char SHORT[] = "abm";

	for (uint32_t i = 0; i < QUALIFIER_UNKNOWN; i++)
		if (slice_eq_nocase(token->text, slice_str(QUALIFIERS[i])))
			return i;
	for (size_t i = 0; i < sizeof(ALIASES) / sizeof(*ALIASES); i++)
		if (slice_eq_nocase(token->text, slice_str(ALIASES[i].name)))
			return ALIASES[i].rank;
	for (uint32_t i = 0; i < 3 && token->before_digit && token->text.len == 1; i++)
		if ((token->text.ptr[0] | 0x20) == SHORT[i])
			return i;
	return QUALIFIER_UNKNOWN;
}

static bool is_null(const struct token *token)
{
	if (token->number)
		return version_digits_cmp(token->text, SLICE_LIT("0")) == 0;
	return qualifier_rank(token) == QUALIFIER_NONE;
}

/* The null tokens from here on reach the end or a '-': `*tokens` is moved behind them. */
static bool skip_nulls(struct tokens *tokens, const struct token *first)
{
	struct tokens ahead = *tokens;

	if (!is_null(first))
		return false;
	while (ahead.more && !ahead.hyphen) {
		struct tokens before = ahead;
		struct token  next = take(&ahead);

		if (!is_null(&next)) {
			tokens->kept = before.rest.len;
			return false;
		}
	}
	*tokens = ahead;
	return true;
}

/* The next token that counts; false at the end. */
static bool next_token(struct tokens *tokens, struct token *token)
{
	while (tokens->more) {
		bool known = tokens->rest.len > tokens->kept && tokens->kept != 0;

		*token = take(tokens);
		if (known || !skip_nulls(tokens, token))
			return true;
	}
	return false;
}

/* --- order --- */

static int compare_qualifiers(const struct token *a, const struct token *b)
{
	uint32_t left = qualifier_rank(a), right = qualifier_rank(b);

	if (left != right)
		return left < right ? -1 : 1;
	return left == QUALIFIER_UNKNOWN ? version_cmp_nocase(a->text, b->text) : 0;
}

/* .qualifier < -qualifier < -number < .number */
static int kind(const struct token *token)
{
	if (token->number)
		return token->hyphen ? 2 : 3;
	return token->hyphen ? 1 : 0;
}

static int compare_tokens(const struct token *a, const struct token *b)
{
	if (kind(a) != kind(b))
		return kind(a) < kind(b) ? -1 : 1;
	return a->number ? version_digits_cmp(a->text, b->text) : compare_qualifiers(a, b);
}

/* What a longer version has more is compared with nothing: the number 0 or the empty qualifier. */
static int compare_with_nothing(const struct token *token)
{
	struct token nothing = {.text = SLICE_EMPTY, .number = token->number, .hyphen = token->hyphen};

	return compare_tokens(token, &nothing);
}

bool version_valid_maven(struct slice version)
{
	return slice_trim(version).len != 0;
}

int version_compare_maven(struct slice a, struct slice b, int *order)
{
	struct tokens left = {.rest = slice_trim(a), .more = a.len != 0};
	struct tokens right = {.rest = slice_trim(b), .more = b.len != 0};
	struct token  l, r;
	bool          has_left = true, has_right = true;

	*order = 0;
	while (*order == 0 && (has_left || has_right)) {
		has_left = has_left && next_token(&left, &l);
		has_right = has_right && next_token(&right, &r);
		if (has_left && has_right)
			*order = compare_tokens(&l, &r);
		else if (has_left)
			*order = compare_with_nothing(&l);
		else if (has_right)
			*order = -compare_with_nothing(&r);
	}
	return version_valid_maven(a) && version_valid_maven(b) ? 0 : ERR_FORMAT;
}
