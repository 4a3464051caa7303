"""Re-match: what newer advisories bring and take is told without a scan, and is exactly the difference of fresh scans."""
import json

import pytest
from images import Layout, alpine_layer, debian_layer, tar_of
from varve import Varve


def record(identifier, fixed, *names, ecosystem="Debian:12", severity="high", **extra):
    return {"id": identifier, "modified": "2030-01-01T00:00:00Z", "database_specific": {"severity": severity}, **extra,
            "affected": [{"package": {"ecosystem": ecosystem, "name": name},
                          "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}] + ([{"fixed": fixed}] if fixed else [])}]}
                         for name in names]}


class World:
    """A layout with images, a feed in one folder, and the store they are scanned into."""

    def __init__(self, build, folder):
        self.varve = Varve(build, folder)
        self.layout = Layout(folder / "layout")
        self.feed = folder / "feed"
        self.feed.mkdir()

    def image(self, name, *layers):
        self.layout.image(name, list(layers))

    def advisories(self, *records):
        for old in self.feed.iterdir():
            old.unlink()
        for number, content in enumerate(records):
            (self.feed / f"{number}.json").write_text(json.dumps(content))
        self.varve.import_advisories(self.feed)

    def scan(self):
        scan = self.varve.scan(f"oci:{self.layout.folder}")
        assert scan.code == 0, scan.err
        return scan.images

    def rematch(self, *options):
        out = self.varve.run("rematch", "--store", self.varve.store, "--format", "json", *options)
        assert out.code == 0, out.err
        return json.loads(out.out)


def of_reports(images):
    """{(image, layer, vulnerability, purl)} of the reports of a scan."""
    return {(image["reference"], v["layer"]["digest"], v["id"], v["purl"]) for image in images.values() for v in image["vulnerabilities"]}


def of_rematch(document):
    """The same of the lists "new" and "gone" of a re-match."""
    found = {"new": set(), "gone": set()}
    for package in document["packages"]:
        for image, layer in package["in"]:
            for what in found:
                found[what] |= {(document["images"][image]["reference"], document["layers"][layer]["digest"], v["id"], package["purl"])
                                for v in package[what]}
    return found


@pytest.fixture
def world(build, tmp_path):
    world = World(build, tmp_path)
    base = debian_layer(("bash", "5.2.15-2"), ("curl", "7.88.1-10"), ("zlib1g", "1.2.13"))
    world.image("one", base)
    world.image("two", base, tar_of([("app", "x")]))
    world.image("three", debian_layer(("bash", "5.2.15-3"), ("openssl", "3.0.11-1")))
    world.image("four", alpine_layer(("musl", "1.1.20-r4"), ("zlib", "1.2.11-r1")))
    return world


FIRST = [record("DEBIAN-CVE-2030-1", "5.2.15-3", "bash"), record("DEBIAN-CVE-2030-2", None, "curl", "openssl", severity="critical"),
         record("ALPINE-CVE-2030-3", "1.1.20-r5", "musl", ecosystem="Alpine:v3.9")]
SECOND = [record("DEBIAN-CVE-2030-1", "5.2.15-4", "bash"),  # three is affected now
          record("DEBIAN-CVE-2030-2", None, "curl", severity="critical"),  # openssl no longer
          record("DEBIAN-CVE-2030-4", None, "zlib1g", severity="low"),
          record("ALPINE-CVE-2030-3", "1.1.20-r5", "musl", ecosystem="Alpine:v3.9")]
THIRD = [record("DEBIAN-CVE-2030-2", None, "curl", severity="critical"), record("DEBIAN-CVE-2030-4", None, "zlib1g", severity="high"),
         record("ALPINE-CVE-2030-3", "1.1.20-r3", "musl", ecosystem="Alpine:v3.9")]


def test_what_is_new_and_gone_is_the_difference_of_fresh_scans(world):
    world.advisories(*FIRST)
    before = of_reports(world.scan())
    first = world.rematch()
    assert first["first"] and not first["packages"]
    world.advisories(*SECOND)
    second = world.rematch()
    after = of_reports(world.scan())
    assert of_rematch(second) == {"new": after - before, "gone": before - after}
    assert after - before and before - after
    assert second["from"]["generation"] == first["to"]["generation"] != second["to"]["generation"]
    world.advisories(*THIRD)
    world.rematch()
    third = of_reports(world.scan())
    assert of_rematch(world.rematch()) == {"new": third - after, "gone": after - third}
    assert of_rematch(world.rematch("--since", first["to"]["generation"])) == {"new": third - before, "gone": before - third}


def test_a_scan_in_between_is_no_news(world):
    """Images that come with a scan bring findings of their own: nothing of that is new by the advisories."""
    world.advisories(*FIRST)
    world.scan()
    world.image("five", debian_layer(("curl", "7.88.1-11")))
    world.scan()
    document = world.rematch()
    assert document["first"] and not document["packages"]


def test_the_table_and_the_lines_say_the_same(world):
    world.advisories(*FIRST)
    world.scan()
    world.advisories(*SECOND)
    document = world.rematch()
    lines = world.varve.run("rematch", "--store", world.varve.store, "--format", "jsonl")
    told = {"new": set(), "gone": set()}
    for line in map(json.loads, lines.out.splitlines()):
        told[line["change"]] |= {(image["reference"], image["layer"], line["id"], line["purl"]) for image in line["images"]}
    assert told == of_rematch(document)
    table = world.varve.run("rematch", "--store", world.varve.store)
    assert table.code == 0 and "NEW" in table.out and "CVE-2030-4" in table.out and "openssl" in table.out
    by_image = world.varve.run("rematch", "--store", world.varve.store, "--by", "image").out
    assert "layout:three" in by_image and "layout:four" not in by_image
    assert next(iter(of_rematch(document)["new"]))[1] in world.varve.run("rematch", "--store", world.varve.store, "--by", "layer").out


def test_counts_are_of_images_and_of_unique_packages(world):
    world.advisories(*FIRST)
    world.scan()
    world.advisories(*SECOND)
    counts = world.rematch()["counts"]
    assert counts["images"] == 3
    assert counts["new"]["low"] == 2 and counts["new_of_packages"]["low"] == 1  # zlib1g in one and two
    assert counts["new"]["high"] == 1  # bash in three
    assert counts["gone"]["critical"] == 1  # openssl in three


def test_what_cannot_be_compared_is_said(world):
    out = world.varve.run("rematch", "--store", world.varve.store)
    assert out.code == 4
    world.advisories(*FIRST)
    world.scan()
    out = world.varve.run("rematch", "--store", world.varve.store, "--since", "0123456789abcdef")
    assert out.code != 0 and "0123456789abcdef" in out.err
    assert world.varve.run("rematch", "--store", world.varve.store, "--since", "judgement:x").code == 2
    assert world.varve.run("rematch", "--by", "moon").code == 2


def test_a_store_whose_advisories_have_no_history_is_judged_anew(world):
    """Another folder knows nothing of the generation before: everything is matched, and the difference is the same."""
    world.advisories(*FIRST)
    before = of_reports(world.scan())
    for old in (world.varve.store / "advisories").rglob("*"):
        if old.is_file():
            old.unlink()
    world.advisories(*SECOND)
    document = world.rematch()
    after = of_reports(world.scan())
    assert of_rematch(document) == {"new": after - before, "gone": before - after}


def test_history_has_a_row_for_each_job_and_each_generation(world):
    world.advisories(*FIRST)
    first = world.scan()
    world.advisories(*SECOND)
    world.rematch()
    second = world.scan()
    out = world.varve.run("history", "--store", world.varve.store, "--format", "json")
    assert out.code == 0, out.err
    rows = json.loads(out.out)["rows"]
    jobs = [row for row in rows if row["what"] == "job"]
    assert [row["images"] for row in jobs] == [4, 4]
    for row, images in zip(jobs, (first, second)):
        counts = {}
        for image in images.values():
            for v in image["vulnerabilities"]:
                counts[v["severity"]] = counts.get(v["severity"], 0) + 1
        assert {name: n for name, n in row["vulnerabilities"].items() if n} == counts
    generations = {row["judgement"]: row for row in rows if row["what"] == "advisories"}
    assert generations[2]["new"] == len(of_reports(second) - of_reports(first))
    assert generations[2]["gone"] == len(of_reports(first) - of_reports(second))
    table = world.varve.run("history", "--store", world.varve.store).out
    assert "advisories 2" in table and "job 2" in table
