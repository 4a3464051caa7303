#include "base/glob.h"

static bool is_special(uint8_t c)
{
	return c == '*' || c == '?' || c == '[' || c == '\\';
}

struct slice glob_literal(struct slice pattern)
{
	size_t len = 0;

	while (len < pattern.len && !is_special(pattern.ptr[len]))
		len++;
	return slice_sub(pattern, 0, len);
}

bool glob_is_literal(struct slice pattern)
{
	return glob_literal(pattern).len == pattern.len;
}

/* The class behind '[' at *at against a byte; *at moves behind it. A class without an end is a '[' as it stands. */
static bool match_class(struct slice pattern, size_t *at, uint8_t c)
{
	size_t i = *at + 1, first;
	bool   negated = i < pattern.len && (pattern.ptr[i] == '!' || pattern.ptr[i] == '^'), found = false;

	i += negated;
	for (first = i; i < pattern.len && (pattern.ptr[i] != ']' || i == first); i++) {
		uint8_t low = pattern.ptr[i], high = low;

		if (i + 2 < pattern.len && pattern.ptr[i + 1] == '-' && pattern.ptr[i + 2] != ']') {
			high = pattern.ptr[i + 2];
			i += 2;
		}
		found |= low <= c && c <= high;
	}
	if (i >= pattern.len) {
		*at += 1;
		return c == '[';
	}
	*at = i + 1;
	return found != negated;
}

/* One byte that is not behind a star; *at moves on. */
static bool match_one(struct slice pattern, size_t *at, uint8_t c, bool path)
{
	uint8_t p = pattern.ptr[*at];

	if (p == '[')
		return match_class(pattern, at, c) && !(path && c == '/');
	if (p == '\\' && *at + 1 < pattern.len)
		p = pattern.ptr[++*at];
	else if (p == '?') {
		++*at;
		return !(path && c == '/');
	}
	++*at;
	return p == c;
}

/* Where the match goes on when what is behind a star did not fit. */
struct retreat {
	size_t pattern, text;
	bool   set;
	bool   folders; /* the star stands for whole folders: only behind a '/' */
};

/* Stars behind each other count as one; of a path, two cross folders. */
static bool take_stars(struct slice pattern, size_t *at, bool path)
{
	size_t begin = *at;

	while (*at < pattern.len && pattern.ptr[*at] == '*')
		++*at;
	return !path || *at - begin >= 2;
}

/* "**" and "/" together may stand for no folder at all. */
static struct retreat far_retreat(struct slice pattern, size_t p, struct slice text, size_t t, bool path)
{
	bool folders = path && p < pattern.len && pattern.ptr[p] == '/' && (t == 0 || text.ptr[t - 1] == '/');

	return (struct retreat){.pattern = p + folders, .text = t, .set = true, .folders = folders};
}

/* False: there is nothing further. */
static bool advance(struct retreat *r, struct slice text)
{
	do {
		if (!r->set || r->text >= text.len)
			return false;
		r->text++;
	} while (r->folders && text.ptr[r->text - 1] != '/');
	return true;
}

bool glob_match(struct slice pattern, struct slice text, bool path)
{
	struct retreat near = {.set = false}, far = {.set = false};
	size_t         p = 0, t = 0;

	for (;;) {
		if (p < pattern.len && pattern.ptr[p] == '*') {
			if (take_stars(pattern, &p, path)) {
				far = far_retreat(pattern, p, text, t, path);
				near.set = false;
				p = far.pattern;
			} else {
				near = (struct retreat){.pattern = p, .text = t, .set = true};
			}
			continue;
		}
		if (p == pattern.len && t == text.len)
			return true;
		if (p < pattern.len && t < text.len && match_one(pattern, &p, text.ptr[t], path)) {
			t++;
			continue;
		}
		if (near.set && near.text < text.len && text.ptr[near.text] != '/') {
			near.text++;
			p = near.pattern;
			t = near.text;
		} else if (advance(&far, text)) {
			near.set = false;
			p = far.pattern;
			t = far.text;
		} else {
			return false;
		}
	}
}
