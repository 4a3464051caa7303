"""A broker, two workers and a registry on hosts of their own (network namespaces), with keys; links are cut without a word
and healed in the middle of layers. What is done goes on elsewhere or is taken over on return; the results do not change."""
import json

import netns
import pytest
from fleet import Fleet, retries
from held_registry import HeldRegistry
from images import Layout, alpine_layer, tar_of

MISSING = netns.why_not()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
IMAGES = 4


@pytest.fixture
def network():
    with netns.Network("broker", "one", "two", "registry") as network:
        yield network


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path / "layout")
    base = alpine_layer(("musl", "1.1.20-r4"), ("zlib", "1.2.11-r1"))
    for i in range(IMAGES):
        layout.image(f"team/app{i}:v1", [base, tar_of([("srv/app", f"application {i}\n" * 200)])])
    layout.base = layout.layer(base)[0]["digest"]
    return layout


@pytest.fixture
def registry(network, layout):
    with network.inside("registry"):
        registry = HeldRegistry(layout, held=[layout.base], address=network.address["registry"])
    with registry:
        yield registry


@pytest.fixture
def fleet(build, tmp_path, network):
    """Its broker runs on host `broker`, and so do the commands."""
    with Fleet(build, tmp_path / "fleet", f"tcp://{network.address['broker']}:7070") as fleet:
        fleet.use_keys()
        fleet.varve.inside = fleet.inside = network.command("broker")
        fleet.broker = fleet.start_broker()
        yield fleet


def start_worker(fleet, network, name):
    """With a folder of its own, as on a machine of its own."""
    (fleet.folder / name).mkdir()
    fleet.inside = network.command(name)
    worker = fleet.start_worker(name, "--spool", fleet.folder / name)
    fleet.inside = network.command("broker")
    fleet.broker.wait_line(f"{name} has joined")
    return worker


def check(fleet, build, network, registry, job, tmp_path):
    """The results are those of a scan without any fleet, from the registry's own host."""
    alone = Fleet(build, tmp_path / "alone").varve
    alone.inside = network.command("registry")
    quiet = alone.scan(f"registry://{registry.host}", "--plain-http", fmt="json")
    assert quiet.code == 0, quiet.err

    def comparable(text):
        return sorted(json.dumps(image).replace('"reused"', '"scanned"') for image in json.loads(text))
    assert comparable(fleet.results(job, "json").out) == comparable(quiet.out)
    counters = fleet.counters()
    assert counters["layers"] == counters["finished"] == IMAGES + 1 and counters["failed"] == 0
    assert sum(fleet.scans_started().values()) <= counters["started"]
    return counters


def test_a_worker_that_is_cut_off_is_replaced_and_comes_back(build, fleet, network, registry, layout, tmp_path):
    lost = start_worker(fleet, network, "one")
    submit = fleet.popen("submit", "--wait", f"registry://{registry.host}")
    registry.wait_asked(layout.base)
    network.cut("one")
    start_worker(fleet, network, "two")
    fleet.broker.wait_line("one is silent")
    registry.wait_asked(layout.base, 2)
    lost.wait_line("nothing heard from the broker")
    network.heal("one")
    registry.release()
    job, err = submit.communicate(timeout=90)
    assert submit.returncode == 0, err
    assert fleet.scans_started()[layout.base] == registry.asked(layout.base) == 2
    counters = check(fleet, build, network, registry, job.strip(), tmp_path)
    assert counters["retried_worker_lost"] == retries(counters) >= 1
    told = fleet.wait_status(lambda told: len(told["workers"]) == 2 and all(w["tasks"] == 0 for w in told["workers"]), "--workers")
    assert {worker["name"] for worker in told["workers"]} == {"one", "two"}


def test_a_short_cut_costs_nothing(build, fleet, network, registry, layout, tmp_path):
    """Shorter than the silence that ends a lease: the worker still has its layers, and delivers them."""
    start_worker(fleet, network, "one")
    submit = fleet.popen("submit", "--wait", f"registry://{registry.host}")
    registry.wait_asked(layout.base)
    network.cut("one")
    fleet.wait_status(lambda told: told["workers"][0]["heard_ms"] > 5000, "--workers")
    network.heal("one")
    registry.release()
    job, err = submit.communicate(timeout=90)
    assert submit.returncode == 0, err
    counters = check(fleet, build, network, registry, job.strip(), tmp_path)
    assert retries(counters) == 0 and counters["started"] == IMAGES + 1


def test_a_broker_that_is_cut_off_takes_the_leases_back_that_nobody_else_was_given(build, fleet, network, registry, layout, tmp_path):
    worker = start_worker(fleet, network, "one")
    submit = fleet.popen("submit", "--wait", f"registry://{registry.host}")
    registry.wait_asked(layout.base)
    network.cut("broker")
    fleet.broker.wait_line("one is silent")
    worker.wait_line("nothing heard from the broker")
    registry.release()  # it goes on reading meanwhile, and keeps what it has found
    network.heal("broker")
    job, err = submit.communicate(timeout=90)
    assert submit.returncode == 0, err
    assert registry.asked(layout.base) == 1, "the layer was read again although its reader had kept it"
    assert set(fleet.scans_started().values()) == {1}
    counters = check(fleet, build, network, registry, job.strip(), tmp_path)
    # A task that was under way when the link was cut never came: its lease was lost, and it began at another try only.
    assert retries(counters) == counters["retried_worker_lost"] <= 2, counters


def test_a_registry_that_is_cut_off_and_comes_back_fails_nothing(build, fleet, network, registry, layout, tmp_path):
    start_worker(fleet, network, "one")
    start_worker(fleet, network, "two")
    network.cut("registry")
    submit = fleet.popen("submit", "--wait", f"registry://{registry.host}")
    fleet.wait_status(lambda told: told["workers"] and any(w["tasks"] for w in told["workers"]), "--workers")
    network.heal("registry")
    registry.wait_asked(layout.base)
    network.cut("registry")
    registry.release()
    network.heal("registry")
    job, err = submit.communicate(timeout=120)
    assert submit.returncode == 0, err
    check(fleet, build, network, registry, job.strip(), tmp_path)
