#include "match/osv.h"

#include "base/msgpack_read.h"
#include "base/msgpack_write.h"

enum { HEADER_FIELDS = 10, AFFECTED_FIELDS = 9, SEVERITY_FIELDS = 5 };

static void write_list(struct buf *out, const struct slice *items, size_t count)
{
	msgpack_write_array(out, count);
	for (size_t i = 0; i < count; i++)
		msgpack_write_str(out, items[i]);
}

static struct slice *read_list(struct msgpack_reader *r, struct arena *arena, size_t *count)
{
	size_t        announced = msgpack_read_array(r);
	struct slice *items = announced ? arena_array(arena, announced, sizeof(*items)) : NULL;

	*count = 0;
	for (size_t i = 0; items && i < announced && msgpack_ok(r); i++)
		items[(*count)++] = msgpack_read_bytes(r);
	if (announced && !items)
		msgpack_fail(r);
	return items;
}

/* A number below `limit`; anything else fails the reader. */
static unsigned read_below(struct msgpack_reader *r, unsigned limit)
{
	uint64_t value = msgpack_read_uint(r);

	if (value < limit)
		return (unsigned)value;
	msgpack_fail(r);
	return 0;
}

static void write_severity(struct buf *out, const struct osv_severity *severity)
{
	msgpack_write_array(out, SEVERITY_FIELDS);
	msgpack_write_uint(out, severity->rank);
	msgpack_write_uint(out, severity->band);
	msgpack_write_str(out, severity->source);
	msgpack_write_str(out, severity->vector);
	msgpack_write_int(out, severity->score_tenths);
}

static struct osv_severity read_severity(struct msgpack_reader *r)
{
	struct osv_severity severity;
	size_t              fields = msgpack_begin_record(r, SEVERITY_FIELDS);
	int64_t             tenths;

	severity.rank = read_below(r, OSV_RANK_NONE + 1);
	severity.band = read_below(r, SEVERITY_COUNT);
	severity.source = msgpack_read_bytes(r);
	severity.vector = msgpack_read_bytes(r);
	tenths = msgpack_read_int(r);
	severity.score_tenths = tenths >= 0 && tenths <= 100 ? (int)tenths : -1;
	msgpack_end_record(r, fields, SEVERITY_FIELDS);
	return severity;
}

/* Opens a record whose first field is the format version. */
static int begin(struct msgpack_reader *r, size_t fields_min, const char *what, size_t *fields, struct err *err)
{
	uint64_t format;

	*fields = msgpack_begin_record(r, 1);
	format = msgpack_read_uint(r);
	if (!msgpack_ok(r))
		return err_set(err, ERR_FORMAT, "%s: damaged", what);
	if (format != OSV_FORMAT_VERSION)
		return err_set(err, ERR_VERSION, "%s: format %llu, this Varve reads %d", what,
			       (unsigned long long)format, OSV_FORMAT_VERSION);
	return *fields < fields_min ? err_set(err, ERR_FORMAT, "%s: too few fields", what) : 0;
}

static int end(struct msgpack_reader *r, size_t fields, size_t fields_read, const struct arena *arena, const char *what,
	       struct err *err)
{
	msgpack_end_record(r, fields, fields_read);
	if (arena_failed(arena))
		return err_set(err, ERR_MEM, "%s: out of memory", what);
	return msgpack_ok(r) ? 0 : err_set(err, ERR_FORMAT, "%s: damaged", what);
}

void osv_header_encode(const struct osv_record *record, struct buf *out)
{
	msgpack_write_array(out, HEADER_FIELDS);
	msgpack_write_uint(out, OSV_FORMAT_VERSION);
	msgpack_write_str(out, record->id);
	msgpack_write_str(out, record->modified);
	msgpack_write_str(out, record->published);
	msgpack_write_bool(out, record->withdrawn);
	msgpack_write_bool(out, record->per_cve);
	msgpack_write_str(out, record->summary);
	write_list(out, record->cves, record->cves_count);
	write_list(out, record->aliases, record->aliases_count);
	write_severity(out, &record->severity);
}

int osv_header_decode(struct slice bytes, struct arena *arena, struct osv_record *out, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(bytes);
	size_t                fields;
	int                   rc = begin(&r, HEADER_FIELDS, "advisory header", &fields, err);

	*out = (struct osv_record){0};
	if (rc)
		return rc;
	out->id = msgpack_read_bytes(&r);
	out->modified = msgpack_read_bytes(&r);
	out->published = msgpack_read_bytes(&r);
	out->withdrawn = msgpack_read_bool(&r);
	out->per_cve = msgpack_read_bool(&r);
	out->summary = msgpack_read_bytes(&r);
	out->cves = read_list(&r, arena, &out->cves_count);
	out->aliases = read_list(&r, arena, &out->aliases_count);
	out->severity = read_severity(&r);
	return end(&r, fields, HEADER_FIELDS, arena, "advisory header", err);
}

static void write_range(struct buf *out, const struct osv_range *range)
{
	msgpack_write_array(out, 1 + 2 * range->events_count);
	msgpack_write_uint(out, range->scheme);
	for (size_t i = 0; i < range->events_count; i++) {
		msgpack_write_uint(out, range->events[i].kind);
		msgpack_write_str(out, range->events[i].version);
	}
}

static void read_range(struct msgpack_reader *r, struct arena *arena, struct osv_range *range)
{
	size_t items = msgpack_read_array(r);

	if (items % 2 == 0)
		msgpack_fail(r);
	range->scheme = read_below(r, VERSION_SCHEMES);
	range->events = items > 1 ? arena_array(arena, items / 2, sizeof(*range->events)) : NULL;
	for (size_t i = 0; range->events && i < items / 2 && msgpack_ok(r); i++) {
		range->events[i].kind = read_below(r, OSV_LIMIT + 1);
		range->events[i].version = msgpack_read_bytes(r);
		range->events_count++;
	}
}

void osv_affected_encode(const struct osv_affected *affected, struct buf *out)
{
	msgpack_write_array(out, AFFECTED_FIELDS);
	msgpack_write_uint(out, OSV_FORMAT_VERSION);
	msgpack_write_uint(out, affected->class);
	write_severity(out, &affected->severity);
	msgpack_write_array(out, affected->ranges_count);
	for (size_t i = 0; i < affected->ranges_count; i++)
		write_range(out, &affected->ranges[i]);
	msgpack_write_uint(out, affected->scheme);
	write_list(out, affected->versions, affected->versions_count);
	write_list(out, affected->os, affected->os_count);
	write_list(out, affected->arch, affected->arch_count);
	msgpack_write_uint(out, affected->ranges_voided);
}

static void read_ranges(struct msgpack_reader *r, struct arena *arena, struct osv_affected *out)
{
	size_t count = msgpack_read_array(r);

	out->ranges = count ? arena_array(arena, count, sizeof(*out->ranges)) : NULL;
	for (size_t i = 0; out->ranges && i < count && msgpack_ok(r); i++)
		read_range(r, arena, &out->ranges[out->ranges_count++]);
}

int osv_affected_decode(struct slice bytes, struct arena *arena, struct osv_affected *out, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(bytes);
	size_t                fields;
	int                   rc = begin(&r, AFFECTED_FIELDS, "advisory entry", &fields, err);

	*out = (struct osv_affected){0};
	if (rc)
		return rc;
	out->class = read_below(&r, OSV_MALWARE + 1);
	out->severity = read_severity(&r);
	read_ranges(&r, arena, out);
	out->scheme = read_below(&r, VERSION_SCHEMES);
	out->versions = read_list(&r, arena, &out->versions_count);
	out->os = read_list(&r, arena, &out->os_count);
	out->arch = read_list(&r, arena, &out->arch_count);
	out->ranges_voided = (uint32_t)msgpack_read_uint(&r);
	return end(&r, fields, AFFECTED_FIELDS, arena, "advisory entry", err);
}
