"""Peers that mean harm, or speak another version: refused with a reason, logged, counted, and nothing else happens - a job that
runs beside them ends as if they were not there. test_wire.py has the single frame; here are sessions, roles and floods."""
import json
import os
import pathlib
import random
import re
import socket
import struct

import pytest
from fleet import Fleet
from held_registry import HeldRegistry
from images import Layout, alpine_layer, tar_of

zmq = pytest.importorskip("zmq")
msgpack = pytest.importorskip("msgpack")
import stranger as wire  # noqa: E402
from puppet import Puppet, Recorded  # noqa: E402
from stranger import Stranger, fields, frame, opened  # noqa: E402

READ = {wire.STATUS, wire.WATCH, wire.RESULTS, wire.RESULTS_CREDIT, wire.QUERY, wire.QUERY_MORE}
ROLES = {
    "worker": {wire.HELLO, wire.PROGRESS, wire.RESULT, wire.FAIL, wire.BYE, wire.DRAIN},
    "submit": {wire.SUBMIT, wire.REFERENCES, wire.CANCEL, wire.PAUSE, wire.RESUME, *READ},
    "read": READ,
}
ROLES["admin"] = {*ROLES["worker"], *ROLES["submit"], wire.DRAIN_WORKER}
IMAGES = 3
RSS_GROWTH_MAX_KIB = 64 << 10


def rss_kib(program):
    """What a process holds in memory of its own."""
    return int(re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{program.process.pid}/status").read_text()).group(1))


def status(fleet, *job):
    out = fleet.call("status", "--format", "json", *job)
    assert out.code == 0, out.err
    return json.loads(out.out)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    layout = Layout(tmp_path_factory.mktemp("registry") / "layout")
    base = alpine_layer(("musl", "1.1.20-r4"))
    for i in range(IMAGES):
        layout.image(f"team/app{i}:v1", [base, tar_of([("srv/app", f"application {i}\n" * 200)])])
    with HeldRegistry(layout) as registry:
        yield registry


@pytest.fixture(scope="module")
def recorded(build, registry, tmp_path_factory):
    """A quiet run of the job that the tests disturb: its report, and all that was said in it."""
    return Recorded(build, tmp_path_factory.mktemp("recorded") / "fleet", f"registry://{registry.host}")


@pytest.fixture
def fleet(build, tmp_path):
    with Fleet(build, tmp_path / "fleet") as fleet:
        fleet.broker = fleet.start_broker()
        yield fleet


@pytest.fixture
def locked(build, tmp_path):
    """A broker on tcp with keys."""
    with Fleet(build, tmp_path / "fleet", "tcp://127.0.0.1:*") as fleet:
        fleet.use_keys()
        fleet.broker = fleet.start_broker()
        yield fleet


def new_key(fleet, roles=None):
    """(public, secret) of a key of its own, admitted with these roles."""
    public, secret = zmq.curve_keypair()
    if roles:
        fleet.admit(roles, public.decode())
    return public, secret


def comparable(report):
    """Images finish in any order, and which one met the shared layer first is chance."""
    return sorted(json.dumps(image).replace('"reused"', '"scanned"') for image in json.loads(report))


class Disturbed:
    """The job of `recorded`, begun before and finished after what is done inside `with`: its results must be the same."""

    def __init__(self, fleet, recorded, registry):
        self.fleet, self.recorded, self.registry = fleet, recorded, registry

    def __enter__(self):
        out = self.fleet.call("submit", f"registry://{self.registry.host}")
        assert out.code == 0, out.err
        self.job = out.out.strip()
        return self

    def __exit__(self, kind, *_):
        if kind:
            return
        assert self.fleet.broker.process.poll() is None, self.fleet.broker.log
        self.fleet.start_worker("honest")
        watch = self.fleet.call("watch", self.job)
        assert watch.code == 0, watch.err
        assert comparable(self.fleet.results(self.job, "json").out) == comparable(self.recorded.text)


def counters(fleet, keys=None):
    """{name: value} as STATUS_REPLY tells them."""
    with Stranger(fleet.endpoint, keys, fleet.broker_key and fleet.broker_key.encode()) as reader:
        kind, _, body = reader.ask(frame(wire.STATUS, [0]))
        assert kind == wire.STATUS_REPLY
        return {name.decode(): value for name, value in msgpack.unpackb(body, raw=True)[3]}


# --- roles ---

def test_every_refusal_is_counted_however_few_are_logged(locked):
    reader, worker = new_key(locked, "read"), new_key(locked, "worker")
    before = counters(locked, reader)
    with Stranger(locked.endpoint, worker, locked.broker_key.encode()) as stranger:
        for data in (frame(wire.SUBMIT), frame(wire.HELLO, b"\xc1"), frame(wire.PING, version=3), b"rubbish", frame(999)):
            for _ in range(20):
                stranger.error(data)
    after = counters(locked, reader)
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {"refused": 100}
    assert locked.broker.log.count("refused: ") == 10
    locked.broker.terminate()
    locked.broker = locked.start_broker()
    assert counters(locked, reader) == after  # kept by the store

@pytest.mark.parametrize("role", ROLES)
def test_a_role_allows_its_messages_and_no_other(locked, role):
    """Bodies are malformed, so that what is allowed does nothing either."""
    with Stranger(locked.endpoint, new_key(locked, role), locked.broker_key.encode()) as stranger:
        for kind in sorted({*range(12), *range(14, 28), *range(46, 56), *range(62, 77), *range(78, 84), 255, 65535} - {wire.PING, wire.PONG}):
            text = stranger.error(frame(kind, b"\xc1"))
            if kind in ROLES[role]:
                assert "malformed" in text or "HELLO first" in text, (kind, text)
            elif kind in ROLES["admin"]:
                assert "role does not allow" in text, (kind, text)
            else:
                assert "unknown" in text or "role does not allow" in text, (kind, text)
    assert status(locked)["jobs"] == []


# --- a session, cut, changed and said again ---

def cuts(data, chosen):
    """This frame cut short: as it is, and with a header that tells the length that is left."""
    for length in sorted({0, 19, 20, 21, len(data) - 1, *[chosen.randrange(len(data)) for _ in range(12)]}):
        yield data[:length]
        if length >= 20:
            yield data[:16] + struct.pack(">I", length - 20) + data[20:length]


def changed(data, chosen):
    """This frame with some bytes of its body changed."""
    for _ in range(12 if len(data) > 20 else 0):
        out = bytearray(data)
        for _ in range(chosen.choice((1, 1, 2, 8))):
            out[chosen.randrange(20, len(out))] = chosen.choice((0, 0x7f, 0xc0, 0xdd, 0xff, chosen.randrange(256)))
        yield bytes(out)


def test_what_is_left_of_frames_that_were_cut_or_damaged_disturbs_nobody(fleet, recorded, registry):
    chosen = random.Random(5)
    workers = {wire.HELLO, wire.PROGRESS, wire.RESULT, wire.FAIL, wire.BYE}
    with Disturbed(fleet, recorded, registry):
        before = rss_kib(fleet.broker)
        with Stranger(fleet.endpoint) as worker, Stranger(fleet.endpoint) as client:
            for data in recorded.frames:
                who = worker if opened(data)[0] in workers else client
                for bad in [*cuts(data, chosen), *changed(data, chosen)]:
                    who.answers(bad)
        assert rss_kib(fleet.broker) < before + RSS_GROWTH_MAX_KIB
        # Jobs that a damaged SUBMIT opened are jobs; they end, as any other.
        for job in status(fleet)["jobs"]:
            if job["job"] != 1:
                assert fleet.call("cancel", job["job"]).code == 0


def test_a_whole_session_said_again_changes_nothing(build, recorded, registry, tmp_path):
    with Fleet(build, tmp_path / "fleet") as fleet:
        fleet.broker = fleet.start_broker()
        again = Recorded.in_fleet(fleet, f"registry://{registry.host}")
        before, report = status(fleet), fleet.results(again.job, "json").out
        with Stranger(fleet.endpoint) as worker, Stranger(fleet.endpoint) as client:
            for data in again.frames:
                kind = opened(data)[0]
                who = worker if kind in (wire.HELLO, wire.PROGRESS, wire.RESULT, wire.FAIL, wire.BYE) else client
                for kind, _, body in who.answers(data):
                    if kind == wire.ACK:
                        assert b"nobody waits" in body, body
                    if kind == wire.JOB:
                        assert msgpack.unpackb(body)[0] == int(again.job)
        after = status(fleet)
        assert [(j["job"], j["images"], j["layers"], j["state"]) for j in after["jobs"]] == \
            [(j["job"], j["images"], j["layers"], j["state"]) for j in before["jobs"]]
        assert fleet.results(again.job, "json").out == report


# --- leases of others ---

def test_nobody_answers_for_the_lease_of_another(fleet, recorded, registry):
    """The honest worker is half-way through its result when another one speaks of the same lease."""
    with Disturbed(fleet, recorded, registry), Puppet(fleet.endpoint, recorded, "honest") as honest:
        listing = honest.task()
        with Puppet(fleet.endpoint, recorded, "rogue", 0, 0) as rogue:
            honest.deliver(listing)
            task = honest.task()
            data = honest.result_of(task)
            honest.say_result(task, data[:10], 0, False)
            honest.beat(task[0])
            for forged in (b"", b"\x90", data, os.urandom(100)):
                rogue.say_result(task, forged)
                assert rogue.ack()[1] != 0
            rogue.say_result(task, data[:5], 0, False)
            rogue.say_result(task, data[5:], 1, True)
            assert rogue.ack()[1] != 0
            rogue.say_fail(task[0], 1)
            rogue.say_fail(task[0], 2)
            rogue.ack(), rogue.ack()
            rogue.beat(task[0])
            rogue.stranger.say(frame(wire.BYE))
            honest.say_result(task, data[10:], 1, True)
            lease, code, text = honest.ack()
            assert (lease, code) == (task[0], 0), text
        honest.stranger.say(frame(wire.BYE))


def test_leases_never_given_have_no_results(fleet, recorded, registry):
    with Disturbed(fleet, recorded, registry) as job, Puppet(fleet.endpoint, recorded, "rogue", 0, 0) as rogue:
        for lease in (0, 1, 2, 12345, 1 << 32, (1 << 63) - 1, (1 << 64) - 1):
            rogue.say_result(None, b"\x90", lease=lease)
            got, code, _ = rogue.ack()
            assert got == lease and code != 0
            rogue.say_fail(lease, 2)
            assert rogue.ack()[0] == lease
            rogue.beat(lease)
        told = status(fleet, job.job)["jobs"][0]
        assert told["state"] == "running" and told["images"]["done"] == 0
        rogue.stranger.say(frame(wire.BYE))


def test_a_result_that_is_none_costs_its_own_task_and_no_more(fleet, recorded, registry):
    """A worker that answers every task with rubbish: the images fail with a reason, and the next job is whole."""
    with Puppet(fleet.endpoint, recorded, "rubbish") as rubbish:
        submit = fleet.popen("submit", "--wait", f"{registry.host}/team/app0:v1")
        task = rubbish.task()
        rubbish.say_result(task, os.urandom(64))
        lease, code, text = rubbish.ack()
        assert lease == task[0] and code != 0 and text
        job, err = submit.communicate(timeout=60)
        assert submit.returncode == 3, err
        (image,) = fleet.results(job.strip()).images.values()
        assert not image["complete"] and image["incomplete_reason"]
        rubbish.stranger.say(frame(wire.BYE))
    with Disturbed(fleet, recorded, registry):
        pass


# --- keys ---

def test_a_worker_whose_key_is_revoked_has_no_leases_and_no_results(locked, recorded, registry):
    public, secret = new_key(locked, "worker")
    with Disturbed(locked, recorded, registry):
        with Puppet(locked.endpoint, recorded, "revoked", keys=(public, secret), server_key=locked.broker_key.encode()) as revoked:
            revoked.deliver(revoked.task())
            task = revoked.task()
            assert locked.varve.run("keys", "revoke", "--list", locked.admitted, public.decode()).code == 0
            revoked.say_result(task)
            kind, _, body = revoked.hear()
            assert kind == wire.ERROR and b"role does not allow" in body
            assert "role does not allow" in locked.broker.wait_line("refused: ")
        # Its lease ends with its connection or its silence; the honest worker is given the task.


def test_a_worker_whose_key_is_revoked_is_given_nothing_more(locked, recorded, registry):
    public, secret = new_key(locked, "worker")
    with Puppet(locked.endpoint, recorded, "revoked", slots=4, light=4, keys=(public, secret), server_key=locked.broker_key.encode()) as revoked:
        assert locked.varve.run("keys", "revoke", "--list", locked.admitted, public.decode()).code == 0
        revoked.beat()
        kind, _, body = revoked.hear()
        assert kind == wire.ERROR and b"role does not allow" in body
        assert locked.call("submit", f"registry://{registry.host}").code == 0
        told = locked.wait_status(lambda told: told["notices"])
        assert told["notices"] == [f"no worker for {registry.host}: 1 task waits"]
        assert sum(worker["tasks"] for worker in told["workers"]) == 0
        locked.broker.wait_line("its key is a worker's no longer")
        locked.broker.wait_line("its work goes to others")


def test_a_flood_of_peers_without_a_key_of_the_list_keeps_nobody_out(locked, recorded, registry):
    host, port = locked.endpoint.removeprefix("tcp://").split(":")
    before = rss_kib(locked.broker)
    strangers = [Stranger(locked.endpoint, new_key(locked), locked.broker_key.encode()) for _ in range(200)]
    bare = [Stranger(locked.endpoint) for _ in range(100)]
    half = [socket.create_connection((host, int(port))) for _ in range(200)]
    try:
        for i, raw in enumerate(half):
            raw.sendall((b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00CURVE", b"\xff", b"GET / HTTP/1.1\r\n\r\n", b"")[i % 4])
        for one in (*strangers, *bare):
            try:
                one.socket.send(frame(wire.PING), zmq.NOBLOCK)
            except zmq.Again:
                pass  # it was refused already
        with Disturbed(locked, recorded, registry):
            locked.broker.wait_line("is not on the list", 1)
            locked.broker.wait_line("a peer was refused", 1)
        assert not any(one.socket.poll(0) for one in (*strangers, *bare))
    finally:
        for one in (*strangers, *bare):
            one.socket.close()
        for raw in half:
            raw.close()
    assert rss_kib(locked.broker) < before + RSS_GROWTH_MAX_KIB
    assert sum("is not on the list" in line for line in locked.broker.log.splitlines()) <= 22  # ten a minute, and their number


# --- floods by those who were let in ---

FLOODS = {
    "questions whose answers nobody reads": lambda i: frame(wire.STATUS, [0], correlation=i),
    "pings": lambda i: frame(wire.PING, correlation=i),
    "watches": lambda i: frame(wire.WATCH, [1, 100], correlation=i),
    "streams of results": lambda i: frame(wire.RESULTS, [1, 0, 1], correlation=i),
    "refused ones": lambda i: frame(999, correlation=i),
    "greetings": lambda i: frame(wire.HELLO, [f"w{i}", "0", "other/1", [f"h{j}" for j in range(50)], 9, 9, 1, False, 0]),
    "heartbeats of leases that are none": lambda i: frame(wire.PROGRESS, [[[i * 1000 + j, j] for j in range(1000)]]),
    "results for nothing": lambda i: frame(wire.RESULT, [i, 0, False, bytes(100_000)]),
}


@pytest.mark.parametrize("what", FLOODS)
def test_a_flood_by_an_admitted_key_costs_little_memory_and_stops_nobody(fleet, recorded, registry, what):
    make, count = FLOODS[what], 3000
    with Disturbed(fleet, recorded, registry):
        before = rss_kib(fleet.broker)
        with Stranger(fleet.endpoint) as flood:
            flood.socket.sndtimeo = 60_000
            if what.startswith("heartbeats") or what.startswith("results for"):
                flood.hello("other/1")
            for i in range(count):
                flood.say(make(i))
            assert status(fleet)["jobs"][0]["state"] == "running"
            assert rss_kib(fleet.broker) < before + RSS_GROWTH_MAX_KIB
    assert rss_kib(fleet.broker) < before + RSS_GROWTH_MAX_KIB


def test_a_list_in_a_submission_that_never_ends_does_not_hold_memory(fleet, recorded, registry):
    """200,000 references of a host that no worker may reach, in a job that is never closed."""
    with Disturbed(fleet, recorded, registry), Stranger(fleet.endpoint) as client:
        before = rss_kib(fleet.broker)
        kind, _, body = client.ask(frame(wire.SUBMIT, [os.urandom(16), "flood", 1, "linux/amd64", [], [], 0, 0, 0]))
        assert kind == wire.JOB
        job = msgpack.unpackb(body)[0]
        for number in range(100):
            names = [f"nowhere.example/team/app{number * 2000 + i}:v1" for i in range(2000)]
            assert client.ask(frame(wire.REFERENCES, [job, number, False, names]))[0] == wire.OK
        assert rss_kib(fleet.broker) < before + 2 * RSS_GROWTH_MAX_KIB
        assert fleet.call("cancel", job).code == 0


# --- other versions ---

@pytest.mark.parametrize("version", [0, 2, 9, 65535])
def test_another_protocol_version_is_refused_with_both_numbers(fleet, version):
    with Stranger(fleet.endpoint) as stranger:
        for kind in (wire.HELLO, wire.SUBMIT, wire.STATUS, wire.PING, 999):
            text = stranger.error(frame(kind, version=version))
            assert f"version {version}" in text and "1" in text.replace(str(version), "", 1), text
    assert status(fleet)["jobs"] == []


def test_fields_that_a_newer_peer_adds_are_ignored_and_missing_ones_are_zero(fleet, recorded, registry):
    with Stranger(fleet.endpoint) as newer:
        more = [b"more", {"a": [1, 2]}, None, 1.5]
        assert newer.ask(frame(wire.STATUS, [0, *more]))[0] == wire.STATUS_REPLY
        hello = fields(next(one for one in recorded.frames if opened(one)[0] == wire.HELLO))
        assert newer.ask(frame(wire.HELLO, [*hello, *more]))[0] == wire.WELCOME
        newer.say(frame(wire.BYE, [*more]))
    with Disturbed(fleet, recorded, registry), Stranger(fleet.endpoint) as older:
        older.hello(recorded.set)  # nine fields, as version 0.1 said it
        older.say(frame(wire.BYE))


# --- a broker that means harm ---

def test_a_broker_cannot_make_a_worker_open_paths_or_fall_over(build, recorded, tmp_path):
    fleet = Fleet(build, tmp_path / "fleet")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "os-release").write_text("ID=secret")
    router = zmq.Context.instance().socket(zmq.ROUTER)
    router.linger = 0
    router.bind(fleet.endpoint)
    with fleet:
        worker = fleet.start_worker("victim")
        def hear(kind):
            while True:
                assert router.poll(30_000), f"the worker sent no {kind}:\n{worker.log}"
                peer, data = router.recv_multipart()
                if opened(data)[0] == kind:
                    return peer, data
        peer, hello = hear(wire.HELLO)
        assert fields(hello)[2].decode() == recorded.set
        def say(data):
            router.send_multipart([peer, data])
        say(frame(wire.WELCOME, [1, 500, 20000, 1 << 20]))
        task = [7, wire.KIND_RESOLVE, 0, "", "linux/amd64", [], [], 0, bytes(32), bytes(32), 0, "", "", False, [], 1]
        for lease, text in enumerate((f"rootfs:{tmp_path}/secret", f"oci:{tmp_path}", f"docker-archive:{tmp_path}/x", "oci-archive:/x",
                                      "", "docker://", "docker://[::1", "registry://..", "\x1b[31mred"), 100):
            for kind in (wire.KIND_RESOLVE, wire.KIND_ENUMERATE, wire.KIND_LAYER):
                say(frame(wire.TASK, [lease * 10 + kind, kind, 0, text, *task[4:]]))
                told = fields(hear(wire.FAIL)[1])
                assert told[0] == lease * 10 + kind and told[4], told
        chosen = random.Random(3)
        for bad in (b"", b"nonsense", frame(wire.TASK, b"\xc1"), frame(wire.TASK, [1, 9, *task[2:]]), frame(wire.WELCOME, b"\x91"),
                    frame(999), frame(wire.ACK, [5, 0, ""]), frame(wire.DROP, [5]), frame(wire.ERROR, [-1, "\x1b]0;x\x07" * 50]),
                    frame(wire.PING, version=2), *[frame(wire.TASK, chosen.randbytes(60)) for _ in range(50)]):
            say(bad)
        say(frame(wire.WELCOME, [1, 500, 20000, 1 << 20]))
        say(frame(wire.TASK, [9, wire.KIND_RESOLVE, 0, "rootfs:/", *task[4:]]))
        while fields(hear(wire.FAIL)[1])[0] != 9:
            pass
        assert "\x1b" not in worker.log
        assert worker.terminate() == 0
    router.close()
