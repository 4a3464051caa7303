"""Bad input: a clear line saying what, where and why; the other layers and images go on; the exit code of DESIGN 10."""
import gzip
import json
import os

import pytest
from images import Layout, apk_database, debian_layer, tar_of
from registry import Registry, free_port
from varve import Varve, packages

GOOD = debian_layer(("bash", "5.2.15-2"))


@pytest.fixture
def varve(build, tmp_path):
    return Varve(build, tmp_path)


def image_of(layout, name, *blobs):
    """An image of GOOD and raw layer blobs as they are."""
    layers = [layout.layer(GOOD)]
    for blob in blobs:
        layers.append(({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **layout.blob(blob)}, "sha256:" + "0" * 64))
    layout.tag(name, layout.manifest(layers))
    return f"oci:{layout.folder}:{name}"


def cut_gzip():
    return gzip.compress(tar_of([("opt/x", os.urandom(50000))]), mtime=0)[:-3000]


def flipped_gzip():
    data = bytearray(gzip.compress(tar_of([("opt/x", os.urandom(50000))]), mtime=0))
    data[len(data) // 2] ^= 0xFF
    return bytes(data)


BAD_LAYERS = {
    "cut gzip": (cut_gzip, ("truncated", "ends", "cut", "short")),
    "corrupt gzip": (flipped_gzip, ("gzip", "crc", "deflate", "corrupt")),
    "not a tar": (lambda: gzip.compress(b"this is no archive at all\n" * 1000, mtime=0), ("tar",)),
    "truncated tar": (lambda: gzip.compress(tar_of([("opt/x", b"x" * 50000)])[:20000], mtime=0), ("truncated", "ends", "cut", "short")),
}


@pytest.mark.parametrize("kind", BAD_LAYERS)
def test_a_bad_layer_makes_its_image_incomplete_and_stops_nothing(varve, tmp_path, kind):
    make, words = BAD_LAYERS[kind]
    layout = Layout(tmp_path / "layout")
    bad = image_of(layout, "bad", make())
    good = image_of(layout, "good")
    scan = varve.scan(bad, good)
    assert scan.code == 3, scan.err
    by_name = {r.rsplit(":", 1)[1]: image for r, image in scan.images.items()}
    assert by_name["good"]["complete"] is True
    assert by_name["bad"]["complete"] is False
    layer = by_name["bad"]["layers"][1]
    assert layer["status"] in ("failed", "partial")
    assert any(word in layer["reason"].lower() for word in words), layer["reason"]
    assert packages(by_name["bad"]) == {("bash", "5.2.15-2")}


def test_absolute_and_dotdot_paths_are_read_inside_the_root(varve, tmp_path):
    layout = Layout(tmp_path / "layout")
    tar = tar_of([("/etc/os-release", "ID=alpine\nVERSION_ID=3.9.0\n"), ("../../lib/apk/db/installed", apk_database(("musl", "1.1.20-r4")))])
    layout.image("odd", [tar])
    scan = varve.scan(f"oci:{layout.folder}:odd")
    assert packages(scan.image) == {("musl", "1.1.20-r4")}
    assert scan.image["os"]["id"] == "alpine"


def test_a_broken_package_database_is_reported_and_the_others_are_read(varve, tmp_path):
    layout = Layout(tmp_path / "layout")
    layout.image("broken", [GOOD, tar_of([("var/lib/rpm/rpmdb.sqlite", b"SQLite format 3\0" + b"\xff" * 5000)])])
    scan = varve.scan(f"oci:{layout.folder}:broken")
    assert scan.code == 3, scan.err
    assert scan.image["complete"] is False
    assert packages(scan.image) == {("bash", "5.2.15-2")}
    assert "rpmdb.sqlite" in json.dumps(scan.image)


def test_wrong_bytes_under_a_digest_fail_the_layer(varve, tmp_path):
    layout = Layout(tmp_path / "layout")
    reference = image_of(layout, "wrong", gzip.compress(tar_of([("a", "a")]), mtime=0))
    (victim,) = [p for p in (layout.folder / "blobs" / "sha256").iterdir()
                 if p.read_bytes() == gzip.compress(tar_of([("a", "a")]), mtime=0)]
    victim.write_bytes(gzip.compress(tar_of([("b", "b")]), mtime=0))
    scan = varve.scan(reference)
    assert scan.code == 3, scan.err
    assert scan.image["complete"] is False
    assert "bytes hash to sha256:" in scan.image["layers"][1]["reason"]


def test_an_unreachable_registry_is_named(varve):
    scan = varve.scan("--from-file", "-", input=f"127.0.0.1:{free_port()}/a/b:1\n")
    assert scan.code == 3, scan.err
    assert scan.image["complete"] is False
    assert "127.0.0.1" in json.dumps(scan.image)


def test_an_unknown_tag_does_not_stop_the_others(varve, tmp_path):
    layout = Layout(tmp_path / "layout")
    layout.image("one", [GOOD])
    with Registry(tmp_path / "registry") as registry:
        registry.push(f"oci:{layout.folder}:one", "team/one:1")
        scan = varve.scan(f"{registry.host}/team/one:1", f"{registry.host}/team/one:nope")
    assert scan.code == 3, scan.err
    by_tag = {r.rsplit(":", 1)[1]: image for r, image in scan.images.items()}
    assert by_tag["1"]["complete"] is True
    assert by_tag["nope"]["complete"] is False


def test_a_malformed_manifest_fails_its_image_only(varve, tmp_path):
    layout = Layout(tmp_path / "layout")
    layout.image("good", [GOOD])
    layout.tag("bad", {"mediaType": "application/vnd.oci.image.manifest.v1+json", **layout.blob(b'{"schemaVersion":2,"layers":"no"}')})
    scan = varve.scan(f"oci:{layout.folder}:bad", f"oci:{layout.folder}:good")
    assert scan.code == 3, scan.err
    assert {image["complete"] for image in scan.images.values()} == {True, False}


def test_an_unknown_media_type_does_not_decide(varve, tmp_path):
    layout = Layout(tmp_path / "layout")
    descriptor, diff_id = layout.layer(GOOD)
    layout.tag("odd", layout.manifest([({**descriptor, "mediaType": "application/x-nobody-knows"}, diff_id)]))
    scan = varve.scan(f"oci:{layout.folder}:odd")
    assert scan.code == 0, scan.err
    assert packages(scan.image) == {("bash", "5.2.15-2")}


@pytest.mark.parametrize("arguments", [[], ["--no-such-option"], ["docker://UPPER/Case:x"], ["oci:"], ["--format", "nope", "x"],
                                       ["--platform", "///", "x"]])
def test_usage_errors_are_exit_code_2(varve, arguments):
    scan = varve.scan(*arguments)
    assert scan.code == 2
    assert scan.err.strip()
    assert scan.out == ""


def test_a_read_only_store_is_exit_code_4(varve, tmp_path):
    layout = Layout(tmp_path / "layout")
    layout.image("one", [GOOD])
    (tmp_path / "file").write_text("no folder")
    varve.store = tmp_path / "file" / "store"
    scan = varve.scan(f"oci:{layout.folder}:one")
    assert scan.code == 4
    assert "store" in scan.err


def test_a_broken_advisory_record_is_named_and_the_others_are_imported(varve, tmp_path):
    folder = tmp_path / "advisories"
    folder.mkdir()
    good = {"id": "DEBIAN-CVE-2030-1", "modified": "2030-01-01T00:00:00Z", "affected": [
        {"package": {"ecosystem": "Debian:12", "name": "bash"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}
    (folder / "good.json").write_text(json.dumps(good))
    (folder / "bad.json").write_text("{\"id\": 7")
    out = varve.run("db", "import", "--store", varve.store, folder)
    assert out.code == 3
    assert "bad.json" in out.err
    layout = Layout(tmp_path / "layout")
    layout.image("one", [GOOD])
    scan = varve.scan(f"oci:{layout.folder}:one")
    assert [v["id"] for v in scan.image["vulnerabilities"]] == ["CVE-2030-1"]


def test_a_cut_advisory_archive_keeps_the_current_generation(varve, tmp_path):
    import zipfile
    good, cut = tmp_path / "good.zip", tmp_path / "cut.zip"
    with zipfile.ZipFile(good, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(200):
            archive.writestr(f"X-{i}.json", json.dumps({"id": f"X-{i}", "modified": "2030-01-01T00:00:00Z", "summary": os.urandom(200).hex()}))
    cut.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    assert varve.run("db", "import", "--store", varve.store, good).code == 0
    before = varve.run("db", "info", "--store", varve.store).out
    out = varve.run("db", "import", "--store", varve.store, cut)
    assert out.code == 4
    assert "cut.zip" in out.err
    assert varve.run("db", "info", "--store", varve.store).out == before


def test_a_page_instead_of_an_advisory_archive_leaves_what_is_known(varve, tmp_path):
    import functools
    import http.server
    import threading
    import zipfile
    served = tmp_path / "served"
    for name in ("Debian", "Alpine"):
        (served / name).mkdir(parents=True)
        with zipfile.ZipFile(served / name / "all.zip", "w") as archive:
            archive.writestr("X.json", json.dumps({"id": f"X-{name}", "modified": "2030-01-01T00:00:00Z"}))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=served)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        update = ("db", "update", "--store", varve.store, "--from", f"http://127.0.0.1:{server.server_port}", "Debian", "Alpine")
        assert varve.run(*update).code == 0
        (served / "Debian" / "all.zip").write_text("<html>please log in</html>")
        out = varve.run(*update)
        server.shutdown()
    assert out.code == 3
    assert "Debian: not updated" in out.err and "no zip archive" in out.err
    info = varve.run("db", "info", "--store", varve.store).out
    assert ["Debian", "1"] in [line.split()[:2] for line in info.splitlines()]


def test_a_wrong_size_in_one_manifest_does_not_hide_the_layer_from_others(varve, tmp_path):
    layout = Layout(tmp_path / "layout")
    descriptor, diff_id = layout.layer(GOOD)
    for name, size in (("aa-liar", 1), ("bb-honest", 0), ("cc-liar", -1), ("dd-honest", 0)):
        layout.tag(name, layout.manifest([({**descriptor, "size": descriptor["size"] + size}, diff_id)]))
    scan = varve.scan(f"oci:{layout.folder}")
    by_name = {r.rsplit(":", 1)[1]: image for r, image in scan.images.items()}
    for name in ("bb-honest", "dd-honest"):
        assert by_name[name]["complete"] is True, by_name[name]["layers"]
        assert packages(by_name[name]) == {("bash", "5.2.15-2")}


def test_an_endless_media_type_does_not_spoil_the_images_beside_it(varve, tmp_path):
    layout = Layout(tmp_path / "layout")
    descriptor, diff_id = layout.layer(GOOD)
    layout.tag("odd", layout.manifest([({**descriptor, "mediaType": "a/" + "b" * 300000}, diff_id)]))
    layout.image("good", [GOOD])
    scan = varve.scan(f"oci:{layout.folder}")
    assert scan.code == 0, scan.err
    assert len(scan.images) == 2
    assert all(packages(image) == {("bash", "5.2.15-2")} for image in scan.images.values())
