#include "analyze/maven_pom.h"

#include "base/rng.h"

enum { RESOLVE_STEPS_MAX = 32, RESOLVED_BYTES_MAX = 1024 };

/* ${name} where it is no property: the coordinates of the project and its parent, also under their old names. */
static struct slice built_in(const struct maven_pom *pom, struct slice name)
{
	const struct {
		const char  *name;
		struct slice value;
	} KNOWN[] = {
		{"groupId", pom->group},
		{"artifactId", pom->artifact},
		{"version", pom->version},
		{"parent.groupId", pom->parent_group},
		{"parent.version", pom->parent_version},
	};

	if (slice_starts(name, "project."))
		name = slice_from(name, 8);
	else if (slice_starts(name, "pom."))
		name = slice_from(name, 4);
	for (size_t i = 0; i < sizeof(KNOWN) / sizeof(*KNOWN); i++)
		if (slice_eq_str(name, KNOWN[i].name))
			return KNOWN[i].value;
	return SLICE_EMPTY;
}

struct slice maven_pom_resolve(const struct maven_pom *pom, struct slice text)
{
	for (int step = 0; step < RESOLVE_STEPS_MAX; step++) {
		size_t            from = slice_find_str(text, "${"), len;
		struct slice      name, value;
		const struct xml *property;

		if (from == SIZE_MAX)
			return text;
		len = slice_find(slice_from(text, from), '}');
		if (len == SIZE_MAX)
			return SLICE_EMPTY;
		name = slice_sub(text, from + 2, len - 2);
		property = map_get(&pom->properties, name);
		value = property ? property->text : built_in(pom, name);
		if (!value.len || text.len + value.len > RESOLVED_BYTES_MAX)
			return SLICE_EMPTY;
		text = arena_printf(pom->arena, "%.*s%.*s%.*s", SLICE_FMT(slice_sub(text, 0, from)), SLICE_FMT(value),
				    SLICE_FMT(slice_from(text, from + len + 1)));
	}
	return SLICE_EMPTY;
}

struct slice maven_pom_name(const struct maven_pom *pom, const struct xml *dependency)
{
	struct slice group = maven_pom_resolve(pom, xml_get_text(dependency, "groupId"));
	struct slice artifact = maven_pom_resolve(pom, xml_get_text(dependency, "artifactId"));

	if (!group.len || !artifact.len)
		return SLICE_EMPTY;
	return arena_printf(pom->arena, "%.*s:%.*s", SLICE_FMT(group), SLICE_FMT(artifact));
}

struct slice maven_pom_version(const struct maven_pom *pom, const struct xml *dependency, struct slice name)
{
	struct slice version = maven_pom_resolve(pom, xml_get_text(dependency, "version"));

	if (!xml_get(dependency, "version"))
		version = maven_pom_resolve(pom, xml_get_text(map_get(&pom->managed, name), "version"));
	if (slice_find(version, ',') != SIZE_MAX || slice_starts(version, "("))
		return SLICE_EMPTY;
	if (slice_starts(version, "[")) /* "[1.0]": this one and no other */
		version = slice_trim(slice_sub(version, 1, slice_find(version, ']') - 1));
	return version;
}

/* The last one of a name wins, as in Maven. */
static void take_properties(struct maven_pom *pom, bool *full)
{
	const struct xml *properties = xml_get(pom->project, "properties");

	for (const struct xml *it = properties ? properties->first : NULL; it && !*full; it = it->next)
		*full = !map_put(&pom->properties, it->name, (void *)(uintptr_t)it);
}

static void take_managed(struct maven_pom *pom, bool *full)
{
	const struct xml *list = xml_get(xml_get(pom->project, "dependencyManagement"), "dependencies");

	for (const struct xml *it = list ? list->first : NULL; it && !*full; it = it->next) {
		struct slice name = maven_pom_name(pom, it);

		if (name.len && !map_get(&pom->managed, name))
			*full = !map_put(&pom->managed, name, (void *)(uintptr_t)it);
	}
}

static void take_coordinates(struct maven_pom *pom)
{
	const struct xml *parent = xml_get(pom->project, "parent");

	pom->parent_group = xml_get_text(parent, "groupId");
	pom->parent_version = xml_get_text(parent, "version");
	pom->group = xml_get_text(pom->project, "groupId");
	pom->artifact = xml_get_text(pom->project, "artifactId");
	pom->version = xml_get_text(pom->project, "version");
	if (!pom->group.len)
		pom->group = pom->parent_group;
	if (!pom->version.len)
		pom->version = pom->parent_version;
	pom->group = maven_pom_resolve(pom, pom->group);
	pom->artifact = maven_pom_resolve(pom, pom->artifact);
	pom->version = maven_pom_resolve(pom, pom->version);
}

int maven_pom_open(struct slice text, struct arena *arena, struct maven_pom *pom, struct err *err)
{
	const struct xml *root;
	bool              full = false;
	int               rc;

	*pom = (struct maven_pom){.arena = arena};
	pom->properties.seed = pom->managed.seed = random_seed();
	rc = xml_parse(text, arena, &root, err);
	if (rc < 0)
		return rc;
	if (!slice_eq_str(root->name, "project"))
		return err_set(err, ERR_FORMAT, "no project");
	pom->project = root;
	take_properties(pom, &full);
	take_coordinates(pom);
	take_managed(pom, &full);
	return full || arena_failed(arena) ? err_set(err, ERR_MEM, "out of memory for a pom.xml") : 0;
}

void maven_pom_close(struct maven_pom *pom)
{
	map_deinit(&pom->properties);
	map_deinit(&pom->managed);
}
