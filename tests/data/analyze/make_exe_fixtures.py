#!/usr/bin/python3
"""Writes the executables of tests/data/analyze/{go-binary,rust-audit}: the smallest files that hold what a linker puts there."""
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


main()
