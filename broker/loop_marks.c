#include "loop_marks.h"

#include <stdlib.h>
#include <string.h>

void loop_marks_begin(struct loop_marks *marks, uint64_t first)
{
	marks->first = first;
	marks->base = first / 64 * 64;
}

static bool grow(struct loop_marks *marks, size_t word)
{
	size_t    words = marks->words ? marks->words : 16;
	uint64_t *bits;

	if (word < marks->words)
		return true;
	while (words <= word)
		words *= 2;
	bits = realloc(marks->bits, words * sizeof(*bits));
	if (!bits)
		return false;
	memset(bits + marks->words, 0, (words - marks->words) * sizeof(*bits));
	marks->bits = bits;
	marks->words = words;
	return true;
}

static bool is_set(const struct loop_marks *marks, uint64_t number)
{
	uint64_t at = number - marks->base;

	return at / 64 < marks->words && marks->bits[at / 64] >> (at % 64) & 1;
}

/* Whole words behind us are given up once they are half of all. */
static void forget(struct loop_marks *marks)
{
	size_t behind = (size_t)((marks->first - marks->base) / 64);

	if (behind * 2 < marks->words)
		return;
	if (behind > marks->words)
		behind = marks->words;
	memmove(marks->bits, marks->bits + behind, (marks->words - behind) * sizeof(*marks->bits));
	memset(marks->bits + (marks->words - behind), 0, behind * sizeof(*marks->bits));
	marks->base += behind * 64;
}

bool loop_marks_set(struct loop_marks *marks, uint64_t number)
{
	uint64_t at = number - marks->base;

	if (number < marks->first)
		return true;
	if (!grow(marks, (size_t)(at / 64)))
		return false;
	marks->bits[at / 64] |= UINT64_C(1) << (at % 64);
	while (is_set(marks, marks->first))
		marks->first++;
	forget(marks);
	return true;
}

void loop_marks_deinit(struct loop_marks *marks)
{
	free(marks->bits);
	*marks = (struct loop_marks){0};
}
