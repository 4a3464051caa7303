"""kill -9, SIGSTOP and restarts of broker, workers, client and registry at random moments: the results are those of a quiet run.

`pytest tests/e2e/test_chaos.py --seed 7` replays a seed; a failure prints it with the story of its strikes. VARVE_TEST_LONG=1
(tests/run --long) runs more seeds.
"""
import json
import os

import pytest
from catalogue import Catalogue
from chaos import Chaos, canonical
from fleet import Fleet
from registry import Registry

SEEDS = range(1, 21) if os.environ.get("VARVE_TEST_LONG") else (1, 2, 3)


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        given = metafunc.config.getoption("--seed")
        metafunc.parametrize("seed", given or SEEDS)


def totals(fleet, job):
    """What status says of the job, without what depends on time and chance: when it ran, how layers split into scanned and
    reused, how many tries it took, and what was fetched for tries."""
    told = json.loads(fleet.call("status", "--format", "json", job).out)["jobs"][0]
    return {"state": told["state"], "images": told["images"],
            "layers": {key: told["layers"][key] for key in ("unique", "done", "failed", "uses")}}


def check_counters(fleet, catalogue, story):
    """Whatever was killed: every layer was finished once, and each further start has its reason. A task that was committed may
    never have reached a worker; none reached one uncommitted."""
    counters, begun = fleet.counters(), fleet.scans_started()
    assert counters["layers"] == counters["finished"] == len(catalogue.layers), (counters, story)
    assert counters["images"] == len(catalogue.names) * counters["jobs"], (counters, story)
    assert counters["failed"] == counters["images_failed"] == counters["quarantined"] == 0, (counters, story)
    assert set(begun) == catalogue.layers and sum(begun.values()) <= counters["started"], (counters, begun, story)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return Catalogue(tmp_path_factory.mktemp("catalogue"))


@pytest.fixture(scope="module")
def registry(catalogue):
    with Registry(catalogue.folder / "registry") as registry:
        registry.push_layout(catalogue.layout)
        yield registry


@pytest.fixture(scope="module")
def quiet(build, catalogue, registry, tmp_path_factory):
    """An undisturbed run: its report and totals."""
    with Fleet(build, tmp_path_factory.mktemp("quiet")) as fleet:
        fleet.advisories = catalogue.write_advisories()
        fleet.varve.import_advisories(fleet.advisories)
        fleet.start_broker()
        for name in ("one", "two"):
            fleet.start_worker(name)
        registry.forget_requests()
        fleet.job = fleet.submit(f"registry://{registry.host}")
        fleet.text = fleet.results(fleet.job, "json").out
        fleet.totals = totals(fleet, fleet.job)
        assert {d: n for d, n in registry.blob_fetches().items() if d in catalogue.layers} == dict.fromkeys(catalogue.layers, 1)
        yield fleet


def test_a_quiet_run_is_what_the_catalogue_says(quiet, catalogue):
    images = {image["reference"]: image for image in json.loads(quiet.text)}
    assert len(images) == len(catalogue.names) and all(image["complete"] for image in images.values())
    assert {v["id"] for image in images.values() for v in image["vulnerabilities"]} == {"CVE-2030-1", "CVE-2030-2"}
    assert quiet.scans_started() == dict.fromkeys(catalogue.layers, 1)
    assert quiet.totals["images"]["done"] == quiet.totals["images"]["total"] == len(catalogue.names)
    assert quiet.totals["layers"]["unique"] == quiet.totals["layers"]["done"] == len(catalogue.layers)
    assert quiet.totals["layers"]["failed"] == 0


def test_chaos_changes_nothing(build, catalogue, registry, quiet, tmp_path, seed):
    with Fleet(build, tmp_path / "fleet", "tcp://127.0.0.1:*" if seed % 2 else None) as fleet:
        if seed % 2:
            fleet.use_keys()
        fleet.varve.import_advisories(quiet.advisories)
        chaos = Chaos(fleet, registry, seed)
        chaos.start()
        chaos.submit(f"registry://{registry.host}")
        code = chaos.run()
        story = "\n".join(chaos.story)
        print(story)
        assert code == 0, story + "\n" + chaos.client.log
        assert canonical(fleet.results(chaos.job, "json").out) == canonical(quiet.text), story
        assert totals(fleet, chaos.job) == quiet.totals, story
        check_counters(fleet, catalogue, story)
        check = fleet.varve.run("store", "check", "--store", fleet.store)
        assert check.code == 0, check.out + check.err
