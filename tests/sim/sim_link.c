#include "sim.h"

#include <stdlib.h>

enum { LATE_MAX_MS = 6000 };

size_t sim_link_of_worker(size_t worker)
{
	return worker;
}

size_t sim_link_of_client(size_t client)
{
	return SIM_WORKERS_MAX + client;
}

const char *sim_message_name(enum sim_message_kind kind)
{
	static const char *const names[] = {"HELLO",  "WELCOME", "PROGRESS",     "PING", "PONG",   "TASK",
					    "RESULT", "ACK",     "FAIL",         "DROP", "DRAIN",  "BYE",
					    "SUBMIT", "JOB",     "REFERENCES",   "OK",   "CANCEL", "PAUSE",
					    "RESUME", "STATUS",  "STATUS_REPLY", "ERROR"};

	return names[kind];
}

static void post(struct sim *sim, size_t index, const struct sim_message *message, uint64_t at)
{
	struct sim_message *copy = malloc(sizeof(*copy));

	if (!copy)
		abort();
	*copy = *message;
	sim_queue_put(&sim->queue, (struct sim_event){.at = at, .kind = SIM_DELIVER, .who = index, .message = copy});
}

static void send_in_order(struct sim *sim, size_t index, const struct sim_message *message)
{
	struct sim_link *link = &sim->links.items[index];
	uint64_t         at = sim->now + 1 + rng_below(&sim->rng, sim->plan.delay_max_ms);
	uint64_t        *last = &link->arrived[message->to_broker];

	if (at < link->partition_until)
		at = link->partition_until; /* sent again until it gets through */
	if (at < *last)
		at = *last;
	*last = at;
	post(sim, index, message, at);
}

static void send_hostile(struct sim *sim, size_t index, const struct sim_message *message)
{
	const struct sim_link *link = &sim->links.items[index];
	unsigned               copies = sim_chance(sim, sim->plan.duplicate) ? 2 : 1;

	if (sim->now < link->partition_until || sim_chance(sim, sim->plan.lose)) {
		SIM_SAY(sim, "lost: %s lease %llu", sim_message_name(message->kind),
			(unsigned long long)message->lease);
		return;
	}
	while (copies--) {
		uint64_t at = sim->now + 1 + rng_below(&sim->rng, sim->plan.delay_max_ms);

		if (sim_chance(sim, sim->plan.late))
			at += rng_below(&sim->rng, LATE_MAX_MS);
		post(sim, index, message, at);
	}
}

static void send(struct sim *sim, size_t index, const struct sim_message *message)
{
	if (sim->plan.hostile)
		send_hostile(sim, index, message);
	else
		send_in_order(sim, index, message);
}

void sim_send_to_broker(struct sim *sim, size_t index, const struct sim_message *message)
{
	struct sim_message copy = *message;

	if (!sim->broker.up || !sim->links.items[index].peer_up)
		return;
	copy.to_broker = true;
	copy.connection = sim->links.items[index].connection;
	send(sim, index, &copy);
}

bool sim_send_to_peer(struct sim *sim, uint64_t connection, const struct sim_message *message)
{
	struct sim_message copy = *message;

	copy.to_broker = false;
	copy.connection = connection;
	for (size_t i = 0; i < SIM_LINKS_MAX; i++) {
		const struct sim_link *link = &sim->links.items[i];

		if (link->connection != connection || (!link->peer_up && !link->half_open))
			continue;
		if (link->peer_up)
			send(sim, i, &copy);
		return true;
	}
	return false;
}

void sim_link_deliver(struct sim *sim, size_t index, const struct sim_message *message)
{
	const struct sim_link *link = &sim->links.items[index];

	if (message->connection != link->connection || (!message->to_broker && !link->peer_up))
		return; /* gone with its connection */
	if (message->to_broker)
		sim_broker_take(sim, message);
	else if (index < SIM_WORKERS_MAX)
		sim_worker_take(sim, index, message);
	else
		sim_client_take(sim, index - SIM_WORKERS_MAX, message);
}

void sim_link_reset(struct sim *sim, size_t index)
{
	struct sim_link *link = &sim->links.items[index];

	link->connection = ++sim->links.connections;
	link->arrived[0] = link->arrived[1] = 0;
	link->half_open = false;
}

void sim_link_partition(struct sim *sim, size_t index, uint64_t ms)
{
	sim->links.items[index].partition_until = sim->now + ms;
}

void sim_link_process(struct sim *sim, size_t index, bool up, bool half_open)
{
	struct sim_link *link = &sim->links.items[index];

	if (up)
		sim_link_reset(sim, index);
	link->peer_up = up;
	link->half_open = half_open;
}
