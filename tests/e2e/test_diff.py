"""varve diff, against the same computed from JSON reports in plain Python."""
import json
import re

import pytest
from images import debian_layer, tar_of
from test_rematch import FIRST, World, record, world  # noqa: F401


def name_of(purl):
    return re.match(r"pkg:([^/]+)/(?:.*/)?([^@?]+)", purl).groups()


def versions(image):
    """{(type, name): sorted versions}"""
    out = {}
    for package in image["packages"]:
        out.setdefault((package["type"], package["name"]), set()).add(package["version"])
    return {key: ", ".join(sorted(v)) for key, v in out.items()}


def found(image):
    """{(id, type, name)}"""
    return {(v["id"], *name_of(v["purl"])) for v in image["vulnerabilities"]}


def expected(a, b):
    left, right = versions(a), versions(b)
    packages = {(*key, left.get(key), right.get(key)) for key in left.keys() | right.keys() if left.get(key) != right.get(key)}
    return packages, found(b) - found(a), found(a) - found(b)


def told(document):
    return ({(p["type"], p["name"], p["from"], p["to"]) for p in document["packages"]},
            {(v["id"], v["type"], v["name"]) for v in document["new"]}, {(v["id"], v["type"], v["name"]) for v in document["fixed"]})


def diff(world, *arguments):
    out = world.varve.run("diff", "--store", world.varve.store, "--format", "json", *arguments)
    assert out.code == 0, out.err
    return json.loads(out.out)


def reference(world, name):
    return f"oci:{world.layout.folder}:{name}"


@pytest.mark.parametrize("a,b", [("one", "three"), ("three", "one"), ("one", "four"), ("one", "two")])
def test_two_images_differ_as_their_reports_do(world, a, b):
    world.advisories(*FIRST, record("DEBIAN-CVE-2030-9", None, "zlib1g"))
    images = world.scan()
    names = [reference(world, n) for n in (a, b)]
    assert told(diff(world, *names)) == expected(*(images[n] for n in names))
    digests = [images[n]["digest"] for n in names]
    assert told(diff(world, *digests)) == expected(*(images[n] for n in names))


def test_an_image_against_its_base(world):
    base = debian_layer(("bash", "5.2.15-2"), ("curl", "7.88.1-10"), ("zlib1g", "1.2.13"))
    world.image("longer", base, tar_of([("app", "x")]), debian_layer(("bash", "5.2.15-9"), ("openssl", "3.0.11-1")))
    world.advisories(*FIRST)
    images = world.scan()
    document = diff(world, "--base", reference(world, "longer"))
    assert document["a"]["name"] == reference(world, "two")  # two layers of it; one has the first alone
    assert told(document) == expected(images[reference(world, "two")], images[reference(world, "longer")])
    out = world.varve.run("diff", "--store", world.varve.store, "--base", reference(world, "four"))
    assert out.code != 0 and "base" in out.err


def test_two_jobs_differ_image_by_image(world):
    world.advisories(*FIRST)
    before = world.scan()
    world.image("one", debian_layer(("bash", "5.2.15-3"), ("curl", "7.88.1-10")))
    world.image("five", debian_layer(("openssl", "3.0.11-1")))
    after = world.scan()
    document = diff(world, "job:1", "job:2")
    changes = {image["reference"]: image for image in document["images"]}
    assert {name: c["change"] for name, c in changes.items()} == {reference(world, "one"): "changed", reference(world, "five"): "added"}
    one = reference(world, "one")
    _, new, fixed = expected(before[one], after[one])
    assert (changes[one]["new"], changes[one]["fixed"]) == (len(new), len(fixed))
    five = reference(world, "five")
    assert changes[five]["new"] == len(found(after[five]))
    assert told(document)[1] == new | found(after[five]) and told(document)[2] == fixed
    assert diff(world, "job:2", "job:2")["images"] == []


def test_a_night_is_what_its_last_jobs_saw(world):
    world.advisories(*FIRST)
    world.scan()
    rows = json.loads(world.varve.run("history", "--store", world.varve.store, "--format", "json").out)["rows"]
    night = "night:" + [row for row in rows if row["what"] == "job"][0]["at"][:10]
    assert diff(world, night, night)["images"] == []
    assert diff(world, night, "job:1")["a"]["images"] == 4
    assert world.varve.run("diff", "--store", world.varve.store, "night:1999-01-01", night).code != 0


@pytest.mark.parametrize("arguments", [["one"], ["a", "b", "c"], ["--base"], ["--format", "csv", "a", "b"]])
def test_wrong_usage_is_2(world, arguments):
    assert world.varve.run("diff", *arguments).code == 2


def test_unknown_images_and_mixtures_are_errors(world):
    world.advisories(*FIRST)
    world.scan()
    assert world.varve.run("diff", "--store", world.varve.store, "nobody/knows", reference(world, "one")).code != 0
    assert world.varve.run("diff", "--store", world.varve.store, "job:1", reference(world, "one")).code == 2
    table = world.varve.run("diff", "--store", world.varve.store, reference(world, "one"), reference(world, "three"))
    assert table.code == 0 and "openssl" in table.out and "CVE-2030-2" in table.out
