#include "analyze/analyzer_table.h"

#define ANALYZERS(ROW)                                                                                                 \
	ROW(os_release)                                                                                                \
	ROW(dpkg_status)                                                                                               \
	ROW(dpkg_status_d)                                                                                             \
	ROW(dpkg_list)                                                                                                 \
	ROW(opkg_status)                                                                                               \
	ROW(dpkg_copyright)                                                                                            \
	ROW(apk_installed)                                                                                             \
	ROW(rpm_sqlite)                                                                                                \
	ROW(rpm_ndb)                                                                                                   \
	ROW(rpm_bdb)                                                                                                   \
	ROW(alpm_desc)                                                                                                 \
	ROW(alpm_files)                                                                                                \
	ROW(chisel_manifest)                                                                                           \
	ROW(portage_pf)                                                                                                \
	ROW(python_metadata)                                                                                           \
	ROW(node_package)                                                                                              \
	ROW(ruby_gemspec)                                                                                              \
	ROW(composer_installed)                                                                                        \
	ROW(dotnet_deps)                                                                                               \
	ROW(conda_meta)                                                                                                \
	ROW(go_binary)                                                                                                 \
	ROW(rust_audit)                                                                                                \
	ROW(binary_classifier)                                                                                         \
	ROW(java_archive)                                                                                              \
	ROW(wordpress_plugin)                                                                                          \
	ROW(bitnami_spdx)                                                                                              \
	ROW(r_description)                                                                                             \
	ROW(perl_meta)                                                                                                 \
	ROW(lua_rock)                                                                                                  \
	ROW(haskell_package)                                                                                           \
	ROW(erlang_app)                                                                                                \
	ROW(homebrew_receipt)                                                                                          \
	ROW(npm_lock)                                                                                                  \
	ROW(composer_lock)                                                                                             \
	ROW(pipfile_lock)                                                                                              \
	ROW(nuget_lock)                                                                                                \
	ROW(swift_resolved)                                                                                            \
	ROW(conan_lock)                                                                                                \
	ROW(cargo_lock)                                                                                                \
	ROW(poetry_lock)                                                                                               \
	ROW(uv_lock)                                                                                                   \
	ROW(pdm_lock)                                                                                                  \
	ROW(gemfile_lock)                                                                                              \
	ROW(gradle_lock)                                                                                               \
	ROW(mix_lock)                                                                                                  \
	ROW(go_mod)                                                                                                    \
	ROW(python_requirements)                                                                                       \
	ROW(pnpm_lock)                                                                                                 \
	ROW(pubspec_lock)                                                                                              \
	ROW(julia_manifest)                                                                                            \
	ROW(maven_pom)                                                                                                 \
	ROW(bun_lock)                                                                                                  \
	ROW(yarn_lock)                                                                                                 \
	ROW(nuget_project)                                                                                             \
	ROW(nuget_assets)                                                                                              \
	ROW(paket_lock)                                                                                                \
	ROW(cabal_freeze)                                                                                              \
	ROW(stack_lock)                                                                                                \
	ROW(gradle_verification)                                                                                       \
	ROW(gradle_catalog)                                                                                            \
	ROW(pylock)                                                                                                    \
	ROW(renv_lock)                                                                                                 \
	ROW(podfile_lock)                                                                                              \
	ROW(go_vendor)                                                                                                 \
	ROW(github_workflow)

#define DECLARE(name) extern const struct analyzer analyzer_##name;
#define POINTER(name) &analyzer_##name,

ANALYZERS(DECLARE)

static const struct analyzer *const table[] = {ANALYZERS(POINTER)};

_Static_assert(sizeof(table) / sizeof(table[0]) <= ANALYZERS_MAX, "raise ANALYZERS_MAX");

size_t analyzer_count(void)
{
	return sizeof(table) / sizeof(table[0]);
}

const struct analyzer *analyzer_at(size_t index)
{
	return table[index];
}

uint32_t analyzer_number(const struct analyzer *analyzer)
{
	uint32_t index = 0;

	while (index < analyzer_count() && table[index] != analyzer)
		index++;
	return index;
}

const struct analyzer *analyzer_find(struct slice name)
{
	for (size_t i = 0; i < analyzer_count(); i++)
		if (slice_eq_str(name, table[i]->name))
			return table[i];
	return NULL;
}
