#include "bench_corpus/corpus_elf.h"

#include <elf.h>
#include <string.h>

static const uint64_t ADDRESS = 0x400000;

size_t elf_write_header(uint8_t *out, size_t file_bytes, bool writable)
{
	Elf64_Ehdr header = {.e_type = ET_EXEC,
			     .e_machine = EM_X86_64,
			     .e_version = EV_CURRENT,
			     .e_entry = ADDRESS,
			     .e_phoff = sizeof(Elf64_Ehdr),
			     .e_ehsize = sizeof(Elf64_Ehdr),
			     .e_phentsize = sizeof(Elf64_Phdr),
			     .e_phnum = 1};
	Elf64_Phdr segment = {.p_type = PT_LOAD,
			      .p_flags = writable ? PF_R | PF_W : PF_R | PF_X,
			      .p_vaddr = ADDRESS,
			      .p_paddr = ADDRESS,
			      .p_filesz = file_bytes,
			      .p_memsz = file_bytes,
			      .p_align = 4096};

	memcpy(header.e_ident, ELFMAG, SELFMAG);
	header.e_ident[EI_CLASS] = ELFCLASS64;
	header.e_ident[EI_DATA] = ELFDATA2LSB;
	header.e_ident[EI_VERSION] = EV_CURRENT;
	memcpy(out, &header, sizeof(header));
	memcpy(out + sizeof(header), &segment, sizeof(segment));
	return ELF_HEADER_BYTES;
}

static void put_varint(struct buf *out, uint64_t value)
{
	for (; value >= 128; value >>= 7)
		buf_byte(out, (uint8_t)(value | 128));
	buf_byte(out, (uint8_t)value);
}

static void put_text(struct buf *out, struct slice text)
{
	put_varint(out, text.len);
	buf_append(out, text);
}

static void write_modules(struct buf *out, const struct universe *u, const char *main_module,
			  const struct piece_list *modules)
{
	buf_printf(out, "path\t%s/cmd\nmod\t%s\t(devel)\t\n", main_module, main_module);
	for (size_t i = 0; i < modules->count; i++) {
		char name[NAME_TEXT_BYTES], version[VERSION_TEXT_BYTES];

		package_name(u, GOLANG, modules->items[i].number, name);
		package_version(u, modules->items[i], version);
		buf_printf(out, "dep\t%s\t%s\th1:%043u=\n", name, version, modules->items[i].number);
	}
	buf_str(out, "build\t-compiler=gc\nbuild\tGOARCH=amd64\nbuild\tGOOS=linux\n");
}

void go_program_begin(struct buf *out, const struct universe *u, const char *main_module,
		      const struct piece_list *modules, size_t file_bytes)
{
	static const uint8_t mark[16] = {0x30, 0x77, 0xaf, 0x0c, 0x92, 0x74, 0x08, 0x02,
					 0x41, 0xe1, 0xc1, 0x07, 0xe6, 0xd6, 0x18, 0xe6},
			     end[16] = {0xf9, 0x32, 0x43, 0x31, 0x86, 0x18, 0x20, 0x72,
					0x00, 0x82, 0x42, 0x10, 0x41, 0x16, 0xd8, 0xf2};
	uint8_t    header[ELF_HEADER_BYTES];
	struct buf text;

	elf_write_header(header, file_bytes, true);
	buf_append(out, slice_of(header, sizeof(header)));
	while (out->len % 16)
		buf_byte(out, 0);
	buf_append(out, SLICE_LIT("\xff Go buildinf:\x08\x02"));
	for (int i = 0; i < 16; i++)
		buf_byte(out, 0);
	put_text(out, SLICE_LIT("go1.22.4"));
	buf_init(&text, 16 << 20);
	buf_append(&text, slice_of(mark, sizeof(mark)));
	write_modules(&text, u, main_module, modules);
	buf_append(&text, slice_of(end, sizeof(end)));
	put_text(out, buf_slice(&text));
	buf_deinit(&text);
}
