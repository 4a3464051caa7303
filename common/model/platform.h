/* platform.h - os/architecture[/variant] as in OCI image indexes, and how a wish is matched against them.
 *
 * Source: OCI image-spec image-index.md; variants as containerd's platforms package orders them: arm/v7 falls back to
 * v6 and v5, arm64 is arm64/v8, amd64/vN falls back to lower N. */
#ifndef VARVE_MODEL_PLATFORM_H
#define VARVE_MODEL_PLATFORM_H

#include "base/err.h"
#include "base/slice.h"

struct platform {
	char os[32];
	char arch[32];
	char variant[16];
	bool all; /* the wish "all"; never a property of an image */
};

/* "linux/arm64", "linux/arm/v7", "arm64" (os = linux), "all"; aarch64, x86_64, armhf, i386 … are normalised. ERR_USAGE. */
int  platform_parse(struct slice text, struct platform *out, struct err *err);
void platform_host(struct platform *out); /* os is linux always, arch that of this machine */
void platform_set(struct platform *out, struct slice os, struct slice arch,
		  struct slice variant); /* normalises, cuts */

/* How well `have` serves `want`: 0 = not at all, else higher is better. */
int  platform_rank(const struct platform *want, const struct platform *have);
void platform_text(const struct platform *platform, char out[96]); /* "linux/arm/v7"; "" for an empty one */

#endif
