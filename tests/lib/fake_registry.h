/* fake_registry.h - runs tests/e2e/lib/fake_registry.py for a C test: a registry that misbehaves on demand. */
#ifndef VARVE_TESTS_FAKE_REGISTRY_H
#define VARVE_TESTS_FAKE_REGISTRY_H

#include "base/digest.h"

#include <sys/types.h>

struct fake_registry {
	pid_t         pid;
	int           input, output; /* its stdin, which keeps it alive; its stdout */
	char          host[64], other_host[64];
	struct digest layer, config, manifest;
	uint64_t      layer_bytes, config_bytes;
};

/* `options` is the JSON object of fake_registry.py. False when python3 cannot be run: the test is to be skipped. */
bool fake_registry_start(struct fake_registry *fake, const char *options);
void fake_registry_stop(struct fake_registry *fake);

#endif
