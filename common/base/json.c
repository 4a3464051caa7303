#include "base/json.h"

#include "base/limits.h"

#include <jansson.h>
#include <string.h>

/* struct json is json_t under a name of our own: never defined, only cast. */
static json_t *raw(const struct json *node)
{
	return (json_t *)(uintptr_t)node;
}

static const struct json *wrap(const json_t *node)
{
	return (const struct json *)node;
}

/* Jansson recurses per level, and takes many times the text in memory: both are checked before it sees the text. Each value
 * but the first has a '[', a '{' or a ',' before it. */
static int check_shape(struct slice text, struct err *err)
{
	size_t depth = 0, values = 0;
	bool   in_string = false;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[' || c == '{') {
			if (++depth > LIMIT_JSON_DEPTH)
				return err_set(err, ERR_LIMIT, "JSON deeper than %u levels", LIMIT_JSON_DEPTH);
			values++;
		} else if (c == ',') {
			values++;
		} else if ((c == ']' || c == '}') && depth) {
			depth--;
		}
	}
	if (values > LIMIT_JSON_VALUES)
		return err_set(err, ERR_LIMIT, "JSON of more than %u values", LIMIT_JSON_VALUES);
	return 0;
}

int json_parse(struct slice text, struct json **root, struct err *err)
{
	json_error_t why;
	json_t      *node;

	*root = NULL;
	if (slice_starts(text, "\xef\xbb\xbf"))
		text = slice_from(text, 3);
	if (check_shape(text, err) < 0)
		return ERR_LIMIT;
	node = json_loadb(text.ptr ? (const char *)text.ptr : "", text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
	if (!node && json_error_code(&why) == json_error_out_of_memory)
		return err_set(err, ERR_MEM, "out of memory for JSON");
	if (!node)
		return err_set(err, ERR_FORMAT, "not JSON: %s (line %d)", why.text, why.line);
	*root = (struct json *)node;
	return 0;
}

void json_free(struct json *root)
{
	json_decref(raw(root));
}

enum json_kind json_kind(const struct json *node)
{
	if (!node)
		return JSON_KIND_NONE;
	switch (json_typeof(raw(node))) {
	case JSON_OBJECT:
		return JSON_KIND_OBJECT;
	case JSON_ARRAY:
		return JSON_KIND_ARRAY;
	case JSON_STRING:
		return JSON_KIND_STRING;
	case JSON_INTEGER:
	case JSON_REAL:
		return JSON_KIND_NUMBER;
	case JSON_TRUE:
	case JSON_FALSE:
		return JSON_KIND_BOOL;
	case JSON_NULL:
		return JSON_KIND_NULL;
	}
	return JSON_KIND_NONE;
}

const struct json *json_get(const struct json *object, const char *key)
{
	return object ? wrap(json_object_get(raw(object), key)) : NULL;
}

const struct json *json_get_kind(const struct json *object, const char *key, enum json_kind kind)
{
	const struct json *node = json_get(object, key);

	return json_kind(node) == kind ? node : NULL;
}

struct slice json_text(const struct json *node)
{
	if (json_kind(node) != JSON_KIND_STRING)
		return SLICE_EMPTY;
	return slice_of(json_string_value(raw(node)), json_string_length(raw(node)));
}

struct slice json_get_text(const struct json *object, const char *key)
{
	return json_text(json_get(object, key));
}

bool json_bool(const struct json *node, bool otherwise)
{
	return json_kind(node) == JSON_KIND_BOOL ? json_is_true(raw(node)) : otherwise;
}

int64_t json_int(const struct json *node, int64_t otherwise)
{
	return node && json_is_integer(raw(node)) ? json_integer_value(raw(node)) : otherwise;
}

size_t json_count(const struct json *container)
{
	switch (json_kind(container)) {
	case JSON_KIND_ARRAY:
		return json_array_size(raw(container));
	case JSON_KIND_OBJECT:
		return json_object_size(raw(container));
	default:
		return 0;
	}
}

const struct json *json_at(const struct json *array, size_t index)
{
	return json_kind(array) == JSON_KIND_ARRAY ? wrap(json_array_get(raw(array), index)) : NULL;
}

void *json_first(const struct json *object)
{
	return json_kind(object) == JSON_KIND_OBJECT ? json_object_iter(raw(object)) : NULL;
}

void *json_next(const struct json *object, void *iterator)
{
	return json_object_iter_next(raw(object), iterator);
}

struct slice json_key(void *iterator)
{
	return slice_of(json_object_iter_key(iterator), json_object_iter_key_len(iterator));
}

const struct json *json_value(void *iterator)
{
	return wrap(json_object_iter_value(iterator));
}
