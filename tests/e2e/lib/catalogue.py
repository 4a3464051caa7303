"""catalogue.py - a large set of images that share layers, made from a seed, as an OCI layout and in a real registry."""
import json
import random

from images import Layout, alpine_layer, debian_layer, tar_of

ADVISORIES = [("ALPINE-CVE-2030-1", "Alpine:v3.9", "musl", "1.1.24-r0"), ("DEBIAN-CVE-2030-2", "Debian:12", "bash", "5.2.15-9")]


class Catalogue:
    """`images` images of 2 to 6 layers: one of 6 bases, middles out of 24, tops of their own; some are the same image under
    another name. `layers`: digests of all layers."""

    def __init__(self, folder, images=80, seed=1):
        self.folder, self.random = folder, random.Random(seed)
        self.layout = Layout(folder / "layout")
        self.names = [f"team{i % 7}/app{i}:v{i % 3}" for i in range(images)]
        bases = [self.base(i) for i in range(6)]
        middles = [self.files(f"opt/runtime{i}", 1 + i % 5) for i in range(24)]
        described = []
        for i, name in enumerate(self.names):
            if i and i % 13 == 0:
                self.layout.tag(name, described[i // 2])
                described.append(described[i // 2])
                continue
            tars = [bases[i % len(bases)], *self.random.sample(middles, self.random.randrange(4)), self.files(f"srv/app{i}", 1 + i % 3)]
            described.append(self.layout.image(name, tars, "zstd" if i % 5 == 0 else "gzip"))
        self.layers = {layer["digest"] for one in described for layer in self.manifest(one["digest"])["layers"]}

    def manifest(self, digest):
        return json.loads((self.layout.folder / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_text())

    def base(self, number):
        return alpine_layer(("musl", f"1.1.{18 + number}-r0"), ("zlib", "1.2.11-r1")) if number % 2 else \
            debian_layer(("bash", f"5.2.15-{number}"), ("dash", "0.5.12-2"))

    def files(self, folder, count):
        """A layer of some files that compress badly, and a package.json."""
        made = [(f"{folder}/data{i}", self.random.randbytes(self.random.choice((200, 30_000, 400_000)))) for i in range(count)]
        name = folder.replace("/", "-")
        made.append((f"{folder}/node_modules/{name}/package.json", json.dumps({"name": name, "version": "1.0.3", "license": "MIT"})))
        return tar_of(made)

    def write_advisories(self):
        folder = self.folder / "advisories"
        folder.mkdir()
        for identifier, ecosystem, name, fixed in ADVISORIES:
            (folder / f"{identifier}.json").write_text(json.dumps({"id": identifier, "modified": "2030-01-01T00:00:00Z", "affected": [
                {"package": {"ecosystem": ecosystem, "name": name},
                 "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]}]}))
        return folder
