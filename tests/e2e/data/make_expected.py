#!/usr/bin/python3
"""make_expected.py SHARED_DATA > expected_advisories.json: what test_advisories.py expects, worked out without Varve.

Independent of Varve's code: packages by rpm(8) and text parsing, deb order by `dpkg --compare-versions`, rpm order by
librpm (python3-rpm), apk order by the small function below (enough for the versions that occur). Needs rpm and python3-rpm.

"crude_advisories" is how many records a plain comparison of names and versions hits; "explained" says of each that does not
simply count as one vulnerability of its own name what became of it. The rules behind that:
  - one CVE counts once, whichever advisory names it; an advisory without a CVE counts under its own id
  - Alpine and Debian are keyed by source package, AlmaLinux by binary package
  - DSA and DLA name their CVEs in `upstream` or `related` (TRAPS D3); ALSA in `related`; ALBA and ALEA without a CVE are no vulnerabilities (D5)
  - a modular fix is compared with modular packages only, and where a record lists a package several times the entry of the
    same upstream version decides (TRAPS B11)
  - no feed for a release (Alpine 3.12 and later here) is no_advisory_source, never "no findings"
"""
import collections
import functools
import io
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import rpm

SHARED = pathlib.Path(sys.argv[1])
IMAGES = {
    "alpine-gl-3.4": ("alpine-gl-library-3.4.tar.gz", "Alpine:v3.4"),
    "alpine-gl-3.9": ("alpine-gl-library-3.9-x86_64.tar.xz", "Alpine:v3.9"),
    "alpine-3.6.5": ("alpine-3.6.5-x86_64.tar.gz", "Alpine:v3.6"),
    "alpine-3.10.9": ("alpine-3.10.9-x86_64.tar.gz", "Alpine:v3.10"),
    "alpine-3.14.10": ("alpine-3.14.10-x86_64.tar.gz", "Alpine:v3.14"),
    "alpine-3.20.3": ("alpine-3.20.3-x86_64.tar.gz", "Alpine:v3.20"),
    "almalinux-8": ("almalinux-8-micro-20230523-s390x.tar.xz", "AlmaLinux:8"),
    "almalinux-9-2022": ("almalinux-9-micro-20220707-aarch64.tar.xz", "AlmaLinux:9"),
    "almalinux-9-2023": ("almalinux-9-micro-20231125-s390x.tar.xz", "AlmaLinux:9"),
    "debian-8-jessie": ("debian-8-jessie-layer.tar.gz", "Debian:8"),
}

# Releases whose updates have ended: matched, but said to be end of life.
ENDED = {"Alpine:v3.4", "Alpine:v3.6", "Alpine:v3.9", "Alpine:v3.10", "Debian:8"}


def unpack(path):
    data = path.read_bytes()
    tool = {"xz": ["xz", "-dc"], "gz": ["gzip", "-dc"], "st": ["zstd", "-dc"]}[path.name[-2:]]
    return tarfile.open(fileobj=io.BytesIO(subprocess.run(tool, input=data, stdout=subprocess.PIPE, check=True).stdout))


def apk_packages(text):
    for stanza in text.split("\n\n"):
        field = dict(line.split(":", 1) for line in stanza.splitlines() if ":" in line)
        if "P" in field:
            yield {"name": field.get("o", field["P"]), "version": field["V"]}


def deb_packages(text):
    for stanza in text.split("\n\n"):
        field = dict(line.split(": ", 1) for line in stanza.splitlines() if re.match(r"[A-Za-z-]+: ", line))
        if "Package" in field and field.get("Status", "a b installed").split()[2] not in ("not-installed", "config-files"):
            source = re.match(r"(\S+)(?: \((.+)\))?", field.get("Source", field["Package"]))
            yield {"name": source[1], "version": source[2] or field["Version"]}


def rpm_packages(tar):
    with tempfile.TemporaryDirectory() as folder:
        for member in tar.getmembers():
            if re.search(r"var/lib/rpm/|usr/lib/sysimage/rpm/", member.name) and member.isfile():
                (pathlib.Path(folder) / pathlib.Path(member.name).name).write_bytes(tar.extractfile(member).read())
        out = subprocess.run(["rpm", "-qa", "--dbpath", folder, "--qf", r"%{NAME}\t%|EPOCH?{%{EPOCH}}:{0}|:%{VERSION}-%{RELEASE}\t%{MODULARITYLABEL}\n"],
                             capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        name, version, module = line.split("\t")
        if name != "gpg-pubkey":
            yield {"name": name, "version": version, "module": module != "(none)"}


def evr(text):
    epoch, rest = text.split(":", 1) if ":" in text else ("0", text)
    version, _, release = rest.partition("-")
    return epoch, version, release or None


@functools.lru_cache(None)
def deb_order(a, b):
    for operator, order in (("lt", -1), ("gt", 1)):
        if subprocess.run(["dpkg", "--compare-versions", a, operator, b], stderr=subprocess.DEVNULL).returncode == 0:
            return order
    return 0


def apk_key(text):
    suffixes = {"alpha": -4, "beta": -3, "pre": -2, "rc": -1, "cvs": 1, "svn": 2, "git": 3, "hg": 4, "p": 5}
    base, _, revision = text.partition("-r")
    numbers, *tail = base.split("_")
    parts = re.findall(r"\d+|[a-z]", numbers)
    key = []
    for i, part in enumerate(parts):
        if part.isalpha():
            key.append((1, ord(part), ""))
        elif i and part.startswith("0"):
            key.append((0, -1, part))
        else:
            key.append((2, int(part), ""))
    suffix = [(suffixes.get(re.match("[a-z]+", t)[0], 9), int(re.sub("[a-z]+", "", t) or 0)) for t in tail] + [(0, 0)]
    return key, suffix, int(revision or 0)


def order(ecosystem, a, b):
    if b == "0":
        return 1
    if ecosystem.startswith("Debian"):
        return deb_order(a, b)
    if ecosystem.startswith("AlmaLinux"):
        return rpm.labelCompare(evr(a), evr(b))
    return (apk_key(a) > apk_key(b)) - (apk_key(a) < apk_key(b))


def affected(ecosystem, version, entry):
    if version in entry.get("versions", []):
        return True
    for span in entry.get("ranges", []):
        if span["type"] == "GIT":
            continue
        inside = False
        events = [(kind, value) for event in span["events"] for kind, value in event.items()]
        for kind, value in sorted(events, key=functools.cmp_to_key(lambda x, y: order(ecosystem, x[1], y[1]) if x[1] != "0" else (0 if y[1] == "0" else -1))):
            sign = order(ecosystem, version, value)
            if kind == "introduced" and sign >= 0:
                inside = True
            elif kind == "fixed" and sign >= 0 or kind == "last_affected" and sign > 0:
                inside = False
        if inside:
            return True
    return False


def names_of(record):
    names = {record["id"], *record.get("aliases", []), *record.get("upstream", [])}
    if record["id"].split("-")[0] in ("DSA", "DLA", "ALSA", "ALBA", "ALEA"):
        names |= set(record.get("related", []))
    found = {re.sub("^(ALPINE|DEBIAN)-", "", n) for n in names if re.match("(ALPINE-|DEBIAN-)?CVE-", n)}
    if not found and record["id"].startswith(("ALBA", "ALEA")):
        return set()
    return found or {record["id"]}


def modular(version):
    return ".module" in version


def choose(package, entries):
    """TRAPS B11: of several entries for one package the ones of the same kind, and of the same upstream version if any is."""
    same = [e for e in entries if modular(json.dumps(e)) == modular(package["version"])]
    if len(same) > 1:
        upstream = evr(package["version"])[1]
        exact = [e for e in same if any(evr(v)[1] == upstream for r in e.get("ranges", []) for ev in r["events"] for v in ev.values() if v != "0")]
        return exact or same
    return same


def main():
    feeds = collections.defaultdict(lambda: collections.defaultdict(list))
    for name in ("Alpine", "Debian", "AlmaLinux"):
        with zipfile.ZipFile(SHARED / "osv" / name / "all.zip") as archive:
            for member in archive.namelist():
                record = json.loads(archive.read(member))
                if "withdrawn" in record:
                    continue
                for entry in record.get("affected", []):
                    package = entry.get("package")
                    if package:
                        feeds[package["ecosystem"]][package["name"]].append((record, entry))
    expected = {}
    for name, (file, ecosystem) in IMAGES.items():
        tar = unpack(SHARED / "images" / file)
        members = {m.name.lstrip("./"): m for m in tar.getmembers()}
        if "lib/apk/db/installed" in members:
            packages = list(apk_packages(tar.extractfile(members["lib/apk/db/installed"]).read().decode()))
        elif "var/lib/dpkg/status" in members:
            packages = list(deb_packages(tar.extractfile(members["var/lib/dpkg/status"]).read().decode()))
        else:
            packages = list(rpm_packages(tar))
        if ecosystem not in feeds:
            expected[name] = {"file": file, "coverage": [[ecosystem, "no_advisory_source"]], "cves": []}
            continue
        found, crude, explained = set(), set(), {}
        for package in packages:
            per_record = collections.defaultdict(list)
            for record, entry in feeds[ecosystem].get(package["name"], []):
                per_record[record["id"]].append((record, entry))
            for identifier, pairs in sorted(per_record.items()):
                entries = [entry for _, entry in pairs]
                if any(affected(ecosystem, package["version"], entry) for entry in entries):
                    crude.add(identifier)
                if ecosystem.startswith("AlmaLinux"):
                    entries = choose(package, entries)
                if any(affected(ecosystem, package["version"], entry) for entry in entries):
                    names = names_of(pairs[0][0])
                    if not names:
                        explained[identifier] = "names no CVE: a bug fix or enhancement, no vulnerability"
                    elif names != {re.sub("^(ALPINE|DEBIAN)-", "", identifier)}:
                        explained[identifier] = "counts as " + ", ".join(sorted(names))
                    found |= names
                elif identifier in crude:
                    explained[identifier] = f"its fix for {package['name']} is of another module stream or upstream version"
        state = "eol" if ecosystem in ENDED else "matched"
        expected[name] = {"file": file, "coverage": [[ecosystem, state]], "cves": sorted(found), "crude_advisories": len(crude),
                          "explained": explained}
    json.dump(expected, sys.stdout, indent=1)
    print()


main()
