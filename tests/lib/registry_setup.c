#include "lib/check.h"
#include "lib/registry_setup.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char setup_folder[] = "/tmp/varve-registry-XXXXXX";

void setup_file(const char *name, const char *text, char path[256])
{
	FILE *file;

	snprintf(path, 256, "%s/%s", setup_folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

void setup_begin(struct setup *s, const char *options, const char *auth, const char *conf)
{
	char                 text[2048], auth_path[256], conf_path[256];
	struct source_config config = {
		.tls_verify = true, .auth_file = auth_path, .registries_conf = conf_path, .retries_max = 3};

	memset(s, 0, sizeof(*s));
	if (!fake_registry_start(&s->fake, options)) {
		print_message("SKIP registry client: needs python3\n");
		skip();
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof(text), auth ? auth : "{}", s->fake.host);
	setup_file("auth.json", text, auth_path);
	snprintf(text, sizeof(text), conf ? conf : "# %s", s->fake.host);
	setup_file("registries.conf", text, conf_path);
#pragma GCC diagnostic pop
	s->client = registry_client_new(&config, &s->err);
	assert_non_null(s->client);
	s->where.transport = TRANSPORT_DOCKER;
	snprintf(s->where.host, sizeof(s->where.host), "%s", s->fake.host);
	snprintf(s->where.path, sizeof(s->where.path), "team/app");
	snprintf(s->where.tag, sizeof(s->where.tag), "1.0");
}

void setup_end(struct setup *s)
{
	registry_client_free(s->client);
	fake_registry_stop(&s->fake);
}

int setup_prepare(void **state)
{
	char path[512];

	(void)state;
	if (!mkdtemp(setup_folder))
		return -1;
	snprintf(path, sizeof(path), "%s:%s", setup_folder, getenv("PATH"));
	setenv("PATH", path, 1);
	setenv("HOME", setup_folder, 1);
	unsetenv("XDG_CONFIG_HOME");
	return 0;
}

int setup_clean_up(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", setup_folder);
	return system(command);
}
