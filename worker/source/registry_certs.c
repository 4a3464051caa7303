#include "source/registry_certs.h"

#include "base/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CA_BYTES_MAX = 8 << 20, PATH_BYTES = 4096 };

static bool is_folder(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool find_folder(const char *cert_dir, const char *host, char out[PATH_BYTES])
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (cert_dir && cert_dir[0]) {
		if (snprintf(out, PATH_BYTES, "%s/%s", cert_dir, host) < PATH_BYTES && is_folder(out))
			return true;
		return snprintf(out, PATH_BYTES, "%s", cert_dir) < PATH_BYTES;
	}
	if (config && config[0] && snprintf(out, PATH_BYTES, "%s/containers/certs.d/%s", config, host) < PATH_BYTES &&
	    is_folder(out))
		return true;
	if (home && snprintf(out, PATH_BYTES, "%s/.config/containers/certs.d/%s", home, host) < PATH_BYTES &&
	    is_folder(out))
		return true;
	if (snprintf(out, PATH_BYTES, "/etc/containers/certs.d/%s", host) < PATH_BYTES && is_folder(out))
		return true;
	return snprintf(out, PATH_BYTES, "/etc/docker/certs.d/%s", host) < PATH_BYTES && is_folder(out);
}

static int take_ca(struct registry_certs *certs, const char *path, struct err *err)
{
	struct err why = {0};

	if (file_read(path, &certs->ca_pem, &why))
		return err_set(err, ERR_CONFIG, "%s", why.text);
	buf_byte(&certs->ca_pem, '\n');
	return 0;
}

static int take_client_cert(struct registry_certs *certs, const char *path, struct err *err)
{
	size_t stem = strlen(path) - strlen(".cert");

	if (certs->client_cert[0])
		return 0; /* the first by name */
	snprintf(certs->client_cert, sizeof(certs->client_cert), "%s", path);
	if (snprintf(certs->client_key, sizeof(certs->client_key), "%.*s.key", (int)stem, path) >=
		    (int)sizeof(certs->client_key) ||
	    access(certs->client_key, R_OK) != 0)
		return err_errno(err, ERR_CONFIG, "client certificate %.200s needs its key %.200s", path,
				 certs->client_key);
	return 0;
}

static int take_file(struct registry_certs *certs, const char *folder, const char *name, struct err *err)
{
	char         path[PATH_BYTES];
	struct slice text = slice_str(name);

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return err_set(err, ERR_CONFIG, "the path of %s is too long", name);
	if (slice_ends(text, ".crt"))
		return take_ca(certs, path, err);
	if (slice_ends(text, ".cert") && text.len > strlen(".cert"))
		return take_client_cert(certs, path, err);
	return 0;
}

int registry_certs_load(struct registry_certs *certs, const char *cert_dir, const char *host, struct err *err)
{
	struct dirent **entries;
	char            folder[PATH_BYTES];
	int             count, code = 0;

	*certs = (struct registry_certs){.ca_pem.bytes_max = CA_BYTES_MAX};
	if (!find_folder(cert_dir, host, folder))
		return 0;
	count = scandir(folder, &entries, NULL, alphasort);
	if (count < 0)
		return err_errno(err, ERR_CONFIG, "reading the certificates in %s", folder);
	for (int i = 0; i < count; i++) {
		if (!code)
			code = take_file(certs, folder, entries[i]->d_name, err);
		free(entries[i]);
	}
	free(entries);
	if (certs->ca_pem.len)
		buf_byte(&certs->ca_pem, '\0');
	if (!code && !buf_ok(&certs->ca_pem))
		code = err_set(err, ERR_CONFIG, "the CA certificates in %s are too large", folder);
	return code;
}

void registry_certs_deinit(struct registry_certs *certs)
{
	buf_deinit(&certs->ca_pem);
}
