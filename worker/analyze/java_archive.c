/* Java archives, and those inside them: Maven artifacts by every pom.properties (a shaded jar has several), or the pom.xml
 * beside which there is none; without any, by the manifest and the file's name, and then without a groupId: none is invented, so
 * that nothing is matched on a guess (TRAPS E3).
 *
 * Source: JAR File Specification; Maven's archiver ("META-INF/maven/<groupId>/<artifactId>/pom.properties"); OSGi Core,
 * "Bundle-SymbolicName". */
#include "analyze/analyzer.h"
#include "analyze/java_manifest.h"
#include "analyze/maven_pom.h"
#include "analyze/nested_archive.h"
#include "base/cursor.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>

enum { POM_BYTES_MAX = 64 << 20 };

static const char *const ENDINGS[] = {".jar", ".war",  ".ear", ".par", ".sar", ".jpi",
				      ".hpi", ".lpkg", ".nar", ".kar", ".rar"};

static bool is_archive(struct slice name)
{
	for (size_t i = 0; i < sizeof(ENDINGS) / sizeof(*ENDINGS); i++)
		if (slice_ends(name, ENDINGS[i]))
			return true;
	return false;
}

/* What one META-INF/maven/<groupId>/<artifactId> says. */
struct pom_folder {
	struct slice       name, version; /* by its pom.xml */
	bool               has_properties;
	struct pom_folder *next;
};

/* One archive of the chain that is open. */
struct level {
	char                 name[256];
	struct java_manifest manifest;
	struct arena         arena; /* of the manifest and the folders */
	struct map           by_folder;
	struct pom_folder   *folders, **tail;
	bool                 has_pom;
};

struct search {
	struct inventory  *out;
	struct slice       path;
	struct package_db *db;
	struct level       levels[LIMIT_NESTED_DEPTH];
	size_t             depth;
	bool               failed;
};

static void add(struct search *s, struct slice name, struct slice version, struct slice license)
{
	struct package package = {.type = SLICE_LIT("maven"), .name = name, .version = version, .license = license};

	if (!s->db)
		s->db = inventory_add_db(s->out, s->path, "java-archive");
	if (!s->db || !inventory_add_package(s->out, s->db, &package))
		s->failed = true;
}

/* --- pom.properties --- */

/* In META-INF/maven/<groupId>/<artifactId>; tools that repack jars put it elsewhere too. */
static bool is_pom_properties(struct slice name)
{
	return slice_eq_str(path_basename(name), "pom.properties");
}

/* In the place where Maven puts it; elsewhere it may be a template. */
static bool is_pom_xml(struct slice name)
{
	struct slice folder = path_dirname(path_dirname(path_dirname(name)));

	return slice_eq_str(path_basename(name), "pom.xml") && slice_ends(folder, "META-INF/maven");
}

/* NULL when the archive has too many. */
static struct pom_folder *folder_of(struct level *level, struct slice member)
{
	struct slice path = path_dirname(member); /* borrowed from the archive, which is open as long as its level */
	struct pom_folder *folder = map_get(&level->by_folder, path);

	if (folder)
		return folder;
	folder = arena_alloc(&level->arena, sizeof(*folder));
	if (!folder || !map_put(&level->by_folder, path, folder))
		return NULL;
	*level->tail = folder;
	level->tail = &folder->next;
	return folder;
}

static struct slice property(struct slice line, const char *key)
{
	struct slice name = slice_trim(slice_cut(&line, '='));

	return slice_eq_str(name, key) ? slice_trim(line) : SLICE_EMPTY;
}

static void read_pom_properties(struct search *s, struct slice member, struct slice body)
{
	struct pom_folder *folder;
	struct cursor      lines = cursor_of(body);
	struct slice       line, group = SLICE_EMPTY, artifact = SLICE_EMPTY, version = SLICE_EMPTY;
	char               name[1024];
	int                len;

	while (cursor_line(&lines, &line)) {
		struct slice value;

		if ((value = property(line, "groupId")).len)
			group = value;
		else if ((value = property(line, "artifactId")).len)
			artifact = value;
		else if ((value = property(line, "version")).len)
			version = value;
	}
	if (!group.len || !artifact.len || !version.len || slice_find(version, '$') != SIZE_MAX)
		return;
	len = snprintf(name, sizeof(name), "%.*s:%.*s", SLICE_FMT(group), SLICE_FMT(artifact));
	if (len < 0 || (size_t)len >= sizeof(name))
		return;
	s->levels[s->depth - 1].has_pom = true;
	add(s, slice_of(name, (size_t)len), version, SLICE_EMPTY);
	folder = folder_of(&s->levels[s->depth - 1], member);
	if (folder)
		folder->has_properties = true;
}

/* --- pom.xml --- */

/* Kept until the archive ends: its folder's pom.properties, which may come later, says it better. */
static void keep_pom(struct level *level, struct slice member, const struct maven_pom *pom)
{
	struct pom_folder *folder = folder_of(level, member);

	if (!folder || !pom->group.len || !pom->artifact.len || !pom->version.len)
		return;
	folder->name = arena_printf(&level->arena, "%.*s:%.*s", SLICE_FMT(pom->group), SLICE_FMT(pom->artifact));
	folder->version = arena_copy(&level->arena, pom->version);
}

static void read_pom_xml(struct search *s, struct slice member, struct slice body)
{
	struct maven_pom pom;
	struct arena     arena;
	struct err       err = {0};

	arena_init(&arena, POM_BYTES_MAX);
	if (maven_pom_open(body, &arena, &pom, &err) == 0)
		keep_pom(&s->levels[s->depth - 1], member, &pom);
	else
		inventory_note(s->out, NOTE_SKIPPED, s->path, "%s: %.*s: %s", err_name(err.code), SLICE_FMT(member),
			       err.text);
	maven_pom_close(&pom);
	arena_deinit(&arena);
}

static void add_poms(struct search *s, struct level *level)
{
	for (struct pom_folder *it = level->folders; it; it = it->next)
		if (!it->has_properties && it->name.len && it->version.len) {
			level->has_pom = true;
			add(s, it->name, it->version, SLICE_EMPTY);
		}
}

/* --- an archive without pom.properties --- */

/* "spring-web-5.3.26.jar": artifact and version; what follows the version is a classifier. */
static void split_file_name(struct slice name, struct slice *artifact, struct slice *version)
{
	static const char *const CLASSIFIERS[] = {"-linux",
						  "-osx",
						  "-windows",
						  "-darwin",
						  "-natives",
						  "-sources",
						  "-javadoc",
						  "-tests",
						  "-shaded",
						  "-all",
						  "-jar-with-dependencies"};
	size_t                   dot = slice_rfind(name, '.');

	name = slice_sub(name, 0, dot);
	*artifact = name;
	*version = SLICE_EMPTY;
	for (size_t i = 1; i + 1 < name.len && !version->len; i++)
		if (name.ptr[i] == '-' && name.ptr[i + 1] >= '0' && name.ptr[i + 1] <= '9') {
			*artifact = slice_sub(name, 0, i);
			*version = slice_from(name, i + 1);
		}
	for (size_t i = 0; i < sizeof(CLASSIFIERS) / sizeof(*CLASSIFIERS); i++)
		*version = slice_sub(*version, 0, slice_find_str(*version, CLASSIFIERS[i]));
}

static void add_by_name(struct search *s, const struct level *level)
{
	struct slice artifact, version, told = java_manifest_version(&level->manifest);

	split_file_name(slice_str(level->name), &artifact, &version);
	if (!version.len) {
		struct slice title = java_manifest_artifact(&level->manifest);

		version = told;
		artifact = title.len ? title : artifact;
	}
	if (artifact.len && version.len)
		add(s, artifact, version, level->manifest.license);
}

/* --- the walk --- */

static void begin(void *data, struct slice name)
{
	struct search *s = data;
	struct level  *level = &s->levels[s->depth++];

	*level = (struct level){0};
	snprintf(level->name, sizeof(level->name), "%.*s", SLICE_FMT(slice_sub(name, 0, sizeof(level->name) - 1)));
	arena_init(&level->arena, 4 << 20);
	level->by_folder.seed = random_seed();
	level->tail = &level->folders;
}

static bool wants_member(void *data, struct slice name)
{
	(void)data;
	return is_pom_properties(name) || is_pom_xml(name) || slice_eq_nocase(name, SLICE_LIT("META-INF/MANIFEST.MF"));
}

static void member(void *data, struct slice name, struct slice body)
{
	struct search *s = data;
	struct level  *level = &s->levels[s->depth - 1];

	if (is_pom_properties(name))
		read_pom_properties(s, name, body);
	else if (is_pom_xml(name))
		read_pom_xml(s, name, body);
	else
		java_manifest_read(body, &level->arena, &level->manifest);
}

static void end(void *data)
{
	struct search *s = data;
	struct level  *level = &s->levels[--s->depth];

	add_poms(s, level);
	if (!level->has_pom)
		add_by_name(s, level);
	map_deinit(&level->by_folder);
	arena_deinit(&level->arena);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct search        *s = calloc(1, sizeof(*s));
	struct nested_visitor visitor = {.data = s,
					 .is_archive = is_archive,
					 .begin = begin,
					 .wants = wants_member,
					 .member = member,
					 .end = end};
	int                   rc;

	if (!s)
		return err_set(err, ERR_MEM, "out of memory");
	s->out = out;
	s->path = entry->path;
	rc = nested_archive_walk(entry->path, body, &visitor, out, err);
	if (rc == 0 && s->failed && inventory_failed(out))
		rc = err_set(err, ERR_MEM, "out of memory");
	free(s);
	return rc;
}

static const char *const names[] = {"*.jar", "*.war",  "*.ear", "*.par", "*.sar", "*.jpi",
				    "*.hpi", "*.lpkg", "*.nar", "*.kar", "*.rar", NULL};

const struct analyzer analyzer_java_archive = {
	.name = "java-archive",
	.version = 2,
	.inputs = INPUT_NAME,
	.body_bytes_max = 2u << 30,
	.names = names,
	.run = run,
};
