#include "lib/fake_registry.h"

#include "base/json.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool spawn(struct fake_registry *fake, const char *options)
{
	char                      *argv[] = {(char *)"python3", (char *)TEST_DATA_DIR "/../e2e/lib/fake_registry.py",
					     (char *)(uintptr_t)options, NULL};
	posix_spawn_file_actions_t actions;
	int                        in[2], out[2];
	bool                       ok;

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		return false;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	ok = posix_spawnp(&fake->pid, "python3", &actions, NULL, argv, environ) == 0;
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	fake->input = in[1];
	fake->output = out[0];
	return ok;
}

static bool read_line(int fd, char *line, size_t size)
{
	size_t used = 0;

	while (used + 1 < size && read(fd, line + used, 1) == 1 && line[used] != '\n')
		used++;
	line[used] = '\0';
	return used > 0;
}

static bool read_facts(struct fake_registry *fake)
{
	char         line[2048];
	struct json *root;
	bool         ok;

	if (!read_line(fake->output, line, sizeof(line)) || json_parse(slice_str(line), &root, NULL) != 0)
		return false;
	snprintf(fake->host, sizeof(fake->host), "127.0.0.1:%d", (int)json_int(json_get(root, "port"), 0));
	snprintf(fake->other_host, sizeof(fake->other_host), "127.0.0.1:%d",
		 (int)json_int(json_get(root, "other_port"), 0));
	fake->layer_bytes = (uint64_t)json_int(json_get(root, "layer_bytes"), 0);
	fake->config_bytes = (uint64_t)json_int(json_get(root, "config_bytes"), 0);
	ok = digest_parse(json_get_text(root, "layer"), &fake->layer, NULL) == 0 &&
	     digest_parse(json_get_text(root, "config"), &fake->config, NULL) == 0 &&
	     digest_parse(json_get_text(root, "manifest"), &fake->manifest, NULL) == 0;
	json_free(root);
	return ok;
}

bool fake_registry_start(struct fake_registry *fake, const char *options)
{
	*fake = (struct fake_registry){.input = -1, .output = -1};
	if (spawn(fake, options) && read_facts(fake))
		return true;
	fake_registry_stop(fake);
	return false;
}

void fake_registry_stop(struct fake_registry *fake)
{
	if (fake->input >= 0)
		close(fake->input);
	if (fake->output >= 0)
		close(fake->output);
	if (fake->pid > 0)
		waitpid(fake->pid, NULL, 0);
	fake->pid = 0;
}
