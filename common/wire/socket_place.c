#include "wire/socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int wire_default_endpoint(bool create, struct buf *out, struct err *err)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char        folder[400];
	struct stat there;

	if (runtime && runtime[0] == '/' && strlen(runtime) < 60)
		snprintf(folder, sizeof(folder), "%s/varve", runtime);
	else
		snprintf(folder, sizeof(folder), "/tmp/varve-%u", (unsigned)geteuid());
	if (create && mkdir(folder, 0700) < 0 && errno != EEXIST)
		return err_errno(err, ERR_CONFIG, "folder %s", folder);
	if (lstat(folder, &there) == 0 && (!S_ISDIR(there.st_mode) || there.st_uid != geteuid()))
		return err_set(err, ERR_CONFIG, "folder %s: belongs to somebody else", folder);
	buf_printf(out, "ipc://%s/broker", folder);
	return buf_ok(out) ? 0 : err_set(err, ERR_MEM, "endpoint: out of memory");
}
