#include "model/listing.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

bool listing_tag_is_derived(struct slice tag)
{
	enum { PREFIX = 7, HEX = 64 };

	if (!slice_starts(tag, "sha256-") || tag.len < PREFIX + HEX)
		return false;
	for (size_t i = PREFIX; i < PREFIX + HEX; i++)
		if (!((tag.ptr[i] >= '0' && tag.ptr[i] <= '9') || (tag.ptr[i] >= 'a' && tag.ptr[i] <= 'f')))
			return false;
	return tag.len == PREFIX + HEX || tag.ptr[PREFIX + HEX] == '.';
}

static bool matches_any(const char *const *globs, const char *repository, const char *name)
{
	for (; *globs; globs++)
		if (fnmatch(*globs, name, 0) == 0 || (!strchr(*globs, ':') && fnmatch(*globs, repository, 0) == 0))
			return true;
	return false;
}

bool listing_wants(const struct listing_filter *filter, const char *repository, struct slice tag)
{
	char name[REFERENCE_TEXT_BYTES];

	if (listing_tag_is_derived(tag))
		return false;
	if (!filter)
		return true;
	snprintf(name, sizeof(name), "%s:%.*s", repository, SLICE_FMT(tag));
	if (filter->include && filter->include[0] && !matches_any(filter->include, repository, name))
		return false;
	return !filter->exclude || !matches_any(filter->exclude, repository, name);
}

bool listing_is_below(struct slice repository, struct slice prefix)
{
	while (slice_ends(prefix, "/"))
		prefix.len--;
	if (prefix.len == 0 || slice_eq(repository, prefix))
		return true;
	return repository.len > prefix.len && slice_eq(slice_sub(repository, 0, prefix.len), prefix) &&
	       repository.ptr[prefix.len] == '/';
}

bool listing_covers(const struct reference *where, const struct listing_filter *filter, const struct reference *image)
{
	if (where->transport != TRANSPORT_REGISTRY || image->transport != TRANSPORT_DOCKER ||
	    strcmp(where->host, image->host) != 0 || !image->tag[0] || !digest_is_zero(&image->digest))
		return false;
	return !(filter && filter->newest) && listing_is_below(slice_str(image->path), slice_str(where->path)) &&
	       listing_wants(filter, image->path, slice_str(image->tag));
}
