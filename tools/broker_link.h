/* broker_link.h - the options that say which broker, and the connection they give. */
#ifndef VARVE_TOOLS_BROKER_LINK_H
#define VARVE_TOOLS_BROKER_LINK_H

#include "client.h"
#include "options.h"

struct broker_options {
	const char *endpoint, *key_file, *broker_key;
	bool        insecure_tcp;
};

/* Rows of an option table whose values hold `struct broker_options broker`. */
#define BROKER_OPTIONS(values)                                                                                         \
	{"broker", OPTION_TEXT, offsetof(struct values, broker.endpoint), "ENDPOINT",                                  \
	 "ipc://PATH or tcp://HOST:PORT (default: this user's broker)"},                                               \
		{"key", OPTION_TEXT, offsetof(struct values, broker.key_file), "FILE",                                 \
		 "own key file, made by varve keys (tcp://)"},                                                         \
		{"broker-key", OPTION_TEXT, offsetof(struct values, broker.broker_key), "KEY",                         \
		 "public key of the broker (tcp://)"},                                                                 \
	{                                                                                                              \
		"insecure-tcp", OPTION_FLAG, offsetof(struct values, broker.insecure_tcp), NULL,                       \
			"tcp:// without keys: benchmarks only"                                                         \
	}

struct broker_link {
	struct client *client;
	struct buf     endpoint;
};

int  broker_link_open(const struct broker_options *options, struct broker_link *link, struct err *err);
void broker_link_close(struct broker_link *link);

/* A job number from an operand. ERR_USAGE. */
int parse_job(const char *text, uint64_t *job, struct err *err);

#endif
