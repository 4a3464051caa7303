#include "model/package_codec.h"

#include "base/msgpack_write.h"

bool package_type_is_os(struct slice purl_type)
{
	static const char *const TYPES[] = {"deb", "rpm", "apk", "alpm", "portage", "ebuild", "nix", "xbps"};

	for (size_t i = 0; i < sizeof(TYPES) / sizeof(*TYPES); i++)
		if (slice_eq_str(purl_type, TYPES[i]))
			return true;
	return false;
}

void package_encode(const struct package *package, struct buf *out)
{
	msgpack_write_array(out, PACKAGE_FIELDS);
	msgpack_write_str(out, package->type);
	msgpack_write_str(out, package->name);
	msgpack_write_str(out, package->version);
	msgpack_write_str(out, package->arch);
	msgpack_write_str(out, package->source_name);
	msgpack_write_str(out, package->source_version);
	msgpack_write_str(out, package->license);
	msgpack_write_str(out, package->vendor);
	msgpack_write_str(out, package->modularity);
	msgpack_write_uint(out, package->flags);
}

void package_decode(struct decoder *d, struct package *package)
{
	size_t fields = msgpack_begin_record(&d->r, PACKAGE_FIELDS);

	package->type = decode_text(d);
	package->name = decode_text(d);
	package->version = decode_text(d);
	package->arch = decode_text(d);
	package->source_name = decode_text(d);
	package->source_version = decode_text(d);
	package->license = decode_text(d);
	package->vendor = decode_text(d);
	package->modularity = decode_text(d);
	package->flags = decode_u32(d);
	msgpack_end_record(&d->r, fields, PACKAGE_FIELDS);
}

void os_release_encode(const struct os_release *os, struct buf *out)
{
	msgpack_write_array(out, OS_RELEASE_FIELDS);
	msgpack_write_str(out, os->path);
	msgpack_write_str(out, os->id);
	msgpack_write_str(out, os->id_like);
	msgpack_write_str(out, os->version_id);
	msgpack_write_str(out, os->version);
	msgpack_write_str(out, os->version_codename);
	msgpack_write_str(out, os->pretty_name);
	msgpack_write_str(out, os->ubuntu_codename);
	msgpack_write_str(out, os->cpe_name);
	msgpack_write_str(out, os->variant_id);
	msgpack_write_str(out, os->build_id);
	msgpack_write_bool(out, os->by_magic);
}

void os_release_decode(struct decoder *d, struct os_release *os)
{
	size_t fields = msgpack_begin_record(&d->r, OS_RELEASE_FIELDS);

	os->path = decode_path(d);
	os->id = decode_text(d);
	os->id_like = decode_text(d);
	os->version_id = decode_text(d);
	os->version = decode_text(d);
	os->version_codename = decode_text(d);
	os->pretty_name = decode_text(d);
	os->ubuntu_codename = decode_text(d);
	os->cpe_name = decode_text(d);
	os->variant_id = decode_text(d);
	os->build_id = decode_text(d);
	os->by_magic = msgpack_read_bool(&d->r);
	msgpack_end_record(&d->r, fields, OS_RELEASE_FIELDS);
}

void note_encode(const struct note *note, struct buf *out)
{
	msgpack_write_array(out, NOTE_FIELDS);
	msgpack_write_uint(out, (uint64_t)note->kind);
	msgpack_write_str(out, note->path);
	msgpack_write_str(out, note->reason);
}

void note_decode(struct decoder *d, struct note *note)
{
	size_t fields = msgpack_begin_record(&d->r, NOTE_FIELDS);

	note->kind = (enum note_kind)decode_enum(d, NOTE_PARTIAL + 1);
	note->path = decode_text(d); /* as found: perhaps what could not be made canonical */
	note->reason = decode_text(d);
	msgpack_end_record(&d->r, fields, NOTE_FIELDS);
}
