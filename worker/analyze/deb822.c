#include "analyze/deb822.h"

struct deb822 deb822_of(struct slice text)
{
	return (struct deb822){.cursor = cursor_of(text)};
}

enum deb822_token deb822_next(struct deb822 *reader, struct deb822_field *field)
{
	struct slice line;

	while (cursor_line(&reader->cursor, &line)) {
		size_t colon;

		if (slice_trim(line).len == 0) {
			if (!reader->in_stanza)
				continue;
			reader->in_stanza = false;
			return DEB822_STANZA_END;
		}
		if (line.ptr[0] == ' ' || line.ptr[0] == '\t' || line.ptr[0] == '#')
			continue;
		colon = slice_find(line, ':');
		if (colon == SIZE_MAX || colon == 0) {
			reader->odd_lines++;
			continue;
		}
		reader->in_stanza = true;
		field->name = slice_trim(slice_sub(line, 0, colon));
		field->value = slice_trim(slice_from(line, colon + 1));
		return DEB822_FIELD;
	}
	if (!reader->in_stanza)
		return DEB822_END;
	reader->in_stanza = false;
	return DEB822_STANZA_END;
}
