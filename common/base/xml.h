/* xml.h - reading foreign XML as a tree of elements; the only file that includes Expat.
 *
 * A document type is refused, and with it every entity but the five of XML itself, so that no text can grow and nothing is
 * fetched. Depth is bounded by LIMIT_XML_DEPTH, memory by the arena that is given. Accessors take NULL and answer
 * "nothing". */
#ifndef VARVE_BASE_XML_H
#define VARVE_BASE_XML_H

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"

/* Lives in the arena. */
struct xml_attribute {
	struct slice                name, value;
	const struct xml_attribute *next;
};

struct xml {
	struct slice      name;
	struct slice      text; /* of an element without children, trimmed */
	const struct xml *first, *next;

	const struct xml_attribute *attributes;
};

/* Sets *root to the outermost element. ERR_FORMAT, ERR_LIMIT, ERR_MEM. */
int xml_parse(struct slice text, struct arena *arena, const struct xml **root, struct err *err);

const struct xml *xml_get(const struct xml *element, const char *name); /* the first child of that name */
struct slice      xml_attribute(const struct xml *element, const char *name);
struct slice      xml_get_text(const struct xml *element, const char *name);

/* Every element, the root first, in the order of the document; NULL at the end. */
struct xml_walk {
	const struct xml *levels[LIMIT_XML_DEPTH + 1];
	size_t            depth;
};
struct xml_walk   xml_walk_of(const struct xml *root); /* NULL: walks over nothing */
const struct xml *xml_walk_next(struct xml_walk *walk);

#endif
