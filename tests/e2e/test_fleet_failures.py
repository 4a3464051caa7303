"""What dies, is stopped or is missing in a fleet: others take over, nothing is lost, nothing is read twice without need."""
import json
import signal

import pytest
from fleet import Fleet
from held_registry import HeldRegistry
from images import Layout, alpine_layer, tar_of
from varve import Varve, packages

MUSL = ("musl", "1.1.20-r4")


class Stock:
    """A layout of `count` images over one base; `base` and `tops` are the digests of their layers."""

    def __init__(self, folder, count=3):
        self.layout = Layout(folder)
        base = alpine_layer(MUSL)
        tops = [tar_of([("srv/app", f"application {i}\n" * 200)]) for i in range(count)]
        for i, top in enumerate(tops):
            self.layout.image(f"team/app{i}:v1", [base, top])
        self.base = self.layout.layer(base)[0]["digest"]
        self.tops = [self.layout.layer(top)[0]["digest"] for top in tops]
        self.layers = {self.base, *self.tops}


@pytest.fixture
def stock(tmp_path):
    return Stock(tmp_path / "layout")


@pytest.fixture
def fleet(build, tmp_path):
    with Fleet(build, tmp_path / "fleet") as fleet:
        yield fleet


def check_all_complete(fleet, job, count=3):
    images = fleet.results(job).images
    assert len(images) == count
    for image in images.values():
        assert image["complete"] and packages(image) == {MUSL}, image


def test_a_worker_killed_in_the_middle_is_replaced_by_the_other(fleet, stock):
    fleet.start_broker()
    doomed = fleet.start_worker("doomed")
    with HeldRegistry(stock.layout, held=[stock.base]) as registry:
        submit = fleet.popen("submit", "--wait", f"registry://{registry.host}")
        registry.wait_asked(stock.base)
        doomed.kill()
        other = fleet.start_worker("other")
        registry.wait_asked(stock.base, 2)
        registry.release()
        job, err = submit.communicate(timeout=60)
        assert submit.returncode == 0, err
        check_all_complete(fleet, job.strip())
        assert registry.asked(stock.base) == 2
        assert f"scan layer {stock.base}" in other.log


def test_a_worker_that_is_stopped_gives_its_work_back_and_ends_with_0(fleet, stock):
    fleet.start_broker()
    leaving = fleet.start_worker("leaving")
    with HeldRegistry(stock.layout, held=[stock.base]) as registry:
        submit = fleet.popen("submit", "--wait", f"registry://{registry.host}")
        registry.wait_asked(stock.base)
        assert leaving.terminate() == 0
        fleet.start_worker("other")
        registry.wait_asked(stock.base, 2)
        registry.release()
        job, err = submit.communicate(timeout=60)
        assert submit.returncode == 0, err
        check_all_complete(fleet, job.strip())


@pytest.mark.parametrize("stop", ["terminate", "kill"])
def test_a_broker_that_ends_in_the_middle_goes_on_when_it_is_started_again(fleet, stock, stop):
    broker = fleet.start_broker()
    fleet.start_worker("one")
    with HeldRegistry(stock.layout, held=[stock.base]) as registry:
        submit = fleet.popen("submit", "--wait", f"registry://{registry.host}")
        registry.wait_asked(stock.base)
        code = getattr(broker, stop)()
        assert code == (0 if stop == "terminate" else -signal.SIGKILL)
        again = fleet.start_broker()
        again.wait_line("job 1 goes on")
        registry.release()
        job, err = submit.communicate(timeout=90)
        assert submit.returncode == 0, err
        assert job.strip() == "1"
        check_all_complete(fleet, "1")
        told = json.loads(fleet.call("status", "--format", "json", "1").out)["jobs"][0]
        assert told["state"] == "done" and told["images"]["done"] == told["images"]["total"] == 3
        for top in stock.tops:
            assert registry.asked(top) <= 2
    assert again.terminate() == 0


def test_what_was_finished_before_a_kill_is_not_read_again(fleet, stock):
    broker = fleet.start_broker()
    fleet.start_worker("one")
    with HeldRegistry(stock.layout) as registry:
        job = fleet.submit(f"registry://{registry.host}")
        before = fleet.results(job).out
        broker.kill()
        fleet.start_broker()
        assert fleet.results(job).out == before
        fleet.submit(f"registry://{registry.host}")
        assert {digest: registry.asked(digest) for digest in stock.layers} == {digest: 1 for digest in stock.layers}


def test_a_worker_without_the_credential_leaves_the_work_to_one_that_has_it(fleet, stock, tmp_path):
    with HeldRegistry(stock.layout, login=("alice", "secret")) as registry:
        auth = tmp_path / "auth.json"
        auth.write_text(json.dumps({"auths": {registry.host: {"auth": registry.login.removeprefix("Basic ")}}}))
        broker = fleet.start_broker()
        fleet.start_worker("poor")
        fleet.start_worker("rich", "--authfile", auth)
        broker.wait_line("has joined", 2)
        job = fleet.submit(f"registry://{registry.host}")
        check_all_complete(fleet, job)


def test_without_any_credential_the_job_fails_and_says_why(fleet, stock):
    with HeldRegistry(stock.layout, login=("alice", "secret")) as registry:
        fleet.start_broker()
        fleet.start_worker("poor")
        job = fleet.submit(f"{registry.host}/team/app0:v1", code=3)
        (image,) = fleet.results(job).images.values()
        assert not image["complete"]
        assert image["error"] == "auth" and "no such credential" in image["incomplete_reason"]


def test_a_registry_that_lies_about_a_shared_layer_harms_only_itself(fleet, stock):
    """The base is the same digest in both; one registry sends other bytes for it."""
    with HeldRegistry(stock.layout, bad=[stock.base]) as bad, HeldRegistry(stock.layout) as good:
        fleet.start_broker()
        fleet.start_worker("one")
        fleet.start_worker("two")
        lied = fleet.submit(f"{bad.host}/team/app0:v1", code=3)
        (image,) = fleet.results(lied).images.values()
        assert not image["complete"] and not image["packages"]
        assert any(layer["status"] == "failed" and layer["reason"] for layer in image["layers"])
        check_all_complete(fleet, fleet.submit(f"registry://{good.host}"))
        # Known by now from the honest one: the liar is not asked for it any more.
        before = bad.asked(stock.base)
        check_all_complete(fleet, fleet.submit(f"{bad.host}/team/app0:v1"), 1)
        assert bad.asked(stock.base) == before


def test_both_registries_in_one_job_and_the_layer_comes_from_the_honest_one(fleet, stock):
    with HeldRegistry(stock.layout, bad=[stock.base], held=[stock.base]) as bad, HeldRegistry(stock.layout) as good:
        fleet.start_broker()
        fleet.start_worker("one")
        job = fleet.call("submit", f"{bad.host}/team/app0:v1", f"{good.host}/team/app0:v1").out.strip()
        # An image that has ended hears of no other place: the liar answers when both are known.
        fleet.wait_status(lambda told: told["counters"]["resolves"] == 2)
        bad.release()
        assert fleet.call("watch", job).code == 0
        check_all_complete(fleet, job, 2)


def test_failed_images_and_only_they_are_tried_again(fleet, stock):
    with HeldRegistry(stock.layout, bad=[stock.tops[0]]) as registry:
        fleet.start_broker()
        fleet.start_worker("one")
        job = fleet.submit(f"registry://{registry.host}", code=3)
        registry.bad.clear()
        again = fleet.submit("--retry-failed", job)
        images = fleet.results(again).images
        assert set(images) == {f"docker://{registry.host}/team/app0:v1"}
        check_all_complete(fleet, again, 1)
        assert registry.asked(stock.base) == 1


def test_a_cancelled_job_frees_its_workers(fleet, stock):
    with HeldRegistry(stock.layout, held=[stock.base]) as registry:
        fleet.start_broker()
        fleet.start_worker("one")
        job = fleet.call("submit", f"registry://{registry.host}").out.strip()
        registry.wait_asked(stock.base)
        assert fleet.call("cancel", job).code == 0
        assert "cancelled" in fleet.call("status", job).out
        registry.release()
        check_all_complete(fleet, fleet.submit(f"registry://{registry.host}"))


def test_no_broker_is_exit_4_and_says_where(build, tmp_path):
    varve = Varve(build, tmp_path)
    for command in (["status"], ["submit", "registry.example/a"]):
        out = varve.run(command[0], "--broker", f"ipc://{tmp_path}/nobody", *command[1:])
        assert out.code == 4, (command, out.err)
        assert "no broker answers" in out.err and f"{tmp_path}/nobody" in out.err


def test_local_sources_are_for_scan_alone(fleet, stock):
    fleet.start_broker()
    for source in (f"oci:{stock.layout.folder}", "docker-archive:/tmp/x.tar", "oci-archive:/tmp/x.tar", "rootfs:/"):
        out = fleet.call("submit", source)
        assert out.code == 2, out.err
        assert source in out.err and "varve scan" in out.err
    assert json.loads(fleet.call("status", "--format", "json").out)["jobs"] == []


def test_unknown_jobs_are_said_to_be_unknown(fleet):
    fleet.start_broker()
    for command in ("status", "watch", "results", "cancel"):
        out = fleet.call(command, "77")
        assert out.code == 4, (command, out.err)
        assert "job 77" in out.err
