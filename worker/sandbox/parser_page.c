#include "sandbox/parser_page.h"

#include <stddef.h>

_Static_assert(sizeof(struct parser_page) <= PARSER_PAGE_BYTES, "one page");

void parser_page_refused(struct parser_page *page, uint32_t system_call, const char *path)
{
	uint32_t               number = atomic_fetch_add(&page->refusals, 1);
	struct parser_refusal *refused = &page->refused[number < PARSER_REFUSALS_MAX ? number : 0];
	size_t                 len = 0;

	if (number >= PARSER_REFUSALS_MAX)
		return;
	refused->system_call = system_call;
	refused->running = atomic_load(&page->running);
	for (; len < sizeof(refused->path) - 1 && path[len]; len++)
		refused->path[len] = path[len];
	refused->path[len] = '\0';
}
