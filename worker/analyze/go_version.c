#include "analyze/go_version.h"

bool go_version_write(struct slice text, struct buf *out)
{
	struct slice rest = slice_sub(text, 0, slice_find(text, ' ')), word;
	unsigned     numbers = 0;

	if (!slice_starts(rest, "go1"))
		return false;
	rest = slice_from(rest, 2);
	rest = slice_sub(rest, 0, slice_find(rest, '-')); /* of a vendor: go1.20.4-google */
	while (rest.len && rest.ptr[0] >= '0' && rest.ptr[0] <= '9' && numbers < 3) {
		buf_printf(out, "%s", numbers++ ? "." : "");
		while (rest.len && rest.ptr[0] >= '0' && rest.ptr[0] <= '9') {
			buf_byte(out, rest.ptr[0]);
			rest = slice_from(rest, 1);
		}
		if (rest.len && rest.ptr[0] == '.')
			rest = slice_from(rest, 1);
	}
	word = slice_starts(rest, "rc")     ? SLICE_LIT("rc")
	       : slice_starts(rest, "beta") ? SLICE_LIT("beta")
					    : SLICE_EMPTY;
	for (; word.len && numbers < 3; numbers++)
		buf_str(out, ".0");
	if (word.len)
		buf_printf(out, "-%.*s.%.*s", SLICE_FMT(word), SLICE_FMT(slice_from(rest, word.len)));
	return numbers >= 2;
}
