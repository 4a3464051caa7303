#include "model/inventory.h"

#include "base/path.h"

/* Folders below which language packages, or programs with embedded version data, are installed. */
static const char *const folder_names[] = {
	"site-packages",
	"dist-packages",
	"node_modules",
	"gems",
	"specifications",
	"vendor",
	"composer",
	"java",
	"jvm",
	"maven-repo",
	"perl5",
	"R",
	"site-library",
	"dotnet",
	"shared",
	"packs",
	"cargo",
	"rustlib",
	"go",
	"conda-meta",
	"bin",
	"sbin",
	"libexec",
	"opt",
};

static const char *const suffixes[] = {
	".jar",
	".war",
	".ear",
	".par",
	".gemspec",
	".egg-info",
	".egg",
	".whl",
	".deps.json",
	".nupkg",
	".phar",
	".dll",
	"/METADATA",
	"/PKG-INFO",
	"/package.json",
	"/package-lock.json",
	"/installed.json",
	"/go.mod",
	"/pom.properties",
	"/pom.xml",
	"/Cargo.lock",
	"/composer.lock",
	"/Gemfile.lock",
	"/yarn.lock",
	"/poetry.lock",
};

static bool is_folder_name(struct slice part)
{
	for (size_t i = 0; i < sizeof(folder_names) / sizeof(*folder_names); i++)
		if (slice_eq_str(part, folder_names[i]))
			return true;
	return false;
}

bool owned_path_kept(struct slice path)
{
	struct slice folders = path_dirname(path);

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++)
		if (slice_ends(path, suffixes[i]))
			return true;
	while (folders.len)
		if (is_folder_name(slice_cut(&folders, '/')))
			return true;
	return false;
}
