/* yaml.h - reading foreign YAML as a tree; the only file that includes libyaml.
 *
 * Lock files need a small part of YAML: maps with plain keys, lists, scalars. Aliases and keys that are maps or lists are
 * refused, so that no text can grow; depth is bounded by LIMIT_YAML_DEPTH, memory by the arena that is given. Every accessor
 * takes NULL and the wrong kind and answers "nothing", as json.h does. Duplicate keys: yaml_get()
 * answers the last one, a walk meets all. */
#ifndef VARVE_BASE_YAML_H
#define VARVE_BASE_YAML_H

#include "base/arena.h"
#include "base/err.h"

enum yaml_kind { YAML_KIND_NONE, YAML_KIND_TEXT, YAML_KIND_LIST, YAML_KIND_MAP };

/* Lives in the arena. Scalars are text as written, without quotes: what type they have is the reader's business. */
struct yaml {
	enum yaml_kind     kind;
	struct slice       key;  /* in a map */
	struct slice       text; /* of a scalar */
	const struct yaml *first, *next;
};

/* All documents of the stream, joined by `next`; *documents is NULL when there is none. ERR_FORMAT, ERR_LIMIT, ERR_MEM. */
int yaml_parse(struct slice text, struct arena *arena, const struct yaml **documents, struct err *err);

const struct yaml *yaml_get(const struct yaml *map, const char *key);
const struct yaml *yaml_first(const struct yaml *node,
			      enum yaml_kind     kind); /* its first child, if the node is of that kind */
struct slice       yaml_text(const struct yaml *node);
struct slice       yaml_get_text(const struct yaml *map, const char *key);

#endif
