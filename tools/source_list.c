#include "source_list.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { QUEUE_ITEMS = 4096, WAIT_MS = 20 };

static int check_remote(const struct source_list *list, const struct reference *reference, struct err *err)
{
	char text[REFERENCE_TEXT_BYTES];

	if (!list->remote_only || !reference_is_local(reference))
		return 0;
	reference_text(reference, text);
	return err_set(err, ERR_USAGE,
		       "%.300s is a path of this machine, which a broker's workers cannot read: use varve scan", text);
}

static int parse_operand(struct source_list *list, const char *operand, struct err *err)
{
	int rc = reference_parse(slice_str(operand), &list->reference, err);

	return rc == 0 ? check_remote(list, &list->reference, err) : rc;
}

int source_list_open(struct source_list *list, char **operands, size_t count, const char *from_file, bool remote_only,
		     struct err *err)
{
	memset(list, 0, sizeof(*list));
	list->operands = operands;
	list->operands_count = count;
	list->remote_only = remote_only;
	list->wake_fd = -1;
	for (size_t i = 0; i < count; i++)
		if (parse_operand(list, operands[i], err) != 0)
			return err->code;
	if (!from_file)
		return 0;
	list->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (list->wake_fd < 0)
		return err_errno(err, ERR_IO, "reading a list");
	list->file = reference_list_open(from_file, list->wake_fd, err);
	if (list->file)
		return 0;
	err->code = ERR_USAGE; /* whatever is wrong with the file: the command line named it */
	return err_prefix(err, "--from-file");
}

static int read_line(struct source_list *list, struct err *err)
{
	int rc = reference_list_next(list->file, &list->read, err);

	return rc > 0 && check_remote(list, &list->read, err) != 0 ? ERR_USAGE : rc;
}

static void hand_over(struct source_list *list)
{
	char text[REFERENCE_TEXT_BYTES], *copy;

	reference_text(&list->read, text);
	copy = strdup(text);
	if (copy && queue_push(list->queue, copy))
		return;
	if (!copy)
		err_set(&list->reader_err, ERR_MEM, "reading the list: no memory");
	free(copy);
}

static void *read_file(void *data)
{
	struct source_list *list = data;
	int                 rc = 1;

	while (rc != 0 && list->reader_err.code == 0 && !atomic_load(&list->stop)) {
		struct err err = {0};

		rc = read_line(list, &err);
		if (rc > 0) {
			hand_over(list);
		} else if (rc == ERR_USAGE) {
			log_line(LOG_WARNING, "list", "%s", err.text);
			atomic_fetch_add(&list->refused, 1);
		} else if (rc < 0) {
			list->reader_err = err;
		}
	}
	atomic_store(&list->ended, true);
	return NULL;
}

/* The reader may wait for a line that never comes. */
static void stop_reader(struct source_list *list)
{
	static const uint64_t one = 1;

	atomic_store(&list->stop, true);
	if (write(list->wake_fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
		log_line(LOG_ERROR, "list", "waking the reader of the list failed");
	pthread_join(list->reader, NULL);
}

static int start_reader(struct source_list *list, struct err *err)
{
	list->queue = queue_new(QUEUE_ITEMS);
	if (!list->queue || pthread_create(&list->reader, NULL, read_file, list) != 0)
		return err_set(err, ERR_MEM, "reading the list: no memory or no thread");
	list->reading = true;
	return 0;
}

void source_list_close(struct source_list *list)
{
	char *text;

	if (list->queue)
		queue_close(list->queue);
	if (list->reading)
		stop_reader(list);
	while (list->queue && (text = queue_pop(list->queue)) != NULL)
		free(text);
	if (list->queue)
		queue_free(list->queue);
	if (list->file)
		reference_list_close(list->file);
	if (list->wake_fd > 0)
		close(list->wake_fd);
	memset(list, 0, sizeof(*list));
}

static int next_of_file(struct source_list *list, struct slice *reference, struct err *err)
{
	bool  ended;
	char *text;

	if (!list->reading && start_reader(list, err) != 0)
		return err->code;
	ended = atomic_load(&list->ended); /* before the pop: what was pushed is then seen */
	text = queue_pop_ms(list->queue, ended ? 0 : WAIT_MS);
	if (text) {
		snprintf(list->text, sizeof(list->text), "%s", text);
		free(text);
		*reference = slice_str(list->text);
		return SOURCE_NEXT;
	}
	if (!ended)
		return SOURCE_LATER;
	return list->reader_err.code ? err_set(err, list->reader_err.code, "%s", list->reader_err.text) : SOURCE_END;
}

int source_list_next(struct source_list *list, struct slice *reference, struct err *err)
{
	if (list->next == list->operands_count)
		return list->file ? next_of_file(list, reference, err) : SOURCE_END;
	if (parse_operand(list, list->operands[list->next++], err) != 0)
		return err->code;
	reference_text(&list->reference, list->text);
	*reference = slice_str(list->text);
	return SOURCE_NEXT;
}
