#include "model/cpe.h"

#include <string.h>

/* Vendor and product as they are bound: what is no letter, digit, '_', '-' or '.' has a backslash. */
static const struct {
	const char *type, *name, *product;
} rows[] = {
	{"generic", "bash", "gnu:bash"},
	{"generic", "busybox", "busybox:busybox"},
	{"generic", "curl", "haxx:curl"},
	{"generic", "dart", "dart:dart_software_development_kit"},
	{"generic", "deno", "deno:deno"},
	{"generic", "erlang", "erlang:erlang\\/otp"},
	{"generic", "haproxy", "haproxy:haproxy"},
	{"generic", "httpd", "apache:http_server"},
	{"generic", "jdk", "oracle:jdk"},
	{"generic", "julia", "julialang:julia"},
	{"generic", "lighttpd", "lighttpd:lighttpd"},
	{"generic", "lua", "lua:lua"},
	{"generic", "mariadb", "mariadb:mariadb"},
	{"generic", "memcached", "memcached:memcached"},
	{"generic", "mongodb", "mongodb:mongodb"},
	{"generic", "mysql", "oracle:mysql"},
	{"generic", "nginx", "f5:nginx"},
	{"generic", "node", "nodejs:node.js"},
	{"generic", "openjdk", "oracle:openjdk"},
	{"generic", "openresty", "openresty:openresty"},
	{"generic", "openssl", "openssl:openssl"},
	{"generic", "perl", "perl:perl"},
	{"generic", "php", "php:php"},
	{"generic", "postgresql", "postgresql:postgresql"},
	{"generic", "proftpd", "proftpd:proftpd"},
	{"generic", "python", "python:python"},
	{"generic", "redis", "redis:redis"},
	{"generic", "ruby", "ruby-lang:ruby"},
	{"generic", "rust", "rust-lang:rust"},
	{"generic", "traefik", "traefik:traefik"},
	{"generic", "valkey", "lfprojects:valkey"},
	{"golang", "github.com/hashicorp/consul", "hashicorp:consul"},
	{"golang", "github.com/hashicorp/vault", "hashicorp:vault"},
	{"golang", "go.etcd.io/etcd/server/v3", "etcd:etcd"},
	{"golang", "stdlib", "golang:go"},
	{"golang", "toolchain", "golang:go"},
};

static bool is_plain(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' ||
	       c == '-';
}

/* Go's versions have a "v" in front, the dictionary's have none. */
static void put_version(struct slice version, struct buf *out)
{
	if (version.len > 1 && version.ptr[0] == 'v')
		version = slice_from(version, 1);
	if (!version.len)
		buf_byte(out, '*');
	for (size_t i = 0; i < version.len; i++) {
		if (!is_plain(version.ptr[i]))
			buf_byte(out, '\\');
		buf_byte(out, version.ptr[i]);
	}
}

void cpe_of_package(const struct package *package, struct buf *out)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (!slice_eq_str(package->name, rows[i].name) || !slice_eq_str(package->type, rows[i].type) ||
		    (package->flags & PACKAGE_NO_RELEASE))
			continue;
		buf_printf(out, "cpe:2.3:a:%s:", rows[i].product);
		put_version(package->version, out);
		buf_str(out, ":*:*:*:*:*:*:*");
		return;
	}
}
