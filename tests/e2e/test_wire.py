"""What a stranger may say to a broker: refused with a reason, logged, and the broker lives on (docs/PROTOCOL.md)."""
import json
import os
import socket
import struct

import pytest
from fleet import Fleet

zmq = pytest.importorskip("zmq")
pytest.importorskip("msgpack")
from stranger import ERROR, HELLO, PING, PONG, RESULT, STATUS, STATUS_REPLY, SUBMIT, Stranger, frame  # noqa: E402


@pytest.fixture
def fleet(build, tmp_path):
    with Fleet(build, tmp_path / "fleet") as fleet:
        yield fleet


def check_alive(fleet):
    out = fleet.call("status", "--format", "json")
    assert out.code == 0, out.err
    assert json.loads(out.out)["jobs"] == []


@pytest.mark.parametrize("name, data, reason", [
    ("garbage", b"GET / HTTP/1.1\r\n\r\n", b"not a Varve frame"),
    ("empty", b"", b"not a Varve frame"),
    ("short header", frame(PING)[:19], b"not a Varve frame"),
    ("another magic", frame(PING, magic=0x12345678), b"not a Varve frame"),
    ("length beyond the frame", frame(PING, length=1 << 31), b"body bytes"),
    ("bytes behind the body", frame(PING, length=0), b"body bytes"),
    ("newer version", frame(PING, version=9), b"protocol version 9"),
    ("unknown type", frame(999), b"unknown"),
    ("answer instead of a question", frame(STATUS_REPLY), b"unknown"),
    ("no body", frame(STATUS, b""), b"malformed"),
    ("not msgpack", frame(STATUS, b"\xc1"), b"malformed"),
    ("array that claims four billion items", frame(HELLO, b"\xdd\xff\xff\xff\xff"), b"malformed"),
    ("text that claims four billion bytes", frame(SUBMIT, b"\x98\xdb\xff\xff\xff\xff"), b"malformed"),
    ("deep nesting", frame(SUBMIT, b"\x91" * 100000), b"malformed"),
    ("random body", frame(HELLO, os.urandom(5000)), b"malformed"),
])
def test_a_bad_frame_is_answered_with_the_reason_and_logged(fleet, name, data, reason):
    broker = fleet.start_broker()
    with Stranger(fleet.endpoint) as stranger:
        kind, correlation, body = stranger.ask(data)
        assert kind == ERROR and reason in body, (name, body)
        assert correlation == (0 if reason in (b"not a Varve frame", b"body bytes") else 7)
        assert reason.decode() in broker.wait_line("refused: ")
        assert stranger.ask(frame(PING))[:2] == (PONG, 7)
    check_alive(fleet)


def test_a_message_of_several_frames_and_half_messages_are_dropped(fleet):
    fleet.start_broker()
    with Stranger(fleet.endpoint) as stranger:
        stranger.say(frame(PING), frame(PING))
        stranger.say(frame(PING, correlation=8))
        assert stranger.hear()[:2] == (PONG, 8)  # nothing came for the message of two frames
    path = fleet.endpoint.removeprefix("ipc://")
    for half in (b"\xff", b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00NULL", os.urandom(200)):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(path)
            raw.sendall(half)
    check_alive(fleet)


def test_an_oversized_frame_ends_the_connection_not_the_broker(fleet):
    broker = fleet.start_broker()
    with Stranger(fleet.endpoint) as stranger:
        assert stranger.ask(frame(PING))[0] == PONG
        stranger.say(frame(PING, b"\xc6" + struct.pack(">I", 3 << 20) + bytes(3 << 20)))
        stranger.say(frame(PING, correlation=9))
        heard = stranger.hear()
        assert heard is None or heard[1] == 9  # by another connection: the large one never came in
    check_alive(fleet)
    assert broker.process.poll() is None


def test_what_says_no_hello_is_no_worker(fleet):
    fleet.start_broker()
    with Stranger(fleet.endpoint) as stranger:
        kind, _, body = stranger.ask(frame(RESULT, b"\x94\x01\x00\xc3\xc4\x00"))
        assert kind == ERROR and b"HELLO" in body
    check_alive(fleet)


def test_refusals_do_not_flood_the_log(fleet):
    broker = fleet.start_broker()
    with Stranger(fleet.endpoint) as stranger:
        for _ in range(200):
            assert stranger.ask(b"nonsense")[0] == ERROR
    broker.wait_line("refused: ", 10)
    check_alive(fleet)
    assert broker.terminate() == 0
    assert broker.log.count("refused: ") == 10


# --- keys ---

@pytest.fixture
def locked(build, tmp_path):
    """A broker on tcp with keys."""
    with Fleet(build, tmp_path / "fleet", "tcp://127.0.0.1:*") as fleet:
        fleet.use_keys()
        fleet.broker = fleet.start_broker()
        yield fleet


def test_each_role_may_do_its_own(locked):
    reader, admin = locked.make_key("reader"), locked.make_key("admin")
    locked.admit("read", reader, "auditor")
    locked.admit("admin", admin)
    assert locked.call("status", key=locked.folder / "reader.key").code == 0
    refused = locked.call("submit", "registry.example/a", key=locked.folder / "reader.key")
    assert refused.code == 4 and "role does not allow it (varve keys authorize: one of submit,admin)" in refused.err
    assert "role does not allow" in locked.broker.wait_line("refused: ")
    job = locked.call("submit", "registry.example/a", key=locked.folder / "admin.key")
    assert job.code == 0, job.err
    assert locked.call("cancel", job.out.strip(), key=locked.folder / "worker.key").code == 4
    assert locked.call("cancel", job.out.strip()).code == 0


def test_a_client_key_is_no_worker(locked):
    worker = locked.start(locked.build / "varve-worker", "--broker", locked.endpoint, "--key", locked.key, "--broker-key", locked.broker_key)
    assert "role does not allow" in worker.wait_line("the broker says")
    assert "role does not allow" in locked.broker.wait_line("refused: ")
    assert worker.terminate() == 0


def test_a_key_that_is_not_on_the_list_is_told_so(locked):
    stranger = locked.make_key("stranger")
    out = locked.call("status", key=locked.folder / "stranger.key")
    assert out.code == 4 and "refuses this key" in out.err, out.err
    assert "127.0.0.1" in locked.broker.wait_line(f"key {stranger}")
    locked.admit("read", stranger)
    assert locked.call("status", key=locked.folder / "stranger.key").code == 0
    assert locked.varve.run("keys", "revoke", "--list", locked.admitted, stranger).code == 0
    assert locked.call("status", key=locked.folder / "stranger.key").code == 4


def test_revoking_a_key_works_on_an_open_connection(locked):
    public, secret = zmq.curve_keypair()
    locked.admit("read", public.decode())
    with Stranger(locked.endpoint, (public, secret), locked.broker_key.encode()) as stranger:
        assert stranger.ask(frame(STATUS, b"\x91\x00"))[0] == STATUS_REPLY
        assert locked.varve.run("keys", "revoke", "--list", locked.admitted, public.decode()).code == 0
        kind, _, body = stranger.ask(frame(STATUS, b"\x91\x00"))
        assert kind == ERROR and b"role does not allow" in body


def test_a_broken_list_admits_nobody_and_is_told(locked):
    good = locked.admitted.read_text()
    locked.admitted.write_text(good + "reader this-is-no-key\n")
    assert locked.call("status").code == 4
    assert "line 3" in locked.broker.wait_line(str(locked.admitted))
    locked.admitted.write_text(good)
    assert locked.call("status").code == 0


def test_a_wrong_broker_key_is_told_so(locked):
    right, locked.broker_key = locked.broker_key, zmq.curve_keypair()[0].decode()
    out = locked.call("status")
    assert out.code == 4 and "greeting" in out.err, out.err
    locked.broker.wait_line("a peer was refused")
    locked.broker_key = right
    check_alive(locked)


def test_without_a_key_nobody_comes_in(locked):
    with Stranger(locked.endpoint) as stranger:
        stranger.say(frame(PING))
        locked.broker.wait_line("a peer was refused")
        assert stranger.hear(1) is None
    bare = locked.varve.run("status", "--broker", locked.endpoint)
    assert bare.code == 2 and "key" in bare.err
    insecure = locked.varve.run("status", "--broker", locked.endpoint, "--insecure-tcp")
    assert insecure.code == 4 and "greeting" in insecure.err
    worker = locked.start(locked.build / "varve-worker", "--broker", locked.endpoint)
    assert worker.wait() == 2 and "key" in worker.log
    check_alive(locked)


def test_tcp_without_keys_is_no_broker_unless_told_so_loudly(build, tmp_path):
    with Fleet(build, tmp_path / "fleet", "tcp://127.0.0.1:*") as fleet:
        broker = fleet.start(fleet.build / "varve-broker", "--store", fleet.store, "--endpoint", fleet.endpoint)
        assert broker.wait() == 2 and "varve keys" in broker.log
        broker = fleet.start_broker("--insecure-tcp")
        assert "warning" in broker.wait_line("may do EVERYTHING")
        out = fleet.varve.run("status", "--broker", fleet.endpoint, "--insecure-tcp")
        assert out.code == 0, out.err


@pytest.mark.parametrize("text, reason", [("worker not-a-key\n", "line 1"), ("king 0123456789012345678901234567890123456789\n", "line 1"), (None, "admitted")])
def test_a_key_list_that_cannot_be_used_is_said_at_start(build, tmp_path, text, reason):
    with Fleet(build, tmp_path / "fleet", "tcp://127.0.0.1:*") as fleet:
        fleet.use_keys()
        fleet.admitted.unlink()
        if text:
            fleet.admitted.write_text(text)
        broker = fleet.start(fleet.build / "varve-broker", "--store", fleet.store, "--endpoint", fleet.endpoint,
                             "--key", fleet.broker_key_file, "--admit", fleet.admitted)
        assert broker.wait() == 2
        assert str(fleet.admitted) in broker.log and reason in broker.log


def test_a_key_file_others_may_read_is_refused(locked):
    locked.key.chmod(0o644)
    out = locked.call("status")
    assert out.code == 2 and str(locked.key) in out.err


def test_an_endpoint_is_said_as_it_was_given(build, tmp_path):
    with Fleet(build, tmp_path / "fleet", "tcp://127.0.0.1:*") as fleet:
        fleet.use_keys()
        fleet.start_broker()
        assert fleet.endpoint.startswith("tcp://127.0.0.1:")
        check_alive(fleet)
        broker = fleet.start(fleet.build / "varve-broker", "--store", tmp_path / "other", "--endpoint", "tcp://broker.example:1",
                             "--key", fleet.broker_key_file, "--admit", fleet.admitted)
        assert broker.wait() == 2 and "tcp://broker.example:1: not a numeric address" in broker.log
        taken = fleet.start(fleet.build / "varve-broker", "--store", tmp_path / "third", "--endpoint", fleet.endpoint,
                            "--key", fleet.broker_key_file, "--admit", fleet.admitted)
        assert taken.wait() == 4 and f"listen on {fleet.endpoint}: Address already in use" in taken.log
