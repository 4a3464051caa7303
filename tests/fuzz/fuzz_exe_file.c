/* Executables: whatever their tables say, a slice that is given lies in the file. An address to look for may stand before it. */
#include "analyze/exe_file.h"
#include "base/cursor.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct slice file, struct slice part)
{
	if (part.len && (part.ptr < file.ptr || part.len > file.len || part.ptr + part.len > file.ptr + file.len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const NAMES[] = {".go.buildinfo", "__go_buildinfo", ".dep-v0", ""};
	struct slice             file = slice_of(data, size);
	struct cursor            c = cursor_of(file);
	uint64_t                 address = 0x400000; /* where linkers put it */
	struct exe_file          exe;

	if (exe_kind_of(file) == EXE_NONE) {
		address = cursor_u64be(&c);
		file = cursor_rest(&c);
	}
	if (!exe_open(file, &exe))
		return 0;
	check_inside(file, exe.bytes);
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++)
		check_inside(file, exe_section(&exe, NAMES[i]));
	check_inside(file, exe_data(&exe));
	check_inside(file, exe_at_address(&exe, address));
	return 0;
}
