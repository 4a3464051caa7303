"""Each layer is read once across the fleet, and each further reading has a counted reason: the fleet's counters, the workers' own
logs and the registry's access log tell the same."""
import json
import signal

import pytest
from catalogue import Catalogue
from fleet import Fleet, retries
from held_registry import HeldRegistry
from images import Layout, alpine_layer, tar_of
from registry import Registry

ZERO = ("late", "duplicates", "failed", "quarantined", "refused", "cut_by_resources", "images_failed")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return Catalogue(tmp_path_factory.mktemp("catalogue"), images=40, seed=2)


@pytest.fixture(scope="module")
def shop(catalogue):
    with Registry(catalogue.folder / "registry") as registry:
        registry.push_layout(catalogue.layout)
        yield registry


@pytest.fixture
def fleet(build, tmp_path):
    with Fleet(build, tmp_path / "fleet") as fleet:
        yield fleet


def fetches(registry, catalogue):
    return {digest: count for digest, count in registry.blob_fetches().items() if digest in catalogue.layers}


def test_undisturbed_once_in_every_book(fleet, catalogue, shop):
    fleet.start_broker()
    for name in ("one", "two"):
        fleet.start_worker(name)
    shop.forget_requests()
    fleet.submit(f"registry://{shop.host}")
    once = dict.fromkeys(catalogue.layers, 1)
    counters = fleet.counters()
    assert fetches(shop, catalogue) == once
    assert fleet.scans_started() == once
    assert counters["started"] == counters["layers"] == counters["finished"] == len(catalogue.layers)
    assert counters["images"] == counters["resolves"] == len(catalogue.names)
    assert retries(counters) == 0 and all(counters[name] == 0 for name in ZERO)

    fleet.submit(f"registry://{shop.host}")  # the second night
    again = fleet.counters()
    assert fetches(shop, catalogue) == once and fleet.scans_started() == once
    assert {**again, "jobs": 1, "images": counters["images"], "resolves": counters["resolves"]} == {**counters, "jobs": 1}

    fleet.submit("--no-reuse", f"registry://{shop.host}")
    forced = fleet.counters()
    assert fleet.scans_started() == dict.fromkeys(catalogue.layers, 2)
    assert forced["retried_forced"] == len(catalogue.layers) and retries(forced) == len(catalogue.layers)


def test_two_scans_without_a_broker_beside_one_on_the_same_store(fleet, catalogue, shop):
    fleet.start_broker()
    fleet.start_worker("one")
    shop.forget_requests()
    submit = fleet.popen("submit", "--wait", f"registry://{shop.host}")
    scans = [fleet.varve.start_scan("--plain-http", f"registry://{shop.host}") for _ in range(2)]
    for program in (submit, *scans):
        _, err = program.communicate(timeout=240)
        assert program.returncode == 0, err
    counters = fleet.counters()
    assert fetches(shop, catalogue) == dict.fromkeys(catalogue.layers, 1)
    assert counters["started"] == counters["layers"] == counters["finished"] == len(catalogue.layers)
    assert counters["jobs"] == 3 and counters["images"] == 3 * len(catalogue.names)
    assert retries(counters) == 0 and all(counters[name] == 0 for name in ZERO)


class Small:
    """Three images of one base, tops of their own."""

    def __init__(self, folder):
        self.layout = Layout(folder)
        base, tops = alpine_layer(("musl", "1.1.20-r4")), [tar_of([("srv/app", f"application {i}\n" * 200)]) for i in range(3)]
        for i, top in enumerate(tops):
            self.layout.image(f"team/app{i}:v1", [base, top])
        self.base = self.layout.layer(base)[0]["digest"]
        self.tops = [self.layout.layer(top)[0]["digest"] for top in tops]


@pytest.fixture
def small(tmp_path):
    return Small(tmp_path / "layout")


def test_a_registry_that_is_unwell_for_a_while_is_asked_again(fleet, small):
    unwell = [(503, {}), (500, {}), (503, {})]
    with HeldRegistry(small.layout, first={small.base: unwell}) as registry:
        fleet.start_broker()
        fleet.start_worker("one")
        fleet.submit(f"registry://{registry.host}")
        counters = fleet.counters()
        # Some tries are the worker's own, under one lease; the rest are the broker's.
        assert registry.asked(small.base) == 4 and registry.asked(small.tops[0]) == 1
        assert counters["retried_transient"] == retries(counters) == fleet.scans_started()[small.base] - 1
        assert counters["layers"] == counters["finished"] == 4 and counters["images_failed"] == 0


def test_a_killed_worker_is_one_retry_for_each_layer_that_it_held(fleet, small):
    fleet.start_broker()
    doomed = fleet.start_worker("doomed")
    with HeldRegistry(small.layout, held=[small.base, *small.tops]) as registry:
        submit = fleet.popen("submit", "--wait", f"registry://{registry.host}")
        registry.wait_asked(small.base)
        doomed.kill()
        fleet.start_worker("other")
        registry.wait_asked(small.base, 2)
        registry.release()
        _, err = submit.communicate(timeout=90)
        assert submit.returncode == 0, err
        counters = fleet.counters()
        assert counters["retried_worker_lost"] == retries(counters) >= 1
        assert counters["layers"] == counters["finished"] == 4
        begun = fleet.scans_started()
        assert begun[small.base] == 2 and sum(begun.values()) <= counters["started"]


@pytest.mark.parametrize("stop, reason", [(signal.SIGKILL, "retried_owner_died"), (signal.SIGTERM, "retried_again")])
def test_what_was_out_when_the_broker_ended_begins_again_with_that_reason(fleet, small, stop, reason):
    """A broker that is killed leaves claims, one that is told to stop gives them up: either is told from the other."""
    broker = fleet.start_broker()
    fleet.start_worker("one")
    with HeldRegistry(small.layout, held=[small.base]) as registry:
        submit = fleet.popen("submit", "--wait", f"registry://{registry.host}")
        registry.wait_asked(small.base)
        broker.end(lambda: broker.process.send_signal(stop))
        again = fleet.start_broker()
        again.wait_line("job 1 goes on")
        registry.release()
        _, err = submit.communicate(timeout=90)
        assert submit.returncode == 0, err
        counters = fleet.counters()
        begun = fleet.scans_started()
        assert counters["layers"] == counters["finished"] == 4
        assert retries(counters) == counters[reason] >= 1, counters
        assert sum(begun.values()) <= counters["started"] and set(begun) == {small.base, *small.tops}
        told = json.loads(fleet.call("status", "--format", "json", "1").out)["jobs"][0]
        assert told["layers"]["unique"] == told["layers"]["done"] == 4


def test_a_scan_that_dies_beside_a_broker_leaves_its_layers_to_it(fleet, small):
    fleet.start_broker()
    fleet.start_worker("one")
    with HeldRegistry(small.layout, held=[small.base]) as registry:
        scan = fleet.varve.start_scan("--plain-http", f"registry://{registry.host}")
        registry.wait_asked(small.base)
        submit = fleet.popen("submit", "--wait", f"registry://{registry.host}")
        for top in small.tops:
            registry.wait_asked(top)
        scan.kill()
        scan.communicate()
        registry.wait_asked(small.base, 2)
        registry.release()
        _, err = submit.communicate(timeout=90)
        assert submit.returncode == 0, err
        counters = fleet.counters()
        assert counters["layers"] == counters["finished"] == 4
        assert counters["retried_owner_died"] == retries(counters) >= 1
