#include "lib/tar_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK = 512, RECORD = 10240, NAME_BYTES = 100 };

/* Offsets in a header block. */
enum {
	AT_NAME = 0,
	AT_MODE = 100,
	AT_UID = 108,
	AT_GID = 116,
	AT_SIZE = 124,
	AT_MTIME = 136,
	AT_SUM = 148,
	AT_TYPE = 156,
	AT_LINK = 157,
	AT_MAGIC = 257
};

void tar_entry_init(struct tar_entry *entry, char type, struct slice name)
{
	*entry = (struct tar_entry){.name = name, .type = type, .mode = type == '5' ? 0755 : 0644, .size = UINT64_MAX};
}

static void pad(struct buf *tar, size_t to)
{
	while (buf_ok(tar) && tar->len % to)
		buf_byte(tar, 0);
}

static void octal(uint8_t *field, int digits, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%0*" PRIo64, digits, value);
	memcpy(field, text + strlen(text) - (size_t)digits, (size_t)digits);
}

static void binary(uint8_t *field, size_t bytes, uint64_t value)
{
	memset(field, 0, bytes);
	for (size_t i = 0; i < 8; i++)
		field[bytes - 1 - i] = (uint8_t)(value >> 8 * i);
	field[0] |= 0x80;
}

static void put(uint8_t *field, size_t bytes, struct slice text)
{
	memcpy(field, text.ptr ? (const char *)text.ptr : "", text.len < bytes ? text.len : bytes);
}

static void put_magic(uint8_t *header, enum tar_format format)
{
	if (format == TAR_GNU)
		memcpy(header + AT_MAGIC, "ustar  ", 8);
	else if (format == TAR_PAX)
		memcpy(header + AT_MAGIC,
		       "ustar\0"
		       "00",
		       8);
}

static void append_header(struct buf *tar, const struct tar_entry *entry)
{
	uint8_t  header[BLOCK] = {0};
	uint64_t size = entry->size == UINT64_MAX ? entry->body.len : entry->size;
	unsigned sum = 0;

	put(header + AT_NAME, NAME_BYTES, entry->name);
	octal(header + AT_MODE, 7, entry->mode);
	octal(header + AT_UID, 7, entry->uid);
	octal(header + AT_GID, 7, entry->gid);
	if (entry->base256)
		binary(header + AT_SIZE, 12, size);
	else
		octal(header + AT_SIZE, 11, size);
	octal(header + AT_MTIME, 11, entry->mtime);
	header[AT_TYPE] = (uint8_t)entry->type;
	put(header + AT_LINK, NAME_BYTES, entry->target);
	put_magic(header, entry->format);
	memset(header + AT_SUM, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += header[i];
	octal(header + AT_SUM, 6, sum + (entry->bad_checksum ? 1 : 0));
	header[AT_SUM + 6] = 0;
	buf_append(tar, slice_of(header, BLOCK));
}

static void append_special(struct buf *tar, char type, const char *name, struct slice body, enum tar_format format)
{
	struct tar_entry special;

	tar_entry_init(&special, type, slice_str(name));
	special.body = body;
	special.format = format;
	append_header(tar, &special);
	buf_append(tar, body);
	pad(tar, BLOCK);
}

static void append_long(struct buf *tar, char type, struct slice text)
{
	struct buf with_nul = {.bytes_max = 1u << 20};

	buf_append(&with_nul, text);
	buf_byte(&with_nul, 0);
	append_special(tar, type, "././@LongLink", buf_slice(&with_nul), TAR_GNU);
	buf_deinit(&with_nul);
}

void tar_append_pax_record(struct buf *records, struct slice key, struct slice value)
{
	size_t len = key.len + value.len + 3, digits = 1, total;

	for (total = len + digits; snprintf(NULL, 0, "%zu", total) != (int)digits; total = len + digits)
		digits++;
	buf_printf(records, "%zu ", total);
	buf_append(records, key);
	buf_byte(records, '=');
	buf_append(records, value);
	buf_byte(records, '\n');
}

static void append_names(struct buf *tar, const struct tar_entry *entry)
{
	struct buf records = {.bytes_max = 1u << 20};

	buf_append(&records, entry->pax);
	if (entry->format == TAR_PAX && entry->name.len > NAME_BYTES)
		tar_append_pax_record(&records, SLICE_LIT("path"), entry->name);
	if (entry->format == TAR_PAX && entry->target.len > NAME_BYTES)
		tar_append_pax_record(&records, SLICE_LIT("linkpath"), entry->target);
	if (records.len)
		append_special(tar, 'x', "PaxHeaders/entry", buf_slice(&records), TAR_PAX);
	if (entry->format == TAR_GNU && entry->target.len > NAME_BYTES)
		append_long(tar, 'K', entry->target);
	if (entry->format == TAR_GNU && entry->name.len > NAME_BYTES)
		append_long(tar, 'L', entry->name);
	buf_deinit(&records);
}

void tar_append(struct buf *tar, const struct tar_entry *entry)
{
	append_names(tar, entry);
	append_header(tar, entry);
	buf_append(tar, entry->body);
	pad(tar, BLOCK);
}

void tar_append_global(struct buf *tar, struct slice records)
{
	append_special(tar, 'g', "pax_global_header", records, TAR_PAX);
}

void tar_append_end(struct buf *tar)
{
	static const uint8_t zeros[2 * BLOCK];

	buf_append(tar, slice_of(zeros, sizeof(zeros)));
	pad(tar, RECORD);
}
