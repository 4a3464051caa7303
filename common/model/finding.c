#include "model/finding.h"

#include "base/msgpack_read.h"
#include "base/msgpack_write.h"

enum { FINDING_FIELDS = 10, CVSS_TENTHS_MAX = 100 };

void finding_encode(const struct finding *finding, struct buf *out)
{
	msgpack_write_array(out, FINDING_FIELDS);
	msgpack_write_str(out, finding->kind);
	msgpack_write_str(out, finding->id);
	msgpack_write_uint(out, finding->severity);
	msgpack_write_str(out, finding->fixed);
	msgpack_write_str(out, finding->severity_source);
	msgpack_write_str(out, finding->cvss_vector);
	msgpack_write_int(out, finding->cvss_tenths < 0 ? -1 : finding->cvss_tenths);
	msgpack_write_str(out, finding->summary);
	msgpack_write_bool(out, finding->approximate);
	msgpack_write_array(out, finding->aliases_count);
	for (size_t i = 0; i < finding->aliases_count; i++)
		msgpack_write_str(out, finding->aliases[i]);
}

static enum severity read_severity(struct msgpack_reader *r)
{
	uint64_t value = msgpack_read_uint(r);

	if (value >= SEVERITY_COUNT)
		msgpack_fail(r);
	return value < SEVERITY_COUNT ? (enum severity)value : SEVERITY_UNKNOWN;
}

static void read_aliases(struct msgpack_reader *r, struct arena *arena, struct finding *out)
{
	size_t announced = msgpack_read_array(r);

	out->aliases = announced ? arena_array(arena, announced, sizeof(*out->aliases)) : NULL;
	for (size_t i = 0; out->aliases && i < announced && msgpack_ok(r); i++)
		out->aliases[out->aliases_count++] = msgpack_read_bytes(r);
}

int finding_decode(struct slice bytes, struct arena *arena, struct finding *out, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(bytes);
	size_t                fields = msgpack_begin_record(&r, FINDING_FIELDS);
	int64_t               tenths;

	*out = (struct finding){.kind = msgpack_read_bytes(&r)};
	out->id = msgpack_read_bytes(&r);
	out->severity = read_severity(&r);
	out->fixed = msgpack_read_bytes(&r);
	out->severity_source = msgpack_read_bytes(&r);
	out->cvss_vector = msgpack_read_bytes(&r);
	tenths = msgpack_read_int(&r);
	out->cvss_tenths = tenths >= 0 && tenths <= CVSS_TENTHS_MAX ? (int)tenths : -1;
	out->summary = msgpack_read_bytes(&r);
	out->approximate = msgpack_read_bool(&r);
	read_aliases(&r, arena, out);
	msgpack_end_record(&r, fields, FINDING_FIELDS);
	if (arena_failed(arena))
		return err_set(err, ERR_MEM, "finding: out of memory");
	return msgpack_ok(&r) ? 0 : err_set(err, ERR_FORMAT, "finding: damaged");
}

struct finding_name finding_name_of(struct slice bytes)
{
	struct msgpack_reader r = msgpack_reader_of(bytes);
	struct finding_name   name;

	msgpack_begin_record(&r, FINDING_FIELDS);
	name.kind = msgpack_read_bytes(&r);
	name.id = msgpack_read_bytes(&r);
	return name;
}

int finding_name_cmp(const struct finding_name *a, const struct finding_name *b)
{
	int order = slice_cmp(a->kind, b->kind);

	return order ? order : slice_cmp(a->id, b->id);
}

enum severity finding_severity_of(struct slice bytes)
{
	struct msgpack_reader r = msgpack_reader_of(bytes);

	msgpack_begin_record(&r, FINDING_FIELDS);
	msgpack_read_bytes(&r);
	msgpack_read_bytes(&r);
	return read_severity(&r);
}
