#include "progress.h"

#include "base/clock.h"
#include "base/log.h"
#include "live_line.h"
#include "report/table_parts.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { DRAW_MS = 250, LOG_MS = 5000, SAMPLES = 64, SAMPLE_MS = 1000 };

struct progress {
	pthread_mutex_t      lock; /* of line, live, out */
	const char          *what;
	struct progress_pace pace;
	struct buf           line; /* what is to be shown */
	struct live_line     live;
	struct buf           out;
	struct {
		uint64_t ms, bytes;
	} samples[SAMPLES]; /* ring: the rate is that of the last minute, as large layers end rarely */
	size_t samples_count;
};

unsigned terminal_columns(int fd)
{
	struct winsize size;

	if (!isatty(fd))
		return 0;
	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

static void put_eta(struct buf *out, const struct wire_job_status *s, double rate)
{
	double seconds;

	if (s->growing || s->paused || rate <= 0 || s->bytes_total <= s->bytes_done)
		return;
	seconds = (double)(s->bytes_total - s->bytes_done) / rate;
	if (seconds < 1 || seconds >= 360000)
		return;
	if (seconds >= 3600)
		buf_printf(out, "ETA %.0f:%02u:%02u", (double)((unsigned)seconds / 3600), (unsigned)seconds / 60 % 60,
			   (unsigned)seconds % 60);
	else
		buf_printf(out, "ETA %u:%02u", (unsigned)seconds / 60, (unsigned)seconds % 60);
}

static unsigned reuse_percent(const struct wire_job_status *s)
{
	uint64_t to_read = s->layers_total > s->layers_reused ? s->layers_total - s->layers_reused : 0;

	return s->layer_uses && to_read <= s->layer_uses ? (unsigned)(100 - to_read * 100 / s->layer_uses) : 0;
}

static void put_part(struct buf *out, unsigned columns, const struct buf *part)
{
	size_t gap = out->len ? 2 : 0;

	if (!part->len || (columns && out->len + gap + part->len > columns))
		return;
	buf_str(out, gap ? "  " : "");
	buf_append(out, buf_slice(part));
}

void progress_text(const struct wire_job_status *s, double rate, unsigned columns, struct buf *out)
{
	struct buf  part = {.bytes_max = 256};
	const char *more = s->growing ? "+" : "";
	char        done[24], total[24];

	buf_clear(out);
	buf_printf(&part, "images %llu/%llu%s", (unsigned long long)s->images_done, (unsigned long long)s->images_total,
		   more);
	put_part(out, columns, &part);
	if (s->paused) {
		buf_clear(&part);
		buf_str(&part, "paused");
		put_part(out, columns, &part);
	}
	if (s->images_failed + s->images_incomplete) {
		buf_clear(&part);
		buf_printf(&part, "failed %llu", (unsigned long long)(s->images_failed + s->images_incomplete));
		put_part(out, columns, &part);
	}
	buf_clear(&part);
	buf_printf(&part, "layers %llu/%llu%s", (unsigned long long)s->layers_done, (unsigned long long)s->layers_total,
		   more);
	put_part(out, columns, &part);
	buf_clear(&part);
	put_eta(&part, s, rate);
	put_part(out, columns, &part);
	buf_clear(&part);
	table_bytes_text(s->bytes_done, done);
	table_bytes_text(s->bytes_total, total);
	buf_printf(&part, "%s/%s%s", done, total, more);
	put_part(out, columns, s->bytes_total ? &part : &(struct buf){0});
	buf_clear(&part);
	table_bytes_text((uint64_t)rate, done);
	buf_printf(&part, "%s/s", done);
	put_part(out, columns, rate > 0 ? &part : &(struct buf){0});
	buf_clear(&part);
	buf_printf(&part, "reuse %u %%", reuse_percent(s));
	put_part(out, columns, s->layer_uses ? &part : &(struct buf){0});
	buf_deinit(&part);
}

static void write_err(struct slice bytes)
{
	while (bytes.len) {
		ssize_t put = write(STDERR_FILENO, bytes.ptr, bytes.len);

		if (put <= 0)
			return;
		bytes = slice_from(bytes, (size_t)put);
	}
}

static unsigned line_columns(void)
{
	unsigned columns = terminal_columns(STDERR_FILENO);

	return columns ? columns : 80;
}

static void flush_line(struct progress *p)
{
	write_err(buf_slice(&p->out));
	buf_clear(&p->out);
}

static void erase(struct progress *p)
{
	live_line_erase(&p->live, line_columns(), &p->out);
	flush_line(p);
}

/* The last column stays free: a character there leaves some terminals undecided about the next. */
static void draw(struct progress *p)
{
	unsigned     columns = line_columns();
	struct slice text = slice_sub(buf_slice(&p->line), 0, columns - 1);

	if (!text.len)
		return;
	live_line_show(&p->live, text, columns, &p->out);
	flush_line(p);
}

static void before_log(void *data)
{
	struct progress *p = data;

	pthread_mutex_lock(&p->lock);
	erase(p);
	pthread_mutex_unlock(&p->lock);
}

static void after_log(void *data)
{
	struct progress *p = data;

	pthread_mutex_lock(&p->lock);
	draw(p);
	pthread_mutex_unlock(&p->lock);
}

struct progress *progress_open(enum progress_mode mode, const char *what)
{
	struct progress *p = mode == PROGRESS_NEVER ? NULL : calloc(1, sizeof(*p));
	const char      *term = getenv("TERM");

	if (!p)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	buf_init(&p->line, 4096);
	buf_init(&p->out, 4 * 4096);
	live_line_init(&p->live);
	p->what = what;
	p->pace.shown_ms = clock_ms();
	p->pace.terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
	if (p->pace.terminal)
		log_hook(before_log, after_log, p);
	return p;
}

void progress_close(struct progress *p)
{
	if (!p)
		return;
	if (p->pace.terminal)
		log_hook(NULL, NULL, NULL);
	if (p->pace.terminal)
		erase(p);
	buf_deinit(&p->line);
	buf_deinit(&p->out);
	live_line_deinit(&p->live);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void progress_hide(struct progress *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	if (p->pace.terminal)
		erase(p);
	pthread_mutex_unlock(&p->lock);
}

static double rate_now(struct progress *p, uint64_t now, uint64_t bytes)
{
	size_t newest = (p->samples_count + SAMPLES - 1) % SAMPLES, oldest;

	if (!p->samples_count || now - p->samples[newest].ms >= SAMPLE_MS) {
		p->samples[p->samples_count % SAMPLES].ms = now;
		p->samples[p->samples_count++ % SAMPLES].bytes = bytes;
	}
	oldest = p->samples_count > SAMPLES ? p->samples_count % SAMPLES : 0;
	if (now - p->samples[oldest].ms < 1000 || bytes <= p->samples[oldest].bytes)
		return 0;
	return (double)(bytes - p->samples[oldest].bytes) * 1000 / (double)(now - p->samples[oldest].ms);
}

bool progress_due(const struct progress_pace *pace, uint64_t moved, uint64_t now_ms)
{
	if (pace->terminal)
		return !pace->begun || now_ms - pace->shown_ms >= DRAW_MS;
	return now_ms - pace->shown_ms >= LOG_MS && moved != pace->shown_moved;
}

static void show(struct progress *p, uint64_t moved, uint64_t now)
{
	p->pace.begun = true;
	p->pace.shown_ms = now;
	p->pace.shown_moved = moved;
	if (p->pace.terminal) {
		draw(p);
		return;
	}
	log_line(LOG_INFO, p->what, "%.*s", SLICE_FMT(buf_slice(&p->line)));
}

void progress_update(struct progress *p, const struct wire_job_status *status)
{
	uint64_t now = clock_ms(),
		 moved = status->images_done + status->layers_done + status->bytes_done + status->paused;
	double rate;

	if (!p)
		return;
	rate = rate_now(p, now, status->bytes_done);
	if (!progress_due(&p->pace, moved, now))
		return;
	pthread_mutex_lock(&p->lock);
	progress_text(status, rate, p->pace.terminal ? line_columns() - 1 : 0, &p->line);
	show(p, moved, now);
	pthread_mutex_unlock(&p->lock);
}

void progress_say(struct progress *p, struct slice text, uint64_t moved)
{
	uint64_t now = clock_ms();

	if (!p || !progress_due(&p->pace, moved, now))
		return;
	pthread_mutex_lock(&p->lock);
	buf_clear(&p->line);
	buf_append(&p->line, text);
	show(p, moved, now);
	pthread_mutex_unlock(&p->lock);
}
