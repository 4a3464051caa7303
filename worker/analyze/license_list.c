#include "analyze/license_list.h"

void license_list_add(struct buf *out, struct slice license)
{
	license = slice_trim(license);
	if (!license.len)
		return;
	if (out->len)
		buf_str(out, " AND ");
	buf_append(out, license);
}

static void add_one(const struct json *node, struct buf *out)
{
	struct slice text = json_text(node);

	if (!text.len)
		text = json_get_text(node, "type");
	license_list_add(out, text.len ? text : json_get_text(node, "name"));
}

void license_list_of_json(const struct json *node, struct buf *out)
{
	if (json_kind(node) != JSON_KIND_ARRAY)
		add_one(node, out);
	for (size_t i = 0; i < json_count(node) && json_kind(node) == JSON_KIND_ARRAY; i++)
		add_one(json_at(node, i), out);
}
