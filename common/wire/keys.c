#include "wire/keys.h"

#include "base/buf.h"
#include "base/file.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_FILE_BYTES_MAX = 64 << 10, LIST_BYTES_MAX = 4 << 20, KEY_CHARACTERS = WIRE_KEY_TEXT_BYTES - 1 };

/* Z85: rfc.zeromq.org/spec/32 */
bool keys_valid_public(struct slice public_key)
{
	static const char alphabet[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

	if (public_key.len != KEY_CHARACTERS)
		return false;
	for (size_t i = 0; i < public_key.len; i++)
		if (!public_key.ptr[i] || !strchr(alphabet, public_key.ptr[i]))
			return false;
	return true;
}

int keys_generate(const char *path, struct wire_keys *out, struct err *err)
{
	struct stat there;
	struct buf  text;
	int         status;

	if (lstat(path, &there) == 0)
		return err_set(err, ERR_USAGE, "key file %s: exists already; it is not overwritten", path);
	do {
		if ((status = wire_keypair(out->public_key, out->secret_key, err)) < 0)
			return status;
	} while (out->public_key[0] == '-'); /* on a command line it would look like an option */
	buf_init(&text, 1024);
	buf_printf(
		&text,
		"# Varve key pair. Keep this file to yourself; give away only the public key.\npublic %s\nsecret %s\n",
		out->public_key, out->secret_key);
	status = file_write_atomic(path, buf_slice(&text), 0600, err);
	buf_deinit(&text);
	return status;
}

static void take_key(struct slice line, const char *word, char out[WIRE_KEY_TEXT_BYTES])
{
	if (!slice_starts(line, word))
		return;
	line = slice_trim(slice_from(line, strlen(word)));
	if (keys_valid_public(line)) {
		memcpy(out, line.ptr, line.len);
		out[line.len] = '\0';
	}
}

/* Root may lend one to the group of a service: so Kubernetes mounts secrets, and systemd its credentials. */
static bool is_private(const struct stat *file)
{
	return !(file->st_mode & 077) || (file->st_uid == 0 && geteuid() != 0 && !(file->st_mode & 037));
}

int keys_read(const char *path, struct wire_keys *out, struct err *err)
{
	struct stat  file;
	struct buf   text;
	struct slice rest;
	int          status;

	*out = (struct wire_keys){0};
	if (stat(path, &file) < 0)
		return err_errno(err, ERR_CONFIG, "key file %s", path);
	if (!is_private(&file))
		return err_set(err, ERR_CONFIG, "key file %s: others may read it (mode %03o); chmod 600", path,
			       file.st_mode & 0777);
	buf_init(&text, KEY_FILE_BYTES_MAX);
	status = file_read(path, &text, err);
	rest = buf_slice(&text);
	while (status >= 0 && rest.len) {
		struct slice line = slice_cut(&rest, '\n');

		take_key(line, "public ", out->public_key);
		take_key(line, "secret ", out->secret_key);
	}
	buf_deinit(&text);
	if (status >= 0 && (!out->public_key[0] || !out->secret_key[0]))
		return err_set(err, ERR_CONFIG, "key file %s: no public or no secret key in it", path);
	return status;
}

static bool names_key(struct slice line, struct slice key)
{
	size_t at = slice_find(line, ' ');

	return at != SIZE_MAX && line.ptr[0] != '#' &&
	       slice_eq(slice_sub(slice_trim(slice_from(line, at + 1)), 0, key.len), key);
}

/* The list without the lines of `key`. */
static int list_without(const char *list_file, struct slice key, struct buf *out, bool *found, struct err *err)
{
	struct buf   text;
	struct slice rest;
	struct err   local = {0};
	int          status;

	*found = false;
	buf_init(&text, LIST_BYTES_MAX);
	status = file_read(list_file, &text, &local);
	rest = buf_slice(&text);
	while (status >= 0 && rest.len) {
		struct slice line = slice_cut(&rest, '\n');

		if (names_key(line, key)) {
			*found = true;
			continue;
		}
		buf_append(out, line);
		buf_byte(out, '\n');
	}
	buf_deinit(&text);
	if (status < 0 && status != ERR_NOT_FOUND)
		return err_set(err, local.code, "%s", local.text);
	return 0;
}

int keys_authorize(const char *list_file, struct slice public_key, unsigned roles, struct slice name, struct err *err)
{
	struct buf text;
	char       words[40];
	bool       found;
	int        status;

	if (!keys_valid_public(public_key))
		return err_set(err, ERR_USAGE, "not a public key: 40 characters of Z85 are wanted");
	if (slice_find(name, '\n') != SIZE_MAX)
		return err_set(err, ERR_USAGE, "a key's name is one line");
	auth_roles_text(roles, words);
	buf_init(&text, LIST_BYTES_MAX);
	status = list_without(list_file, public_key, &text, &found, err);
	buf_printf(&text, "%s %.*s %.*s\n", words, SLICE_FMT(public_key), SLICE_FMT(name));
	if (status >= 0)
		status = buf_ok(&text) ? file_rewrite(list_file, buf_slice(&text), 0600, err)
				       : err_set(err, ERR_LIMIT, "key list %s: too long", list_file);
	buf_deinit(&text);
	return status;
}

int keys_revoke(const char *list_file, struct slice public_key, struct err *err)
{
	struct buf text;
	bool       found;
	int        status;

	buf_init(&text, LIST_BYTES_MAX);
	status = list_without(list_file, public_key, &text, &found, err);
	if (status >= 0 && !found)
		status = err_set(err, ERR_NOT_FOUND, "key list %s: does not hold that key", list_file);
	if (status >= 0)
		status = file_rewrite(list_file, buf_slice(&text), 0600, err);
	buf_deinit(&text);
	return status;
}
