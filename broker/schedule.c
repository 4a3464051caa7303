#include "schedule.h"

#define MINUTE_MS   UINT64_C(60000)
#define HOUR_MS     (60 * MINUTE_MS)
#define DAY_MS      (24 * HOUR_MS)
#define INTERVAL_MS (366 * DAY_MS) /* the longest */

enum {
	DAYS_LOOKED_AT = 366 * 41, /* 29 February on a given day of the week comes every forty years at the latest */
	FIELDS = 5,
};

struct field {
	const char        *name;
	unsigned           min, max;
	const char *const *names; /* of min, min + 1 …; NULL-terminated */
};

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
					  "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const struct field fields[FIELDS] = {{"minute", 0, 59, NULL},
					    {"hour", 0, 23, NULL},
					    {"day of month", 1, 31, NULL},
					    {"month", 1, 12, month_names},
					    {"day of week", 0, 7, day_names}};

/* --- reading --- */

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

static int refuse(struct slice text, const char *why, struct err *err)
{
	return err_set(err, ERR_USAGE, "schedule \"%.*s\": %s", SLICE_FMT(slice_sub(text, 0, 100)), why);
}

/* Takes a number or a name from the front of *text. */
static bool take_value(struct slice *text, const struct field *field, unsigned *out)
{
	size_t digits = 0;

	*out = 0;
	while (digits < text->len && digits < 4 && is_digit(text->ptr[digits]))
		*out = *out * 10 + (unsigned)(text->ptr[digits++] - '0');
	if (digits) {
		*text = slice_from(*text, digits);
		return *out >= field->min && *out <= field->max;
	}
	for (unsigned i = 0; field->names && field->names[i]; i++)
		if (text->len >= 3 && slice_eq_nocase(slice_sub(*text, 0, 3), slice_str(field->names[i]))) {
			*out = field->min + i;
			*text = slice_from(*text, 3);
			return true;
		}
	return false;
}

static bool take_byte(struct slice *text, char byte)
{
	if (!text->len || text->ptr[0] != (uint8_t)byte)
		return false;
	*text = slice_from(*text, 1);
	return true;
}

static bool take_step(struct slice *text, const struct field *field, unsigned *step)
{
	const struct field any = {"step", 1, field->max ? field->max : 1, NULL};

	*step = 1;
	return !take_byte(text, '/') || take_value(text, &any, step);
}

/* One of a list: star or value or range, and a step behind a star or range. */
static bool take_item(struct slice *text, const struct field *field, uint64_t *set)
{
	unsigned first = field->min, last = field->max, step = 1;

	if (take_byte(text, '*')) {
		if (!take_step(text, field, &step))
			return false;
	} else {
		if (!take_value(text, field, &first))
			return false;
		last = first;
		if (take_byte(text, '-') && (!take_value(text, field, &last) || !take_step(text, field, &step)))
			return false;
	}
	if (first > last)
		return false;
	for (unsigned i = first; i <= last; i += step)
		*set |= UINT64_C(1) << i;
	return true;
}

static bool read_field(struct slice text, const struct field *field, uint64_t *set)
{
	*set = 0;
	do {
		if (!take_item(&text, field, set))
			return false;
	} while (take_byte(&text, ','));
	return text.len == 0;
}

/* The next word; empty at the end. */
static struct slice take_word(struct slice *text)
{
	struct slice word;
	size_t       len = 0;

	while (take_byte(text, ' ') || take_byte(text, '\t'))
		;
	while (len < text->len && text->ptr[len] != ' ' && text->ptr[len] != '\t')
		len++;
	word = slice_sub(*text, 0, len);
	*text = slice_from(*text, len);
	return word;
}

static int read_cron(struct slice text, struct schedule *out, struct err *err)
{
	struct slice rest = text, words[FIELDS];
	uint64_t     sets[FIELDS];

	for (size_t i = 0; i < FIELDS; i++) {
		words[i] = take_word(&rest);
		if (!words[i].len)
			return refuse(text, "is neither an interval (24h, 15m, 7d) nor five fields of cron", err);
		if (!read_field(words[i], &fields[i], &sets[i]))
			return err_set(err, ERR_USAGE, "schedule \"%.*s\": \"%.*s\" is no %s (%u to %u)",
				       SLICE_FMT(slice_sub(text, 0, 100)), SLICE_FMT(slice_sub(words[i], 0, 100)),
				       fields[i].name, fields[i].min, fields[i].max);
	}
	if (take_word(&rest).len)
		return refuse(text, "has more than five fields", err);
	out->minutes = sets[0];
	out->hours = (uint32_t)sets[1];
	out->days = (uint32_t)sets[2];
	out->months = (uint32_t)sets[3];
	out->weekdays = (uint32_t)((sets[4] | sets[4] >> 7) & 0x7f);
	out->any_day = words[2].ptr[0] == '*';
	out->any_weekday = words[4].ptr[0] == '*';
	return 0;
}

static uint64_t unit_ms(uint8_t unit)
{
	switch (unit) {
	case 'm':
		return MINUTE_MS;
	case 'h':
		return HOUR_MS;
	case 'd':
		return DAY_MS;
	case 'w':
		return 7 * DAY_MS;
	default:
		return 0;
	}
}

/* "90m"; false: it is none at all. */
static bool is_interval(struct slice text, uint64_t *number, uint64_t *unit)
{
	if (text.len < 2 || text.len > 9 || !slice_u64(slice_sub(text, 0, text.len - 1), number))
		return false;
	*unit = unit_ms(text.ptr[text.len - 1]);
	return *unit != 0;
}

static uint64_t next_of_cron(const struct schedule *schedule, uint64_t now_ms);

int schedule_parse(struct slice text, struct schedule *out, struct err *err)
{
	uint64_t number, unit;
	int      status;

	*out = (struct schedule){0};
	if (text.len > SCHEDULE_TEXT_BYTES_MAX || slice_find(text, '\n') != SIZE_MAX)
		return refuse(text, "is too long, or more than one line", err);
	if (is_interval(text, &number, &unit)) {
		if (number == 0 || number > INTERVAL_MS / unit)
			return refuse(text, "is not between one minute and a year", err);
		out->every_ms = number * unit;
		return 0;
	}
	if ((status = read_cron(text, out, err)) < 0)
		return status;
	return next_of_cron(out, 0) != UINT64_MAX ? 0 : refuse(text, "would never be due", err);
}

/* --- due times --- */

struct date {
	unsigned day, month; /* from 1 */
	unsigned weekday;    /* 0 = Sunday */
};

/* Gregorian, from days since 1970-01-01: years of 400 years, counted from a March so that the leap day is a year's last. */
static struct date date_of(uint64_t days)
{
	uint64_t    shifted = days + 719468;
	uint64_t    in_era = shifted % 146097;
	uint64_t    year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	uint64_t    in_year = in_era - (365 * year + year / 4 - year / 100);
	uint64_t    from_march = (5 * in_year + 2) / 153;
	struct date date = {.day = (unsigned)(in_year - (153 * from_march + 2) / 5 + 1),
			    .month = (unsigned)(from_march < 10 ? from_march + 3 : from_march - 9),
			    .weekday = (unsigned)((days + 4) % 7)};

	return date;
}

static bool day_matches(const struct schedule *schedule, uint64_t days)
{
	struct date date = date_of(days);
	bool        day = schedule->days >> date.day & 1, weekday = schedule->weekdays >> date.weekday & 1;

	if (!(schedule->months >> date.month & 1))
		return false;
	return schedule->any_day || schedule->any_weekday ? day && weekday : day || weekday;
}

static uint64_t next_of_cron(const struct schedule *schedule, uint64_t now_ms)
{
	uint64_t minute = now_ms / MINUTE_MS + 1; /* the first that may be it */
	uint64_t today = minute / (24 * 60);

	for (uint64_t day = today; day < today + DAYS_LOOKED_AT; day++) {
		if (!day_matches(schedule, day))
			continue;
		for (uint64_t at = day == today ? minute % (24 * 60) : 0; at < UINT64_C(24) * 60; at++)
			if (schedule->hours >> (at / 60) & 1 && schedule->minutes >> (at % 60) & 1)
				return (day * 24 * 60 + at) * MINUTE_MS;
	}
	return UINT64_MAX;
}

uint64_t schedule_next(const struct schedule *schedule, uint64_t last_ms, uint64_t now_ms)
{
	if (!schedule->every_ms)
		return next_of_cron(schedule, now_ms);
	if (last_ms > now_ms)
		return last_ms;
	return last_ms + ((now_ms - last_ms) / schedule->every_ms + 1) * schedule->every_ms;
}
