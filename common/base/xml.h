/* xml.h - reading foreign XML as a tree of elements; the only file that includes Expat.
 *
 * A document type is refused, and with it every entity but the five of XML itself, so that no text can grow and nothing is
 * fetched. Depth is bounded by LIMIT_XML_DEPTH, memory by the arena that is given. Attributes are not kept. Accessors take
 * NULL and answer "nothing". */
#ifndef VARVE_BASE_XML_H
#define VARVE_BASE_XML_H

#include "base/arena.h"
#include "base/err.h"

/* Lives in the arena. */
struct xml {
	struct slice      name;
	struct slice      text; /* of an element without children, trimmed */
	const struct xml *first, *next;
};

/* Sets *root to the outermost element. ERR_FORMAT, ERR_LIMIT, ERR_MEM. */
int xml_parse(struct slice text, struct arena *arena, const struct xml **root, struct err *err);

const struct xml *xml_get(const struct xml *element, const char *name); /* the first child of that name */
struct slice      xml_get_text(const struct xml *element, const char *name);

#endif
