#include "analyze/exe_file.h"

#include "base/cursor.h"

enum { SECTIONS_MAX = 65536, MACHO_64 = 0x19, MACHO_32 = 0x1, ELF_LOAD = 1, ELF_WRITE = 2, PE_NAME_BYTES = 8 };

/* A part of the file: where it is loaded, and its name in a section table. */
struct part {
	struct slice name;
	uint64_t     address, offset, size;
	bool         writable;
};

/* --- numbers of either order --- */

static uint16_t read_u16(struct cursor *c, bool big)
{
	return big ? cursor_u16be(c) : cursor_u16le(c);
}

static uint32_t read_u32(struct cursor *c, bool big)
{
	return big ? cursor_u32be(c) : cursor_u32le(c);
}

static uint64_t read_u64(struct cursor *c, bool big)
{
	uint64_t first = read_u32(c, big), second = read_u32(c, big);

	return big ? first << 32 | second : second << 32 | first;
}

static uint64_t read_word(struct cursor *c, const struct exe_file *exe)
{
	return exe->wide ? read_u64(c, exe->big_endian) : read_u32(c, exe->big_endian);
}

static struct cursor cursor_from(struct slice bytes, uint64_t offset)
{
	return cursor_at(bytes, offset < SIZE_MAX ? (size_t)offset : SIZE_MAX);
}

static struct slice name_at(struct slice bytes, size_t bytes_max)
{
	bytes = slice_sub(bytes, 0, bytes_max);
	return slice_sub(bytes, 0, slice_find(bytes, 0));
}

static struct slice part_bytes(const struct exe_file *exe, const struct part *part)
{
	if (part->offset >= exe->bytes.len)
		return SLICE_EMPTY;
	return slice_sub(exe->bytes, (size_t)part->offset, part->size < SIZE_MAX ? (size_t)part->size : SIZE_MAX);
}

/* --- ELF --- */

static bool open_elf(struct exe_file *exe)
{
	struct cursor c = cursor_from(exe->bytes, 4);

	exe->wide = cursor_u8(&c) == 2;
	exe->big_endian = cursor_u8(&c) == 2;
	cursor_skip(&c, 10 + 2 + 2 + 4); /* the rest of e_ident, type, machine, version */
	read_word(&c, exe);              /* entry */
	exe->segments = read_word(&c, exe);
	exe->table = read_word(&c, exe);
	cursor_skip(&c, 4 + 2); /* flags, size of this header */
	exe->segments_row = read_u16(&c, exe->big_endian);
	exe->segments_count = read_u16(&c, exe->big_endian);
	exe->row = read_u16(&c, exe->big_endian);
	exe->count = read_u16(&c, exe->big_endian);
	exe->names = read_u16(&c, exe->big_endian);
	return cursor_ok(&c);
}

static bool elf_section(const struct exe_file *exe, uint32_t index, struct part *part, uint32_t *name)
{
	struct cursor c = cursor_from(exe->bytes, exe->table + (uint64_t)index * exe->row);
	uint64_t      flags;

	*name = read_u32(&c, exe->big_endian);
	cursor_skip(&c, 4); /* type */
	flags = read_word(&c, exe);
	part->address = read_word(&c, exe);
	part->offset = read_word(&c, exe);
	part->size = read_word(&c, exe);
	part->writable = flags & 1;
	return cursor_ok(&c);
}

static bool elf_part(const struct exe_file *exe, uint32_t index, struct part *part)
{
	struct part names;
	uint32_t    name, ignored;

	if (!elf_section(exe, index, part, &name) || !elf_section(exe, exe->names, &names, &ignored))
		return false;
	part->name = name_at(slice_from(part_bytes(exe, &names), name), 256);
	return true;
}

static bool elf_segment(const struct exe_file *exe, uint32_t index, struct part *part)
{
	struct cursor c = cursor_from(exe->bytes, exe->segments + (uint64_t)index * exe->segments_row);
	uint32_t      type = read_u32(&c, exe->big_endian), flags = 0;

	if (exe->wide)
		flags = read_u32(&c, exe->big_endian);
	part->offset = read_word(&c, exe);
	part->address = read_word(&c, exe);
	read_word(&c, exe); /* physical address */
	part->size = read_word(&c, exe);
	read_word(&c, exe); /* size in memory */
	if (!exe->wide)
		flags = read_u32(&c, exe->big_endian);
	part->writable = flags & ELF_WRITE;
	return cursor_ok(&c) && type == ELF_LOAD;
}

/* --- PE --- */

static bool open_pe(struct exe_file *exe)
{
	struct cursor c = cursor_from(exe->bytes, 0x3c);
	uint32_t      header = cursor_u32le(&c), optional_bytes;

	c = cursor_from(exe->bytes, header);
	if (cursor_u32le(&c) != 0x00004550) /* "PE\0\0" */
		return false;
	cursor_skip(&c, 2); /* machine */
	exe->count = cursor_u16le(&c);
	cursor_skip(&c, 12); /* time, symbols */
	optional_bytes = cursor_u16le(&c);
	cursor_skip(&c, 2); /* characteristics */
	exe->table = (uint64_t)header + 24 + optional_bytes;
	exe->row = 40;
	exe->wide = cursor_u16le(&c) == 0x20b;
	cursor_skip(&c, exe->wide ? 22 : 26);
	exe->base = exe->wide ? read_u64(&c, false) : cursor_u32le(&c);
	return cursor_ok(&c);
}

static bool pe_part(const struct exe_file *exe, uint32_t index, struct part *part)
{
	struct cursor c = cursor_from(exe->bytes, exe->table + (uint64_t)index * exe->row);
	uint32_t      memory;

	part->name = name_at(cursor_take(&c, PE_NAME_BYTES), PE_NAME_BYTES);
	memory = cursor_u32le(&c);
	part->address = exe->base + cursor_u32le(&c);
	part->size = cursor_u32le(&c);
	part->offset = cursor_u32le(&c);
	if (memory < part->size)
		part->size = memory;
	cursor_skip(&c, 12);
	part->writable = cursor_u32le(&c) & 0x80000000;
	return cursor_ok(&c);
}

/* --- Mach-O --- */

/* A universal file holds one program for each architecture; all are built from the same modules. */
static bool first_of_universal(struct exe_file *exe, bool wide)
{
	struct cursor c = cursor_from(exe->bytes, 8);
	uint64_t      offset, size;

	cursor_skip(&c, 8); /* processor */
	offset = wide ? cursor_u64be(&c) : cursor_u32be(&c);
	size = wide ? cursor_u64be(&c) : cursor_u32be(&c);
	if (!cursor_ok(&c) || offset >= exe->bytes.len)
		return false;
	exe->bytes = slice_sub(exe->bytes, (size_t)offset, size < SIZE_MAX ? (size_t)size : SIZE_MAX);
	return true;
}

static bool open_macho(struct exe_file *exe)
{
	struct cursor c = cursor_from(exe->bytes, 0);
	uint32_t      magic = cursor_u32be(&c);

	if (magic == 0xcafebabe || magic == 0xcafebabf) {
		if (!first_of_universal(exe, magic == 0xcafebabf))
			return false;
		c = cursor_from(exe->bytes, 0);
		magic = cursor_u32be(&c);
	}
	exe->big_endian = magic == 0xfeedface || magic == 0xfeedfacf;
	exe->wide = magic == 0xfeedfacf || magic == 0xcffaedfe;
	if (!exe->wide && magic != 0xfeedface && magic != 0xcefaedfe)
		return false;
	cursor_skip(&c, 12);
	exe->count = read_u32(&c, exe->big_endian);
	exe->table = exe->wide ? 32 : 28;
	return cursor_ok(&c);
}

/* Section `index` of one LC_SEGMENT whose sections begin at `c`. */
static bool macho_section(const struct exe_file *exe, struct cursor *c, bool writable, struct part *part)
{
	part->name = name_at(cursor_take(c, 16), 16);
	cursor_skip(c, 16);
	part->address = read_word(c, exe);
	part->size = read_word(c, exe);
	part->offset = read_u32(c, exe->big_endian);
	cursor_skip(c, exe->wide ? 28 : 24);
	part->writable = writable;
	return cursor_ok(c);
}

static bool macho_walk(const struct exe_file *exe, bool (*want)(void *data, const struct part *part), void *data)
{
	uint64_t at = exe->table;
	uint32_t left = SECTIONS_MAX;

	for (uint32_t i = 0; i < exe->count && left; i++) {
		struct cursor c = cursor_from(exe->bytes, at);
		uint32_t      command = read_u32(&c, exe->big_endian), size = read_u32(&c, exe->big_endian), sections,
			 protection;
		struct part part;

		if (!cursor_ok(&c) || size < 8)
			return false;
		at += size;
		if (command != (exe->wide ? MACHO_64 : MACHO_32))
			continue;
		cursor_skip(&c, 16 + (exe->wide ? 32 : 16) + 4);
		protection = read_u32(&c, exe->big_endian);
		sections = read_u32(&c, exe->big_endian);
		cursor_skip(&c, 4);
		for (; sections && left && macho_section(exe, &c, protection & 2, &part); sections--, left--)
			if (want(data, &part))
				return true;
	}
	return false;
}

/* --- all kinds --- */

static bool walk(const struct exe_file *exe, bool (*want)(void *data, const struct part *part), void *data)
{
	struct part part;

	if (exe->kind == EXE_MACHO)
		return macho_walk(exe, want, data);
	for (uint32_t i = 0; i < exe->count && i < SECTIONS_MAX; i++) {
		if (!(exe->kind == EXE_ELF ? elf_part(exe, i, &part) : pe_part(exe, i, &part)))
			return false;
		if (want(data, &part))
			return true;
	}
	return false;
}

struct search {
	const char *name;
	uint64_t    address;
	struct part found;
};

static bool has_name(void *data, const struct part *part)
{
	struct search *search = data;

	search->found = *part;
	return slice_eq_str(part->name, search->name);
}

static bool is_data(void *data, const struct part *part)
{
	struct search *search = data;

	search->found = *part;
	return part->writable && part->size && part->offset;
}

static bool holds_address(void *data, const struct part *part)
{
	struct search *search = data;

	search->found = *part;
	return search->address >= part->address && search->address - part->address < part->size && part->offset;
}

/* They have the magic of universal files; where those count processors, they have a version of 45 or more. */
static bool is_java_class(struct slice head)
{
	struct cursor c = cursor_of(head);

	return (cursor_u32be(&c) & ~1u) == 0xcafebabe && cursor_u32be(&c) >= 45;
}

enum exe_kind exe_kind_of(struct slice head)
{
	static const char *const MACHO[] = {"\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xce\xfa\xed\xfe",
					    "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe", "\xca\xfe\xba\xbf"};

	if (head.len < 64)
		return EXE_NONE;
	if (memcmp(head.ptr,
		   "\x7f"
		   "ELF",
		   4) == 0)
		return EXE_ELF;
	if (memcmp(head.ptr, "MZ", 2) == 0)
		return EXE_PE;
	for (size_t i = 0; i < sizeof(MACHO) / sizeof(*MACHO); i++)
		if (memcmp(head.ptr, MACHO[i], 4) == 0)
			return is_java_class(head) ? EXE_NONE : EXE_MACHO;
	return EXE_NONE;
}

bool exe_open(struct slice bytes, struct exe_file *exe)
{
	*exe = (struct exe_file){.kind = exe_kind_of(bytes), .bytes = bytes};
	switch (exe->kind) {
	case EXE_ELF:
		return open_elf(exe);
	case EXE_PE:
		return open_pe(exe);
	case EXE_MACHO:
		return open_macho(exe);
	case EXE_NONE:
		break;
	}
	return false;
}

struct slice exe_section(const struct exe_file *exe, const char *name)
{
	struct search search = {.name = name};

	return walk(exe, has_name, &search) ? part_bytes(exe, &search.found) : SLICE_EMPTY;
}

struct slice exe_data(const struct exe_file *exe)
{
	struct search search = {0};

	for (uint32_t i = 0; exe->kind == EXE_ELF && i < exe->segments_count; i++)
		if (elf_segment(exe, i, &search.found) && search.found.writable)
			return part_bytes(exe, &search.found);
	return exe->kind != EXE_ELF && walk(exe, is_data, &search) ? part_bytes(exe, &search.found) : SLICE_EMPTY;
}

struct slice exe_at_address(const struct exe_file *exe, uint64_t address)
{
	struct search search = {.address = address};
	bool          found = false;

	for (uint32_t i = 0; exe->kind == EXE_ELF && i < exe->segments_count && !found; i++)
		found = elf_segment(exe, i, &search.found) && holds_address(&search, &search.found);
	if (exe->kind != EXE_ELF)
		found = walk(exe, holds_address, &search);
	return found ? slice_from(part_bytes(exe, &search.found), (size_t)(address - search.found.address))
		     : SLICE_EMPTY;
}
