#include "base/yaml.h"

#include "base/limits.h"

#include <yaml.h>

/* A collection that is open, and where its next child goes. */
struct level {
	struct yaml        *node;
	const struct yaml **tail;
	struct slice        key;
	bool                has_key; /* of a map: read, and its value is awaited */
};

struct builder {
	struct arena *arena;
	struct level  levels[LIMIT_YAML_DEPTH];
	size_t        depth;
};

static int out_of_room(const struct builder *b, struct err *err)
{
	if (b->arena->bytes_used >= b->arena->bytes_max / 2)
		return err_set(err, ERR_LIMIT, "YAML takes more than %zu bytes of memory", b->arena->bytes_max);
	return err_set(err, ERR_MEM, "out of memory for YAML");
}

static int push(struct builder *b, struct yaml *node, struct err *err)
{
	if (b->depth == LIMIT_YAML_DEPTH)
		return err_set(err, ERR_LIMIT, "YAML deeper than %u levels", LIMIT_YAML_DEPTH);
	b->levels[b->depth++] = (struct level){.node = node, .tail = &node->first};
	return 0;
}

/* A scalar in a map where a key is due is the key. */
static int add(struct builder *b, enum yaml_kind kind, struct slice text, struct err *err)
{
	struct level *level = &b->levels[b->depth - 1];
	bool          key_due = level->node->kind == YAML_KIND_MAP && !level->has_key;
	struct slice  copy = arena_copy(b->arena, text);
	struct yaml  *node;

	if (key_due && kind != YAML_KIND_TEXT)
		return err_set(err, ERR_FORMAT, "a YAML key that is no text");
	if (key_due) {
		level->key = copy;
		level->has_key = true;
		return arena_failed(b->arena) ? out_of_room(b, err) : 0;
	}
	node = arena_alloc(b->arena, sizeof(*node));
	if (!node || arena_failed(b->arena))
		return out_of_room(b, err);
	*node = (struct yaml){.kind = kind, .text = copy, .key = level->key};
	level->has_key = false;
	level->key = SLICE_EMPTY;
	*level->tail = node;
	level->tail = &node->next;
	return kind == YAML_KIND_TEXT ? 0 : push(b, node, err);
}

static int take(struct builder *b, const yaml_event_t *event, struct err *err)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return err_set(err, ERR_FORMAT, "YAML with an alias (line %zu)", event->start_mark.line + 1);
	case YAML_SCALAR_EVENT:
		return add(b, YAML_KIND_TEXT, slice_of(event->data.scalar.value, event->data.scalar.length), err);
	case YAML_SEQUENCE_START_EVENT:
		return add(b, YAML_KIND_LIST, SLICE_EMPTY, err);
	case YAML_MAPPING_START_EVENT:
		return add(b, YAML_KIND_MAP, SLICE_EMPTY, err);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return 0;
	default:
		return 0;
	}
}

static int parse_error(const yaml_parser_t *parser, struct err *err)
{
	if (parser->error == YAML_MEMORY_ERROR)
		return err_set(err, ERR_MEM, "out of memory for YAML");
	return err_set(err, ERR_FORMAT, "not YAML: %s (line %zu)", parser->problem ? parser->problem : "damaged",
		       parser->problem_mark.line + 1);
}

static int build(struct builder *b, yaml_parser_t *parser, struct err *err)
{
	bool end = false;
	int  rc = 0;

	while (rc == 0 && !end) {
		yaml_event_t event;

		if (!yaml_parser_parse(parser, &event))
			return parse_error(parser, err);
		end = event.type == YAML_STREAM_END_EVENT;
		rc = take(b, &event, err);
		yaml_event_delete(&event);
	}
	return rc;
}

int yaml_parse(struct slice text, struct arena *arena, const struct yaml **documents, struct err *err)
{
	struct yaml    stream = {.kind = YAML_KIND_LIST};
	struct builder b = {.arena = arena};
	yaml_parser_t  parser;
	int            rc;

	*documents = NULL;
	if (!yaml_parser_initialize(&parser))
		return err_set(err, ERR_MEM, "out of memory for YAML");
	yaml_parser_set_input_string(&parser, text.ptr ? text.ptr : (const uint8_t *)"", text.len);
	rc = push(&b, &stream, err);
	if (rc == 0)
		rc = build(&b, &parser, err);
	yaml_parser_delete(&parser);
	if (rc == 0)
		*documents = stream.first;
	return rc;
}

const struct yaml *yaml_get(const struct yaml *map, const char *key)
{
	const struct yaml *found = NULL;

	for (const struct yaml *it = yaml_first(map, YAML_KIND_MAP); it; it = it->next)
		if (slice_eq_str(it->key, key))
			found = it;
	return found;
}

const struct yaml *yaml_first(const struct yaml *node, enum yaml_kind kind)
{
	return node && node->kind == kind ? node->first : NULL;
}

struct slice yaml_text(const struct yaml *node)
{
	return node && node->kind == YAML_KIND_TEXT ? node->text : SLICE_EMPTY;
}

struct slice yaml_get_text(const struct yaml *map, const char *key)
{
	return yaml_text(yaml_get(map, key));
}
