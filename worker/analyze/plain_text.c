#include "analyze/plain_text.h"

int plain_text(struct slice *body, struct err *err)
{
	if (slice_starts(*body, "\xff\xfe") || slice_starts(*body, "\xfe\xff"))
		return err_set(err, ERR_FORMAT, "text in UTF-16");
	if (slice_find(*body, 0) != SIZE_MAX)
		return err_set(err, ERR_FORMAT, "not text: it holds NUL bytes");
	if (slice_starts(*body, "\xef\xbb\xbf"))
		*body = slice_from(*body, 3);
	return 0;
}
