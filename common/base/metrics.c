#include "base/metrics.h"

#include "base/escape.h"
#include "base/map.h"
#include "base/rng.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES_MAX = METRICS_LABELS_MAX * (METRICS_LABEL_BYTES_MAX * 3 + 64) };

struct metric {
	const uint64_t  *bounds;
	struct slice     block;                          /* name="value",… as rendered; also its key; owned */
	_Atomic uint64_t value;                          /* of a histogram: the sum */
	_Atomic uint64_t counts[METRICS_BOUNDS_MAX + 1]; /* histogram: samples per bucket, the last is +Inf */
	uint64_t         put;                            /* snapshot in the making */
	bool             touched, shown;
	struct metric   *next;
};

struct family {
	const struct metrics_family *is;
	struct map                   by_block;
	struct metric               *series, **series_end;
	struct metric               *other; /* made with the family: always there when memory is short */
	size_t                       count; /* without `other` */
	size_t                       bounds_count;
};

struct metrics {
	pthread_mutex_t lock; /* lists and maps; not the values */
	struct family  *families;
	size_t          count;
};

/* --- label values --- */

/* Prometheus takes any UTF-8; what is none, and controls, which some parsers stumble over, become U+FFFD. */
static void put_value(struct buf *out, struct slice value)
{
	size_t used = 0;

	while (value.len) {
		uint32_t code;
		size_t   len = utf8_decode(value, &code);
		bool     plain = len && code >= 0x20 && !(code >= 0x7f && code < 0xa0);

		if (used + (len ? len : 1) > METRICS_LABEL_BYTES_MAX)
			break;
		if (plain && (code == '"' || code == '\\'))
			buf_byte(out, '\\');
		if (plain)
			buf_append(out, slice_sub(value, 0, len));
		else if (code == '\n' && len)
			buf_str(out, "\\n");
		else
			buf_str(out, "\xEF\xBF\xBD");
		used += len ? len : 1;
		value = slice_from(value, len ? len : 1);
	}
}

static void put_block(struct buf *out, const struct metrics_family *family, const struct slice *values)
{
	for (size_t i = 0; family->labels[i]; i++) {
		buf_printf(out, "%s%s=\"", i ? "," : "", family->labels[i]);
		put_value(out, values ? values[i] : SLICE_LIT("other"));
		buf_byte(out, '"');
	}
}

/* --- series --- */

static struct metric *new_metric(const struct metrics_family *family, struct slice block)
{
	struct metric *metric = calloc(1, sizeof(*metric));
	uint8_t       *copy = malloc(block.len + 1);

	if (!metric || !copy) {
		free(metric);
		free(copy);
		return NULL;
	}
	if (block.len)
		memcpy(copy, block.ptr, block.len);
	metric->block = slice_of(copy, block.len);
	metric->bounds = family->bounds;
	return metric;
}

static void free_metric(struct metric *metric)
{
	if (metric)
		free((void *)(uintptr_t)metric->block.ptr);
	free(metric);
}

static size_t series_max(const struct metrics_family *family)
{
	return family->series_max ? family->series_max : METRICS_SERIES_MAX;
}

/* The series of that block, made if need be; the lock is held. */
static struct metric *find_series(struct family *family, struct slice block)
{
	struct metric *metric = map_get(&family->by_block, block);

	if (metric)
		return metric;
	if (family->count >= series_max(family->is) || (metric = new_metric(family->is, block)) == NULL)
		return family->other;
	if (!map_put(&family->by_block, metric->block, metric)) {
		free_metric(metric);
		return family->other;
	}
	*family->series_end = metric;
	family->series_end = &metric->next;
	family->count++;
	return metric;
}

static struct metric *series_of(struct family *family, const struct slice *values)
{
	struct buf     block = {.bytes_max = BLOCK_BYTES_MAX};
	struct metric *metric;

	put_block(&block, family->is, values);
	metric = buf_ok(&block) ? find_series(family, buf_slice(&block)) : family->other;
	buf_deinit(&block);
	return metric;
}

struct metric *metrics_get(struct metrics *metrics, size_t family, const struct slice *values)
{
	struct metric *metric;

	pthread_mutex_lock(&metrics->lock);
	metric = series_of(&metrics->families[family], values);
	metric->shown = true;
	pthread_mutex_unlock(&metrics->lock);
	return metric;
}

void metric_add(struct metric *metric, uint64_t more)
{
	atomic_fetch_add_explicit(&metric->value, more, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t value)
{
	atomic_store_explicit(&metric->value, (uint64_t)value, memory_order_relaxed);
}

void metric_observe(struct metric *metric, uint64_t sample)
{
	size_t i = 0;

	while (metric->bounds[i] && sample > metric->bounds[i])
		i++;
	atomic_fetch_add_explicit(&metric->counts[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&metric->value, sample, memory_order_relaxed);
}

/* --- snapshots --- */

void metrics_put(struct metrics *metrics, size_t family, const struct slice *values, int64_t value)
{
	struct metric *metric;

	pthread_mutex_lock(&metrics->lock);
	metric = series_of(&metrics->families[family], values);
	metric->put += (uint64_t)value;
	metric->touched = true;
	pthread_mutex_unlock(&metrics->lock);
}

static void show_put(struct metric *metric)
{
	metric->shown = metric->touched;
	atomic_store_explicit(&metric->value, metric->put, memory_order_relaxed);
	metric->put = 0;
	metric->touched = false;
}

void metrics_put_end(struct metrics *metrics, size_t index)
{
	struct family  *family = &metrics->families[index];
	struct metric **link = &family->series;

	pthread_mutex_lock(&metrics->lock);
	while (*link) {
		struct metric *metric = *link;

		if (metric->touched) {
			show_put(metric);
			link = &metric->next;
			continue;
		}
		*link = metric->next;
		map_remove(&family->by_block, metric->block);
		family->count--;
		free_metric(metric);
	}
	family->series_end = link;
	show_put(family->other);
	pthread_mutex_unlock(&metrics->lock);
}

/* --- text --- */

static void put_number(struct buf *out, uint64_t value, bool negative, unsigned decimals)
{
	uint64_t unit = 1, rest;

	for (unsigned i = 0; i < decimals; i++)
		unit *= 10;
	buf_printf(out, "%s%llu", negative ? "-" : "", (unsigned long long)(value / unit));
	if ((rest = value % unit) == 0)
		return;
	for (; rest % 10 == 0; rest /= 10)
		decimals--;
	buf_printf(out, ".%0*llu", (int)decimals, (unsigned long long)rest);
}

static void put_plain(struct buf *out, const struct metrics_family *family, const struct metric *metric)
{
	uint64_t value = atomic_load_explicit(&metric->value, memory_order_relaxed);
	bool     negative = family->kind == METRICS_GAUGE && (int64_t)value < 0;

	buf_str(out, family->name);
	if (metric->block.len)
		buf_printf(out, "{%.*s}", SLICE_FMT(metric->block));
	buf_byte(out, ' ');
	put_number(out, negative ? 0 - value : value, negative, family->decimals);
	buf_byte(out, '\n');
}

static void put_bucket(struct buf *out, const struct metrics_family *family, const struct metric *metric,
		       uint64_t bound, uint64_t count)
{
	buf_printf(out, "%s_bucket{%.*s%sle=\"", family->name, SLICE_FMT(metric->block), metric->block.len ? "," : "");
	if (bound)
		put_number(out, bound, false, family->decimals);
	else
		buf_str(out, "+Inf");
	buf_printf(out, "\"} %llu\n", (unsigned long long)count);
}

static void put_histogram_part(struct buf *out, const struct metrics_family *family, const struct metric *metric,
			       const char *part)
{
	buf_printf(out, "%s%s", family->name, part);
	if (metric->block.len)
		buf_printf(out, "{%.*s}", SLICE_FMT(metric->block));
	buf_byte(out, ' ');
}

/* The count is the sum of the buckets as they were read, whatever is observed meanwhile. */
static void put_histogram(struct buf *out, const struct family *family, const struct metric *metric)
{
	uint64_t count = 0;

	for (size_t i = 0; i <= family->bounds_count; i++) {
		count += atomic_load_explicit(&metric->counts[i], memory_order_relaxed);
		put_bucket(out, family->is, metric, family->is->bounds[i], count);
	}
	put_histogram_part(out, family->is, metric, "_sum");
	put_number(out, atomic_load_explicit(&metric->value, memory_order_relaxed), false, family->is->decimals);
	buf_byte(out, '\n');
	put_histogram_part(out, family->is, metric, "_count");
	buf_printf(out, "%llu\n", (unsigned long long)count);
}

static void put_series(struct buf *out, const struct family *family, const struct metric *metric)
{
	if (!metric->shown)
		return;
	if (family->is->kind == METRICS_HISTOGRAM)
		put_histogram(out, family, metric);
	else
		put_plain(out, family->is, metric);
}

static void put_head(struct buf *out, const struct metrics_family *family)
{
	static const char *const kinds[] = {"counter", "gauge", "histogram"};

	buf_printf(out, "# HELP %s ", family->name);
	for (const char *c = family->help; *c; c++) {
		if (*c == '\\')
			buf_byte(out, '\\');
		buf_byte(out, *c == '\n' ? ' ' : (uint8_t)*c);
	}
	buf_printf(out, "\n# TYPE %s %s\n", family->name, kinds[family->kind]);
}

void metrics_render(struct metrics *metrics, struct buf *out)
{
	pthread_mutex_lock(&metrics->lock);
	for (size_t i = 0; i < metrics->count; i++) {
		const struct family *family = &metrics->families[i];

		if (!family->series && !family->other->shown)
			continue;
		put_head(out, family->is);
		for (const struct metric *metric = family->series; metric; metric = metric->next)
			put_series(out, family, metric);
		put_series(out, family, family->other);
	}
	pthread_mutex_unlock(&metrics->lock);
}

/* --- life --- */

static bool init_family(struct family *family, const struct metrics_family *is)
{
	struct buf block = {.bytes_max = BLOCK_BYTES_MAX};

	family->is = is;
	family->series_end = &family->series;
	family->by_block.seed = random_seed();
	while (is->bounds[family->bounds_count])
		family->bounds_count++;
	put_block(&block, is, NULL);
	family->other = buf_ok(&block) ? new_metric(is, buf_slice(&block)) : NULL;
	buf_deinit(&block);
	if (!family->other)
		return false;
	family->other->shown = !is->labels[0]; /* without labels it is the one there is */
	if (!map_put(&family->by_block, family->other->block, family->other))
		return false;
	return true;
}

struct metrics *metrics_new(const struct metrics_family *families, size_t count)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	if (!metrics || (metrics->families = calloc(count, sizeof(*metrics->families))) == NULL) {
		free(metrics);
		return NULL;
	}
	pthread_mutex_init(&metrics->lock, NULL);
	for (; metrics->count < count; metrics->count++)
		if (!init_family(&metrics->families[metrics->count], &families[metrics->count])) {
			metrics->count++;
			metrics_free(metrics);
			return NULL;
		}
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;
	for (size_t i = 0; i < metrics->count; i++) {
		struct family *family = &metrics->families[i];
		struct metric *next;

		for (struct metric *metric = family->series; metric; metric = next) {
			next = metric->next;
			free_metric(metric);
		}
		free_metric(family->other);
		map_deinit(&family->by_block);
	}
	pthread_mutex_destroy(&metrics->lock);
	free(metrics->families);
	free(metrics);
}
