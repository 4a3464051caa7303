#include "base/health.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void health_init(struct health *health, const char *unready)
{
	memset(health, 0, sizeof(*health));
	notify_init(&health->notify);
	atomic_store(&health->unready, unready);
}

void health_deinit(struct health *health)
{
	notify_deinit(&health->notify);
}

/* Half the time that the manager grants, as sd_watchdog_enabled(3) advises. */
void health_beat(struct health *health)
{
	uint64_t now = clock_ms();

	if (!health)
		return;
	atomic_store(&health->beat_ms, now);
	if (!health->notify.watchdog_ms || now - health->watchdog_ms < health->notify.watchdog_ms / 2)
		return;
	health->watchdog_ms = now;
	notify_send(&health->notify, "WATCHDOG=1");
}

void health_ready(struct health *health)
{
	if (!health)
		return;
	if (atomic_load(&health->stopping))
		return;
	atomic_store(&health->unready, NULL);
	if (health->told_ready)
		return;
	health->told_ready = true;
	notify_send(&health->notify, "READY=1");
}

void health_unready(struct health *health, const char *reason)
{
	if (health)
		atomic_store(&health->unready, reason);
}

void health_status(struct health *health, const char *format, ...)
{
	char    text[HEALTH_STATUS_BYTES], line[HEALTH_STATUS_BYTES + 16];
	va_list args;

	if (!health)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (strcmp(text, health->status) == 0)
		return;
	memcpy(health->status, text, sizeof(text));
	snprintf(line, sizeof(line), "STATUS=%s", text);
	notify_send(&health->notify, line);
}

void health_stopping(struct health *health)
{
	if (!health)
		return;
	atomic_store(&health->stopping, true);
	notify_send(&health->notify, "STOPPING=1");
}

const char *health_why_dead(const struct health *health)
{
	uint64_t beat = health ? atomic_load(&health->beat_ms) : 0;

	return beat && clock_ms() > beat + HEALTH_STUCK_MS ? "the loop has not turned for 30 s" : NULL;
}

const char *health_why_unready(const struct health *health)
{
	const char *dead = health_why_dead(health);

	if (dead || !health)
		return dead;
	return atomic_load(&health->stopping) ? "stopping" : atomic_load(&health->unready);
}
