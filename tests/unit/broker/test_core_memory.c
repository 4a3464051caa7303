/* The broker's core without memory: whichever allocation of a random history fails, the step says so and all can be freed. */
#include "lib/check.h"

#include "lib/core_history.h"

#include <stdlib.h>

enum { EVENTS = 60 };

/* The linker calls these for the real ones (tests/CMakeLists.txt). */
void       *__wrap_malloc(size_t size);
void       *__wrap_calloc(size_t count, size_t size);
void       *__wrap_realloc(void *memory, size_t size);
int         __wrap_core_step(struct core *core, const struct core_event *event, uint64_t now_ms,
			     const struct core_action **actions, size_t *actions_count);
const char *__wrap_core_check(const struct core *core);

void       *__real_malloc(size_t size);
void       *__real_calloc(size_t count, size_t size);
void       *__real_realloc(void *memory, size_t size);
int         __real_core_step(struct core *core, const struct core_event *event, uint64_t now_ms,
			     const struct core_action **actions, size_t *actions_count);
const char *__real_core_check(const struct core *core);

static struct shell shell;
static bool         armed, refused, ended; /* inside the core; an allocation has failed; its step has said so */
static bool         for_good;              /* all allocations from that one on fail */
static size_t       allocations, fails_at;

static bool refuse(void)
{
	const bool now = armed && (++allocations == fails_at || (for_good && allocations > fails_at));

	refused |= now;
	return now;
}

void *__wrap_malloc(size_t size)
{
	return refuse() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return refuse() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return refuse() ? NULL : __real_realloc(memory, size);
}

/* What comes after a step that has failed fails too. */
int __wrap_core_step(struct core *core, const struct core_event *event, uint64_t now_ms,
		     const struct core_action **actions, size_t *actions_count)
{
	int status;

	armed = true;
	status = __real_core_step(core, event, now_ms, actions, actions_count);
	armed = false;
	if (refused && status == 0)
		fail_msg("allocation %zu failed and nobody said so", fails_at);
	assert_true(status == 0 || *actions_count == 0);
	ended = status < 0;
	return 0;
}

const char *__wrap_core_check(const struct core *core)
{
	return ended ? NULL : __real_core_check(core);
}

/* True: the history was over before the allocation that was to fail. */
static bool run(uint64_t seed, size_t at)
{
	struct core_history history;

	fails_at = at;
	allocations = 0;
	refused = ended = false;
	core_history_open(&history, &shell, seed);
	for (int i = 0; i < EVENTS && !ended; i++)
		core_history_event(&history);
	core_free(shell.core);
	return !ended;
}

static void any_allocation_of_a_step_may_fail(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 16; seed++) {
		size_t at = 1;

		for_good = seed % 2;
		while (!run(seed, at))
			at++;
		assert_true(at > 100); /* there was much to be refused */
	}
}

static void a_core_that_cannot_be_made_is_none(void **state)
{
	const struct core_config config = {0};
	struct core             *core = NULL;
	size_t                   at = 0;

	(void)state;
	while (!core && at < 100) {
		fails_at = ++at;
		allocations = 0;
		armed = true;
		core = core_new(&config);
		armed = false;
	}
	assert_true(at > 1 && core);
	core_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_allocation_of_a_step_may_fail),
		cmocka_unit_test(a_core_that_cannot_be_made_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
