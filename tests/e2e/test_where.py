"""Where: what the index answers is what a search through all reports finds, whoever is asked and whatever is not indexed."""
import hashlib
import json
import random

import pytest
from fleet import Fleet
from images import Layout, alpine_layer, debian_layer, tar_of
from varve import Varve

ELF = b"\x7fELF\x02\x01\x01" + bytes(57)
NAMES = ["bash", "curl", "libssl3", "openssl", "zlib1g", "lib_x.y"]


def record(identifier, fixed, name, ecosystem="Debian:12"):
    return {"id": identifier, "modified": "2030-01-01T00:00:00Z", "database_specific": {"severity": "high"},
            "affected": [{"package": {"ecosystem": ecosystem, "name": name},
                          "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]}]}


def node_module(name, version):
    return f"app/node_modules/{name}/package.json", json.dumps({"name": name, "version": version})


def random_layers(draw):
    """A base, and layers above it that add, replace and take away."""
    layers = [debian_layer(*((name, f"1.{draw.randrange(4)}-1") for name in draw.sample(NAMES, 4)))
              if draw.randrange(4) else alpine_layer(("musl", f"1.{draw.randrange(3)}-r0"), ("zlib", "1.2-r1"))]
    if draw.randrange(2):
        layers.append(tar_of([node_module("lodash", f"4.17.{draw.randrange(5)}"), node_module("@angular/core", f"1{draw.randrange(3)}.0.0")]))
    if draw.randrange(2):
        layers.append(tar_of([("usr/bin/tool", ELF + bytes([draw.randrange(3)]), 0o755), (f"etc/ssl/{draw.randrange(3)}.pem", "key")]))
    if draw.randrange(3) == 0:
        layers.append(debian_layer((NAMES[draw.randrange(6)], "2.0-1")))
    return layers


class World:
    def __init__(self, build, folder, seed=1, images=12):
        self.varve = Varve(build, folder)
        self.layout = Layout(folder / "layout")
        draw = random.Random(seed)
        for number in range(images):
            self.layout.image(f"image-{number}", random_layers(draw))
        feed = folder / "feed"
        feed.mkdir()
        for number, content in enumerate([record("DEBIAN-CVE-2030-1", "1.2-1", "curl"), record("DEBIAN-CVE-2030-2", "3", "openssl")]):
            (feed / f"{number}.json").write_text(json.dumps(content))
        self.varve.import_advisories(feed)
        scan = self.varve.scan(f"oci:{self.layout.folder}", "--all")
        assert scan.code == 0, scan.err
        self.reports = scan.images

    def where(self, what, *options, code=0):
        out = self.varve.run("where", "--store", self.varve.store, "--format", "json", what, *options)
        assert out.code == code, out.err
        return json.loads(out.out)

    def searched(self, wanted):
        """{(image, layer, purl, paths)} of all packages in all reports that are wanted."""
        return {(image["reference"], p["layer"]["digest"], p["purl"], tuple(p["paths"]))
                for image in self.reports.values() for p in image["packages"] if wanted(p)}


def of_answer(document):
    return {(m["reference"], m["layer"]["digest"], m["purl"], tuple(m["paths"])) for m in document["matches"]}


@pytest.fixture
def world(build, tmp_path):
    return World(build, tmp_path)


QUESTIONS = ["curl", "curl<1.2-1", "lib*", "lib-x-y", "lodash>=4.17.2", "core", "@angular/core", "pkg:npm/lodash@4.17.*", "pkg:deb/debian/curl",
             "pkg:*/zlib*", "*", "nothing", "CVE-2030-1", "DEBIAN-CVE-2030-2", "/etc/ssl/*.pem", "/*.pem", "/**/status", "**"]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_index_answers_as_reading_every_image_does(build, tmp_path, seed):
    world = World(build, tmp_path, seed)
    some = next(iter(world.reports.values()))
    tool = hashlib.sha256(ELF + bytes([1])).hexdigest()
    digests = [layer[member] for layer in some["layers"] for member in ("digest", "diff_id")]
    for what in [*QUESTIONS, *digests, tool]:
        for options in ([], ["--source"], ["--prefix", f"{some['reference'][:-2]}1"]):
            answer, read = world.where(what, *options), world.where(what, "--linear", *options)
            assert answer == read, what
            assert answer["count"] == len(answer["matches"])


def test_packages_are_those_of_the_reports(world):
    assert of_answer(world.where("*", "--as", "package")) == world.searched(lambda p: True)
    assert of_answer(world.where("curl")) == world.searched(lambda p: p["name"] == "curl") != set()
    assert of_answer(world.where("lodash<4.17.2")) == world.searched(lambda p: p["name"] == "lodash" and p["version"] < "4.17.2")
    assert of_answer(world.where("core")) == world.searched(lambda p: p["name"] == "@angular/core") != set()
    assert world.where("nothing")["matches"] == []


def test_vulnerabilities_are_those_of_the_reports(world):
    found = {(m["reference"], m["purl"], m["id"]) for m in world.where("CVE-2030-1")["matches"]}
    assert found == {(image["reference"], v["purl"], v["id"]) for image in world.reports.values() for v in image["vulnerabilities"]
                     if v["id"] == "CVE-2030-1"} != set()


def test_a_file_is_found_by_its_hash_and_the_answer_says_which_have_one(world):
    document = world.where(hashlib.sha256(ELF + bytes([1])).hexdigest())
    assert document["matches"] and all(m["kind"] == "file" and m["paths"] == ["usr/bin/tool"] for m in document["matches"])
    assert any("executables" in notice for notice in document["notices"])


def test_a_layer_is_found_by_its_digest(world):
    digest = next(iter(world.reports.values()))["layers"][0]["digest"]
    found = {m["reference"] for m in world.where(digest, "--as", "layer")["matches"]}
    assert found == {image["reference"] for image in world.reports.values() if digest in [layer["digest"] for layer in image["layers"]]}


def test_a_broker_gives_the_same_bytes(build, tmp_path):
    world = World(build, tmp_path)
    with Fleet(build, tmp_path) as fleet:
        fleet.start_broker()
        for what in ("curl", "CVE-2030-1", "/etc/**"):
            here = world.varve.run("where", "--store", world.varve.store, "--format", "json", what)
            there = world.varve.run("where", "--broker", fleet.endpoint, "--format", "json", what)
            assert there.code == here.code == 0, there.err
            assert there.out == here.out


def test_formats_and_wrong_questions(world):
    lines = world.varve.run("where", "--store", world.varve.store, "--format", "jsonl", "curl").out.splitlines()
    assert [json.loads(line) for line in lines] == world.where("curl")["matches"]
    table = world.varve.run("where", "--store", world.varve.store, "curl").out
    assert "curl 1." in table and "of 12 images" in table
    assert world.varve.run("where", "--store", world.varve.store).code == 2
    assert world.varve.run("where", "--store", world.varve.store, "x", "--as", "moon").code == 2
    assert world.varve.run("where", "--store", world.varve.store, "x", "--as", "file").code == 2
    assert world.varve.run("where", "--store", world.varve.store.parent / "none", "x").code == 4


def damage(store, key):
    """Flips a byte in the checksum of every record of the index that names a package so."""
    path = store / "data.mdb"
    data = bytearray(path.read_bytes())
    at, found = data.find(key), 0
    while at >= 0:
        data[at + len(key) + 8 + 4] ^= 0xff  # behind the package's number: version, form, checksum
        found += 1
        at = data.find(key, at + 1)
    path.write_bytes(data)
    return found


def test_a_damaged_index_is_read_past_and_made_again(world):
    before = world.where("curl")
    assert damage(world.varve.store, b"curl\x00\x00") > 0
    hurt = world.where("curl")
    assert hurt["matches"] == before["matches"] and any("damaged" in notice for notice in hurt["notices"])
    assert world.varve.scan(f"oci:{world.layout.folder}").code == 0
    assert world.where("curl") == before
