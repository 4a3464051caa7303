"""Backup of a store in use, restored elsewhere: the job goes on there and ends with the same results."""
import json
import os
import subprocess
import threading

import pytest
from fleet import Fleet
from held_registry import HeldRegistry
from images import Layout, alpine_layer, tar_of
from varve import packages

MUSL = ("musl", "1.1.20-r4")


@pytest.fixture
def layout(tmp_path):
    """Four images over one base."""
    layout = Layout(tmp_path / "layout")
    base = alpine_layer(MUSL)
    tops = [tar_of([("srv/app", f"application {i}\n" * 200)]) for i in range(4)]
    for i, top in enumerate(tops):
        layout.image(f"team/app{i}:v1", [base, top])
    layout.tops = [layout.layer(top)[0]["digest"] for top in tops]
    return layout


def essence(fleet, job):
    """What a report says of each image; not when it was scanned, nor by which job."""
    return {name: (image["complete"], sorted(packages(image)), [layer["digest"] for layer in image["layers"]])
            for name, image in fleet.results(job).images.items()}


def test_backup_during_a_job_is_restored_elsewhere_and_the_job_ends_the_same(build, layout, tmp_path):
    with HeldRegistry(layout, held=layout.tops[2:]) as registry:
        with Fleet(build, tmp_path / "first") as first:
            first.start_broker()
            first.start_worker("one")
            first.start_worker("two")
            submit = first.popen("submit", "--wait", f"registry://{registry.host}")
            for digest in layout.tops:
                registry.wait_asked(digest)
            out = first.varve.run("store", "backup", "--store", first.store, tmp_path / "backup")
            assert out.code == 0, out.err
            registry.release()
            job, err = submit.communicate(timeout=60)
            assert submit.returncode == 0, err
            job = job.strip()
            expected = essence(first, job)
        assert len(expected) == 4 and all(complete for complete, _, _ in expected.values())

        with Fleet(build, tmp_path / "second") as second:
            out = second.varve.run("store", "restore", "--store", second.store, tmp_path / "backup")
            assert out.code == 0, out.err
            assert " 0 of them damaged" in out.err
            second.start_broker()
            second.start_worker("three")
            watched = second.call("watch", job)
            assert watched.code == 0, watched.err
            assert essence(second, job) == expected
            check = second.varve.run("store", "check", "--store", second.store)
            assert check.code == 0 and "every record is whole" in check.out


def test_a_backup_streams_and_is_restored_from_a_stream(build, layout, tmp_path):
    with Fleet(build, tmp_path / "fleet") as fleet, HeldRegistry(layout) as registry:
        out = fleet.varve.scan("--plain-http", f"registry://{registry.host}")
        assert out.code == 0, out.err
        copy = subprocess.run([build / "varve", "store", "backup", "--compact", "--store", fleet.store, "-"], env=fleet.env,
                              capture_output=True)
        assert copy.returncode == 0, copy.stderr
        back = subprocess.run([build / "varve", "store", "restore", "--store", tmp_path / "back", "-"], env=fleet.env,
                              input=copy.stdout, capture_output=True)
        assert back.returncode == 0, back.stderr
        report = fleet.varve.run("report", "--store", tmp_path / "back", "--format", "jsonl")
        assert report.images.keys() == out.images.keys()


def test_advisories_come_along_when_asked_for(build, layout, tmp_path):
    with Fleet(build, tmp_path / "fleet") as fleet, HeldRegistry(layout) as registry:
        (tmp_path / "adv").mkdir()
        (tmp_path / "adv" / "A-1.json").write_text(json.dumps({
            "id": "A-1", "modified": "2026-01-01T00:00:00Z", "affected": [
                {"package": {"ecosystem": "Alpine:v3.8", "name": "musl"},
                 "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}))
        fleet.varve.import_advisories(tmp_path / "adv")
        assert fleet.varve.scan("--plain-http", f"registry://{registry.host}").code == 0
        out = fleet.varve.run("store", "backup", "--advisories", "--store", fleet.store, tmp_path / "backup")
        assert out.code == 0, out.err
        out = fleet.varve.run("store", "restore", "--store", tmp_path / "back", tmp_path / "backup")
        assert out.code == 0, out.err
        was, now = [fleet.varve.run("db", "info", "--format", "json", "--store", store) for store in (fleet.store, tmp_path / "back")]
        assert was.code == now.code == 0, now.err
        assert json.loads(was.out)["generation"] == json.loads(now.out)["generation"]


def test_a_target_that_is_taken_and_a_store_in_use_are_refused(build, tmp_path):
    with Fleet(build, tmp_path / "fleet") as fleet:
        fleet.start_broker()
        assert fleet.varve.run("store", "backup", "--store", fleet.store, tmp_path / "backup").code == 0
        again = fleet.varve.run("store", "backup", "--store", fleet.store, tmp_path / "backup")
        assert again.code == 2 and "already" in again.err
        busy = fleet.varve.run("store", "restore", "--replace", "--store", fleet.store, tmp_path / "backup")
        assert busy.code == 4 and "in use" in busy.err
        missing = fleet.varve.run("store", "backup", "--store", tmp_path / "nothing", tmp_path / "other")
        assert missing.code == 4 and str(tmp_path / "nothing") in missing.err
        assert not (tmp_path / "other" / "data.mdb").exists()


def test_a_target_that_takes_too_long_is_given_up(build, tmp_path):
    """The store grows while nobody reads the copy: the backup ends by itself, and holds nothing any more."""
    with Fleet(build, tmp_path / "fleet") as fleet:
        big = Layout(tmp_path / "big")
        for i in range(3):
            big.image(f"a{i}:v1", [tar_of([(f"d{i}/{os.urandom(60).hex()}", b"") for _ in range(20000)])])
        assert fleet.varve.scan(f"oci:{tmp_path / 'big'}:a0:v1").code == 0
        backup = subprocess.Popen([build / "varve", "store", "backup", "--growth-max", "1", "--store", fleet.store, "-"],
                                  env=fleet.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        first = backup.stdout.read(4096)
        assert first
        for name in ("a1", "a2"):
            assert fleet.varve.scan(f"oci:{tmp_path / 'big'}:{name}:v1").code == 0
        drain = threading.Thread(target=backup.stdout.read)
        drain.start()
        err = backup.stderr.read().decode()
        drain.join()
        assert backup.wait(60) == 4 and "too slow" in err
