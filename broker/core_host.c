#include "core_internal.h"

#include <stdlib.h>

enum {
	FAILURES_MAX = 8,               /* connections that fail in a row before the host is left alone for a while */
	RATES_MIN = 4,                  /* waves of 429 in a row before it is given up: a clock that jumps is none */
	RATE_WAIT_MAX_MS = 3600 * 1000, /* no host makes us wait longer without being asked again */
	GIVE_UP_AT_ONCE = 256,          /* tasks in one step */
	SWEEP_MIN = 256,                /* so many hosts more than twice those that were kept the last time */
	CHARGE_BYTES_MAX = 64,          /* GiB: what an image may say about one layer's size */
};

bool core_host_is_local(const struct core_host *host)
{
	return host->name.len == 1 && host->name.ptr[0] == 0;
}

static bool host_before(const struct heap_item *a, const struct heap_item *b)
{
	return CORE_CONST_OWNER(a, struct core_host, item)->wake_at <
	       CORE_CONST_OWNER(b, struct core_host, item)->wake_at;
}

static void host_free(struct core_host *host)
{
	free((void *)(uintptr_t)host->name.ptr);
	free(host);
}

struct core_host *core_host_get(struct core *core, struct slice name)
{
	struct slice      key = name.len ? name : SLICE_LIT("\0");
	struct core_host *host = map_get(&core->hosts, key);

	if (host || (host = core_alloc(core, sizeof(*host))) == NULL)
		return host;
	core->host_timers.before = host_before;
	host->name = core_own(core, key);
	host->tokens = (int64_t)core->config.host_bytes_per_s;
	host->filled_at = core->now;
	if (!host->name.ptr || !map_put(&core->hosts, host->name, host)) {
		core->failed = true;
		host_free(host);
		return NULL;
	}
	if (!name.len)
		core->local = host;
	host->usable = core_host_reached(core, host);
	return host;
}

void core_hosts_free(struct core *core)
{
	struct core_host *host;
	size_t            position = 0;

	while ((host = map_next(&core->hosts, &position)) != NULL)
		host_free(host);
	heap_deinit(&core->host_timers);
	map_deinit(&core->hosts);
}

/* --- who points there --- */

void core_host_use(struct core_host **place, struct core_host *host)
{
	if (host)
		host->users++;
	if (*place)
		(*place)->users--;
	*place = host;
}

void core_task_set_host(struct core *core, struct core_task *task, struct slice name)
{
	core_host_use(&task->host, core_host_get(core, name));
}

/* What is known of a host that is blocked is kept until that is over: it may be named again. */
void core_hosts_sweep(struct core *core)
{
	struct core_host *host;
	size_t            position = 0;

	if (core->hosts.count < 2 * core->hosts_kept + SWEEP_MIN)
		return;
	while ((host = map_next(&core->hosts, &position)) != NULL) {
		if (host->users || host->blocked_until > core->now || core_host_is_local(host))
			continue;
		heap_remove(&host->item);
		core_list_remove(&host->given);
		map_remove(&core->hosts, host->name);
		host_free(host);
	}
	core->hosts_kept = core->hosts.count;
}

/* --- open or not --- */

bool core_host_reached(const struct core *core, const struct core_host *host)
{
	return core_host_is_local(host) ? core->local_workers > 0 : host->listed + core->any_workers > 0;
}

bool core_host_admits(const struct core *core, const struct core_host *host, enum core_task_kind kind)
{
	const struct core_config *config = &core->config;

	if (!core_host_reached(core, host))
		return false;
	if (core_host_is_local(host))
		return true;
	return host->blocked_until <= core->now && !(host->probing && host->active) &&
	       !(config->host_leases_max && host->active >= config->host_leases_max) &&
	       !(kind == CORE_LAYER && config->host_bytes_per_s && host->tokens <= 0);
}

/* When it opens by itself, for some of its tasks at least; 0 = it does not wait for time. */
static uint64_t opens_at(const struct core *core, const struct core_host *host)
{
	const uint64_t rate = core->config.host_bytes_per_s;
	uint64_t       at = host->blocked_until > core->now ? host->blocked_until : 0;

	if (rate && host->tokens <= 0) {
		const uint64_t full = host->filled_at + (uint64_t)(1 - host->tokens) * 1000 / rate + 1;

		at = !at || full < at ? full : at;
	}
	return at;
}

void core_host_changed(struct core *core, struct core_host *host)
{
	const bool usable = core_host_reached(core, host) && host->blocked_until <= core->now;
	const bool flips = usable != host->usable;

	host->usable = usable;
	heap_remove(&host->item);
	host->wake_at = opens_at(core, host);
	if (host->wake_at && !heap_push(&core->host_timers, &host->item))
		core->failed = true;
	for (struct core_link *link = host->queues.first; link; link = link->next) {
		struct core_queue *queue = CORE_OWNER(link, struct core_queue, of_host);

		core_queue_changed(core, queue);
		for (struct core_link *flow = queue->all.first; flow && flips; flow = flow->next)
			core_flow_count(core, CORE_OWNER(flow, struct core_flow, of_queue));
	}
}

void core_hosts_reached_anew(struct core *core)
{
	struct core_host *host;
	size_t            position = 0;

	while ((host = map_next(&core->hosts, &position)) != NULL)
		core_host_changed(core, host);
}

void core_host_block(struct core *core, struct core_host *host, uint64_t wait_ms)
{
	if (host->blocked_until < core->now + wait_ms)
		host->blocked_until = core->now + wait_ms;
	host->blocked_at = core->now;
	host->probing = true;
	core_host_changed(core, host);
}

/* --- the budget of bytes --- */

static void fill(const struct core *core, struct core_host *host)
{
	const uint64_t rate = core->config.host_bytes_per_s;
	const uint64_t passed = core->now > host->filled_at ? core->now - host->filled_at : 0;
	const uint64_t second = (uint64_t)(host->tokens < 0 ? -host->tokens : 0) + rate;

	host->filled_at = core->now;
	if (passed >= second * 1000 / (rate ? rate : 1))
		host->tokens = (int64_t)rate;
	else
		host->tokens += (int64_t)(passed * rate / 1000);
	if (host->tokens > (int64_t)rate)
		host->tokens = (int64_t)rate;
}

void core_host_charge(struct core *core, struct core_host *host, struct core_lease *lease, uint64_t size)
{
	const uint64_t most = (uint64_t)CHARGE_BYTES_MAX << 30;

	if (!core->config.host_bytes_per_s || size == UINT64_MAX)
		return;
	fill(core, host);
	lease->charged = size < most ? size : most;
	host->tokens -= (int64_t)lease->charged;
}

/* What was charged and not fetched is given back: an image that lies about a size does not stop its registry. */
void core_host_refund(struct core *core, struct core_lease *lease, uint64_t fetched)
{
	if (!lease->charged)
		return;
	fill(core, lease->host);
	if (fetched < lease->charged)
		lease->host->tokens += (int64_t)(lease->charged - fetched);
	if (lease->host->tokens > (int64_t)core->config.host_bytes_per_s)
		lease->host->tokens = (int64_t)core->config.host_bytes_per_s; /* it filled up meanwhile */
	lease->charged = 0;
}

/* --- hosts that fail --- */

void core_host_answered(struct core *core, struct core_host *host)
{
	const bool was = host->probing || host->given_up;

	host->failures = host->rates = 0;
	host->probing = host->given_up = false;
	if (was)
		core_host_changed(core, host);
}

static void give_up(struct core *core, struct core_host *host)
{
	host->given_up = true;
	core_list_append(&core->given_up, &host->given);
}

static void rated(struct core *core, struct core_host *host, uint64_t sent, uint64_t retry_after_ms)
{
	uint64_t wait;

	host->rate_limited++;
	if (host->rates == 0)
		host->rated_since = core->now;
	if (sent >= host->blocked_at && host->rates < UINT32_MAX) /* else it is one more of the same wave */
		host->rates++;
	wait = retry_after_ms ? retry_after_ms : core_backoff(core, host->rates);
	core_host_block(core, host, wait < RATE_WAIT_MAX_MS ? wait : RATE_WAIT_MAX_MS);
	if (host->rates >= RATES_MIN && core->now - host->rated_since >= core->config.host_rate_ms)
		give_up(core, host);
}

static void unreachable(struct core *core, struct core_host *host, uint64_t sent)
{
	if (host->failures == 0)
		host->failing_since = core->now;
	if (host->failures < FAILURES_MAX || sent >= host->blocked_at)
		host->failures++;
	if (host->failures < FAILURES_MAX)
		return;
	core_host_block(core, host, core_backoff(core, host->failures - FAILURES_MAX + 1));
	if (host->failures >= 2 * FAILURES_MAX && core->now - host->failing_since >= core->config.host_dead_ms)
		give_up(core, host);
}

/* True: the host asked us to wait, which is no failure of the task. */
bool core_host_failed(struct core *core, const struct core_lease *lease, const struct core_event *event)
{
	struct core_host *host = lease->host;

	if (core_host_is_local(host) || event->fail_class == CORE_POISON)
		return false;
	if (event->fail_class == CORE_TRANSIENT && (event->code == ERR_RATE || event->retry_after_ms)) {
		rated(core, host, lease->sent, event->retry_after_ms);
		return true;
	}
	if (event->code == ERR_NET)
		unreachable(core, host, lease->sent);
	else if (event->code != ERR_MEM && event->code != ERR_BUSY)
		core_host_answered(core, host);
	return false;
}

static struct core_task *first_ready(const struct core_host *host)
{
	for (struct core_link *link = host->queues.first; link; link = link->next) {
		const struct core_queue *queue = CORE_OWNER(link, struct core_queue, of_host);

		if (queue->flows.count)
			return core_queue_first(queue);
	}
	return NULL;
}

static void fail_task(struct core *core, struct core_task *task, const struct core_host *host)
{
	const bool        rate = host->rates > 0;
	const uint64_t    since = core->now - (rate ? host->rated_since : host->failing_since);
	struct core_event failed = {.fail_class = CORE_TRANSIENT, .code = rate ? ERR_RATE : ERR_NET};

	failed.text = arena_printf(
		&core->step, "%.*s %s for %llu s: not tried again", SLICE_FMT(slice_sub(host->name, 0, 300)),
		rate ? "has let nothing through" : "could not be connected to", (unsigned long long)(since / 1000));
	core_task_unqueue(core, task);
	if (task->kind == CORE_LAYER)
		core_layer_give_up_source(core, (struct core_layer *)(void *)task, &failed);
	else
		core_reference_failed(core, (struct core_reference *)(void *)task, failed.code, failed.text);
}

/* While it is blocked: when that ends, one task tries whether it is back. */
void core_hosts_give_up(struct core *core)
{
	struct core_link *next;
	size_t            left = GIVE_UP_AT_ONCE;

	core->giving_up = false;
	for (struct core_link *link = core->given_up.first; link; link = next) {
		struct core_host *host = CORE_OWNER(link, struct core_host, given);
		struct core_task *task = NULL;

		next = link->next;
		while (host->given_up && host->blocked_until > core->now && (task = first_ready(host)) != NULL &&
		       left) {
			fail_task(core, task, host);
			left--;
		}
		core->giving_up |= task != NULL;
		if (!host->given_up)
			core_list_remove(link);
		if (!left)
			break;
	}
}

void core_hosts_wake(struct core *core)
{
	while (core->host_timers.count) {
		struct core_host *host = CORE_OWNER(core->host_timers.items[0], struct core_host, item);

		if (host->wake_at > core->now)
			break;
		if (core->config.host_bytes_per_s)
			fill(core, host);
		core_host_changed(core, host);
	}
}
