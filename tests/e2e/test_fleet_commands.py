"""The commands that look at a fleet and lead it: status, pause, resume, drain, schedules, and submissions that break off."""
import json
import re
import signal
import threading

import pytest
from fleet import Fleet
from held_registry import HeldRegistry
from images import Layout, alpine_layer, tar_of

NOWHERE = "registry.invalid"  # no worker of these tests may reach it


class Stock:
    """Images over one base; `base` and `tops` are the digests of their layers."""

    def __init__(self, folder, count=3):
        self.layout = Layout(folder)
        base = alpine_layer(("musl", "1.1.20-r4"))
        tops = [tar_of([("srv/app", f"application {i}\n" * 200)]) for i in range(count)]
        for i, top in enumerate(tops):
            self.layout.image(f"team/app{i}:v1", [base, top])
        self.base = self.layout.layer(base)[0]["digest"]
        self.tops = [self.layout.layer(top)[0]["digest"] for top in tops]


@pytest.fixture
def stock(tmp_path):
    return Stock(tmp_path / "layout")


@pytest.fixture
def fleet(build, tmp_path):
    with Fleet(build, tmp_path / "fleet") as fleet:
        yield fleet


def told(fleet, *arguments):
    out = fleet.call("status", "--format", "json", *arguments)
    assert out.code == 0, out.err
    return json.loads(out.out)


def poll(condition, seconds=60):
    """Until condition() is true, with a ceiling; what it is by then."""
    end = threading.Event()
    for _ in range(seconds * 10):
        value = condition()
        if value:
            return value
        end.wait(0.1)
    raise AssertionError("it did not come about")


# --- status ---

def test_status_is_the_fleet_and_its_jobs_at_a_glance(fleet, stock):
    fleet.start_broker()
    assert "no workers; 0 jobs running" in fleet.call("status").out
    with HeldRegistry(stock.layout, held=[stock.base]) as registry:
        fleet.start_worker("node-a", "--host", registry.host)
        job = fleet.call("submit", f"registry://{registry.host}").out.strip()
        waiting = fleet.call("submit", f"{NOWHERE}/a:b").out.strip()
        registry.wait_asked(stock.base)
        out = fleet.call("status").out.splitlines()
        assert out[0].startswith("1 worker, ") and out[0].endswith("; 2 jobs running"), out
        assert out[1].split()[:4] == ["JOB", "STATE", "DONE", "IMAGES"]
        assert [line.split()[:2] for line in out[2:4]] == [[waiting, "running"], [job, "running"]]
        assert any(f"no worker for {NOWHERE}" in line for line in out[4:]), out

        workers = fleet.call("status", "--workers").out.splitlines()
        assert workers[1].split()[1:3] == ["node-a", "busy"] and workers[1].split()[-1] == registry.host
        (worker,) = told(fleet)["workers"]
        name = fleet.workers[0].wait_line("scan layer").split("analyzers ")[1]
        assert worker["name"] == "node-a" and worker["analyzers"] == name and worker["hosts"] == [registry.host]
        assert worker["tasks"] >= 1 and not worker["draining"]
        registry.release()
        assert fleet.call("watch", job).code == 0


def test_counters_agree_with_what_the_workers_began(fleet, stock):
    fleet.start_broker()
    fleet.start_worker("one")
    with HeldRegistry(stock.layout) as registry:
        fleet.submit(f"registry://{registry.host}")
    counters = told(fleet)["counters"]
    lines = dict(line.split() for line in fleet.call("status", "--counters").out.splitlines())
    assert {name: int(value) for name, value in lines.items()} == counters
    started = sum(fleet.scans_started().values())
    assert started == len(stock.tops) + 1 and started in counters.values()


@pytest.mark.parametrize("fmt", ["table", "json"])
def test_what_failed_is_told_with_its_layer_and_reason_by_broker_and_store_alike(fleet, stock, fmt):
    fleet.start_broker()
    fleet.start_worker("one")
    with HeldRegistry(stock.layout, bad=[stock.tops[1]]) as registry:
        job = fleet.submit(f"registry://{registry.host}", f"{registry.host}/team/absent:v1", code=3)
        by_broker = fleet.call("status", "--failed", job, "--format", fmt)
        by_store = fleet.varve.run("status", "--failed", job, "--format", fmt, "--store", fleet.store)
        good = fleet.submit(f"{registry.host}/team/app0:v1")
        nothing = fleet.call("status", "--failed", good, "--format", fmt)
    assert by_broker.code == by_store.code == nothing.code == 0, by_broker.err + by_store.err
    assert by_broker.out == by_store.out
    if fmt == "table":
        lines = by_broker.out.splitlines()
        assert lines[0].split() == ["REFERENCE", "LAYER", "REASON"] and len(lines) == 3
        assert any("team/absent:v1" in line and "MANIFEST_UNKNOWN" in line or "404" in line for line in lines), lines
        assert any("team/app1:v1" in line and stock.tops[1][:19] in line for line in lines), lines
        assert nothing.out == f"nothing has failed in job {good}\n"
    else:
        failed = {one["reference"].rsplit("/", 1)[1]: one for one in json.loads(by_broker.out)["failed"]}
        assert set(failed) == {"absent:v1", "app1:v1"}
        assert failed["absent:v1"]["status"] == "failed" and failed["absent:v1"]["layer"] is None
        assert failed["app1:v1"]["status"] == "incomplete" and failed["app1:v1"]["layer"] == stock.tops[1]
        assert all(one["reason"] for one in failed.values())
        assert json.loads(nothing.out) == {"job": int(good), "failed": []}


def test_failures_of_a_job_that_runs_are_those_so_far(fleet, stock):
    fleet.start_broker()
    fleet.start_worker("one")
    with HeldRegistry(stock.layout, held=[stock.base]) as registry:
        job = fleet.call("submit", f"{registry.host}/team/absent:v1", f"{registry.host}/team/app0:v1").out.strip()
        registry.wait_asked(stock.base)
        poll(lambda: told(fleet, job)["jobs"][0]["images"]["failed"] == 1)
        out = fleet.call("status", "--failed", job)
        assert out.code == 0 and "team/absent:v1" in out.out and len(out.out.splitlines()) == 2
        registry.release()
        assert fleet.call("watch", job).code == 3


@pytest.mark.parametrize("arguments, reason", [
    (["--failed", "x"], "not a job number"), (["--failed", "1", "2"], "stands alone"), (["--store", "s"], "--failed"),
    (["--format", "xml"], "xml")])
def test_status_options_that_make_no_sense(fleet, arguments, reason):
    out = fleet.call("status", *arguments)
    assert out.code == 2 and reason in out.err


# --- pause, resume, drain ---

def test_a_paused_job_gets_no_work_until_it_is_resumed(fleet, stock):
    fleet.start_broker()
    with HeldRegistry(stock.layout) as registry:
        job = fleet.call("submit", f"registry://{registry.host}").out.strip()
        assert fleet.call("pause", job).code == 0
        fleet.start_worker("one")
        other = fleet.submit(f"{registry.host}/team/app0:v1")  # what is not paused goes on
        assert other != job
        paused = told(fleet, job)["jobs"][0]
        assert paused["state"] == "paused" and paused["paused"] and paused["images"]["done"] == 0
        assert fleet.call("resume", job).code == 0
        assert fleet.call("watch", job).code == 0
    assert told(fleet, job)["jobs"][0]["images"]["done"] == 3
    assert fleet.call("pause", "4711").code == 4


def test_a_drained_worker_finishes_what_it_holds_and_ends_with_0(fleet, stock):
    fleet.start_broker()
    worker = fleet.start_worker("leaving")
    with HeldRegistry(stock.layout, held=[stock.base]) as registry:
        job = fleet.call("submit", f"{registry.host}/team/app0:v1").out.strip()
        registry.wait_asked(stock.base)
        assert fleet.call("drain", "nobody").code == 4
        assert fleet.call("drain", "leaving").code == 0
        worker.wait_line("draining: no more tasks")
        assert told(fleet)["workers"][0]["draining"]
        later = fleet.call("submit", f"{registry.host}/team/app1:v1").out.strip()
        registry.release()
        assert worker.wait() == 0 and "drained" in worker.log
        assert registry.asked(stock.base) == 1
        assert told(fleet, later)["jobs"][0]["images"]["done"] == 0
        fleet.start_worker("next")
        assert fleet.call("watch", job).code == fleet.call("watch", later).code == 0
        assert registry.asked(stock.base) == 1  # it was finished, and is not read again


@pytest.mark.parametrize("arguments, number", [([], signal.SIGUSR1), (["--drain-on-term"], signal.SIGTERM)])
def test_a_signal_drains_a_worker(fleet, stock, arguments, number):
    fleet.start_broker()
    worker = fleet.start_worker("leaving", *arguments)
    with HeldRegistry(stock.layout, held=[stock.base]) as registry:
        job = fleet.call("submit", f"{registry.host}/team/app0:v1").out.strip()
        registry.wait_asked(stock.base)
        worker.process.send_signal(number)
        worker.wait_line("draining: no more tasks")
        registry.release()
        assert worker.wait() == 0 and "drained" in worker.log
        poll(lambda: not told(fleet)["workers"])
        fleet.start_worker("next")
        assert fleet.call("watch", job).code == 0
        assert registry.asked(stock.base) == 1


def test_a_second_sigterm_stops_a_worker_that_drains(fleet, stock):
    fleet.start_broker()
    worker = fleet.start_worker("leaving", "--drain-on-term")
    with HeldRegistry(stock.layout, held=[stock.base]) as registry:
        fleet.call("submit", f"{registry.host}/team/app0:v1")
        registry.wait_asked(stock.base)
        worker.process.send_signal(signal.SIGTERM)
        worker.wait_line("draining: no more tasks")
        assert worker.terminate() == 0 and "stopped" in worker.log
        assert not registry.gates[stock.base].is_set()


def test_a_drained_broker_finishes_what_is_out_and_ends_with_0(fleet, stock):
    broker = fleet.start_broker()
    fleet.start_worker("one")
    with HeldRegistry(stock.layout, held=[stock.base]) as registry:
        job = fleet.call("submit", f"{registry.host}/team/app0:v1").out.strip()
        registry.wait_asked(stock.base)
        assert fleet.call("drain", "broker").code == 0
        refused = fleet.call("submit", f"{registry.host}/team/app1:v1")
        assert refused.code == 4 and "draining" in refused.err
        registry.release()
        assert broker.wait() == 0
        fleet.start_broker()
        assert fleet.call("watch", job).code == 0
        assert registry.asked(stock.base) == 1


# --- schedules ---

def test_a_schedule_is_shown_and_can_be_paused_and_ended(fleet, stock):
    fleet.start_broker()
    fleet.start_worker("one")
    with HeldRegistry(stock.layout) as registry:
        out = fleet.call("submit", "--every", "24h", f"{registry.host}/team/app0:v1")
        assert out.code == 0, out.err
        schedule = out.out.strip()
        (record,) = [job for job in told(fleet)["jobs"] if str(job["job"]) == schedule]
        assert record["state"] == "schedule" and record["every"] and record["next"]
        assert f"{schedule} " in fleet.call("status").out.split("SCHEDULE")[1]
        assert fleet.call("pause", schedule).code == 0
        (record,) = [job for job in told(fleet)["jobs"] if str(job["job"]) == schedule]
        assert record["state"] == "paused"
        assert fleet.call("resume", schedule).code == 0
        assert fleet.call("watch", schedule).code == 0  # there is no end to wait for
        assert fleet.call("cancel", schedule).code == 0
        (record,) = [job for job in told(fleet)["jobs"] if str(job["job"]) == schedule]
        assert record["state"] == "cancelled"


@pytest.mark.parametrize("arguments, code, reason", [
    (["--every", "soon"], None, "soon"), (["--every", ""], 2, "--every"), (["--every", "24h", "--wait"], 2, "--wait")])
def test_schedules_that_cannot_be(fleet, arguments, code, reason):
    fleet.start_broker()
    out = fleet.call("submit", *arguments, "registry.example/a:b")
    assert out.code == (code or out.code) and out.code in (2, 4) and reason in out.err, out.err


def test_a_token_is_of_one_kind_of_submission(fleet):
    fleet.start_broker()
    assert fleet.call("submit", "--token", TOKEN, f"{NOWHERE}/a:b").code == 0
    out = fleet.call("submit", "--token", TOKEN, "--every", "24h", f"{NOWHERE}/a:b")
    assert out.code == 2 and "no schedule" in out.err and out.out == "", out.err


def test_what_did_not_fail_is_not_retried(fleet, stock):
    fleet.start_broker()
    fleet.start_worker("one")
    with HeldRegistry(stock.layout) as registry:
        job = fleet.submit(f"{registry.host}/team/app0:v1")
        out = fleet.call("submit", "--retry-failed", job)
        assert out.code == 0 and out.out == "" and f"nothing failed in job {job}" in out.err
        assert [str(record["job"]) for record in told(fleet)["jobs"]] == [job]


# --- submissions ---

TOKEN = "00112233445566778899aabbccddeeff"


def references(count):
    return "".join(f"docker://{NOWHERE}/team/app{i}:v1\n" for i in range(count))


def test_a_submission_that_was_killed_is_continued_under_its_token(fleet, tmp_path):
    """Killed in the middle of its list, and the broker with it; no reference is lost and none comes twice."""
    count, listing = 50_000, tmp_path / "list"
    listing.write_text(references(count))
    broker = fleet.start_broker()
    first = fleet.popen("submit", "--token", TOKEN, "--from-file", "-", stdin=-1)
    first.stdin.write(references(count // 2))  # and no end: it waits for more
    first.stdin.flush()
    job = first.stdout.readline().strip()
    poll(lambda: told(fleet, job)["jobs"][0]["images"]["total"] >= 20_000)
    first.kill()
    first.communicate()
    broker.kill()
    fleet.start_broker()
    again = fleet.call("submit", "--token", TOKEN, "--from-file", listing)
    assert again.code == 0 and again.out.strip() == job, again.err
    record = told(fleet, job)["jobs"][0]
    assert record["images"]["total"] == count and not record["growing"]
    twice = fleet.call("submit", "--token", TOKEN, "--from-file", listing)
    assert twice.code == 0 and twice.out.strip() == job
    assert told(fleet, job)["jobs"][0]["images"]["total"] == count


def test_a_submission_goes_on_when_its_broker_dies_under_it(fleet):
    count = 30_000
    broker = fleet.start_broker()
    submit = fleet.popen("submit", "--from-file", "-", stdin=-1)
    submit.stdin.write(references(count // 2))
    submit.stdin.flush()
    job = submit.stdout.readline().strip()
    broker.kill()
    fleet.start_broker()
    _, err = submit.communicate(references(count)[len(references(count // 2)):], timeout=120)
    assert submit.returncode == 0, err
    record = told(fleet, job)["jobs"][0]
    assert record["images"]["total"] == count and not record["growing"]


def test_who_leaves_in_the_middle_of_a_list_is_told_how_to_go_on(fleet):
    fleet.start_broker()
    submit = fleet.popen("submit", "--from-file", "-", stdin=-1)
    submit.stdin.write(references(4000))
    submit.stdin.flush()
    job = submit.stdout.readline().strip()
    poll(lambda: told(fleet, job)["jobs"][0]["images"]["total"] == 4000)
    submit.terminate()
    assert submit.wait(60) == 3
    err = submit.stderr.read()
    submit.stdin.close()
    assert f"varve cancel {job}" in err and "waits for" in err, err


def test_who_is_left_by_a_broker_without_room_is_told_how_to_go_on(fleet, tmp_path):
    count, listing = 60_000, tmp_path / "list"
    listing.write_text(references(count))
    broker = fleet.start_broker("--store-bytes-max", 4 << 20)
    out = fleet.call("submit", "--from-file", listing)
    job, token = out.out.strip(), re.search(r"--token ([0-9a-f]{32}) continues", out.err)
    assert out.code == 4 and token, out.err
    assert broker.wait() == 4
    fleet.start_broker()
    again = fleet.call("submit", "--token", token.group(1), "--from-file", listing)
    assert again.code == 0 and again.out.strip() == job, again.err
    assert told(fleet, job)["jobs"][0]["images"]["total"] == count


def test_a_list_that_differs_in_the_middle_alone_is_another_list(fleet):
    fleet.start_broker()
    lines = references(7000).splitlines(keepends=True)
    first = fleet.call("submit", "--token", TOKEN, "--from-file", "-", input="".join(lines))
    assert first.code == 0, first.err
    lines[3000] = lines[3000].replace("team/", "other/")
    out = fleet.call("submit", "--token", TOKEN, "--from-file", "-", input="".join(lines))
    assert out.code == 2 and "another list" in out.err, out.err


@pytest.mark.parametrize("token", ["", "00", TOKEN[:-1] + "x", TOKEN + "0"])
def test_a_token_is_32_hexadecimal_digits(fleet, token):
    out = fleet.call("submit", "--token", token, "registry.example/a:b")
    assert out.code == 2 and "--token" in out.err


def test_a_client_that_is_refused_while_it_waits_says_why(fleet, stock):
    """The key is revoked while somebody watches and the broker is started anew: the watcher does not wait for ever."""
    fleet.use_keys()
    fleet.endpoint = "tcp://127.0.0.1:*"
    broker = fleet.start_broker()
    job = fleet.call("submit", f"{NOWHERE}/a:b").out.strip()
    watch = fleet.popen("watch", job)
    broker.wait_line("listening on ")
    poll(lambda: told(fleet, job))
    client = fleet.varve.run("keys", "show", fleet.key).out.split()[-1]
    assert fleet.varve.run("keys", "revoke", "--list", fleet.admitted, client).code == 0
    broker.kill()
    fleet.start_broker()
    _, err = watch.communicate(timeout=60)
    assert watch.returncode == 4 and ("refuses this key" in err or "not allowed" in err or "role" in err), err
