"""The file memo: it never changes a result, whoever filled it; what it is asked and told; what makes it go."""
import json
import shutil

import pytest
from images import Layout, read_tar, tar_of
from varve import Varve


@pytest.fixture
def folder(shared, tmp_path):
    layout = Layout(tmp_path / "layout")
    for name in ("alpine-3.20.3-x86_64.tar.gz", "debian-8-jessie-layer.tar.gz", "docker-23.0.3-amd64-tree.tar.zst"):
        layout.image(name.split(".")[0], [read_tar(shared / "images" / name)])
    return layout.folder


def scan(build, tmp_path, store, source, *options):
    """Report and figures of a scan into a store of its own; the memo is the same for all that say so."""
    varve, stats = Varve(build, tmp_path), tmp_path / f"{store}.json"
    varve.store = tmp_path / store
    run = varve.scan(source, "--stats", stats, *options)
    assert run.code == 0, run.err
    return run.images, json.loads(stats.read_text())


def test_reports_are_the_same_without_memo_cold_and_warm(build, folder, tmp_path):
    memo = ("--memo", tmp_path / "memo")
    plain, figures = scan(build, tmp_path, "plain", f"oci:{folder}", "--memo", "none")
    assert figures["memo_lookups"] == figures["memo_hits"] == figures["memo_inserts"] == 0
    cold, figures = scan(build, tmp_path, "cold", f"oci:{folder}", *memo)
    assert figures["memo_inserts"] > 0
    warm, again = scan(build, tmp_path, "warm", f"oci:{folder}", *memo)
    assert again["memo_lookups"] == figures["memo_lookups"]
    assert again["memo_hits"] >= 0.9 * again["memo_lookups"] and again["memo_inserts"] == 0
    assert again["files_analysed"] < figures["files_analysed"]
    assert plain == cold == warm
    refused, figures = scan(build, tmp_path, "refused", f"oci:{folder}", "--no-reuse", *memo)
    assert figures["memo_lookups"] == figures["memo_inserts"] == 0 and refused == plain


def test_two_scans_at_once_share_a_memo(build, folder, tmp_path):
    plain, _ = scan(build, tmp_path, "plain", f"oci:{folder}", "--memo", "none")
    scans = []
    for store in ("one", "two"):
        varve = Varve(build, tmp_path)
        varve.store = tmp_path / store
        scans.append(varve.start_scan(f"oci:{folder}", "--memo", tmp_path / "memo"))
    for process in scans:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert {o["reference"]: o for o in map(json.loads, out.splitlines())} == plain


def test_a_partial_layer_leaves_nothing(build, tmp_path):
    layout = Layout(tmp_path / "layout")
    status = b"Package: a\nStatus: install ok installed\nVersion: 1\n\n" * 50
    layout.image("cut", [tar_of([("var/lib/dpkg/status", status), ("b", b"x" * 20000)])[:-22000]], compression="none")
    varve = Varve(build, tmp_path)
    run = varve.scan(f"oci:{layout.folder}", "--stats", tmp_path / "stats.json")
    assert run.code == 3
    figures = json.loads((tmp_path / "stats.json").read_text())
    assert figures["memo_lookups"] > 0 and figures["memo_inserts"] == 0


def test_purge_forgets_what_a_layer_brought(build, folder, tmp_path):
    images, figures = scan(build, tmp_path, "store", f"oci:{folder}")
    varve = Varve(build, tmp_path)
    assert f"facts of {figures['memo_inserts']} files" in varve.run("store", "memo", "info", "--store", varve.store).out
    for digest in {layer["digest"] for image in images.values() for layer in image["layers"]}:
        assert varve.run("store", "memo", "purge", "--store", varve.store, "--layer", digest).code == 0
    assert "facts of 0 files" in varve.run("store", "memo", "info", "--store", varve.store).out
    assert varve.run("store", "memo", "purge", "--store", varve.store).code == 2
    assert varve.run("store", "memo", "info", "--memo", tmp_path / "none").code != 0


def test_a_memo_that_cannot_be_used_is_done_without(build, folder, tmp_path):
    plain, _ = scan(build, tmp_path, "plain", f"oci:{folder}", "--memo", "none")
    (tmp_path / "memo").mkdir()
    (tmp_path / "memo" / "data.mdb").write_bytes(b"no database" * 1000)
    images, figures = scan(build, tmp_path, "store", f"oci:{folder}", "--memo", tmp_path / "memo")
    assert images == plain and figures["memo_lookups"] == 0
    shutil.rmtree(tmp_path / "memo")
    images, figures = scan(build, tmp_path, "again", f"oci:{folder}", "--memo", tmp_path / "memo")
    assert images == plain and figures["memo_inserts"] > 0
