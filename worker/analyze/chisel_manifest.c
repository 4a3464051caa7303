/* Chisel's manifest.wall, the package database of chiselled Ubuntu images: zstd of JSON lines, each a package, a slice, or a path that
 * a slice brought. Names of source packages are not in it.
 *
 * Source: documentation.ubuntu.com/chisel "Chisel manifest"; canonical/chisel, internal/manifest. */
#include "analyze/analyzer.h"
#include "analyze/owned_files.h"
#include "base/cursor.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/zstd_codec.h"

struct wall {
	struct inventory  *out;
	struct slice       path;
	struct package_db *db;
	struct owned_files owned;
	struct arena       names; /* of the package whose files are read */
	uint64_t           owned_bytes;
	bool               full;
};

/* All frames, one after the other. */
static int inflate(struct slice body, struct buf *out, struct err *err)
{
	struct zstd_inflater *z = zstd_inflater_new(LIMIT_WINDOW_FREE_BYTES);
	uint8_t               piece[16 << 10];
	size_t                written = sizeof(piece);
	int                   rc = z ? ZSTD_MORE : err_set(err, ERR_MEM, "out of memory for zstd");

	while (rc >= 0 && (body.len || (rc == ZSTD_MORE && written == sizeof(piece)))) {
		rc = zstd_inflate(z, &body, piece, sizeof(piece), &written, err);
		if (rc >= 0)
			buf_append(out, slice_of(piece, written));
		if (rc >= 0 && !buf_ok(out))
			rc = err_set(err, ERR_LIMIT, "inflates to more than %u bytes", LIMIT_CHISEL_BYTES);
	}
	zstd_inflater_free(z);
	if (rc == ZSTD_MORE)
		return err_set(err, ERR_TRUNCATED, "ends within a zstd frame");
	return rc < 0 ? rc : 0;
}

static void read_package(struct wall *wall, const struct json *line)
{
	struct package package = {.type = SLICE_LIT("deb"),
				  .name = json_get_text(line, "name"),
				  .version = json_get_text(line, "version"),
				  .arch = json_get_text(line, "arch")};

	if (package.name.len && package.version.len)
		wall->full = !inventory_add_package(wall->out, wall->db, &package);
}

/* Files are in the order of their slices: "libc6_config", "libc6_libs". */
static void read_content(struct wall *wall, const struct json *line)
{
	struct slice slice = json_get_text(line, "slice"), package = slice_sub(slice, 0, slice_rfind(slice, '_'));

	if (!slice_eq(wall->owned.package, package)) {
		arena_reset(&wall->names);
		wall->owned =
			owned_files_of(wall->out, wall->path, arena_copy(&wall->names, package), &wall->owned_bytes);
	}
	owned_files_add(&wall->owned, SLICE_EMPTY, json_get_text(line, "path"));
}

static int read_line(struct wall *wall, struct slice text, struct err *err)
{
	struct json *line = NULL;
	struct slice kind;
	int          rc = json_parse(text, &line, err);

	if (rc < 0)
		return rc;
	kind = json_get_text(line, "kind");
	if (slice_eq_str(kind, "package"))
		read_package(wall, line);
	else if (slice_eq_str(kind, "content"))
		read_content(wall, line);
	json_free(line);
	return 0;
}

static int read_wall(struct wall *wall, struct slice text, struct err *err)
{
	struct cursor lines = cursor_of(text);
	struct slice  line;
	int           rc = 0;

	if (!cursor_line(&lines, &line) || !slice_starts(line, "{\"jsonwall\":\"1."))
		return err_set(err, ERR_FORMAT, "not a jsonwall of version 1");
	wall->db = inventory_add_db(wall->out, wall->path, "chisel");
	while (wall->db && rc == 0 && !wall->full && cursor_line(&lines, &line))
		rc = line.len ? read_line(wall, line, err) : 0;
	owned_files_note(wall->out, wall->path, wall->owned_bytes);
	if (wall->db && wall->db->packages_count)
		inventory_note(
			wall->out, NOTE_INFO, wall->path,
			"source_unknown: Chisel does not record source packages: an advisory for one reaches only the "
			"package of the same name");
	return rc;
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct wall wall = {.out = out, .path = entry->path};
	struct buf  text;
	int         rc;

	buf_init(&text, LIMIT_CHISEL_BYTES);
	arena_init(&wall.names, 1 << 20);
	wall.owned = owned_files_of(out, entry->path, SLICE_EMPTY, &wall.owned_bytes);
	rc = inflate(body, &text, err);
	if (rc == 0)
		rc = read_wall(&wall, buf_slice(&text), err);
	arena_deinit(&wall.names);
	buf_deinit(&text);
	return rc;
}

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return TEXT_ENDS(entry->path, "/chisel/manifest.wall") ? NEED_WHOLE : NEED_NOTHING;
}

static const char *const names[] = {"manifest.wall", NULL};

const struct analyzer analyzer_chisel_manifest = {
	.name = "chisel-manifest",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 16u << 20,
	.database = true,
	.names = names,
	.wants = wants,
	.run = run,
};
