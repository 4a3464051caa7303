#include "source/tar_write.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 100, PAX_BYTES_MAX = 16384 };

struct ustar {
	char name[NAME_BYTES], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, target[NAME_BYTES],
		magic[6], version[2], owner[32], group[32], major[8], minor[8], prefix[155], unused[12];
};

_Static_assert(sizeof(struct ustar) == TAR_BLOCK_BYTES, "a tar header is one block");

/* `digits` octal digits and a NUL; what does not fit is written as zero and stands in the PAX records. */
static void octal(char *field, int digits, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*llo", digits, (unsigned long long)value);
	if (strlen(text) > (size_t)digits)
		snprintf(text, sizeof(text), "%0*o", digits, 0u);
	memcpy(field, text, (size_t)digits + 1);
}

static bool fits(uint64_t value, int digits)
{
	return value >> (3 * digits) == 0;
}

static void copy_name(char field[NAME_BYTES], struct slice name)
{
	if (name.len)
		memcpy(field, name.ptr, name.len < NAME_BYTES ? name.len : NAME_BYTES);
}

static void write_block(struct buf *out, const struct tar_header *h)
{
	struct ustar block;
	uint32_t     sum = 0;

	memset(&block, 0, sizeof(block));
	copy_name(block.name, h->name);
	copy_name(block.target, h->target);
	octal(block.mode, 7, h->mode & 07777);
	octal(block.uid, 7, h->uid);
	octal(block.gid, 7, h->gid);
	octal(block.size, 11, h->size);
	octal(block.mtime, 11, h->mtime > 0 ? (uint64_t)h->mtime : 0);
	block.type = (char)h->type;
	memcpy(block.magic, "ustar", 6);
	memcpy(block.version, "00", 2);
	octal(block.major, 7, 0);
	octal(block.minor, 7, 0);
	memset(block.checksum, ' ', sizeof(block.checksum));
	for (size_t i = 0; i < sizeof(block); i++)
		sum += ((const uint8_t *)&block)[i];
	octal(block.checksum, 6, sum);
	buf_append(out, slice_of(&block, sizeof(block)));
}

/* "LENGTH key=value\n", where LENGTH counts itself. */
static void pax_record(struct buf *pax, const char *key, struct slice value)
{
	size_t rest = 1 + strlen(key) + 1 + value.len + 1, length = rest + 1;
	char   digits[24];

	while (rest + (size_t)snprintf(digits, sizeof(digits), "%zu", length) != length)
		length = rest + strlen(digits);
	buf_printf(pax, "%zu %s=", length, key);
	buf_append(pax, value);
	buf_byte(pax, '\n');
}

static void pax_number(struct buf *pax, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	pax_record(pax, key, slice_str(text));
}

static bool is_ascii(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] >= 0x80)
			return false;
	return true;
}

static void collect_pax(struct buf *pax, const struct tar_header *h)
{
	bool long_name = h->name.len > NAME_BYTES, long_target = h->target.len > NAME_BYTES;

	if ((long_name && !is_ascii(h->name)) || (long_target && !is_ascii(h->target)))
		pax_record(pax, "hdrcharset", SLICE_LIT("BINARY"));
	if (long_name)
		pax_record(pax, "path", h->name);
	if (long_target)
		pax_record(pax, "linkpath", h->target);
	if (!fits(h->size, 11))
		pax_number(pax, "size", h->size);
	if (!fits(h->uid, 7))
		pax_number(pax, "uid", h->uid);
	if (!fits(h->gid, 7))
		pax_number(pax, "gid", h->gid);
	if (h->unreadable)
		pax_record(pax, "SCHILY.xattr." TAR_UNREADABLE_XATTR, slice_str(h->unreadable));
}

size_t tar_padding(uint64_t size)
{
	return (size_t)((TAR_BLOCK_BYTES - size % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES);
}

void tar_write_header(struct buf *out, const struct tar_header *header)
{
	static const uint8_t zeros[TAR_BLOCK_BYTES];
	struct buf           pax;

	buf_init(&pax, PAX_BYTES_MAX);
	collect_pax(&pax, header);
	if (pax.len) {
		struct tar_header records = {
			.type = (enum tar_type)'x', .name = SLICE_LIT("PaxHeader"), .size = pax.len, .mode = 0644};

		write_block(out, &records);
		buf_append(out, buf_slice(&pax));
		buf_append(out, slice_of(zeros, tar_padding(pax.len)));
	}
	write_block(out, header);
	out->failed = out->failed || pax.failed;
	buf_deinit(&pax);
}
