/* core_list.h - doubly linked lists of links that lie in their owners' structs; a zeroed link is in no list. */
#ifndef VARVE_BROKER_CORE_LIST_H
#define VARVE_BROKER_CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct core_list;

struct core_link {
	struct core_list *list;
	struct core_link *next, *previous;
};

struct core_list { /* zeroed = empty */
	struct core_link *first, *last;
	size_t            count;
};

#define CORE_OWNER(link, type, member)       ((type *)(void *)((char *)(link)-offsetof(type, member)))
#define CORE_CONST_OWNER(link, type, member) ((const type *)(const void *)((const char *)(link)-offsetof(type, member)))

static inline void core_list_remove(struct core_link *link) /* nothing when it is in no list */
{
	struct core_list *list = link->list;

	if (!list)
		return;
	if (link->previous)
		link->previous->next = link->next;
	else
		list->first = link->next;
	if (link->next)
		link->next->previous = link->previous;
	else
		list->last = link->previous;
	list->count--;
	*link = (struct core_link){0};
}

static inline void core_list_append(struct core_list *list, struct core_link *link) /* out of where it was */
{
	core_list_remove(link);
	link->list = list;
	link->previous = list->last;
	if (list->last)
		list->last->next = link;
	else
		list->first = link;
	list->last = link;
	list->count++;
}

#endif
