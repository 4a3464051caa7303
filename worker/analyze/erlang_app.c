/* Erlang and Elixir applications: lib/<name>[-<version>]/ebin/<name>.app, "{application, name, [… {vsn, "1.2.3"} …]}".
 *
 * Those that come with Erlang/OTP and Elixir are of type otp; the others are named as on hex.pm, where nearly all come from.
 * Source: erlang.org "Application Resource File" (app(4)); "OTP Design Principles", directory structure. */
#include "analyze/analyzer.h"
#include "base/cursor.h"
#include "base/path.h"

static bool is_of_otp(struct slice name)
{
	static const char *const APPLICATIONS[] = {
		"asn1",     "common_test",   "compiler", "crypto",        "debugger",   "dialyzer",
		"diameter", "edoc",          "eldap",    "erl_interface", "erts",       "et",
		"eunit",    "ftp",           "inets",    "jinterface",    "kernel",     "megaco",
		"mnesia",   "observer",      "odbc",     "os_mon",        "parsetools", "public_key",
		"reltool",  "runtime_tools", "sasl",     "snmp",          "ssh",        "ssl",
		"stdlib",   "syntax_tools",  "tftp",     "tools",         "wx",         "xmerl",
		"eex",      "elixir",        "ex_unit",  "iex",           "logger",     "mix",
	};

	for (size_t i = 0; i < sizeof(APPLICATIONS) / sizeof(*APPLICATIONS); i++)
		if (slice_eq_str(name, APPLICATIONS[i]))
			return true;
	return false;
}

static enum need wants(const struct entry *entry, struct slice head)
{
	struct slice ebin = path_dirname(entry->path), lib = path_dirname(path_dirname(ebin));

	(void)head;
	return slice_eq_str(path_basename(ebin), "ebin") && slice_eq_str(path_basename(lib), "lib") ? NEED_WHOLE
												    : NEED_NOTHING;
}

/* What stands behind `text`, without white space in front; empty when it is nowhere. */
static struct slice behind(struct slice body, const char *text)
{
	size_t at = slice_find_str(body, text);

	return at == SIZE_MAX ? SLICE_EMPTY : slice_trim(slice_from(body, at + strlen(text)));
}

static struct slice name_of(struct slice body)
{
	struct slice rest = behind(body, "{application"), name;

	if (!slice_starts(rest, ","))
		return SLICE_EMPTY;
	rest = slice_from(rest, 1);
	name = slice_trim(slice_cut(&rest, ','));
	if (name.len > 2 && name.ptr[0] == '\'' && slice_ends(name, "'"))
		name = slice_sub(name, 1, name.len - 2);
	return name;
}

/* {vsn, "1.2.3"}; a term that is computed (git, {cmd, …}) is none. */
static struct slice version_of(struct slice body)
{
	struct slice rest = behind(body, "{vsn");

	if (!slice_starts(rest, ","))
		return SLICE_EMPTY;
	rest = slice_trim(slice_from(rest, 1));
	if (!slice_starts(rest, "\""))
		return SLICE_EMPTY;
	rest = slice_from(rest, 1);
	return slice_find(rest, '"') == SIZE_MAX ? SLICE_EMPTY : slice_cut(&rest, '"');
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct package     package = {.name = name_of(body), .version = version_of(body)};
	struct slice       file = path_basename(entry->path);
	struct package_db *db;

	if (!package.version.len || !slice_eq(package.name, slice_sub(file, 0, slice_rfind(file, '.'))))
		return err_set(err, ERR_FORMAT, "no vsn, or another name than the file's");
	package.type = is_of_otp(package.name) ? SLICE_LIT("otp") : SLICE_LIT("hex");
	db = inventory_add_db(out, entry->path, "erlang");
	if (!db)
		return err_set(err, ERR_MEM, "out of memory");
	inventory_add_package(out, db, &package);
	return 0;
}

static const char *const names[] = {"*.app", NULL};

const struct analyzer analyzer_erlang_app = {
	.name = "erlang-app",
	.version = 2,
	.inputs = INPUT_NAME,
	.body_bytes_max = 1u << 20,
	.text = true,
	.names = names,
	.wants = wants,
	.run = run,
};
