"""A broker, two workers and the commands that speak to them: separate programs, over ipc and over tcp with keys."""
import json

import pytest
from fleet import Fleet
from images import Layout, alpine_layer, debian_layer, tar_of
from registry import Registry

APPLICATIONS = 10


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A registry of ten images over two bases, with one top each."""
    folder = tmp_path_factory.mktemp("shop")
    layout = Layout(folder / "layout")
    bases = [alpine_layer(("musl", "1.1.20-r4"), ("zlib", "1.2.11-r1")), debian_layer(("bash", "5.2.15-2"))]
    with Registry(folder / "registry") as registry:
        for i in range(APPLICATIONS):
            layout.image(f"i{i}", [bases[i % 2], tar_of([("srv/app", f"application {i}\n" * 50)])])
            registry.push(f"oci:{layout.folder}:i{i}", f"team/app{i}:v1")
        registry.layers = {d["digest"] for i in range(APPLICATIONS) for d in registry.manifest(f"team/app{i}", "v1")["layers"]}
        yield registry


def layer_fetches(registry):
    fetched = registry.blob_fetches()
    return {digest: fetched[digest] for digest in registry.layers if digest in fetched}


def same_but_for_reuse(text):
    """Which of two images met a shared layer first is chance; so is the order in which images finish."""
    return sorted(text.replace('"reused"', '"scanned"').splitlines())


@pytest.mark.parametrize("endpoint", ["ipc", "tcp"])
def test_two_workers_read_each_layer_once_and_say_what_a_scan_says(build, shop, tmp_path, endpoint):
    with Fleet(build, tmp_path, "tcp://127.0.0.1:*" if endpoint == "tcp" else None) as fleet:
        if endpoint == "tcp":
            fleet.use_keys()
        fleet.start_broker()
        for name in ("one", "two"):
            fleet.start_worker(name)
        shop.forget_requests()
        job = fleet.submit(f"registry://{shop.host}")
        assert layer_fetches(shop) == {digest: 1 for digest in shop.layers}
        assert fleet.scans_started() == {digest: 1 for digest in shop.layers}

        alone = Fleet(build, tmp_path / "alone").varve.scan(f"registry://{shop.host}", "--plain-http")
        assert alone.code == 0, alone.err
        assert same_but_for_reuse(fleet.results(job).out) == same_but_for_reuse(alone.out)
        assert len(alone.images) == APPLICATIONS and all(image["complete"] for image in alone.images.values())

        shop.forget_requests()
        again = fleet.submit(f"registry://{shop.host}")
        assert again != job
        assert layer_fetches(shop) == {}
        assert fleet.scans_started() == {digest: 1 for digest in shop.layers}
        statuses = {layer["status"] for image in fleet.results(again).images.values() for layer in image["layers"]}
        assert statuses == {"reused"}


@pytest.mark.parametrize("fmt", ["jsonl", "json", "table", "cyclonedx"])
def test_a_report_of_the_store_and_of_the_broker_are_the_same_bytes(build, shop, tmp_path, fmt):
    with Fleet(build, tmp_path) as fleet:
        fleet.start_broker()
        fleet.start_worker("one")
        job = fleet.submit(f"registry://{shop.host}/team/app1", f"registry://{shop.host}/team/app2")
        from_store = fleet.varve.run("report", "--store", fleet.store, "--format", fmt)
        from_broker = fleet.call("report", "--format", fmt)
        assert from_store.code == from_broker.code == 0, from_store.err + from_broker.err
        assert from_store.out == from_broker.out
        assert from_store.out == fleet.results(job, fmt).out


def test_a_scan_beside_a_running_broker_on_one_store(build, shop, tmp_path):
    with Fleet(build, tmp_path) as fleet:
        fleet.start_broker()
        fleet.start_worker("one")
        shop.forget_requests()
        submitted = fleet.popen("submit", "--wait", f"registry://{shop.host}")
        scanned = fleet.varve.start_scan("--plain-http", f"registry://{shop.host}")
        out, err = scanned.communicate(timeout=120)
        assert scanned.returncode == 0, err
        job, err = submitted.communicate(timeout=120)
        assert submitted.returncode == 0, err
        assert layer_fetches(shop) == {digest: 1 for digest in shop.layers}
        assert same_but_for_reuse(fleet.results(job.strip()).out) == same_but_for_reuse(out)


def test_status_tells_every_job_and_what_waits_for_nobody(build, shop, tmp_path):
    with Fleet(build, tmp_path) as fleet:
        fleet.start_broker()
        fleet.start_worker("elsewhere", "--host", "registry.example")
        job = fleet.call("submit", f"registry://{shop.host}").out.strip()
        status = fleet.call("status", "--format", "json")
        assert status.code == 0, status.err
        told = json.loads(status.out)
        assert [(str(one["job"]), one["state"]) for one in told["jobs"]] == [(job, "running")]
        assert any(shop.host in notice and "no worker" in notice for notice in told["notices"])
        assert fleet.call("cancel", job).code == 0
        assert "cancelled" in fleet.call("status", job).out
        assert fleet.call("watch", job).code == 0
