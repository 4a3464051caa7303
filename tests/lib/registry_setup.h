/* registry_setup.h - a misbehaving registry and a client for it, with credentials and registries.conf of the test's own. */
#ifndef VARVE_TESTS_REGISTRY_SETUP_H
#define VARVE_TESTS_REGISTRY_SETUP_H

#include "lib/fake_registry.h"
#include "source/registry.h"

struct setup {
	struct fake_registry    fake;
	struct registry_client *client;
	struct reference        where;
	struct err              err;
};

extern char setup_folder[]; /* of the test program: HOME, and in PATH */

/* `auth` NULL: none; `conf` NULL: empty. "%s" in both stands for the fake's host. Skips the test without python3. */
void setup_begin(struct setup *s, const char *options, const char *auth, const char *conf);
void setup_end(struct setup *s);
void setup_file(const char *name, const char *text, char path[256]);

int setup_prepare(void **state); /* for cmocka_run_group_tests() */
int setup_clean_up(void **state);

#define assert_contains(text, part) assert_non_null(strstr(text, part))

#define ALICE "{\"auths\":{\"%s\":{\"auth\":\"YWxpY2U6c2VjcmV0OndpdGg6Y29sb25z\"}}}" /* alice:secret:with:colons */

#endif
