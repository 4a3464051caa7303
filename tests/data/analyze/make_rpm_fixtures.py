#!/usr/bin/env python3
"""Writes the rpm databases of the cases beside it: run it in tests/data/analyze after changing it."""
import os, sqlite3, struct

NAME, VERSION, RELEASE, EPOCH, VENDOR, LICENSE, ARCH, OLDFILENAMES, SOURCERPM = 1000, 1001, 1002, 1003, 1011, 1014, 1022, 1027, 1044
DIRINDEXES, BASENAMES, DIRNAMES, MODULARITY = 1116, 1117, 1118, 5096
INT32, STRING, BIN, ARRAY, I18N = 4, 6, 7, 8, 9


def header(tags, region=True, dribbles=()):
    """A header blob: tags is a list of (tag, type, value)."""
    index, data = [], b""

    def add(tag, kind, value):
        nonlocal data
        if kind == INT32:
            data += b"\0" * (-len(data) % 4)
            values = value if isinstance(value, list) else [value]
            body = b"".join(struct.pack(">I", v) for v in values)
        else:
            values = value if isinstance(value, list) else [value]
            body = b"".join(v.encode("utf-8", "surrogateescape") + b"\0" for v in values)
        index.append(struct.pack(">IIII", tag, kind, len(data), len(values)))
        data += body

    for tag in tags:
        add(*tag)
    if region:
        count = len(index) + 1
        index.insert(0, struct.pack(">IIII", 63, BIN, len(data), 16))
        data += struct.pack(">IIiI", 63, BIN, -count * 16, 16)
    for tag in dribbles:
        add(*tag)
    return struct.pack(">II", len(index), len(data)) + b"".join(index) + data


def package(name, version, release, epoch=None, **more):
    tags = [(NAME, STRING, name), (VERSION, STRING, version), (RELEASE, STRING, release)]
    if epoch is not None:
        tags.append((EPOCH, INT32, epoch))
    tags += [(LICENSE, STRING, more.get("license", "MIT")), (ARCH, STRING, more.get("arch", "x86_64"))]
    for key, tag in (("vendor", VENDOR), ("source", SOURCERPM), ("modularity", MODULARITY)):
        if key in more:
            tags.append((tag, STRING, more[key]))
    if "files" in more:
        dirs = sorted({f.rsplit("/", 1)[0] + "/" for f in more["files"]})
        tags += [(DIRINDEXES, INT32, [dirs.index(f.rsplit("/", 1)[0] + "/") for f in more["files"]]),
                 (BASENAMES, ARRAY, [f.rsplit("/", 1)[1] for f in more["files"]]), (DIRNAMES, ARRAY, dirs)]
    return tags


SIX = header(package("python3-six", "1.15.0", "9.el9", vendor="AlmaLinux", source="python-six-1.15.0-9.el9.src.rpm", arch="noarch",
                     files=["/usr/lib/python3.9/site-packages/six.py", "/usr/lib/python3.9/site-packages/six-1.15.0-py3.9.egg-info/PKG-INFO",
                            "/usr/share/doc/python3-six/README"]))
PERL = header(package("perl-Errno", "1.28", "419.el8", epoch=0, source="perl-5.26.3-419.el8.nosrc.rpm", license="GPL+ or Artistic"))
NODE = header(package("nodejs", "18.20.4", "1.module_el9", epoch=1, source="nodejs-18.20.4-1.module_el9.src.rpm", modularity="nodejs:18:9040020240807145403:rhel9"))
KEY = header(package("gpg-pubkey", "3abb34f8", "5ffd890e"))
V3 = header([(NAME, STRING, "old"), (VERSION, STRING, "1"), (RELEASE, STRING, "2"), (VENDOR, I18N, ["C vendor", "autre"]),
             (OLDFILENAMES, ARRAY, ["/usr/lib/node_modules/old/package.json", "/etc/old.conf"])], region=False)
DRIBBLE = header(package("moved", "1", "1", arch="noarch"), dribbles=[(ARCH, STRING, "ppc64le"), (EPOCH, INT32, 7)])
NAMELESS = header([(VERSION, STRING, "1")])
CUT = SIX[:40]
LARGE = header(package("large", "1", "1") + [(1005, STRING, "description " * 750)])


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def sqlite(path, first, later=(), schema=None, cut_wal=None, page=1024):
    """rpm's schema in WAL mode; `later` goes to the -wal file, which stays beside the database."""
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    for name in (path, path + "-wal", path + "-shm"):
        if os.path.exists(name):
            os.unlink(name)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA page_size=%d" % page)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA wal_autocheckpoint=0")
    db.execute("PRAGMA writable_schema=OFF")
    for statement in schema or ["CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)",
                                "CREATE TABLE 'Name' (key TEXT NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL, FOREIGN KEY (hnum) REFERENCES Packages(hnum))"]:
        db.execute(statement)
    for blob in first:
        db.execute("INSERT INTO Packages(blob) VALUES(?)", (blob,))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    main = open(path, "rb").read()
    for blob in later:
        db.execute("INSERT INTO Packages(blob) VALUES(?)", (blob,))
    wal = open(path + "-wal", "rb").read()
    db.close()
    write(path, main)
    for name in (path + "-wal", path + "-shm"):
        if os.path.exists(name):
            os.unlink(name)
    if later:
        write(path + "-wal", wal if cut_wal is None else cut_wal(wal))


def endless_sqlite(path, blob):
    """18 levels of inner pages, each pointing 60 times at the next: one row, 60^18 times."""
    sqlite(path, [], schema=["CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)"], page=512)
    leaf = bytes([1])  # the row id
    size = 12 + 2 * len(blob)
    serial = bytes([0x80 | size >> 7, size & 0x7f])
    record = bytes([2 + len(serial), 0]) + serial + blob
    cell = bytes([0x80 | len(record) >> 7, len(record) & 0x7f]) + leaf + record
    levels = 18
    pages = [bytearray(open(path, "rb").read()[:512])]
    for level in range(levels):
        following, cells = 3 + level, 60
        body = b"".join(struct.pack(">IB", following, 1) for _ in range(cells))
        start = 512 - len(body)
        table = b"".join(struct.pack(">H", start + 5 * i) for i in range(cells))
        head = struct.pack(">BHHHBI", 5, 0, cells, start, 0, following) + table
        pages.append(head + b"\0" * (512 - len(head) - len(body)) + body)
    start = 512 - len(cell)
    head = struct.pack(">BHHHB", 13, 0, 1, start, 0) + struct.pack(">H", start)
    pages.append(head + b"\0" * (start - len(head)) + cell)
    pages[0][28:32] = struct.pack(">I", len(pages))
    write(path, b"".join(pages))


def ndb(path, blobs, slot_magic=b"Slot", wrong_index=False):
    out, slots = b"", [struct.pack("<4sIII", slot_magic, 0, 0, 0)]  # a free slot first
    at = 4096 // 16
    for number, blob in enumerate(blobs, 1):
        body = struct.pack("<4sIII", b"BlbS", number + wrong_index, 1, len(blob)) + blob
        body += b"\0" * (-(len(body) + 12) % 16) + struct.pack("<II4s", 0, len(blob), b"BlbE")
        slots.append(struct.pack("<4sIII", slot_magic, number, at + len(out) // 16, len(body) // 16))
        out += body
    slots += [struct.pack("<4sIII", slot_magic, 0, 0, 0)] * (254 - len(slots))
    write(path, struct.pack("<4sIIII12x", b"RpmP", 0, 1, 1, len(blobs) + 1) + b"".join(slots) + out)


def bdb(path, blobs, page=4096, order="<", unsorted=False, circle=False):
    """A hash file: one bucket page; values that fit a quarter of a page inline, the others on overflow pages."""
    pages, items = [], [(b"\1" + struct.pack(order + "I", 0), b"\1" + struct.pack(order + "I", len(blobs)))]
    for number, blob in enumerate(blobs, 1):
        key = b"\1" + struct.pack(order + "I", number)
        if len(blob) < page // 4:
            items.append((key, b"\1" + blob))
            continue
        first, room = 2 + len(pages), page - 26
        pieces = [blob[i:i + room] for i in range(0, len(blob), room)]
        for i, piece in enumerate(pieces):
            following = 0 if i + 1 == len(pieces) else first + i + 1
            if circle:
                following = first
            head = struct.pack(order + "8xIIIHHBB", first + i, 0, following, 1, len(piece), 0, 7)
            pages.append((head + piece).ljust(page, b"\0"))
        items.append((key, b"\3\0\0\0" + struct.pack(order + "II", first, len(blob))))
    table, body, at = b"", b"", page
    flat = [part for item in items for part in item]
    for part in flat:
        at -= len(part)
        table += struct.pack(order + "H", at)
        body = part + body
    head = struct.pack(order + "8xIIIHHBB", 1, 0, 0, len(flat), at, 0, 2 if unsorted else 13)
    bucket = head + table + b"\0" * (page - 26 - len(table) - len(body)) + body
    assert len(bucket) == page
    meta = struct.pack(order + "8xIIIIBBBxIII", 0, 0x061561, 9, page, 0, 8, 0, 0, 1 + len(pages), 0).ljust(page, b"\0")
    write(path, meta + bucket + b"".join(pages))


ALL = [SIX, PERL, KEY, NODE, V3, DRIBBLE]
sqlite("rpm-sqlite/wal_mode_header_without_wal/layer/var/lib/rpm/rpmdb.sqlite", ALL)
sqlite("rpm-sqlite/the_wal_is_laid_over/layer/usr/lib/sysimage/rpm/rpmdb.sqlite", [SIX, KEY], [NODE, LARGE])
sqlite("rpm-sqlite/a_torn_last_frame_is_left_out/layer/usr/share/rpm/rpmdb.sqlite", [SIX], [NODE, LARGE], cut_wal=lambda w: w[:-100])
sqlite("rpm-sqlite/a_wal_that_is_none_is_partial/layer/var/lib/rpm/rpmdb.sqlite", [SIX], [NODE], cut_wal=lambda w: b"\0" * 64)
sqlite("rpm-sqlite/a_wal_without_its_database_is_partial/layer/var/lib/rpm/rpmdb.sqlite", [SIX], [NODE])
os.unlink("rpm-sqlite/a_wal_without_its_database_is_partial/layer/var/lib/rpm/rpmdb.sqlite")
sqlite("rpm-sqlite/under_another_name_by_magic/layer/sysroot/ostree/repo/objects/00/11.file", [PERL])
sqlite("rpm-sqlite/damaged_records_are_partial/layer/var/lib/rpm/rpmdb.sqlite", [SIX, NAMELESS, CUT, PERL])
RUNAWAY = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT zeroblob(x) AS blob, x AS hnum FROM c"
sqlite("rpm-sqlite/a_view_is_no_table/layer/var/lib/rpm/rpmdb.sqlite", [], schema=["CREATE VIEW Packages AS " + RUNAWAY])
sqlite("rpm-sqlite/a_virtual_table_is_no_table/layer/var/lib/rpm/rpmdb.sqlite", [], schema=["CREATE VIRTUAL TABLE Packages USING fts4(blob)"])
sqlite("rpm-sqlite/a_generated_column_has_a_ceiling/layer/var/lib/rpm/rpmdb.sqlite", [],
       schema=["CREATE TABLE Packages(hnum INTEGER PRIMARY KEY, blob BLOB AS (zeroblob(1000000000)))", "INSERT INTO Packages DEFAULT VALUES"])
endless_sqlite("rpm-sqlite/a_tree_without_end_has_a_budget/layer/var/lib/rpm/rpmdb.sqlite", header(package("again", "1", "1")))
write("rpm-sqlite/not_sqlite_is_partial/layer/var/lib/rpm/rpmdb.sqlite", b"hello\n")
write("rpm-sqlite/empty_is_partial/layer/var/lib/rpm/rpmdb.sqlite", b"")
ndb("rpm-ndb/packages/layer/usr/lib/sysimage/rpm/Packages.db", ALL + [LARGE])
ndb("rpm-ndb/blobs_of_another_index_are_damaged/layer/var/lib/rpm/Packages.db", [SIX, PERL], wrong_index=True)
ndb("rpm-ndb/a_wrong_slot_magic_is_partial/layer/var/lib/rpm/Packages.db", [SIX], slot_magic=b"slot")
write("rpm-ndb/not_ndb_is_partial/layer/var/lib/rpm/Packages.db", b"hello\n")
bdb("rpm-bdb/inline_and_overflow_values/layer/var/lib/rpm/Packages", ALL + [LARGE])
bdb("rpm-bdb/big_endian_unsorted_small_pages/layer/var/lib/rpm/Packages", [SIX, PERL], page=1024, order=">", unsorted=True)
bdb("rpm-bdb/large_pages_hold_values_inline/layer/var/lib/rpm/Packages", ALL, page=65536)
bdb("rpm-bdb/a_circle_of_overflow_pages_is_damaged/layer/var/lib/rpm/Packages", [PERL, LARGE], circle=True)
write("rpm-bdb/not_bdb_is_partial/layer/var/lib/rpm/Packages", b"hello\n")
for name, blob in (("six", SIX), ("perl", PERL), ("nodejs", NODE), ("v3", V3), ("dribble", DRIBBLE), ("nameless", NAMELESS), ("cut", CUT)):
    write("../seeds/rpm_header/" + name, blob)
