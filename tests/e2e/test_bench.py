"""bench_broker does what it says: real brokers, all layers of all fleets acknowledged. Nothing is timed here."""
import json
import subprocess

import pytest

SMALL = ["--layers", "6000", "--per-image", "50", "--waiting", "40", "--tasks", "500", "--big-tasks", "100", "--slots", "8",
         "--workers", "1x1,2", "--submits", "3", "--start", "2000", "--floor", "200"]


@pytest.fixture(scope="module")
def report(build, tmp_path_factory):
    program = build / "bench" / "bench_broker"
    if not program.exists():
        pytest.skip("built without benchmarks")
    folder = tmp_path_factory.mktemp("bench")
    done = subprocess.run([program, *SMALL, "--transport", "both", "--dir", folder, "--json", folder / "out.json"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in folder.iterdir()] == ["out.json"], "stores are removed"
    return json.loads((folder / "out.json").read_text())


def test_each_fleet_runs_over_both_transports(report):
    runs = [(run["transport"], run["workers"], run["slots"], run["result_bytes"] > 20000) for run in report["runs"]]
    assert runs == [(transport, *fleet, large) for transport in ("ipc", "inproc") for large in (False, True)
                    for fleet in ((1, 1), (2, 8))]
    assert all(run["tasks"] > 0 and run["tasks_per_s"] > 0 for run in report["runs"])


def test_the_queue_shrinks_by_what_the_fleets_took(report):
    for transport in ("ipc", "inproc"):
        queued = [run["queued"] for run in report["runs"] if run["transport"] == transport]
        assert queued[0] == 6000
        assert queued[1] < queued[0] and queued[2] <= queued[1] - 500 and queued[3] < queued[2]


def test_memory_and_floors_are_told(report):
    assert [queue["layers"] for queue in report["queues"]] == [6000, 6000]
    assert all(queue["bytes_of_its_record"] > 500 for queue in report["queues"])
    assert [floor["batch"] for floor in report["floors"]] == [1, 64, 512, 4096]
    assert all(floor["catalog_tasks_per_s"] > 0 and floor["lmdb_puts_per_s"] > 0 for floor in report["floors"])


def test_a_broker_starts_on_a_full_catalog_and_goes_on_with_its_job(report):
    assert len(report["starts"]) == 4
    assert [start["first_task_ms"] > 0 for start in report["starts"]] == [False, False, True, True]
