#include "model/unique_package.h"

#include "base/limits.h"
#include "base/msgpack_write.h"
#include "model/package_codec.h"

enum { CONTEXT_FIELDS = 3, UNIQUE_FIELDS = 4, EVIDENCE_FIELDS = 2 };

int package_context_encode(const struct package_context *context, struct buf *out, struct err *err)
{
	struct os_release os = context->os;

	os.path = SLICE_EMPTY;
	os.by_magic = os.dropped = false;
	msgpack_write_array(out, CONTEXT_FIELDS);
	os_release_encode(&os, out);
	msgpack_write_str(out, context->arch);
	msgpack_write_bool(out, context->ubuntu_pro);
	return encode_verdict(out, "context of packages", err);
}

int package_context_decode(struct slice bytes, struct arena *arena, struct package_context *out, struct err *err)
{
	struct decoder d = decoder_of(bytes, arena);
	size_t         fields = msgpack_begin_record(&d.r, CONTEXT_FIELDS);

	*out = (struct package_context){.ubuntu_pro = false};
	os_release_decode(&d, &out->os);
	out->arch = decode_text(&d);
	out->ubuntu_pro = msgpack_read_bool(&d.r);
	msgpack_end_record(&d.r, fields, CONTEXT_FIELDS);
	return decoder_verdict(&d, "context of packages", err);
}

int unique_package_encode(const struct unique_package *package, struct buf *out, struct err *err)
{
	msgpack_write_array(out, UNIQUE_FIELDS);
	package_encode(&package->package, out);
	encode_digest(out, &package->context);
	msgpack_write_str(out, package->subject_version);
	msgpack_write_bool(out, package->ignore_epoch);
	return encode_verdict(out, "package", err);
}

static int decode(struct decoder *d, struct unique_package *out, struct err *err)
{
	size_t fields = msgpack_begin_record(&d->r, UNIQUE_FIELDS);

	*out = (struct unique_package){.ignore_epoch = false};
	package_decode(d, &out->package);
	decode_digest(d, &out->context);
	out->subject_version = decode_text(d);
	out->ignore_epoch = msgpack_read_bool(&d->r);
	msgpack_end_record(&d->r, fields, UNIQUE_FIELDS);
	return decoder_verdict(d, "package", err);
}

int unique_package_decode(struct slice bytes, struct arena *arena, struct unique_package *out, struct err *err)
{
	struct decoder d = decoder_of(bytes, arena);

	return decode(&d, out, err);
}

int unique_package_decode_borrowed(struct slice bytes, struct unique_package *out, struct err *err)
{
	struct arena   none = {.bytes_max = 0};
	struct decoder d = decoder_of(bytes, &none);

	d.borrow = true;
	return decode(&d, out, err);
}

int package_evidence_encode(const struct package_evidence *evidence, struct buf *out, struct err *err)
{
	msgpack_write_array(out, EVIDENCE_FIELDS);
	encode_texts(out, evidence->paths, evidence->paths_count);
	msgpack_write_str(out, evidence->owner);
	return encode_verdict(out, "evidence of a package", err);
}

int package_evidence_decode(struct slice bytes, struct arena *arena, struct package_evidence *out, struct err *err)
{
	struct decoder d = decoder_of(bytes, arena);
	size_t         fields = msgpack_begin_record(&d.r, EVIDENCE_FIELDS);

	*out = (struct package_evidence){.paths_count = 0};
	out->paths_count = decode_texts(&d, &out->paths, SIZE_MAX, "paths of one package");
	out->owner = decode_text(&d);
	msgpack_end_record(&d.r, fields, EVIDENCE_FIELDS);
	return decoder_verdict(&d, "evidence of a package", err);
}
