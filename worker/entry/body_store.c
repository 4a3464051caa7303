#include "entry/body_store.h"

#include "base/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct body_store {
	int        spool_fd;
	uint64_t   spool_used, spool_max;
	struct buf memory;
};

struct body_store *body_store_new(int spool_fd, uint64_t bytes_max, struct err *err)
{
	struct body_store *store = calloc(1, sizeof(*store));

	if (!store) {
		err_set(err, ERR_MEM, "reading file bodies: out of memory");
		return NULL;
	}
	store->spool_fd = spool_fd;
	store->spool_max = bytes_max ? bytes_max : LIMIT_SPOOL_BYTES;
	buf_init(&store->memory, LIMIT_BODY_MEMORY_BYTES);
	if (spool_fd >= 0 && ftruncate(spool_fd, 0) != 0) {
		err_errno(err, ERR_IO, "emptying the spool");
		body_store_free(store);
		return NULL;
	}
	return store;
}

/* Only disk space: if it fails, it goes with the descriptor. */
static void give_back(struct body_store *store, uint64_t from)
{
	int ignored = ftruncate(store->spool_fd, (off_t)from);

	(void)ignored;
}

void body_store_free(struct body_store *store)
{
	if (!store)
		return;
	if (store->spool_fd >= 0)
		give_back(store, 0);
	buf_deinit(&store->memory);
	free(store);
}

static int read_memory(struct body_store *store, struct entry_reader *reader, uint64_t size, struct body *body,
		       struct err *err)
{
	struct slice block;
	int          status = entry_reader_block(reader, &block, err);

	if (status == STREAM_BLOCK && block.len == size) {
		body->bytes = block;
		return 0;
	}
	buf_clear(&store->memory);
	if (!buf_reserve(&store->memory, (size_t)size))
		return err_set(err, ERR_MEM, "reading file bodies: out of memory");
	for (; status == STREAM_BLOCK; status = entry_reader_block(reader, &block, err))
		buf_append(&store->memory, block);
	body->bytes = buf_slice(&store->memory);
	if (status == STREAM_END && body->bytes.len != size)
		return err_set(err, ERR_TRUNCATED, "body of %zu bytes instead of %" PRIu64, body->bytes.len, size);
	return status;
}

static int spool_write(int fd, struct slice bytes, uint64_t offset, struct err *err)
{
	while (bytes.len) {
		ssize_t put = pwrite(fd, bytes.ptr, bytes.len, (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_errno(err, ERR_IO, "spool: writing a large file");
		bytes = slice_from(bytes, (size_t)put);
		offset += (uint64_t)put;
	}
	return 0;
}

static int spool_map(struct body_store *store, uint64_t size, struct body *body, struct err *err)
{
	void *memory = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, store->spool_fd,
			    (off_t)store->spool_used);

	if (memory == MAP_FAILED)
		return err_errno(err, ERR_IO, "spool: mapping a large file");
	*body = (struct body){
		.bytes = slice_of(memory, (size_t)size), .spooled = true, .spool_offset = store->spool_used};
	return 0;
}

static int admit(const struct body_store *store, uint64_t size, struct err *err)
{
	if (store->spool_fd < 0)
		return err_set(err, ERR_LIMIT, "body_bytes_max: %" PRIu64 " bytes, and there is no spool", size);
	if (store->spool_used > store->spool_max || size > store->spool_max - store->spool_used)
		return err_set(err, ERR_LIMIT, "spool_bytes_max: more than %" PRIu64 " bytes of large files",
			       store->spool_max);
	return 0;
}

static int read_spooled(struct body_store *store, struct entry_reader *reader, uint64_t size, struct body *body,
			struct err *err)
{
	struct slice block;
	uint64_t     written = 0;
	int          status, spooled = admit(store, size, err);

	while (!spooled && (status = entry_reader_block(reader, &block, err)) != STREAM_END) {
		if (status < 0)
			return status;
		spooled = spool_write(store->spool_fd, block, store->spool_used + written, err);
		written += block.len;
	}
	if (!spooled && written != size)
		return err_set(err, ERR_TRUNCATED, "body of %" PRIu64 " bytes instead of %" PRIu64, written, size);
	if (!spooled)
		spooled = spool_map(store, size, body, err);
	body->refused = spooled < 0;
	return spooled;
}

int body_store_read(struct body_store *store, struct entry_reader *reader, uint64_t size, struct body *body,
		    struct err *err)
{
	*body = (struct body){.bytes = SLICE_EMPTY};
	if (size == 0)
		return 0;
	if (size <= LIMIT_BODY_MEMORY_BYTES)
		return read_memory(store, reader, size, body, err);
	return read_spooled(store, reader, size, body, err);
}

static uint64_t round_to_page(uint64_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

void body_store_release(struct body_store *store, const struct body *body, bool keep_spooled)
{
	if (!body->spooled)
		return;
	munmap((void *)(uintptr_t)body->bytes.ptr, body->bytes.len);
	if (keep_spooled)
		store->spool_used = body->spool_offset + round_to_page(body->bytes.len);
	else
		give_back(store, store->spool_used);
}
