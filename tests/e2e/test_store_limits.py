"""A store that is full, read-only, or of another format: a clear line, exit 4, and what was acknowledged is still there."""
import os
import re
import subprocess

import pytest
from fleet import Fleet
from images import Layout, alpine_layer, tar_of
from registry import Registry
from varve import Varve


@pytest.fixture
def tiny_disk(tmp_path):
    """A tmpfs of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    out = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], capture_output=True, text=True)
    if out.returncode:
        pytest.skip("needs the right to mount: " + out.stderr.strip())
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def remount(folder, *options):
    subprocess.run(["mount", "-o", ",".join(("remount", *options)), folder], check=True)


@pytest.fixture
def layout(tmp_path):
    """Twenty images, each with a layer of 1,500 files of random names: path tables that do not compress."""
    layout = Layout(tmp_path / "layout")
    base = alpine_layer(("musl", "1.1.20-r4"))
    for i in range(20):
        files = [(f"srv/{os.urandom(60).hex()}", "x") for _ in range(1500)]
        layout.image(f"app:v{i}", [base, tar_of(files)])
    return layout


def test_a_full_disk_ends_a_scan_with_4_and_the_store_opens_again(build, tmp_path, tiny_disk, layout):
    varve = Varve(build, tmp_path)
    varve.store = tiny_disk / "store"
    full = varve.scan(f"oci:{layout.folder}")
    assert full.code == 4, full.err
    assert str(varve.store) in full.err and ("full" in full.err or "No space left" in full.err), full.err
    read = varve.run("report", "--store", varve.store, "--format", "jsonl")
    assert read.code in (0, 3, 4), read.err  # what was committed
    remount(tiny_disk, "size=200m")
    again = varve.scan(f"oci:{layout.folder}")
    assert again.code == 0, again.err
    assert len(again.images) == 20 and all(image["complete"] for image in again.images.values())


def test_a_full_disk_stops_the_broker_with_4_and_it_goes_on_with_room(build, tmp_path, tiny_disk, layout):
    with Fleet(build, tmp_path / "fleet") as fleet, Registry(tmp_path / "registry") as registry:
        for i in range(20):
            registry.push(f"oci:{layout.folder}:app:v{i}", f"app:v{i}")
        fleet.store = fleet.varve.store = tiny_disk / "store"
        broker = fleet.start_broker()
        fleet.start_worker("one")
        submit = fleet.popen("submit", "--wait", f"registry://{registry.host}")
        assert broker.wait() == 4
        assert str(fleet.store) in broker.log and ("full" in broker.log or "No space left" in broker.log)
        out, err = submit.communicate(timeout=60)
        assert submit.returncode == 4, err
        assert "full" in err or "No space left" in err
        remount(tiny_disk, "size=200m")
        fleet.start_broker().wait_line(f"job {out.strip()} goes on")
        assert fleet.call("watch", out.strip()).code == 0
        assert len(fleet.results(out.strip()).images) == 20


def test_the_ceiling_of_the_store_is_kept(build, tmp_path, layout):
    with Fleet(build, tmp_path / "fleet") as fleet, Registry(tmp_path / "registry") as registry:
        for i in range(20):
            registry.push(f"oci:{layout.folder}:app:v{i}", f"app:v{i}")
        broker = fleet.start_broker("--store-bytes-max", 1 << 20)
        fleet.start_worker("one")
        submit = fleet.popen("submit", "--wait", f"registry://{registry.host}")
        assert broker.wait() == 4
        assert submit.wait(60) == 4
        assert sum(path.stat().st_blocks * 512 for path in fleet.store.glob("data.mdb")) <= 2 << 20


def test_a_read_only_store_is_reported_but_not_scanned_into(build, tmp_path, tiny_disk):
    layout = Layout(tmp_path / "layout")
    layout.image("app:v1", [alpine_layer(("musl", "1.1.20-r4"))])
    varve = Varve(build, tmp_path)
    varve.store = tiny_disk / "store"
    first = varve.scan(f"oci:{layout.folder}")
    assert first.code == 0, first.err
    remount(tiny_disk, "ro")
    report = varve.run("report", "--store", varve.store, "--format", "jsonl")
    assert report.code == 0 and report.out == first.out, report.err
    assert varve.run("store", "info", "--store", varve.store).code == 0
    assert varve.run("store", "check", "--store", varve.store).code == 0
    scan = varve.scan(f"oci:{layout.folder}")
    assert scan.code == 4 and str(varve.store) in scan.err and "ead-only" in scan.err, scan.err
    broker = subprocess.run([build / "varve-broker", "--store", varve.store, "--endpoint", f"ipc://{tmp_path}/x"], capture_output=True,
                            text=True, env=varve.env, timeout=60)
    assert broker.returncode == 4 and str(varve.store) in broker.stderr, broker.stderr


@pytest.mark.parametrize("version, advice", [(b"0", "an older Varve wrote it"), (b"9", "use a newer Varve")])
def test_another_format_is_named(build, tmp_path, version, advice):
    layout = Layout(tmp_path / "layout")
    layout.image("app:v1", [alpine_layer(("musl", "1.1.20-r4"))])
    varve = Varve(build, tmp_path)
    assert varve.scan(f"oci:{layout.folder}").code == 0
    data = (varve.store / "data.mdb").read_bytes()
    changed, count = re.subn(rb"catalog 1 \d", b"catalog 1 " + version, data)  # the format record of docs/STORE_FORMAT.md
    assert count
    (varve.store / "data.mdb").write_bytes(changed)
    for out in (varve.scan(f"oci:{layout.folder}"), varve.run("report", "--store", varve.store),
                varve.run("store", "info", "--store", varve.store)):
        assert out.code == 4, out.err
        assert str(varve.store) in out.err and advice in out.err, out.err
