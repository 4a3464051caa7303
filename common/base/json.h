/* json.h - reading foreign JSON (RFC 8259) as a tree; the only file that includes Jansson.
 *
 * Every accessor takes NULL and the wrong kind and answers "nothing" (NULL, empty, 0), so a parser reads straight
 * through and checks only what it must have. Depth and number of values are bounded by
 * LIMIT_JSON_DEPTH and LIMIT_JSON_VALUES, size by the caller. Duplicate keys:
 * the last one wins. Slices and nodes are borrowed from the document. Strings with \u0000 keep it. */
#ifndef VARVE_BASE_JSON_H
#define VARVE_BASE_JSON_H

#include "base/err.h"
#include "base/slice.h"

struct json; /* a node */

enum json_kind {
	JSON_KIND_NONE,
	JSON_KIND_NULL,
	JSON_KIND_BOOL,
	JSON_KIND_NUMBER,
	JSON_KIND_STRING,
	JSON_KIND_ARRAY,
	JSON_KIND_OBJECT
};

/* Parses the whole text (trailing bytes are an error); the root is freed with json_free(). ERR_FORMAT, ERR_LIMIT, ERR_MEM. */
int  json_parse(struct slice text, struct json **root, struct err *err);
void json_free(struct json *root);

enum json_kind     json_kind(const struct json *node);
const struct json *json_get(const struct json *object, const char *key);
const struct json *json_get_kind(const struct json *object, const char *key,
				 enum json_kind kind); /* NULL on another kind */
struct slice       json_text(const struct json *node); /* of a string */
struct slice       json_get_text(const struct json *object, const char *key);
bool               json_bool(const struct json *node, bool otherwise);
int64_t            json_int(const struct json *node, int64_t otherwise); /* a real number is `otherwise` */

size_t             json_count(const struct json *container); /* items of an array, keys of an object */
const struct json *json_at(const struct json *array, size_t index);

/* Walks an object: for (it = json_first(o); it; it = json_next(o, it)) { json_key(it), json_value(it) } */
void              *json_first(const struct json *object);
void              *json_next(const struct json *object, void *iterator);
struct slice       json_key(void *iterator);
const struct json *json_value(void *iterator);

#endif
