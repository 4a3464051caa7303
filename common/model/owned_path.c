#include "model/inventory.h"

#include "base/path.h"

#include <string.h>

/* Millions of names of one rpm database pass through here: lengths are known, and one byte tells most apart. */
#define TEXT(text)                                                                                                     \
	{                                                                                                              \
		(const uint8_t *)(text), sizeof(text) - 1                                                              \
	}

/* Folders below which language packages, or programs with embedded version data, are installed. */
static const struct slice folder_names[] = {
	TEXT("site-packages"),
	TEXT("dist-packages"),
	TEXT("node_modules"),
	TEXT("gems"),
	TEXT("specifications"),
	TEXT("vendor"),
	TEXT("composer"),
	TEXT("java"),
	TEXT("jvm"),
	TEXT("maven-repo"),
	TEXT("perl5"),
	TEXT("R"),
	TEXT("site-library"),
	TEXT("dotnet"),
	TEXT("shared"),
	TEXT("packs"),
	TEXT("cargo"),
	TEXT("rustlib"),
	TEXT("go"),
	TEXT("conda-meta"),
	TEXT("ebin"),
	TEXT("package.conf.d"),
	TEXT("wp-content"),
	TEXT("bin"),
	TEXT("sbin"),
	TEXT("libexec"),
	TEXT("opt"),
};

static const struct slice suffixes[] = {
	TEXT(".jar"),
	TEXT(".war"),
	TEXT(".ear"),
	TEXT(".par"),
	TEXT(".gemspec"),
	TEXT(".egg-info"),
	TEXT(".egg"),
	TEXT(".whl"),
	TEXT(".deps.json"),
	TEXT(".nupkg"),
	TEXT(".phar"),
	TEXT(".dll"),
	TEXT(".rockspec"),
	TEXT("/METADATA"),
	TEXT("/PKG-INFO"),
	TEXT("/package.json"),
	TEXT("/package-lock.json"),
	TEXT("/installed.json"),
	TEXT("/go.mod"),
	TEXT("/pom.properties"),
	TEXT("/pom.xml"),
	TEXT("/Cargo.lock"),
	TEXT("/composer.lock"),
	TEXT("/Gemfile.lock"),
	TEXT("/yarn.lock"),
	TEXT("/OTP_VERSION"),
	TEXT("/VERSION"),
	TEXT("/release"),
	TEXT("/poetry.lock"),
};

/* Libraries that tell the version of a program, wherever they lie. */
static const struct slice libraries[] = {
	TEXT("libcrypto."), TEXT("libcurl."),  TEXT("libjulia-"), TEXT("libnode."), TEXT("libperl."),
	TEXT("libphp"),     TEXT("libpython"), TEXT("libruby"),   TEXT("libssl."),
};

static bool is_library(struct slice name)
{
	if (name.len < 8 || name.ptr[0] != 'l' || name.ptr[1] != 'i' || name.ptr[2] != 'b')
		return false;
	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++)
		if (name.ptr[3] == libraries[i].ptr[3] && name.len > libraries[i].len &&
		    memcmp(name.ptr, libraries[i].ptr, libraries[i].len) == 0)
			return true;
	return false;
}

static bool is_folder_name(struct slice part)
{
	for (size_t i = 0; i < sizeof(folder_names) / sizeof(*folder_names); i++)
		if (part.len == folder_names[i].len && part.ptr[0] == folder_names[i].ptr[0] &&
		    memcmp(part.ptr, folder_names[i].ptr, part.len) == 0)
			return true;
	return false;
}

static bool has_suffix(struct slice path)
{
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		size_t len = suffixes[i].len;

		if (path.len >= len && path.ptr[path.len - 1] == suffixes[i].ptr[len - 1] &&
		    memcmp(path.ptr + path.len - len, suffixes[i].ptr, len) == 0)
			return true;
	}
	return false;
}

bool owned_path_kept(struct slice path)
{
	size_t start = 0;

	if (has_suffix(path))
		return true;
	for (size_t i = 0; i < path.len; i++)
		if (path.ptr[i] == '/') {
			if (is_folder_name(slice_of(path.ptr + start, i - start)))
				return true;
			start = i + 1;
		}
	return is_library(slice_from(path, start));
}
