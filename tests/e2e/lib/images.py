"""images.py - small images of the repository's own, and images of several layers made from real root file systems."""
import io
import pathlib
import subprocess
import sys
import tarfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))
from oci_layout import Layout, tar_of  # noqa: E402,F401

ALPINE_RELEASE = "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.9.4\nPRETTY_NAME=\"Alpine Linux v3.9\"\n"
DEBIAN_RELEASE = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n"


def apk_database(*packages):
    """packages: (name, version) or (name, version, origin)"""
    return "".join(f"C:Q1{'0' * 26}=\nP:{p[0]}\nV:{p[1]}\nA:x86_64\nS:1\nI:1\nT:test\nU:http://x\nL:MIT\no:{(p + p[:1])[2]}\n\n"
                   for p in packages)


def dpkg_status(*packages):
    return "".join(f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n"
                   f"Maintainer: Debian <x@debian.org>\nDescription: test\n\n" for name, version in packages)


def alpine_layer(*packages):
    return tar_of([("etc/os-release", ALPINE_RELEASE), ("lib/apk/db/installed", apk_database(*packages))])


def debian_layer(*packages):
    return tar_of([("etc/os-release", DEBIAN_RELEASE), ("var/lib/dpkg/status", dpkg_status(*packages))])


def read_tar(path):
    """The plain tar of a (compressed) root file system."""
    data = pathlib.Path(path).read_bytes()
    if path.name.endswith(".zst"):
        return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout
    if path.name.endswith(".xz"):
        return subprocess.run(["xz", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return subprocess.run(["gzip", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout


def split_tar(data, parts):
    """The members of a tar spread over `parts` tars in order: directories go into the first."""
    outs = [io.BytesIO() for _ in range(parts)]
    tars = [tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) for out in outs]
    with tarfile.open(fileobj=io.BytesIO(data)) as source:
        members = source.getmembers()
        for i, member in enumerate(members):
            part = 0 if member.isdir() else i * parts // len(members)
            tars[part].addfile(member, source.extractfile(member) if member.isreg() else None)
    for tar in tars:
        tar.close()
    return [out.getvalue() for out in outs]
