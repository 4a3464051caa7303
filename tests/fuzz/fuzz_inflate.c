/* Decompression of a blob: byte 0 picks the size of the blocks it comes in, the rest is the blob; its magic picks the
 * format. */
#include "layer/layer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct layer_config config = {.tar_bytes_max = 16 << 20};
	struct slice              blob = slice_from(slice_of(data, size), 1);
	struct stream            *stream = stream_of_memory(blob, size ? data[0] : 0);
	struct layer             *layer = stream ? layer_open(stream, &config, NULL) : NULL;
	struct layer_summary      summary;

	if (layer) {
		stream_drain(layer_tar(layer), NULL);
		if (layer_finish(layer, &summary, NULL) != 0 || summary.blob_bytes != blob.len)
			__builtin_trap(); /* memory does not fail, and every byte is to be read */
	}
	layer_close(layer);
	stream_close(stream);
	return 0;
}
