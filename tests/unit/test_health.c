/* What a service manager and probes hear: datagrams on a socket of our own, and reasons. */
#include "lib/check.h"

#include "base/clock.h"
#include "base/health.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct manager {
	int           fd;
	struct health health;
};

/* A manager that listens in the abstract namespace, where the kernel picks the name. */
static void listen_as_manager(struct manager *manager, const char *watchdog_usec, const char *watchdog_pid)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t          len = sizeof(sa_family_t);
	char               name[sizeof(address.sun_path) + 2];

	manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(manager->fd, (struct sockaddr *)&address, len), 0);
	len = sizeof(address);
	assert_int_equal(getsockname(manager->fd, (struct sockaddr *)&address, &len), 0);
	snprintf(name, sizeof(name), "@%.*s", (int)(len - offsetof(struct sockaddr_un, sun_path) - 1),
		 address.sun_path + 1);
	setenv("NOTIFY_SOCKET", name, 1);
	if (watchdog_usec)
		setenv("WATCHDOG_USEC", watchdog_usec, 1);
	if (watchdog_pid)
		setenv("WATCHDOG_PID", watchdog_pid, 1);
	health_init(&manager->health, "starting");
}

static void leave(struct manager *manager)
{
	health_deinit(&manager->health);
	close(manager->fd);
}

static void assert_hears(const struct manager *manager, const char *expected)
{
	char    text[512];
	ssize_t len = recv(manager->fd, text, sizeof(text) - 1, 0);

	text[len > 0 ? len : 0] = '\0';
	assert_string_equal(text, expected);
}

static void it_is_ready_once_and_unready_with_a_reason(void **state)
{
	struct manager manager;

	(void)state;
	listen_as_manager(&manager, NULL, NULL);
	assert_string_equal(health_why_unready(&manager.health), "starting");
	health_ready(&manager.health);
	assert_hears(&manager, "READY=1");
	assert_null(health_why_unready(&manager.health));
	health_unready(&manager.health, "no broker");
	assert_string_equal(health_why_unready(&manager.health), "no broker");
	health_ready(&manager.health);
	assert_null(health_why_unready(&manager.health));
	assert_hears(&manager, ""); /* READY is said once */
	leave(&manager);
}

static void stopping_is_for_good(void **state)
{
	struct manager manager;

	(void)state;
	listen_as_manager(&manager, NULL, NULL);
	health_stopping(&manager.health);
	health_ready(&manager.health);
	assert_string_equal(health_why_unready(&manager.health), "stopping");
	assert_hears(&manager, "STOPPING=1");
	assert_hears(&manager, "");
	leave(&manager);
}

static void a_status_is_said_when_it_changes(void **state)
{
	struct manager manager;

	(void)state;
	listen_as_manager(&manager, NULL, NULL);
	health_status(&manager.health, "%d workers", 3);
	health_status(&manager.health, "%d workers", 3);
	health_status(&manager.health, "%d workers", 4);
	assert_hears(&manager, "STATUS=3 workers");
	assert_hears(&manager, "STATUS=4 workers");
	assert_hears(&manager, "");
	leave(&manager);
}

static void each_turn_may_feed_the_watchdog_but_only_when_due(void **state)
{
	struct manager manager;

	(void)state;
	listen_as_manager(&manager, "3600000000", NULL);
	assert_int_equal(manager.health.notify.watchdog_ms, 3600000);
	manager.health.watchdog_ms = clock_ms() - 1800001; /* half of it has gone by */
	health_beat(&manager.health);
	health_beat(&manager.health);
	assert_hears(&manager, "WATCHDOG=1");
	assert_hears(&manager, "");
	leave(&manager);
}

static void a_watchdog_of_another_process_is_not_ours(void **state)
{
	struct manager manager;

	(void)state;
	listen_as_manager(&manager, "2000000", "1");
	assert_int_equal(manager.health.notify.watchdog_ms, 0);
	health_beat(&manager.health);
	assert_hears(&manager, "");
	leave(&manager);
}

static void helpers_do_not_inherit_the_socket(void **state)
{
	struct manager manager;

	(void)state;
	listen_as_manager(&manager, "2000000", NULL);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	leave(&manager);
}

static void without_or_with_an_odd_socket_nobody_is_told(void **state)
{
	static const char *const odd[] = {NULL, "", "/", "@", "vsock:2:1234", "relative/path"};
	char                     too_long[300];

	(void)state;
	memset(too_long, 'x', sizeof(too_long));
	too_long[0] = '/';
	too_long[sizeof(too_long) - 1] = '\0';
	for (size_t i = 0; i <= sizeof(odd) / sizeof(odd[0]); i++) {
		const char   *name = i < sizeof(odd) / sizeof(odd[0]) ? odd[i] : too_long;
		struct health health;

		if (name)
			setenv("NOTIFY_SOCKET", name, 1);
		health_init(&health, NULL);
		assert_int_equal(health.notify.fd, -1);
		health_ready(&health);
		assert_false(notify_send(&health.notify, "READY=1"));
		health_deinit(&health);
	}
}

static void a_loop_that_hangs_is_dead_and_one_that_has_not_begun_is_not(void **state)
{
	struct health health;

	(void)state;
	health_init(&health, NULL);
	assert_null(health_why_dead(&health));
	health_beat(&health);
	assert_null(health_why_dead(&health));
	atomic_store(&health.beat_ms, clock_ms() - HEALTH_STUCK_MS - 1);
	assert_non_null(health_why_dead(&health));
	assert_non_null(health_why_unready(&health));
	health_beat(&health);
	assert_null(health_why_dead(&health));
	health_deinit(&health);
}

static void without_health_nothing_is_amiss(void **state)
{
	(void)state;
	health_beat(NULL);
	health_ready(NULL);
	health_unready(NULL, "x");
	health_status(NULL, "%s", "x");
	health_stopping(NULL);
	assert_null(health_why_dead(NULL));
	assert_null(health_why_unready(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_ready_once_and_unready_with_a_reason),
		cmocka_unit_test(stopping_is_for_good),
		cmocka_unit_test(a_status_is_said_when_it_changes),
		cmocka_unit_test(each_turn_may_feed_the_watchdog_but_only_when_due),
		cmocka_unit_test(a_watchdog_of_another_process_is_not_ours),
		cmocka_unit_test(helpers_do_not_inherit_the_socket),
		cmocka_unit_test(without_or_with_an_odd_socket_nobody_is_told),
		cmocka_unit_test(a_loop_that_hangs_is_dead_and_one_that_has_not_begun_is_not),
		cmocka_unit_test(without_health_nothing_is_amiss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
