#include "source_list.h"

#include "base/log.h"

#include <string.h>

static int check_remote(const struct source_list *list, struct err *err)
{
	char text[REFERENCE_TEXT_BYTES];

	if (!list->remote_only || !reference_is_local(&list->reference))
		return 0;
	reference_text(&list->reference, text);
	return err_set(err, ERR_USAGE, "%.300s is a path of this machine, which a broker's workers cannot read: use varve scan", text);
}

static int parse_operand(struct source_list *list, const char *operand, struct err *err)
{
	int rc = reference_parse(slice_str(operand), &list->reference, err);

	return rc == 0 ? check_remote(list, err) : rc;
}

int source_list_open(struct source_list *list, char **operands, size_t count, const char *from_file, bool remote_only,
                     struct err *err)
{
	*list = (struct source_list){.operands = operands, .operands_count = count, .remote_only = remote_only};
	for (size_t i = 0; i < count; i++)
		if (parse_operand(list, operands[i], err) != 0)
			return err->code;
	if (!from_file)
		return 0;
	list->file = reference_list_open(from_file, err);
	if (list->file)
		return 0;
	err->code = ERR_USAGE; /* whatever is wrong with the file: the command line named it */
	return err_prefix(err, "--from-file");
}

void source_list_close(struct source_list *list)
{
	if (list->file)
		reference_list_close(list->file);
	list->file = NULL;
}

static int next_line(struct source_list *list, struct err *err)
{
	for (;;) {
		struct err line_err = {0};
		int        rc = reference_list_next(list->file, &list->reference, &line_err);

		if (rc > 0 && check_remote(list, &line_err) != 0)
			rc = ERR_USAGE;
		if (rc >= 0)
			return rc;
		if (rc != ERR_USAGE)
			return err_set(err, rc, "%s", line_err.text);
		log_line(LOG_WARNING, "list", "%s", line_err.text);
		list->refused++;
	}
}

int source_list_next(struct source_list *list, struct slice *reference, struct err *err)
{
	int rc = 0;

	if (list->next < list->operands_count)
		rc = parse_operand(list, list->operands[list->next++], err) == 0 ? 1 : err->code;
	else if (list->file)
		rc = next_line(list, err);
	if (rc <= 0)
		return rc;
	reference_text(&list->reference, list->text);
	*reference = slice_str(list->text);
	return 1;
}
