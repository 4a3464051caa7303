/* Source: the programs themselves (strings of Debian's packages and of upstream's builds), and for those that were not at hand
 * what Syft's catalogue of classifiers says of them (MongoDB, Valkey, Dart, Deno, Julia, Consul, Vault, Erlang's builds). */
#include "analyze/classifier_table.h"

#define BYTES(text)                                                                                                    \
	{                                                                                                              \
		(const uint8_t *)(text), sizeof(text) - 1                                                              \
	}
#define BEFORE(text) .before = BYTES(text)
#define AFTER(text)  .after = BYTES(text)

/* The host that Docker's builder has compiled on stands behind Redis' and Valkey's version. */
#define BUILDKIT                                                                                                       \
	{                                                                                                              \
		AFTER("buildkitsandbox-")                                                                              \
	}

#define JAVA_VERSION                                                                                                   \
	{                                                                                                              \
		BEFORE("JAVA_VERSION=\""), AFTER("\""), .parts_min = 1, .suffix = SUFFIX_UPDATE                        \
	}

const char *const classifier_names[] = {
	"python2.*",   "python3.*",  "libpython2.*", "libpython3.*", "node",         "libnode.*",
	"ruby",        "ruby2.*",    "ruby3.*",      "libruby.*",    "libruby-2.*",  "libruby-3.*",
	"libruby-4.*", "php",        "php-cgi",      "php-fpm",      "php7.*",       "php8.*",
	"php-fpm7.*",  "php-fpm8.*", "libphp.*",     "libphp7.*",    "libphp8.*",    "perl",
	"perl5.*",     "libperl.*",  "openssl",      "libcrypto.*",  "libssl.*",     "nginx",
	"nginx-debug", "httpd",      "apache2",      "haproxy",      "redis-server", "valkey-server",
	"postgres",    "psql",       "mysqld",       "mysql",        "mariadbd",     "mariadb",
	"mongod",      "mongos",     "memcached",    "busybox",      "bash",         "rustc",
	"release",     "VERSION",    "OTP_VERSION",  "erlexec",      "beam.smp",     "traefik",
	"consul",      "vault",      "etcd",         "curl",         "libcurl.*",    "lighttpd",
	"dart",        "deno",       "lua",          "lua5.*",       "proftpd",      "libjulia-internal.*",
	NULL,
};

static const struct classifier table[] = {
	{.name = "python",
	 .files = {"python2.*", "python3.*", "libpython2.*", "libpython3.*"},
	 .evidence = {{AFTER("\0"), .suffix = SUFFIX_PRERELEASE, .rules = VERSION_OF_FILE_NAME}}},
	{.name = "node", .files = {"node", "libnode.*"}, .evidence = {{BEFORE("node.js/v")}}},
	{.name = "ruby",
	 .files = {"ruby", "ruby2.*", "ruby3.*", "libruby.*", "libruby-2.*", "libruby-3.*", "libruby-4.*"},
	 .evidence = {{BEFORE("ruby "), AFTER(" (20"), .suffix = SUFFIX_PRERELEASE, .rules = PATCH_LEVEL_LEFT_OUT}}},
	{.name = "php",
	 .files = {"php", "php-cgi", "php-fpm", "php7.*", "php8.*", "php-fpm7.*", "php-fpm8.*", "libphp.*", "libphp7.*",
		   "libphp8.*"},
	 .evidence = {{BEFORE("X-Powered-By: PHP/"), .suffix = SUFFIX_PRERELEASE}}},
	{.name = "perl",
	 .files = {"perl", "perl5.*", "libperl.*"},
	 .evidence = {{BEFORE("\0v5."), .overlap = 2, AFTER("\0")}}},
	{.name = "openssl",
	 .files = {"openssl", "libcrypto.*", "libssl.*"},
	 .evidence = {{BEFORE("OpenSSL "), .suffix = SUFFIX_LETTER, .rules = DATE_BEHIND}}},
	{.name = "nginx", .files = {"nginx", "nginx-debug"}, .evidence = {{BEFORE("nginx version: nginx/")}}},
	{.name = "openresty", .files = {"nginx"}, .evidence = {{BEFORE("nginx version: openresty/")}}},
	{.name = "httpd", .files = {"httpd", "apache2"}, .evidence = {{BEFORE("Apache/")}}},
	{.name = "haproxy",
	 .files = {"haproxy"},
	 .evidence = {{BEFORE(" version "), AFTER(", released 20"), .after_within = 40, .parts_min = 2,
		       .suffix = SUFFIX_PRERELEASE},
		      {BEFORE("HA-Proxy version "), .parts_min = 2, .suffix = SUFFIX_PRERELEASE}}},
	{.name = "redis", .files = {"redis-server"}, .evidence = {BUILDKIT, {BEFORE("Redis version ")}}},
	{.name = "valkey", .files = {"valkey-server"}, .evidence = {BUILDKIT}},
	{.name = "postgresql",
	 .files = {"postgres", "psql"},
	 .evidence = {{BEFORE(" (PostgreSQL) "), .parts_min = 1, .suffix = SUFFIX_PRERELEASE}}},
	{.name = "mysql",
	 .files = {"mysqld", "mysql"},
	 .evidence = {{BEFORE("/mysql-"), AFTER("/"), .after_within = 8}}},
	{.name = "mariadb",
	 .files = {"mariadbd", "mariadb", "mysqld", "mysql"},
	 .evidence = {{AFTER("-MariaDB\0")}, {AFTER("-MariaDB-1:")}}},
	{.name = "mongodb",
	 .files = {"mongod", "mongos"},
	 .evidence = {{AFTER("tcmalloc"), .padded = true},
		      {AFTER("heap_size"), .padded = true},
		      {AFTER("cppdefines"), .padded = true}}},
	{.name = "memcached", .files = {"memcached"}, .evidence = {{BEFORE("memcached ")}}},
	{.name = "busybox", .files = {"busybox"}, .evidence = {{BEFORE("BusyBox v")}}},
	{.name = "bash", .files = {"bash"}, .evidence = {{BEFORE("@(#)Bash version "), AFTER("(")}}},
	{.name = "rust",
	 .files = {"rustc"},
	 .evidence = {{BEFORE("rustc version "), AFTER(" ("), .suffix = SUFFIX_PRERELEASE}}},
	{.name = "jdk",
	 .files = {"release"},
	 .text = true,
	 .vendor_key = "IMPLEMENTOR=\"",
	 .needs = BYTES("BUILD_TYPE=\"commercial\""),
	 .evidence = {JAVA_VERSION}},
	{.name = "openjdk",
	 .files = {"release"},
	 .text = true,
	 .lacks = BYTES("BUILD_TYPE=\"commercial\""),
	 .vendor_key = "IMPLEMENTOR=\"",
	 .evidence = {JAVA_VERSION}},
	{.name = "toolchain",
	 .type = "golang",
	 .files = {"VERSION"},
	 .text = true,
	 .go_version = true,
	 .evidence = {{BEFORE("go1."), .overlap = 2, .parts_min = 2, .suffix = SUFFIX_PRERELEASE, .rules = AT_START}}},
	{.name = "erlang",
	 .files = {"OTP_VERSION"},
	 .folder = "releases/",
	 .text = true,
	 .evidence = {{AFTER("\n"), .parts_min = 2, .rules = AT_START}}},
	{.name = "erlang",
	 .files = {"erlexec", "beam.smp"},
	 .evidence = {{BEFORE("/otp_src_"), AFTER("/erts/"), .parts_min = 2},
		      {BEFORE("/src/otp-"), AFTER("/erts/"), .parts_min = 2}}},
	{.name = "traefik",
	 .files = {"traefik"},
	 .needs = BYTES("github.com/traefik/traefik/"),
	 .evidence = {{AFTER("\0"), .suffix = SUFFIX_PRERELEASE, .rules = STANDS_ALONE}}},
	{.name = "github.com/hashicorp/consul",
	 .type = "golang",
	 .prefix = "v",
	 .files = {"consul"},
	 .evidence = {{BEFORE("CONSUL_VERSION: ")},
		      {BEFORE("GitDescribe="), AFTER("\"")},
		      {BEFORE("GitDescribe=v"), AFTER("\"")}}},
	{.name = "github.com/hashicorp/vault",
	 .type = "golang",
	 .prefix = "v",
	 .files = {"vault"},
	 .needs = BYTES("github.com/hashicorp/vault/"),
	 .evidence = {{AFTER("\0"), .rules = STANDS_ALONE}}},
	{.name = "go.etcd.io/etcd/server/v3",
	 .type = "golang",
	 .prefix = "v",
	 .files = {"etcd"},
	 .evidence = {{BEFORE("dep\tgo.etcd.io/etcd/api/v3\tv"), AFTER("\t")},
		      {BEFORE("dep\tgo.etcd.io/etcd/api/v3\tv"), AFTER("\n")}}},
	{.name = "curl", .files = {"curl", "libcurl.*"}, .evidence = {{BEFORE("curl/")}}},
	{.name = "lighttpd", .files = {"lighttpd"}, .evidence = {{BEFORE("lighttpd/")}}},
	{.name = "dart", .files = {"dart"}, .evidence = {{AFTER(" (stable)")}}},
	{.name = "deno", .files = {"deno"}, .evidence = {{BEFORE("Deno/")}}},
	{.name = "lua", .files = {"lua", "lua5.*"}, .evidence = {{BEFORE("$LuaVersion: Lua ")}}},
	{.name = "proftpd", .files = {"proftpd"}, .evidence = {{BEFORE("ProFTPD Version "), .suffix = SUFFIX_LETTER}}},
	{.name = "julia", .files = {"libjulia-internal.*"}, .evidence = {{BEFORE("__init__\0"), AFTER("\0verify")}}},
};

size_t classifier_count(void)
{
	return sizeof(table) / sizeof(table[0]);
}

const struct classifier *classifier_at(size_t index)
{
	return &table[index];
}
