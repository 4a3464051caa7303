#include "match/advisories.h"

int advisories_find(const struct advisories *advisories, struct slice ecosystem, struct slice name, struct arena *arena,
		    struct advisory **out, size_t *count, struct err *err)
{
	*out = NULL;
	*count = 0;
	return advisories->ops->find(advisories, ecosystem, name, arena, out, count, err);
}

size_t advisories_feed_lower(const struct advisories *advisories, struct slice prefix)
{
	size_t low = 0, high = advisories->feeds_count;

	while (low < high) {
		size_t               middle = low + (high - low) / 2;
		struct advisory_feed feed;

		if (advisories->ops->feed_at(advisories, middle, &feed) && slice_cmp(feed.ecosystem, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool advisories_feed(const struct advisories *advisories, struct slice ecosystem, struct advisory_feed *out)
{
	struct advisory_feed feed;

	if (!advisories->ops->feed_at(advisories, advisories_feed_lower(advisories, ecosystem), &feed))
		return false;
	if (!slice_eq(feed.ecosystem, ecosystem))
		return false;
	if (out)
		*out = feed;
	return true;
}
