#include "bench_corpus/corpus_pool.h"

#include "bench_corpus/corpus_die.h"
#include "bench_corpus/corpus_elf.h"
#include "bench_corpus/corpus_roll.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POOL_BYTES = 4 << 20, PIECE_BYTES = 4096, WORDS = 4096 };

struct pool {
	uint64_t seed;
	uint8_t  text[POOL_BYTES], code[POOL_BYTES];
};

/* Words of a small language, the short ones most often, with the marks and line ends of program text. */
static void fill_text(uint8_t *out, uint64_t seed)
{
	static const char letters[] = "etaoinsrhdlucmfywgpbvkxqjz", marks[] = " (_.=,\n\t:);";

	for (size_t at = 0, number = 0; at < POOL_BYTES; number++) {
		uint32_t word = roll_popular(roll(seed, ROLL_BYTES, 0, number, 0), WORDS);
		uint64_t dice = roll(seed, ROLL_BYTES, 1, word, 0);
		size_t   len = 2 + dice % 8;

		for (size_t i = 0; i < len && at < POOL_BYTES; i++)
			out[at++] = (uint8_t)letters[roll_popular(roll(seed, ROLL_BYTES, 2, word, i), 26)];
		if (at < POOL_BYTES)
			out[at++] =
				(uint8_t)marks[roll_popular(roll(seed, ROLL_BYTES, 3, number, 0), sizeof(marks) - 1)];
	}
}

/* Instructions of a few common shapes with operands that differ. */
static void fill_code(uint8_t *out, uint64_t seed)
{
	for (size_t at = 0, number = 0; at < POOL_BYTES; number++) {
		uint32_t shape = roll_popular(roll(seed, ROLL_BYTES, 4, number, 0), 600);
		uint64_t bytes = roll(seed, ROLL_BYTES, 5, shape, 0), operand = roll(seed, ROLL_BYTES, 6, number, 0);
		size_t   len = 1 + bytes % 5;

		for (size_t i = 0; i < len && at < POOL_BYTES; i++)
			out[at++] = (uint8_t)(bytes >> (8 + 8 * i));
		for (size_t i = 0; i < shape % 3 && at < POOL_BYTES; i++)
			out[at++] = (uint8_t)(operand >> (8 * i));
	}
}

struct pool *pool_new(uint64_t seed)
{
	struct pool *pool = malloc(sizeof(*pool));

	if (!pool)
		corpus_die("out of memory");
	pool->seed = seed;
	fill_text(pool->text, seed);
	fill_code(pool->code, seed);
	return pool;
}

void pool_free(struct pool *pool)
{
	free(pool);
}

void pool_content(const struct pool *pool, const struct corpus_file *file, void (*put)(void *data, struct slice bytes),
		  void *data)
{
	const uint8_t *from = file->program ? pool->code : pool->text;
	uint8_t        head[POOL_HEAD_BYTES];
	size_t         left = file->bytes, len, start = 0;
	char           line[32];

	if (file->program)
		start = elf_write_header(head, file->bytes, false);
	snprintf(line, sizeof(line), "# %016llx\n", (unsigned long long)file->id);
	memcpy(head + start, line, strlen(line));
	len = start + strlen(line);
	len = len < left ? len : left;
	put(data, slice_of(head, len));
	for (uint64_t i = 0; (left -= len) > 0; i++) {
		uint64_t at = roll(pool->seed, ROLL_BYTES, file->id, i, 0) % (POOL_BYTES - PIECE_BYTES);

		len = left < PIECE_BYTES ? left : PIECE_BYTES;
		put(data, slice_of(from + at, len));
	}
}
