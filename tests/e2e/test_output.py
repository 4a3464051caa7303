"""What varve scan prints: formats of real scans by their schemas, gates, files, colours and the progress line of a terminal."""
import json
import os
import pty
import select
import signal
import subprocess
import time

import pytest

from images import Layout, alpine_layer, debian_layer
from varve import Varve

jsonschema = pytest.importorskip("jsonschema", reason="needs python3-jsonschema")

BASH = {"id": "DEBIAN-CVE-2030-1", "modified": "2026-01-01T00:00:00Z", "aliases": ["CVE-2030-1"],
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected": [{"package": {"ecosystem": "Debian:12", "name": "bash"},
                      "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "6-1"}]}]}]}
UNRATED = {"id": "DEBIAN-CVE-2030-2", "modified": "2026-01-01T00:00:00Z", "aliases": ["CVE-2030-2"],
           "affected": [{"package": {"ecosystem": "Debian:12", "name": "dash"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}


@pytest.fixture
def varve(build, tmp_path):
    return Varve(build, tmp_path)


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path / "layout")
    layout.image("bad", [debian_layer(("bash", "5.2-1"))])
    layout.image("unrated", [debian_layer(("dash", "0.5-1"))])
    layout.image("clean", [debian_layer(("sed", "4.9-1"))])
    layout.image("uncovered", [alpine_layer(("musl", "1.1-r0"))])
    return layout


def advisories(varve, tmp_path):
    folder = tmp_path / "osv"
    folder.mkdir()
    for record in (BASH, UNRATED):
        (folder / f"{record['id']}.json").write_text(json.dumps(record))
    varve.import_advisories(folder)


@pytest.mark.parametrize("image,fail_on,code", [
    ("bad", "critical", 1), ("bad", None, 0), ("clean", "low", 0), ("unrated", "low", 0), ("unrated", "low,unknown", 1),
    ("uncovered", "critical", 1), ("nosuch", "critical", 1), ("nosuch", None, 3),
])
def test_gate(varve, layout, tmp_path, image, fail_on, code):
    advisories(varve, tmp_path)
    out = varve.scan(f"oci:{layout.folder}:{image}", *(["--fail-on", fail_on] if fail_on else []))
    assert out.code == code, out.err
    assert ("gate" in out.err) == (code == 1)


def test_gate_without_a_database_could_not_run(varve, layout):
    out = varve.scan(f"oci:{layout.folder}:clean", "--fail-on", "critical")
    assert out.code == 4
    assert "no advisory database" in out.err
    assert varve.scan(f"oci:{layout.folder}:clean").code == 0


def test_reports_of_a_scan_and_of_its_store_are_the_same_bytes_in_every_format(varve, layout, tmp_path):
    advisories(varve, tmp_path)
    for fmt in ("json", "jsonl", "cyclonedx"):
        scan = varve.scan(f"oci:{layout.folder}", fmt=fmt)
        assert scan.code == 0, scan.err
        report = varve.run("report", "--store", varve.store, "--format", fmt)
        assert report.code == 0, report.err
        assert scan.out == report.out
    table = varve.run("report", "--store", varve.store)
    assert "CVE-2030-1" not in table.out and "bash" in table.out  # rows and what to fix, not every finding
    assert "CVE-2030-1" in varve.run("report", "--store", varve.store, "--details").out


def test_json_of_a_scan_is_valid_by_the_schema(varve, layout, tmp_path):
    root = os.path.join(os.path.dirname(__file__), "..", "..")
    with open(os.path.join(root, "docs/schema/varve.image.1.json"), encoding="utf-8") as file:
        schema = jsonschema.Draft202012Validator(json.load(file))
    advisories(varve, tmp_path)
    images = json.loads(varve.scan(f"oci:{layout.folder}", f"oci:{layout.folder}:nosuch", fmt="json").out)
    assert len(images) == 5
    for image in images:
        schema.validate(image)


def test_output_goes_to_the_file_and_nothing_to_standard_output(varve, layout, tmp_path):
    out = varve.scan(f"oci:{layout.folder}:clean", "--output", tmp_path / "report.jsonl")
    assert out.code == 0 and out.out == ""
    assert json.loads((tmp_path / "report.jsonl").read_text())["complete"] is True


def test_progress_and_colours_are_for_terminals(varve, layout, tmp_path):
    advisories(varve, tmp_path)
    command = [str(varve.program), "scan", "--store", str(varve.store), f"oci:{layout.folder}:bad"]
    piped = subprocess.run(command, capture_output=True, env=varve.env, check=True)
    assert b"\x1b" not in piped.stdout + piped.stderr
    colour, plain = ({**varve.env, "TERM": "xterm", **extra} for extra in ({}, {"NO_COLOR": "1"}))
    assert b"\x1b[1;31mcritical\x1b[0m" in on_terminal(command, colour)
    assert b"\x1b[1;31m" not in on_terminal(command, plain)


def on_terminal(command, env):
    """Everything that `command` writes to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, close_fds=True)
    os.close(theirs)
    seen = b""
    while True:
        ready, _, _ = select.select([ours], [], [], 60)
        assert ready, "the program hangs"
        try:
            data = os.read(ours, 65536)
        except OSError:
            break
        if not data:
            break
        seen += data
    os.close(ours)
    assert process.wait() == 0
    return seen


def test_jsonl_reader_that_goes_away_ends_the_scan(varve, layout):
    process = varve.start_scan(f"oci:{layout.folder}")
    process.stdout.close()
    assert process.wait(timeout=60) == 4
    assert "standard output" in process.stderr.read()
    process.stderr.close()


def test_interrupted_scan_reports_what_is_finished(varve, layout, tmp_path):
    """The list never ends, so the scan can only end by the signal: with what was finished, and exit status 3."""
    fifo, report = tmp_path / "list", tmp_path / "report.jsonl"
    os.mkfifo(fifo)
    process = varve.start_scan("--output", report, "--from-file", fifo)
    with open(fifo, "w", encoding="utf-8") as feed:
        for _ in range(2000):
            feed.write(f"oci:{layout.folder}:bad\n")
        feed.flush()
        deadline = time.monotonic() + 60
        while not report.exists() or not report.read_text():
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert "interrupted" in err and out == ""
    assert [json.loads(line)["reference"] for line in report.read_text().splitlines()]
