"""Real advisories over real images: findings where they belong, and coverage that says what could not be judged."""
import json
import pathlib

import pytest
from images import Layout, alpine_layer, debian_layer, read_tar, tar_of
from varve import Varve, coverage, cves

EXPECTED = json.loads((pathlib.Path(__file__).parent / "data" / "expected_advisories.json").read_text())


@pytest.fixture(scope="module")
def judged(build, shared, tmp_path_factory):
    """Every image of the expectation, scanned once with all of shared/osv that concerns distributions."""
    folder = tmp_path_factory.mktemp("judged")
    varve = Varve(build, folder)
    varve.import_advisories(*[shared / "osv" / name / "all.zip" for name in ("Alpine", "Debian", "AlmaLinux")])
    layout = Layout(folder / "layout")
    for name in EXPECTED:
        layout.image(name, [read_tar(shared / "images" / EXPECTED[name]["file"])])
    scan = varve.scan(f"oci:{layout.folder}")
    assert scan.code == 0, scan.err
    return {r.rsplit(":", 1)[1]: image for r, image in scan.images.items()}


@pytest.mark.parametrize("name", EXPECTED)
def test_findings_and_coverage_of_real_images(judged, name):
    image, expected = judged[name], EXPECTED[name]
    assert coverage(image) == {tuple(c) for c in expected["coverage"]}
    assert sorted(cves(image)) == sorted(expected["cves"])
    for vulnerability in image["vulnerabilities"]:
        assert vulnerability["severity"] and vulnerability["purl"] and vulnerability["installed"]


def test_without_a_database_nothing_is_called_clean(build, tmp_path):
    layout = Layout(tmp_path / "layout")
    layout.image("one", [debian_layer(("bash", "5.2.15-2"))])
    varve = Varve(build, tmp_path)
    scan = varve.scan(f"oci:{layout.folder}:one")
    assert {c["state"] for c in scan.image["coverage"]} == {"no_advisory_source"}
    table = varve.scan(f"oci:{layout.folder}:one", fmt="table")
    assert "no advisory" in table.out.lower() or "no_advisory" in table.out.lower()


def test_an_unknown_os_is_said_to_be_unknown(build, tmp_path):
    layout = Layout(tmp_path / "layout")
    layout.image("one", [tar_of([("etc/os-release", "ID=nobody-knows\nVERSION_ID=1\n")]), alpine_layer(("musl", "1-r0"))][:1]
                 + [tar_of([("lib/apk/db/installed", "P:musl\nV:1-r0\nA:x86_64\n\n")])])
    layout.image("none", [tar_of([("a", "a")])])
    scan = Varve(build, tmp_path).scan(f"oci:{layout.folder}")
    states = {r.rsplit(":", 1)[1]: {c["state"] for c in image["coverage"]} for r, image in scan.images.items()}
    assert states == {"one": {"unknown_os"}, "none": {"no_packages"}}


def record(identifier, ecosystem, name, events, **extra):
    return {"id": identifier, "modified": "2030-01-01T00:00:00Z", **extra,
            "affected": [{"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]}


def test_a_new_generation_judges_what_is_stored_without_a_new_scan(build, tmp_path):
    layout = Layout(tmp_path / "layout")
    layout.image("one", [debian_layer(("bash", "5.2.15-2"))])
    varve = Varve(build, tmp_path)
    advisory = tmp_path / "one.json"
    advisory.write_text(json.dumps(record("DEBIAN-CVE-2030-1", "Debian:12", "bash", [{"introduced": "0"}, {"fixed": "5.2.15-3"}])))
    varve.import_advisories(advisory)
    first = varve.scan(f"oci:{layout.folder}:one")
    assert cves(first.image) == {"CVE-2030-1"}
    assert first.image["vulnerabilities"][0]["fixed"] == "5.2.15-3"
    advisory.write_text(json.dumps(record("DEBIAN-CVE-2030-1", "Debian:12", "bash", [{"introduced": "0"}, {"fixed": "5.2.15-2"}])))
    varve.import_advisories(advisory)
    second = varve.scan(f"oci:{layout.folder}:one")
    assert cves(second.image) == set()
    assert second.image["layers"][0]["status"] == "reused"
    assert first.image["advisories"]["generation"] != second.image["advisories"]["generation"]


def test_a_record_gone_upstream_is_retracted(build, tmp_path):
    layout = Layout(tmp_path / "layout")
    layout.image("one", [debian_layer(("bash", "5.2.15-2"))])
    varve = Varve(build, tmp_path)
    folder = tmp_path / "advisories"
    folder.mkdir()
    for i in (1, 2):
        (folder / f"{i}.json").write_text(json.dumps(record(f"DEBIAN-CVE-2030-{i}", "Debian:12", "bash", [{"introduced": "0"}])))
    varve.import_advisories(folder)
    assert cves(varve.scan(f"oci:{layout.folder}:one").image) == {"CVE-2030-1", "CVE-2030-2"}
    (folder / "1.json").unlink()
    varve.import_advisories(folder)
    assert cves(varve.scan(f"oci:{layout.folder}:one").image) == {"CVE-2030-2"}
