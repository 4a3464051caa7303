"""varve top, against the same computed from JSON reports in plain Python."""
import json
import re

from images import debian_layer, tar_of
from test_rematch import record, world  # noqa: F401

WEIGHTS = {"critical": 100, "high": 40, "medium": 10, "unknown": 5, "low": 2, "negligible": 0, "none": 0}
FEED = [record("DEBIAN-CVE-2030-1", "5.2.15-4", "bash"), record("DEBIAN-CVE-2030-2", None, "curl", "openssl", severity="critical"),
        record("DEBIAN-CVE-2030-3", "5.2.15-10", "bash", severity="low"), record("DEBIAN-CVE-2030-4", "1.2.14", "zlib1g", severity="medium"),
        record("ALPINE-CVE-2030-5", "1.1.20-r5", "musl", ecosystem="Alpine:v3.9")]


def top(world, *options):
    out = world.varve.run("top", "--store", world.varve.store, "--format", "json", *options)
    assert out.code == 0, out.err
    return json.loads(out.out)


def score(groups, key, image, vulnerability):
    group = groups.setdefault(key, {"weight": 0, "images": set(), "severities": {}})
    group["weight"] += WEIGHTS[vulnerability["severity"]]
    group["images"].add(image["reference"])
    group["severities"][vulnerability["severity"]] = group["severities"].get(vulnerability["severity"], 0) + 1


def plain(groups):
    return {key: (g["weight"], len(g["images"]), g["severities"]) for key, g in groups.items()}


def told(row):
    return row["weight"], row["images"], {name: n for name, n in row["vulnerabilities"].items() if n}


def prepare(world):
    base = debian_layer(("bash", "5.2.15-2"), ("curl", "7.88.1-10"), ("zlib1g", "1.2.13"))
    world.image("app", base, tar_of([("app", "y")]), tar_of([("app2", "y")]))
    world.advisories(*FEED)
    return world.scan()


def test_upgrades_and_layers_are_weighed_as_the_reports_say(world):
    images = prepare(world)
    upgrades, layers = {}, {}
    for image in images.values():
        for v in image["vulnerabilities"]:
            name = re.match(r"pkg:[^/]+/(?:.*/)?([^@?]+)", v["purl"])[1]
            if v["fixed"]:
                score(upgrades, (name, image["os"]["id"], image["os"]["version_id"]), image, v)
            score(layers, v["layer"]["digest"], image, v)
    document = top(world)
    assert document["images"] == len(images) == 5
    assert {(p["name"], p["os"]["id"], p["os"]["version_id"]): told(p) for p in document["packages"]} == plain(upgrades)
    assert {layer["digest"]: told(layer) for layer in document["layers"]} == plain(layers)
    for rows in (document["packages"], document["layers"], document["bases"]):
        assert [r["weight"] for r in rows] == sorted((r["weight"] for r in rows), reverse=True)
    (bash,) = [p for p in document["packages"] if p["name"] == "bash"]
    assert bash["upgrade_to"] == "5.2.15-10"  # by Debian's order, not by that of the bytes
    assert document["weights"]["critical"] == WEIGHTS["critical"]


def test_a_base_image_answers_for_what_its_layers_bring_into_others(world):
    images = prepare(world)
    document = top(world)
    bases = {}
    digests = {name: [layer["digest"] for layer in image["layers"]] for name, image in images.items()}
    for name, image in images.items():
        known = [other for other, layers in digests.items() if len(layers) < len(digests[name]) and digests[name][:len(layers)] == layers]
        if not known:
            continue
        base = max(known, key=lambda other: len(digests[other]))
        for v in image["vulnerabilities"]:
            if v["layer"]["digest"] in digests[base]:
                score(bases, base, image, v)
    assert bases and {base["references"][0]: told(base) for base in document["bases"]} == plain(bases)


def test_a_prefix_and_a_limit_narrow_it(world):
    prepare(world)
    one = f"oci:{world.layout.folder}:four"
    document = top(world, "--prefix", one)
    assert document["images"] == 1 and [p["name"] for p in document["packages"]] == ["musl"]
    assert len(top(world, "--limit", "1")["packages"]) == 1
    assert top(world, "--prefix", "docker://nobody/")["images"] == 0
    table = world.varve.run("top", "--store", world.varve.store)
    assert table.code == 0 and "bash" in table.out and "5.2.15-10" in table.out and "BASE IMAGE" in table.out
    assert world.varve.run("top", "--format", "csv").code == 2


def test_a_report_can_be_of_a_prefix(world):
    images = prepare(world)
    everything = world.varve.run("report", "--store", world.varve.store, "--latest", "--format", "jsonl")
    assert everything.images.keys() == images.keys()
    prefix = f"oci:{world.layout.folder}:t"
    some = world.varve.run("report", "--store", world.varve.store, "--latest", "--prefix", prefix, "--format", "jsonl")
    assert some.images == {name: image for name, image in everything.images.items() if name.startswith(prefix)}
    assert 0 < len(some.images) < len(images)
    assert world.varve.run("report", "--store", world.varve.store, "--prefix", prefix).code == 2
