#include "base/xml.h"

#include "base/buf.h"
#include "base/limits.h"

#include <expat.h>

/* An element that is open, and where its next child goes. */
struct level {
	struct xml        *element;
	const struct xml **tail;
};

struct builder {
	XML_Parser    parser;
	struct arena *arena;
	struct buf    text; /* since the last tag */
	struct level  levels[LIMIT_XML_DEPTH + 1];
	size_t        depth;
	int           rc; /* why it was stopped */
	struct err   *err;
};

static void stop(struct builder *b, int rc)
{
	b->rc = rc;
	XML_StopParser(b->parser, XML_FALSE);
}

static void stop_full(struct builder *b)
{
	stop(b, err_set(b->err, ERR_LIMIT, "XML takes more than %zu bytes of memory", b->arena->bytes_max));
}

static void keep_attributes(struct builder *b, struct xml *element, const XML_Char **attributes)
{
	const struct xml_attribute **tail = &element->attributes;

	for (; attributes[0]; attributes += 2) {
		struct xml_attribute *attribute = arena_alloc(b->arena, sizeof(*attribute));

		if (!attribute)
			return;
		attribute->name = arena_copy(b->arena, slice_str(attributes[0]));
		attribute->value = arena_copy(b->arena, slice_trim(slice_str(attributes[1])));
		*tail = attribute;
		tail = &attribute->next;
	}
}

static void XMLCALL start_element(void *data, const XML_Char *name, const XML_Char **attributes)
{
	struct builder *b = data;
	struct level   *level = &b->levels[b->depth];
	struct xml     *element;

	buf_clear(&b->text);
	if (b->depth == LIMIT_XML_DEPTH) {
		stop(b, err_set(b->err, ERR_LIMIT, "XML deeper than %u levels", LIMIT_XML_DEPTH));
		return;
	}
	element = arena_alloc(b->arena, sizeof(*element));
	if (element) {
		element->name = arena_copy(b->arena, slice_str(name));
		keep_attributes(b, element, attributes);
	}
	if (arena_failed(b->arena)) {
		stop_full(b);
		return;
	}
	*level->tail = element;
	level->tail = &element->next;
	b->levels[++b->depth] = (struct level){.element = element, .tail = &element->first};
}

static void XMLCALL end_element(void *data, const XML_Char *name)
{
	struct builder *b = data;
	struct xml     *element = b->levels[b->depth--].element;

	(void)name;
	if (!element->first && !buf_ok(&b->text))
		stop(b, err_set(b->err, ERR_LIMIT, "XML with more than %u bytes of text in one element",
				LIMIT_STRING_BYTES));
	else if (!element->first)
		element->text = arena_copy(b->arena, slice_trim(buf_slice(&b->text)));
	if (arena_failed(b->arena))
		stop_full(b);
	buf_clear(&b->text);
}

static void XMLCALL characters(void *data, const XML_Char *text, int len)
{
	struct builder *b = data;

	buf_append(&b->text, slice_of(text, (size_t)len));
}

static void XMLCALL start_doctype(void *data, const XML_Char *name, const XML_Char *system_id,
				  const XML_Char *public_id, int has_internal)
{
	struct builder *b = data;

	(void)name;
	(void)system_id;
	(void)public_id;
	(void)has_internal;
	stop(b, err_set(b->err, ERR_FORMAT, "XML with a document type"));
}

static int run(struct builder *b, struct slice text)
{
	static const size_t PIECE = 1 << 20; /* Expat counts in int */
	size_t              at = 0;

	do {
		struct slice piece = slice_sub(text, at, PIECE);

		at += piece.len;
		if (XML_Parse(b->parser, piece.ptr ? (const char *)piece.ptr : "", (int)piece.len, at == text.len) ==
		    XML_STATUS_OK)
			continue;
		if (b->rc < 0)
			return b->rc;
		if (XML_GetErrorCode(b->parser) == XML_ERROR_NO_MEMORY)
			return err_set(b->err, ERR_MEM, "out of memory for XML");
		return err_set(b->err, ERR_FORMAT, "not XML: %s (line %lu)",
			       XML_ErrorString(XML_GetErrorCode(b->parser)),
			       (unsigned long)XML_GetCurrentLineNumber(b->parser));
	} while (at < text.len);
	return 0;
}

int xml_parse(struct slice text, struct arena *arena, const struct xml **root, struct err *err)
{
	struct xml     document = {.first = NULL};
	struct builder b = {.parser = XML_ParserCreate(NULL), .arena = arena, .err = err};
	int            rc;

	*root = NULL;
	if (!b.parser)
		return err_set(err, ERR_MEM, "out of memory for XML");
	b.levels[0] = (struct level){.element = &document, .tail = &document.first};
	buf_init(&b.text, LIMIT_STRING_BYTES);
	XML_SetUserData(b.parser, &b);
	XML_SetElementHandler(b.parser, start_element, end_element);
	XML_SetCharacterDataHandler(b.parser, characters);
	XML_SetStartDoctypeDeclHandler(b.parser, start_doctype);
	rc = run(&b, text);
	XML_ParserFree(b.parser);
	buf_deinit(&b.text);
	if (rc == 0)
		*root = document.first;
	return rc;
}

const struct xml *xml_get(const struct xml *element, const char *name)
{
	for (const struct xml *it = element ? element->first : NULL; it; it = it->next)
		if (slice_eq_str(it->name, name))
			return it;
	return NULL;
}

struct slice xml_get_text(const struct xml *element, const char *name)
{
	const struct xml *found = xml_get(element, name);

	return found ? found->text : SLICE_EMPTY;
}

struct slice xml_attribute(const struct xml *element, const char *name)
{
	for (const struct xml_attribute *it = element ? element->attributes : NULL; it; it = it->next)
		if (slice_eq_str(it->name, name))
			return it->value;
	return SLICE_EMPTY;
}

struct xml_walk xml_walk_of(const struct xml *root)
{
	return (struct xml_walk){.levels = {root}, .depth = root ? 1 : 0};
}

const struct xml *xml_walk_next(struct xml_walk *walk)
{
	const struct xml *at;

	while (walk->depth && !walk->levels[walk->depth - 1])
		walk->depth--;
	if (!walk->depth)
		return NULL;
	at = walk->levels[walk->depth - 1];
	walk->levels[walk->depth - 1] = walk->depth == 1 ? NULL : at->next;
	if (at->first && walk->depth <= LIMIT_XML_DEPTH)
		walk->levels[walk->depth++] = at->first;
	return at;
}
