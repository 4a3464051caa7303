/* Image archives (docker save, oci-archive) over any bytes: the index, links between members, manifest.json, index.json. */
#include "source/archive_index.h"

#include "base/limits.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct archive_index         index;
	const struct indexed_member *found;
	struct stream               *tar = stream_of_memory(slice_of(data, size), 700);

	if (!tar)
		return 0;
	if (archive_index_build(&index, tar, NULL) == 0)
		for (size_t i = 0; i < index.count; i++)
			if (archive_index_find(&index, index.members[i].name, &found, NULL) == 0 &&
			    (!found->is_file || found->offset > size || found->size > size - found->offset))
				abort();
	archive_index_deinit(&index);
	stream_close(tar);
	return 0;
}
