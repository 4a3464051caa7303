"""One fault at a time, each at the step where it hurts: poison and quarantine, hosts that ask to wait, one bad layer, bulk beside
ad hoc, fair shares, fleets of two versions, a million references, readers that do not read."""
import os
import pathlib
import re
import signal
import socket
import time

import pytest
from fleet import Fleet, retries
from held_registry import HeldRegistry
from images import Layout, alpine_layer, tar_of

pytest.importorskip("zmq")
pytest.importorskip("msgpack")
import stranger as wire  # noqa: E402
from puppet import Puppet, Recorded  # noqa: E402
from stranger import Stranger, frame  # noqa: E402

IMAGES = 4
JOB_OF_TASK, KIND_OF_TASK, REFERENCE_OF_TASK = 15, 1, 3


@pytest.fixture(scope="module")
def layout(tmp_path_factory):
    layout = Layout(tmp_path_factory.mktemp("layout"))
    base = alpine_layer(("musl", "1.1.20-r4"))
    tops = [tar_of([("srv/app", f"application {i}\n" * 200)]) for i in range(IMAGES)]
    for i, top in enumerate(tops):
        layout.image(f"team/app{i}:v1", [base, top])
    layout.base = layout.layer(base)[0]["digest"]
    layout.tops = [layout.layer(top)[0]["digest"] for top in tops]
    return layout


@pytest.fixture(scope="module")
def registry(layout):
    with HeldRegistry(layout) as registry:
        yield registry


@pytest.fixture(scope="module")
def recorded(build, registry, tmp_path_factory):
    return Recorded(build, tmp_path_factory.mktemp("recorded") / "fleet", f"registry://{registry.host}")


@pytest.fixture
def fleet(build, tmp_path):
    with Fleet(build, tmp_path / "fleet") as fleet:
        fleet.broker = fleet.start_broker()
        yield fleet


def submit(fleet, *arguments):
    out = fleet.call("submit", *arguments)
    assert out.code == 0, out.err
    return out.out.strip()


def rss_kib(program):
    return int(re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{program.process.pid}/status").read_text()).group(1))


# --- layers that kill, hang or fail ---

def test_a_layer_that_costs_three_workers_is_quarantined_and_read_again_when_told_so(fleet, layout):
    """The rest of the job is done by the fourth worker; a later job does not touch the layer; --retry-failed does."""
    poison = layout.tops[1]
    with HeldRegistry(layout, held=[poison]) as registry:
        job = submit(fleet, f"registry://{registry.host}")
        for i in range(3):
            doomed = fleet.start_worker(f"doomed{i}")
            registry.wait_asked(poison, i + 1)
            doomed.kill()
        fleet.start_worker("last")
        assert fleet.call("watch", job).code == 3
        images = fleet.results(job).images
        bad = images.pop(f"docker://{registry.host}/team/app1:v1")
        assert not bad["complete"] and any("poison" in (layer.get("reason") or "") for layer in bad["layers"]), bad
        assert len(images) == IMAGES - 1 and all(image["complete"] for image in images.values())
        failed = fleet.call("status", "--failed", job)
        assert poison[:19] in failed.out and "poison" in failed.out
        counters = fleet.counters()
        assert counters["quarantined"] == 1 and registry.asked(poison) == 3

        fleet.submit(f"{registry.host}/team/app1:v1", code=3)
        assert registry.asked(poison) == 3 and fleet.counters()["started"] == counters["started"]

        registry.release()
        again = fleet.submit("--retry-failed", job)
        assert all(image["complete"] for image in fleet.results(again).images.values())
        assert registry.asked(poison) == 4
        fleet.submit(f"{registry.host}/team/app1:v1")  # and is as any other from now on
        assert registry.asked(poison) == 4


def test_a_layer_that_hangs_holds_up_its_own_image_only(fleet, layout):
    with HeldRegistry(layout, held=[layout.tops[0]]) as registry:
        fleet.start_worker("one")
        job = submit(fleet, f"registry://{registry.host}", f"{registry.host}/team/absent:v1", "registry.invalid/nothing:v1")
        told = fleet.wait_status(lambda told: told["jobs"][0]["images"]["done"] >= IMAGES - 1 + 1, job)
        assert told["jobs"][0]["state"] == "running"
        finished = fleet.call("results", "--finished", "--format", "jsonl", job).images
        assert sum(image["complete"] for image in finished.values()) == IMAGES - 1
        registry.release()
        assert fleet.call("watch", job).code == 3
        images = fleet.results(job).images
        assert sum(image["complete"] for image in images.values()) == IMAGES and len(images) == IMAGES + 2
        for name in (f"docker://{registry.host}/team/absent:v1", "docker://registry.invalid/nothing:v1"):
            assert images[name]["incomplete_reason"]


def test_a_worker_that_stands_still_loses_nothing_when_it_goes_on(fleet, layout):
    """SIGSTOP for longer than the silence that ends leases; others do the work; what it says afterwards disturbs nobody."""
    with HeldRegistry(layout, held=[layout.base]) as registry:
        frozen = fleet.start_worker("frozen")
        job = submit(fleet, f"registry://{registry.host}")
        registry.wait_asked(layout.base)
        frozen.process.send_signal(signal.SIGSTOP)
        fleet.start_worker("other")
        fleet.broker.wait_line("frozen is silent")
        registry.wait_asked(layout.base, 2)
        frozen.process.send_signal(signal.SIGCONT)
        registry.release()
        assert fleet.call("watch", job).code == 0
        assert all(image["complete"] for image in fleet.results(job).images.values())
        fleet.wait_status(lambda told: len(told["workers"]) == 2 and not any(w["tasks"] for w in told["workers"]))
        counters = fleet.counters()
        assert counters["layers"] == counters["finished"] == IMAGES + 1
        assert retries(counters) == counters["retried_worker_lost"] >= 1


# --- hosts that ask us to wait ---

def test_retry_after_holds_for_the_whole_fleet_and_for_that_host_alone(fleet, recorded, registry):
    with Puppet(fleet.endpoint, recorded, "one", 1, 1) as one, Puppet(fleet.endpoint, recorded, "two", 1, 1) as two:
        job = submit(fleet, f"{registry.host}/team/app0:v1")
        task = one.hear() if not two.stranger.socket.poll(0) else None
        first, other = (one, two) if task else (two, one)
        task = wire.msgpack.unpackb(task[2], raw=True) if task else two.task()
        told = time.monotonic()
        first.say_fail(task[0], 0, "429 slow down", retry_after_ms=3000)
        first.ack()
        submit(fleet, "elsewhere.example/app:v1")
        submit(fleet, f"{registry.host}/team/app1:v1")
        waiting = fleet.wait_status(lambda told: any(registry.host in notice for notice in told["notices"]))
        assert any("asks us to wait" in notice for notice in waiting["notices"]), waiting
        seen = []
        while {b"elsewhere.example/app:v1"} >= {name.removeprefix(b"docker://") for name, _ in seen}:
            for puppet in (first, other):
                heard = puppet.hear(0.2)
                if heard and heard[0] == wire.TASK:
                    fields = wire.msgpack.unpackb(heard[2], raw=True)
                    seen.append((fields[REFERENCE_OF_TASK], time.monotonic() - told))
                    puppet.say_fail(fields[0], 1, "no")
        assert seen[0][0].endswith(b"elsewhere.example/app:v1"), seen
        assert seen[-1][1] >= 3, seen
        for one_job in (job, "2", "3"):
            fleet.call("cancel", one_job)


def test_a_registry_that_says_429_once_is_asked_again_and_nothing_fails(fleet, layout):
    with HeldRegistry(layout, first={layout.base: [(429, {"Retry_After": "1"})], layout.tops[0]: [(503, {})] * 2}) as registry:
        for name in ("one", "two"):
            fleet.start_worker(name)
        job = fleet.submit(f"registry://{registry.host}")
        assert all(image["complete"] for image in fleet.results(job).images.values())
        assert registry.asked(layout.base) == 2 and registry.asked(layout.tops[0]) == 3


# --- order ---

def fail_all(puppet, count):
    """Takes and fails `count` tasks, one after the other; the jobs that they were of."""
    jobs = []
    for _ in range(count):
        task = puppet.task()
        jobs.append(task[JOB_OF_TASK])
        puppet.say_fail(task[0], 1, "told so")
        puppet.ack()
    return jobs


def listed(tmp_path, name, count):
    path = tmp_path / name
    path.write_text("".join(f"bulk.example/{name}/app{i}:v1\n" for i in range(count)))
    return path


def test_the_nightly_bulk_does_not_hold_up_a_single_image_nor_the_other_way_round(fleet, recorded, tmp_path):
    bulk = submit(fleet, "--bulk", "--from-file", listed(tmp_path, "night", 500))
    with Puppet(fleet.endpoint, recorded, "one", 1, 1) as worker:
        assert set(fail_all(worker, 10)) == {int(bulk)}
        single = submit(fleet, "adhoc.example/app:v1")
        assert int(single) in fail_all(worker, 3)
        many = submit(fleet, "--from-file", listed(tmp_path, "day", 100))
        order = fail_all(worker, 64)
        assert order.count(int(many)) > 48 and order.count(int(bulk)) >= 2, order
        for job in (bulk, many):
            fleet.call("cancel", job)


def test_two_jobs_of_a_class_share_the_fleet(fleet, recorded, tmp_path):
    first = submit(fleet, "--bulk", "--from-file", listed(tmp_path, "first", 500))
    with Puppet(fleet.endpoint, recorded, "one", 1, 1) as worker:
        fail_all(worker, 20)
        second = submit(fleet, "--bulk", "--from-file", listed(tmp_path, "second", 500))
        order = fail_all(worker, 40)
        assert 15 <= order.count(int(second)) <= 25, order
        fleet.call("cancel", first)
        fail_all(worker, 1)
        assert set(fail_all(worker, 10)) == {int(second)}
        fleet.call("cancel", second)


# --- two versions in one fleet ---

def test_workers_of_two_versions_do_not_mix_their_results(fleet, recorded, registry):
    """A job whose image was resolved by one analyzer set gets its layers from workers of that set; the other one shows, waits,
    and reads the same layers for jobs of its own."""
    with Puppet(fleet.endpoint, recorded, "old", 1, 1) as old:
        job = submit(fleet, f"{registry.host}/team/app0:v1")
        old.deliver(old.task())
        layer = old.task()
        assert layer[KIND_OF_TASK] == wire.KIND_LAYER
        newer = Recorded.__new__(Recorded)
        newer.set, newer.results = recorded.set.replace("/1", "/2"), recorded.results
        with Puppet(fleet.endpoint, newer, "new", 1, 1) as new:
            workers = fleet.status("--workers")["workers"]
            assert len({worker["analyzers"] for worker in workers}) == 2
            old.stranger.say(frame(wire.BYE))
            told = fleet.wait_status(lambda told: told["notices"])
            assert any(registry.host in notice for notice in told["notices"]), told
            assert new.hear(2) is None  # nothing of it is for the other set
            with Puppet(fleet.endpoint, recorded, "old2", 1, 1) as again:
                again.deliver(again.task())
                again.deliver(again.task())
                assert fleet.call("watch", job).code == 0
                assert new.hear(1) is None
                again.stranger.say(frame(wire.BYE))
            fleet.wait_status(lambda told: len(told["workers"]) == 1)
            other = submit(fleet, f"{registry.host}/team/app0:v1")
            kinds = []
            while fleet.status(other)["jobs"][0]["state"] == "running":
                heard = new.hear(0.2)
                if heard and heard[0] == wire.TASK:
                    task = wire.msgpack.unpackb(heard[2], raw=True)
                    kinds.append(task[KIND_OF_TASK])
                    new.say_result(task)
            assert kinds.count(wire.KIND_LAYER) == 2
        counters = fleet.counters()
        assert counters["layers"] == counters["finished"] == 4
        assert retries(counters) == counters["retried_worker_lost"] == 1  # what "old" held when it left


# --- size ---

def test_very_many_references_cost_the_disk_and_not_the_memory(fleet, layout, registry, tmp_path):
    """Of a registry that takes connections and never answers. A job beside it is not held up, and a restart takes it up again."""
    count = 1_000_000 if os.environ.get("VARVE_TEST_LONG") else 200_000
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        names = tmp_path / "names"
        with open(names, "w", encoding="ascii") as out:
            out.writelines(f"{host}/team{i % 100}/app{i}:v1\n" for i in range(count))
        fleet.start_worker("one")
        before = rss_kib(fleet.broker)
        job = submit(fleet, "--bulk", "--from-file", names)
        assert rss_kib(fleet.broker) < before + (100 << 10)
        small = fleet.submit(f"registry://{registry.host}")
        assert len(fleet.results(small).images) == IMAGES
        fleet.broker.kill()
        fleet.broker = fleet.start_broker()
        told = fleet.status(job)["jobs"][0]
        assert told["state"] == "running" and told["images"]["total"] == count
        fleet.submit("--no-reuse", f"registry://{registry.host}")
        assert rss_kib(fleet.broker) < before + (100 << 10)
        assert fleet.call("cancel", job).code == 0


def test_a_reader_that_does_not_read_holds_nobody_up(fleet, layout):
    with HeldRegistry(layout, held=[layout.base]) as registry:
        fleet.start_worker("one")
        job = submit(fleet, f"registry://{registry.host}")
        with Stranger(fleet.endpoint) as asleep, Stranger(fleet.endpoint) as greedy:
            asleep.say(frame(wire.RESULTS, [int(job), 0, 1]))
            for i in range(8):
                greedy.say(frame(wire.RESULTS, [int(job), 0, 256], correlation=i))
            stopped = fleet.popen("results", "--format", "json", job)
            registry.wait_asked(layout.base)
            stopped.send_signal(signal.SIGSTOP)
            registry.release()
            assert fleet.call("watch", job).code == 0
            assert len(fleet.results(job).images) == IMAGES
            fleet.submit("--no-reuse", f"registry://{registry.host}")
            stopped.send_signal(signal.SIGCONT)
            out, err = stopped.communicate(timeout=60)
            assert stopped.returncode == 0 and out.count('"schema"') == IMAGES, err
