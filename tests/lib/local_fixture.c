#include "lib/local_fixture.h"

#include "base/file.h"
#include "lib/check.h"
#include "lib/tar_writer.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fixture_folder(char path[FIXTURE_PATH_BYTES])
{
	const char *dir = getenv("TMPDIR");

	snprintf(path, FIXTURE_PATH_BYTES, "%s/varve-test-XXXXXX", dir && dir[0] ? dir : "/tmp");
	assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	(void)info;
	(void)kind;
	(void)walk;
	return remove(path);
}

void fixture_remove(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void fixture_write(const char *folder, const char *name, struct slice bytes)
{
	char  path[FIXTURE_PATH_BYTES * 2];
	char *slash;
	int   fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	slash = strrchr(path, '/');
	*slash = '\0';
	assert_int_equal(file_make_dirs(path, 0755, NULL), 0);
	*slash = '/';
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, bytes, path, NULL), 0);
	close(fd);
}

void fixture_write_text(const char *folder, const char *name, const char *text)
{
	fixture_write(folder, name, slice_str(text));
}

void fixture_blob(const char *folder, struct slice bytes, char digest[DIGEST_TEXT_BYTES])
{
	struct digest of;
	char          name[128];

	digest_of(bytes, &of);
	digest_text(&of, digest);
	snprintf(name, sizeof(name), "blobs/sha256/%s", digest + 7);
	fixture_write(folder, name, bytes);
}

void fixture_image(const char *folder, struct slice layer, const char *arch, char *descriptor, size_t size)
{
	char text[1024], digest[DIGEST_TEXT_BYTES], config[DIGEST_TEXT_BYTES];
	int  config_len, len;

	fixture_blob(folder, layer, digest);
	config_len =
		snprintf(text, sizeof(text),
			 "{\"os\":\"linux\",\"architecture\":\"%s\",\"rootfs\":{\"diff_ids\":[\"%s\"]}}", arch, digest);
	fixture_blob(folder, slice_of(text, (size_t)config_len), config);
	len = snprintf(text, sizeof(text),
		       "{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\",\"size\":%d},\"layers\":[{\"digest\":\"%s\","
		       "\"size\":%zu}]}",
		       config, config_len, digest, layer.len);
	fixture_blob(folder, slice_of(text, (size_t)len), digest);
	snprintf(descriptor, size,
		 "\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"%s\",\"size\":%d", digest,
		 len);
}

void fixture_member(struct buf *tar, const char *name, struct slice body)
{
	struct tar_entry entry;

	tar_entry_init(&entry, '0', slice_str(name));
	entry.body = body;
	tar_append(tar, &entry);
}

void fixture_link(struct buf *tar, char type, const char *name, const char *target)
{
	struct tar_entry entry;

	tar_entry_init(&entry, type, slice_str(name));
	entry.target = slice_str(target);
	tar_append(tar, &entry);
}
