#!/usr/bin/python3
"""Writes the executables of tests/data/analyze/{go-binary,rust-audit,binary-classifier}: the smallest files that hold what a linker puts there."""
import json
import struct
import zlib
from pathlib import Path

HERE = Path(__file__).parent
MARK = b"0w\xaf\x0c\x92t\x08\x02A\xe1\xc1\x07\xe6\xd6\x18\xe6"
MAGIC = b"\xff Go buildinf:"


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def inline(version, modules):
    text = MARK + modules.encode() + MARK
    return (MAGIC + bytes([8, 2])).ljust(32, b"\0") + varint(len(version)) + version.encode() + varint(len(text)) + text


def pointers(version, modules, base, size, big):
    """The header, two Go strings (pointer, length), then the texts, loaded at `base`."""
    text = MARK + modules.encode() + MARK
    word = (">" if big else "<") + ("Q" if size == 8 else "I")
    strings, texts = base + 32, base + 32 + 4 * size
    head = (MAGIC + bytes([size, int(big)])).ljust(16, b"\0")
    head += struct.pack(word, strings) + struct.pack(word, strings + 2 * size)
    head = head.ljust(32, b"\0")
    head += struct.pack(word, texts) + struct.pack(word, len(version))
    head += struct.pack(word, texts + len(version)) + struct.pack(word, len(text))
    return head + version.encode() + text


def elf(sections, wide=True, big=False, base=0x400000):
    """Sections [(name, bytes)], each in the file at 0x1000 * (number + 1) and loaded at base + that; one writable segment each."""
    e = ">" if big else "<"
    names = b"\0" + b"".join(n.encode() + b"\0" for n, _ in sections) + b".shstrtab\0"
    body, rows = b"", []
    for i, (name, data) in enumerate(sections):
        at = 0x1000 * (i + 1)
        body = body.ljust(at, b"\0") + data
        rows.append((names.index(b"\0" + name.encode() + b"\0") + 1, 1, 3, base + at, at, len(data)))
    rows.append((names.index(b"\0.shstrtab\0") + 1, 3, 0, 0, len(body), len(names)))
    body += names
    table = len(body)
    header_size, segment_size, row_size = (64, 56, 64) if wide else (52, 32, 40)
    for row in [(0, 0, 0, 0, 0, 0)] + rows:
        body += struct.pack(e + ("IIQQQQIIQQ" if wide else "IIIIIIIIII"), *row, 0, 0, 1, 0)
    segments = b""
    for _, _, _, address, at, size in rows[:-1]:
        segments += struct.pack(e + "IIQQQQQQ", 1, 6, at, address, address, size, size, 4096) if wide else \
            struct.pack(e + "IIIIIIII", 1, at, address, address, size, size, 6, 4096)
    head = b"\x7fELF" + bytes([2 if wide else 1, 2 if big else 1, 1]) + b"\0" * 9
    head += struct.pack(e + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"), 2, 62, 1, 0, header_size, table, 0, header_size,
                        segment_size, len(rows) - 1, row_size, len(rows) + 1, len(rows))
    return head + segments + body[len(head) + len(segments):]


def pe(name, data):
    head = b"MZ".ljust(0x3c, b"\0") + struct.pack("<I", 0x40)
    head += b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 240, 0x22)
    head += struct.pack("<H", 0x20b).ljust(24, b"\0") + struct.pack("<Q", 0x140000000)
    head = head.ljust(0x40 + 24 + 240, b"\0")
    head += name.encode().ljust(8, b"\0") + struct.pack("<IIIIIIHHI", len(data), 0x1000, len(data), 0x400, 0, 0, 0, 0, 0xC0000040)
    return head.ljust(0x400, b"\0") + data


def macho(data, universal=False):
    section = b"__go_buildinfo".ljust(16, b"\0") + b"__DATA".ljust(16, b"\0") + struct.pack("<QQIIIIIIII", 0x1000400, len(data), 0x400, 4, 0, 0, 0, 0, 0, 0)
    segment = struct.pack("<II", 0x19, 72 + len(section)) + b"__DATA".ljust(16, b"\0")
    segment += struct.pack("<QQQQiiII", 0x1000000, 0x2000, 0, 0x400 + len(data), 3, 3, 1, 0) + section
    head = struct.pack("<IiiIIIII", 0xFEEDFACF, 0x1000007, 3, 2, 1, len(segment), 0, 0) + segment
    thin = head.ljust(0x400, b"\0") + data
    return struct.pack(">IIIIIII", 0xCAFEBABE, 1, 7, 3, 0x1000, len(thin), 12).ljust(0x1000, b"\0") + thin if universal else thin


def put(path, data, mode=0o755):
    file = HERE / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    file.chmod(mode)


MODULES = ("path\texample.org/shop/cmd/shop\nmod\texample.org/shop\tv1.2.3\th1:x=\n"
           "dep\tgolang.org/x/text\tv0.3.7\th1:y=\ndep\tgithub.com/old/fork\tv1.0.0\n=>\tgithub.com/new/fork\tv1.1.0\th1:z=\n"
           "dep\texample.org/beside\tv0.0.0\n=>\t../beside\t(devel)\t\ndep\tgithub.com/BurntSushi/toml\tv1.0.0\nbuild\tGOOS=linux\n")
DEVEL = "path\texample.org/tool\nmod\texample.org/tool\t(devel)\t\nbuild\t-ldflags=\"-s -w -X main.version=v2.0.1\"\n"
DIRTY = "path\texample.org/a\nmod\texample.org/a\tv1.0.1-0.20240101000000-0123456789ab+dirty\t\ndep\texample.org/b\tv0.0.0-20240101000000-0123456789ab\th1:x=\n"


# One program for each row of worker/analyze/classifier_table.c: what stands in the real ones, with some bytes around.
PROGRAMS = {
    "python": {"usr/local/bin/python3.11": "'%s'\0003.11.2\0%.80s\0003.12.9\0", "usr/local/lib/libpython3.13.so.1.0": "\0003.13.0rc1\0", "usr/bin/python2.7": "\0002.7.18\0"},
    "node": {"usr/local/bin/node": "https://nodejs.org/download/release/v18.20.4/\0node.js/v18.20.4\0"},
    "ruby": {"usr/local/bin/ruby": "ruby 3.1.2p20 (2022-04-12 revision 4491bb740a) +YJIT [x86_64-linux]\0ruby 3.1.2p20 (2022-04-12)\0",
             "usr/local/lib/libruby.so.3.4.0": "ruby 3.4.0preview1 (2024-05-16 master 9d69619623) [x86_64-linux]\0"},
    "php": {"usr/local/bin/php": "X-Powered-By: PHP/8.2.36\0", "usr/local/lib/libphp.so": "X-Powered-By: PHP/8.4.0RC1\0"},
    "perl": {"usr/local/bin/perl5.36.0": "_RAND_SEED\0v5.36.0\0panic: sysconf\0/5.36.0/x86_64\0"},
    "openssl": {"usr/local/bin/openssl": "\0OpenSSL 3.0.22 25 Aug 2026\0", "usr/local/lib/libcrypto.so.1.1": "\0OpenSSL 1.1.1w  11 Sep 2023\0",
                "usr/local/lib/libssl.so.3": "\0OpenSSL 3.2.0-beta1 26 Oct 2023\0"},
    "nginx": {"usr/sbin/nginx": "nginx version: nginx/1.22.1\0nginx/1.22.1\0"},
    "openresty": {"usr/local/openresty/nginx/sbin/nginx": "nginx version: openresty/1.21.4.1\0"},
    "httpd": {"usr/local/apache2/bin/httpd": "Apache/2.4.71 (Unix)\0Apache/2.4\0Apache/2\0Apache\0"},
    "haproxy": {"usr/local/sbin/haproxy": "\0 version 2.9.1-f72603c, released 2023/12/15\0", "opt/dev/haproxy": "\0 version 2.9-dev9-a5f3b2c, released 2023/11/04\0",
                "opt/old/haproxy": "HA-Proxy version 1.5.14 2015/07/02\0"},
    "redis": {"usr/local/bin/redis-server": "7.0.0\0007.0.3\0007.0.14buildkitsandbox-1702957741000000000\0", "opt/redis-server": "Server started, Redis version 2.8.23\0Redis version=%s\0"},
    "valkey": {"usr/local/bin/valkey-server": "valkey9.0.0buildkitsandbox-1764887574000000000\0"},
    "postgresql": {"usr/local/bin/postgres": "postgres (PostgreSQL) 15.20\0PostgreSQL 15.20 on x86_64\0", "usr/local/bin/psql": "psql (PostgreSQL) 18beta1\0"},
    "mysql": {"usr/sbin/mysqld": "/export/home/pb2/build/sb_0-26781090/release/mysql-8.0.4-rc/mysys_ssl/my_default.cc\0/export/mysql-8.0.4-rc/sql/x.cc\0"},
    "mariadb": {"usr/sbin/mariadbd": "10.11.19-MariaDB\0", "usr/bin/mysql": "5.5.5-10.6.15-MariaDB\0"},
    "mongodb": {"usr/bin/mongod": "\0006.0.27\0tcmalloc\0", "usr/bin/mongos": "\0008.0.17\0\0\0cppdefines\0"},
    "memcached": {"usr/local/bin/memcached": "memcached 1.6.18\0VERSION 1.6.18\0"},
    "busybox": {"bin/busybox": "BusyBox v1.35.0 (2022-01-01)\0syslogd started: BusyBox v1.35.0\0"},
    "bash": {"usr/local/bin/bash": "@(#)Bash version 5.2.15(1) release GNU\0"},
    "rust": {"usr/local/rustup/toolchains/x/bin/rustc": "rustc version 1.95.0 (59807616e 2026-04-14)\0", "opt/rustc": "rustc version 1.97.0-nightly (e50aa6fba 2026-04-30)\0"},
    "erlang": {"usr/local/lib/erlang/erts-13.2/bin/erlexec": "<artificial>\0/usr/src/otp_src_25.3.2.6/erts/etc\0", "usr/local/lib/erlang/erts-13.2/bin/beam.smp": "\0/usr/local/src/otp-25.3.2.7/erts/emulator\0"},
    "traefik": {"usr/local/bin/traefik": "github.com/traefik/traefik/v3/cmd\0\0\0v3.0.4\0\0go1.22.4\0"},
    "consul": {"bin/consul": "GitDescribe=1.12.9\"\0", "opt/consul": "CONSUL_VERSION: 1.16.2\0"},
    "vault": {"bin/vault": "github.com/hashicorp/vault/command\0\0001.11.6\0\0"},
    "etcd": {"usr/local/bin/etcd": "dep\tgo.etcd.io/etcd/api/v3\tv3.5.9\t\n=>\t../api\t(devel)\t\n"},
    "curl": {"usr/local/bin/curl": "curl/7.88.1\0", "usr/local/lib/libcurl.so.4.8.0": "libcurl/8.5.0\0"},
    "lighttpd": {"usr/local/sbin/lighttpd": "lighttpd/1.4.69 (ssl)\0"},
    "dart": {"usr/lib/dart/bin/dart": "Dart,GC\"\0003.5.2 (stable) (Wed Aug 28)\0"},
    "deno": {"bin/deno": "Deno/2.6.3\0"},
    "lua": {"usr/local/bin/lua": "$LuaVersion: Lua 5.4.6  Copyright (C) 1994-2023 Lua.org\0"},
    "proftpd": {"usr/local/sbin/proftpd": "ProFTPD Version 1.3.8b\0"},
    "julia": {"usr/local/julia/lib/julia/libjulia-internal.so.1.9": "__init__\0001.9.4\0verify"},
    # what is nearly evidence
    "near_misses_are_none": {
        "bin/node": "node.js/v18.20\0node.js/v1234567.0.0\0", "bin/python3.11": "\0003.12.2\0x3.11.2\0003.11.2x\0", "bin/python3": "\0003.11.2\0",
        "bin/openssl": "OpenSSL 1.1.1 (compatible; AWS-LC 1.69.0)\0OpenSSL 1.1.1abcd 1\0", "bin/httpd": "Apache/2.4\0Apache/2.4.1.2.3.4\0", "bin/haproxy": " version 2.9.1, of some day\0",
        "bin/redis-server": "7.0.0\0007.0.3\0007.0.151790282056000000000\0", "bin/ruby": "ruby 3.1.2p20\0ruby 3.1.2x (2022)\0", "bin/bash": "bash version 5.2.15(1)\0",
        "bin/traefik": "\0\0v3.0.4\0\0", "bin/mysqld": "/usr/share/mysql-8.0.4\0-MariaDB\0", "bin/mongod": "6.0\0tcmalloc\0", "bin/nginx": "nginx version: nginx/"},
    "other_names_are_not_read": {"bin/notnginx": "nginx version: nginx/1.22.1\0", "bin/nginx.bak": "nginx version: nginx/1.22.1\0", "lib/libsslx.so.3": "\0OpenSSL 3.0.22 25 Aug 2026\0"},
    "two_versions_are_none": {"bin/nginx": "nginx version: nginx/1.22.1\0nginx version: nginx/1.22.2\0", "bin/vault": "github.com/hashicorp/vault/\0001.11.6\0001.2.3\0"},
    "damaged": {"bin/node": "node.js/v18.20.4", "bin/mariadb": "-MariaDB" * 3, "bin/perl": "\0v5.", "bin/python3.": "\0003.", "bin/python3.99999999999": "\0003.1.1\0"},
}
TEXTS = {
    "openjdk": {"opt/java/openjdk/release": b'IMPLEMENTOR="Eclipse Adoptium"\nJAVA_VERSION="17.0.15"\nJAVA_VERSION_DATE="2025-04-15"\n',
                "opt/jdk8/release": b'JAVA_VERSION="1.8.0_402"\nOS_NAME="Linux"\n', "opt/jdk21/release": b'\xef\xbb\xbfJAVA_VERSION="21"\n'},
    "jdk": {"usr/java/jdk-21/release": b'IMPLEMENTOR="Oracle Corporation"\nBUILD_TYPE="commercial"\nJAVA_VERSION="21.0.2"\n'},
    "go": {"usr/local/go/VERSION": b"go1.26.8\ntime 2026-08-28T16:20:06Z\n", "opt/go/VERSION": b"go1.21rc2\n"},
    "erlang": {"usr/local/lib/erlang/releases/25/OTP_VERSION": b"25.2.3\n", "opt/OTP_VERSION": b"25.2.3\n"},
    "texts_of_another_kind_are_none": {"a/VERSION": b"1.2.3\n", "b/VERSION": b"v go1.2.3\n", "a/release": b"JAVA_VERSION=17.0.1\nx", "c/release": '\ufeffJAVA_VERSION="17"'.encode("utf-16-le"),
                                       "d/bash": b"#!/bin/sh\n@(#)Bash version 5.2.15(1) release GNU\n", "e/release": b"", "releases/OTP_VERSION": b"25.2.3.4.5.6\n"},
}


def main():
    go = "go-binary"
    put(f"{go}/elf_with_inline_build_information/layer/usr/bin/shop", elf([(".text", b"\x90" * 64), (".go.buildinfo", inline("go1.21.3", MODULES))]))
    put(f"{go}/pointers_of_either_order_and_size/layer/usr/bin/wide", elf([(".go.buildinfo", pointers("go1.16.5", MODULES, 0x401000, 8, False))]))
    put(f"{go}/pointers_of_either_order_and_size/layer/usr/bin/big32", elf([(".go.buildinfo", pointers("go1.17rc2", DIRTY, 0x401000, 4, True))], wide=False, big=True))
    put(f"{go}/without_a_section_in_the_first_data/layer/usr/bin/x", elf([(".data", b"\0" * 64 + inline("go1.20.4-google X:boringcrypto", DIRTY))]))
    put(f"{go}/pe_and_mach_o/layer/app/x.exe", pe(".data", inline("go1.22.0", DEVEL)), 0o644)
    put(f"{go}/pe_and_mach_o/layer/app/thin", macho(inline("go1.22.1", DEVEL)))
    put(f"{go}/pe_and_mach_o/layer/app/universal", macho(inline("devel go1.23-abcdef", DEVEL), universal=True))
    whole = elf([(".go.buildinfo", inline("go1.21.3", MODULES))])
    put(f"{go}/what_leads_outside_is_none/layer/bin/cut", whole[:0x1040])
    put(f"{go}/what_leads_outside_is_none/layer/bin/far", elf([(".go.buildinfo", pointers("go1.16", MODULES, 0x7FFFFFFF, 8, False))]))
    put(f"{go}/what_leads_outside_is_none/layer/bin/huge", elf([(".go.buildinfo", (MAGIC + bytes([8, 2])).ljust(32, b"\0") + b"\xff" * 9 + b"\1")]))
    put(f"{go}/what_leads_outside_is_none/layer/bin/class", bytes.fromhex("cafebabe00000034").ljust(128, b"\0"))
    put(f"{go}/not_executable_is_not_read/layer/usr/share/shop", whole, 0o644)
    audit = json.dumps({"packages": [
        {"name": "serde", "version": "1.0.1", "source": "crates.io"}, {"name": "cc", "version": "1.0.0", "source": "crates.io", "kind": "build"},
        {"name": "fork", "version": "0.1.0", "source": "git"}, {"name": "app", "version": "0.1.0", "source": "local", "root": True}]}).encode()
    rust = "rust-audit"
    put(f"{rust}/crates/layer/usr/bin/app", elf([(".dep-v0", zlib.compress(audit))]))
    put(f"{rust}/damaged_is_skipped/layer/bin/cut", elf([(".dep-v0", zlib.compress(audit)[:20])]))
    put(f"{rust}/damaged_is_skipped/layer/bin/text", elf([(".dep-v0", b"no zlib")]))
    put(f"{rust}/damaged_is_skipped/layer/bin/bomb", elf([(".dep-v0", zlib.compress(b" " * (16 << 20)))]))
    for rule, files in PROGRAMS.items():
        for path, text in files.items():
            put(f"binary-classifier/{rule}/layer/{path}", elf([(".rodata", b"\x90" * 16 + text.encode())]), 0o755 if "bin/" in path else 0o644)
    for rule, files in TEXTS.items():
        for path, text in files.items():
            put(f"binary-classifier/{rule}/layer/{path}", text, 0o644)


main()
