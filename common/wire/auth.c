#include "wire/auth.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "wire/keys.h"
#include "wire/protocol.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LIST_BYTES_MAX = 4 << 20 };

struct auth_entry {
	char     key[WIRE_KEY_TEXT_BYTES];
	unsigned roles;
};

struct auth {
	pthread_mutex_t    lock;
	struct stat        seen; /* of the list as it was read last */
	struct auth_entry *entries;
	size_t             count;
	char               path[4096];
};

static const struct {
	const char *name;
	unsigned    role;
} role_names[] = {{"worker", ROLE_WORKER}, {"submit", ROLE_SUBMIT}, {"read", ROLE_READ}, {"admin", ROLE_ADMIN}};

int auth_parse_roles(struct slice text, unsigned *roles, struct err *err)
{
	*roles = 0;
	while (text.len) {
		struct slice word = slice_trim(slice_cut(&text, ','));
		unsigned     role = 0;

		for (size_t i = 0; i < sizeof(role_names) / sizeof(role_names[0]); i++)
			if (slice_eq_str(word, role_names[i].name))
				role = role_names[i].role;
		if (!role)
			return err_set(err, ERR_USAGE, "role \"%.*s\": not one of worker, submit, read, admin",
				       SLICE_FMT(word));
		*roles |= role;
	}
	return *roles ? 0 : err_set(err, ERR_USAGE, "no role given (worker, submit, read, admin)");
}

void auth_roles_text(unsigned roles, char out[40])
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(role_names) / sizeof(role_names[0]); i++)
		if (roles & role_names[i].role)
			len += (size_t)snprintf(out + len, 40 - len, "%s%s", len ? "," : "", role_names[i].name);
}

static struct slice next_word(struct slice *rest)
{
	struct slice line = slice_trim(*rest);
	size_t       end = 0;

	while (end < line.len && line.ptr[end] != ' ' && line.ptr[end] != '\t')
		end++;
	*rest = slice_from(line, end);
	return slice_sub(line, 0, end);
}

static int parse_line(struct auth *auth, struct slice line, unsigned number, struct err *err)
{
	struct slice       roles = next_word(&line), key = next_word(&line);
	struct auth_entry *grown, entry = {0};

	if (!roles.len || roles.ptr[0] == '#')
		return 0;
	if (auth_parse_roles(roles, &entry.roles, err) < 0 || !keys_valid_public(key)) {
		err_set(err, ERR_CONFIG, "not a public key of 40 characters");
		err_prefix(err, "%s, line %u", auth->path, number);
		return ERR_CONFIG;
	}
	memcpy(entry.key, key.ptr, key.len);
	grown = realloc(auth->entries, (auth->count + 1) * sizeof(*grown));
	if (!grown)
		return err_set(err, ERR_MEM, "%s: out of memory", auth->path);
	auth->entries = grown;
	auth->entries[auth->count++] = entry;
	return 0;
}

static int load(struct auth *auth, struct err *err)
{
	struct buf   text;
	struct slice rest;
	unsigned     number = 0;
	int          status;

	auth->count = 0;
	buf_init(&text, LIST_BYTES_MAX);
	status = file_read(auth->path, &text, err);
	rest = buf_slice(&text);
	while (status >= 0 && rest.len)
		status = parse_line(auth, slice_cut(&rest, '\n'), ++number, err);
	if (status < 0)
		auth->count = 0; /* half a list admits nobody */
	buf_deinit(&text);
	return status;
}

int auth_open(const char *list_file, struct auth **out, struct err *err)
{
	struct auth *auth = calloc(1, sizeof(*auth));
	int          status;

	if (!auth)
		return err_set(err, ERR_MEM, "%s: out of memory", list_file);
	pthread_mutex_init(&auth->lock, NULL);
	snprintf(auth->path, sizeof(auth->path), "%s", list_file);
	if (stat(list_file, &auth->seen) < 0)
		status = err_errno(err, ERR_CONFIG, "key list %s", list_file);
	else
		status = load(auth, err);
	if (status < 0) {
		auth_close(auth);
		return status;
	}
	*out = auth;
	return 0;
}

void auth_close(struct auth *auth)
{
	if (!auth)
		return;
	pthread_mutex_destroy(&auth->lock);
	free(auth->entries);
	free(auth);
}

static void refresh(struct auth *auth)
{
	struct stat now;
	struct err  err = {0};

	if (stat(auth->path, &now) < 0) {
		auth->count = 0;
		auth->seen = (struct stat){0};
		return;
	}
	if (now.st_ino == auth->seen.st_ino && now.st_size == auth->seen.st_size &&
	    now.st_mtim.tv_sec == auth->seen.st_mtim.tv_sec && now.st_mtim.tv_nsec == auth->seen.st_mtim.tv_nsec)
		return;
	auth->seen = now;
	if (load(auth, &err) < 0)
		log_line(LOG_ERROR, "wire", "nobody is admitted until the list is mended: %s", err.text);
}

unsigned auth_roles(struct auth *auth, struct slice public_key)
{
	unsigned roles = 0;

	pthread_mutex_lock(&auth->lock);
	refresh(auth);
	for (size_t i = 0; i < auth->count; i++)
		if (slice_eq_str(public_key, auth->entries[i].key))
			roles |= auth->entries[i].roles;
	pthread_mutex_unlock(&auth->lock);
	return roles;
}

bool auth_allows(unsigned roles, unsigned message_type)
{
	if (roles & ROLE_ADMIN)
		return true;
	switch (message_type) {
	case WIRE_PING:
	case WIRE_PONG:
		return roles != 0;
	case WIRE_HELLO:
	case WIRE_PROGRESS:
	case WIRE_RESULT:
	case WIRE_FAIL:
	case WIRE_BYE:
	case WIRE_DRAIN:
		return roles & ROLE_WORKER;
	case WIRE_SUBMIT:
	case WIRE_REFERENCES:
	case WIRE_CANCEL:
	case WIRE_PAUSE:
	case WIRE_RESUME:
		return roles & ROLE_SUBMIT;
	case WIRE_STATUS:
	case WIRE_WATCH:
	case WIRE_RESULTS:
	case WIRE_RESULTS_CREDIT:
	case WIRE_QUERY:
	case WIRE_QUERY_MORE:
		return roles & (ROLE_READ | ROLE_SUBMIT);
	default: /* DRAIN_WORKER: of admins alone, like all that is not for others */
		return false;
	}
}
