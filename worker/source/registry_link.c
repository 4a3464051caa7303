#include "source/registry_link.h"

/* Cuts up to an unquoted `stop` byte, which goes too. */
static struct slice cut_unquoted(struct slice *rest, uint8_t stop)
{
	bool   quoted = false;
	size_t at = 0;

	for (; at < rest->len; at++) {
		uint8_t c = rest->ptr[at];

		if (quoted && c == '\\')
			at++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && c == stop)
			break;
	}
	struct slice part = slice_sub(*rest, 0, at);

	*rest = slice_from(*rest, at + 1);
	return part;
}

static bool relation_is_next(struct slice relations)
{
	relations = slice_trim(relations);
	if (relations.len >= 2 && relations.ptr[0] == '"')
		relations = slice_sub(relations, 1, relations.len - 2);
	while (relations.len)
		if (slice_eq_nocase(slice_cut(&relations, ' '), SLICE_LIT("next")))
			return true;
	return false;
}

/* Only the first "rel" of a link counts (RFC 8288 3.3). */
static bool params_say_next(struct slice params)
{
	while (params.len) {
		struct slice value = cut_unquoted(&params, ';');
		struct slice name = slice_cut(&value, '=');

		if (slice_eq_nocase(slice_trim(name), SLICE_LIT("rel")))
			return relation_is_next(value);
	}
	return false;
}

struct slice link_next(struct slice value)
{
	while (value.len) {
		size_t       open = slice_find(value, '<');
		struct slice target;

		if (open == SIZE_MAX)
			break;
		value = slice_from(value, open + 1);
		if (slice_find(value, '>') == SIZE_MAX)
			break;
		target = slice_cut(&value, '>');
		if (params_say_next(cut_unquoted(&value, ',')))
			return target;
	}
	return SLICE_EMPTY;
}
