#!/usr/bin/env python3
"""quickstart_images.py FOLDER: writes an OCI layout of six images with shared layers and prints their names.

The base layer is this machine's os-release and the essential part of its package database; the layers above "install"
more of what the machine has. One image deletes a package's documentation by a whiteout, one replaces its database.
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from oci_layout import Layout, tar_of  # noqa: E402

DPKG_STATUS = pathlib.Path("/var/lib/dpkg/status")
APK_INSTALLED = pathlib.Path("/lib/apk/db/installed")


def stanzas():
    """(name, essential, text) of each package that this machine's own package manager lists."""
    if DPKG_STATUS.exists():
        for text in DPKG_STATUS.read_text(errors="replace").strip().split("\n\n"):
            name = re.search(r"^Package: (.+)$", text, re.M)
            if name:
                yield name[1], bool(re.search(r"^(Essential: yes|Priority: (required|important))$", text, re.M)), text
    elif APK_INSTALLED.exists():
        for text in APK_INSTALLED.read_text(errors="replace").strip().split("\n\n"):
            yield re.search(r"^P:(.+)$", text, re.M)[1], "alpine-base" in text, text


def database(packages):
    name = "var/lib/dpkg/status" if DPKG_STATUS.exists() else "lib/apk/db/installed"
    return name, "\n\n".join(text for _, _, text in packages) + "\n"


def documentation(packages):
    for name, _, _ in packages:
        path = pathlib.Path("/usr/share/doc") / name / "copyright"
        if path.is_file():
            yield str(path)[1:], path.read_bytes()


def main(folder):
    packages = sorted(stanzas())
    base = [p for p in packages if p[1]] or packages
    extra = [p for p in packages if not p[1]]
    half = base + extra[: len(extra) // 2]
    layout = Layout(folder)
    base_layer = tar_of([("etc", None), ("etc/os-release", pathlib.Path("/etc/os-release").read_bytes()), database(base),
                         *documentation(base)])
    runtime_layer = tar_of([database(half), *documentation(half[len(base):])])
    tools_layer = tar_of([database(packages), *documentation(packages[len(half):])])
    images = {
        "base:1": [base_layer],
        "team-a/web:1.0": [base_layer, runtime_layer, tar_of([("srv/app/index.html", "<h1>web</h1>\n")])],
        "team-a/web:1.1": [base_layer, runtime_layer, tar_of([("srv/app/index.html", "<h1>web 1.1</h1>\n")])],
        "team-b/build:7": [base_layer, runtime_layer, tools_layer],
        "team-b/slim:7": [base_layer, runtime_layer, tar_of([("usr/share/doc/.wh..wh..opq", "")])],
        "team-c/rolled-back:3": [base_layer, runtime_layer, tools_layer, tar_of([database(base)])],
    }
    for name, layers in images.items():
        layout.image(name, layers)
    print("\n".join(images))


if __name__ == "__main__":
    main(sys.argv[1])
