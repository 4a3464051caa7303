"""What a worker shows of itself: metrics, probes, sd_notify, JSON lines; and the HTTP server against hostile peers."""
import json
import os
import socket
import threading

import pytest
from fleet import Fleet
from images import Layout, alpine_layer, tar_of
from notify import Manager
from registry import Registry
from scrape import Metrics

METRICS = ("--metrics", "127.0.0.1:0")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    layout = Layout(folder / "layout")
    base = alpine_layer(("musl", "1.1.20-r4"))
    with Registry(folder / "registry") as registry:
        for i in range(3):
            layout.image(f"i{i}", [base, tar_of([("srv/app", f"application {i}\n" * 50)])])
            registry.push(f"oci:{layout.folder}:i{i}", f"team/app{i}:v1")
        yield registry


@pytest.fixture
def lone_worker(build, tmp_path):
    """A worker whose broker is never there."""
    with Fleet(build, tmp_path) as fleet:
        yield Metrics(fleet.start_worker("one", *METRICS))


def test_a_worker_counts_what_it_reads(build, shop, tmp_path):
    with Fleet(build, tmp_path) as fleet:
        fleet.start_broker()
        worker = Metrics(fleet.start_worker("one", *METRICS))
        fleet.submit(f"registry://{shop.host}")
        values = worker.wait_value(3, "varve_worker_tasks_total", kind="resolve", outcome="done")
        assert values[("varve_worker_layers_total", (("result", "scanned"),))] == 4
        assert values[("varve_worker_tasks_total", (("kind", "layer"), ("outcome", "done")))] == 4
        assert values[("varve_worker_tasks_total", (("kind", "enumerate"), ("outcome", "done")))] == 1
        assert values[("varve_worker_scan_seconds_count", ())] == 4
        assert values[("varve_worker_scan_seconds_bucket", (("le", "+Inf"),))] == 4
        assert values[("varve_worker_layer_tar_bytes_total", ())] > values[("varve_worker_layer_blob_bytes_total", ())] > 0
        assert values[("varve_worker_connected", ())] == 1
        assert values[("varve_worker_welcomes_total", ())] == 1
        assert values[("varve_process_resident_memory_peak_bytes", ())] > 1 << 20
        # catalog, tags, and per image a manifest and a config, and four layers: what the registry's own log says
        worker.wait(lambda v: v.get(("varve_worker_registry_requests_total", (("host", shop.host), ("result", "ok"))), 0) >= 1 + 3 + 3 + 3 + 4,
                    "requests to the registry")
        worker.wait_value(0, "varve_worker_threads_busy", stage="scan")
        worker.wait_value(0, "varve_worker_leases", kind="layer")


def test_a_worker_is_ready_while_the_broker_knows_it(build, tmp_path):
    with Fleet(build, tmp_path) as fleet:
        worker = Metrics(fleet.start_worker("one", *METRICS))
        assert worker.wait_probe("/readyz", 503) == "not connected to the broker\n"
        assert worker.request("/healthz")[0] == 200
        broker = fleet.start_broker()
        assert worker.wait_probe("/readyz", 200) == "ok\n"
        assert worker.value("varve_worker_connected") == 1
        broker.kill()
        worker.wait_probe("/readyz", 503)
        assert worker.request("/healthz")[0] == 200
        fleet.start_broker()
        worker.wait_probe("/readyz", 200)
        assert worker.value("varve_worker_welcomes_total") >= 2


def test_a_registry_that_is_not_there_shows(build, tmp_path):
    with socket.socket() as taken, Fleet(build, tmp_path) as fleet:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        fleet.start_broker()
        worker = Metrics(fleet.start_worker("one", *METRICS))
        fleet.call("submit", f"docker://{host}/a:b")
        worker.wait(lambda v: v.get(("varve_worker_registry_requests_total", (("host", host), ("result", "no_answer"))), 0) > 0, "no_answer")


def test_a_worker_tells_its_manager_when_it_is_welcomed_and_stops(build, tmp_path):
    with Manager() as manager, Fleet(build, tmp_path) as fleet:
        fleet.env["NOTIFY_SOCKET"], fleet.env["WATCHDOG_USEC"] = manager.address, "4000000"
        worker = fleet.start_worker("one")
        manager.wait("STATUS=Looking for the broker")
        assert "READY=1" not in manager.heard
        manager.wait("WATCHDOG=1")
        del fleet.env["NOTIFY_SOCKET"]
        fleet.start_broker()
        manager.wait("READY=1")
        manager.wait("STATUS=Connected to the broker")
        assert worker.terminate() == 0
        manager.wait("STOPPING=1")
        assert manager.heard.count("READY=1") == 1


def test_a_worker_that_hangs_feeds_no_watchdog(build, tmp_path):
    """The beat is of the loop itself: a stopped process is silent, one that goes on beats again."""
    with Manager() as manager, Fleet(build, tmp_path) as fleet:
        fleet.env["NOTIFY_SOCKET"], fleet.env["WATCHDOG_USEC"] = manager.address, "2000000"
        worker = fleet.start_worker("one")
        beats = manager.wait("WATCHDOG=1", 2)
        worker.process.send_signal(19)  # SIGSTOP
        worker.process.send_signal(18)  # SIGCONT
        assert manager.wait("WATCHDOG=1", beats + 2) >= beats + 2


def test_json_lines_name_the_layer_they_are_about(build, shop, tmp_path):
    with Fleet(build, tmp_path) as fleet:
        fleet.start_broker()
        worker = fleet.start_worker("one", "--log-format", "json")
        job = fleet.submit(f"docker://{shop.host}/team/app1:v1")
        assert worker.terminate() == 0
        lines = [json.loads(line) for line in worker.lines]
        scans = [line for line in lines if line["message"].startswith("scan layer")]
        assert len(scans) == 2
        for scan in scans:
            assert scan["module"] == "worker" and scan["level"] == "info" and scan["host"] == shop.host
            assert scan["layer"] in scan["message"] and scan["job"] == int(job) and scan["lease"] > 0


@pytest.mark.parametrize("where", ["9180", "127.0.0.1:99999", "127.0.0.1", ":9180", "no.such.host.invalid:1"])
def test_a_metrics_address_that_is_none_ends_the_program(build, tmp_path, where):
    with Fleet(build, tmp_path) as fleet:
        worker = fleet.start_worker("one", "--metrics", where)
        assert worker.wait() == 2
        assert f"--metrics: " in worker.log and where in worker.log


def test_a_metrics_port_that_is_taken_ends_the_program(build, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken, Fleet(build, tmp_path) as fleet:
        where = "127.0.0.1:%d" % taken.getsockname()[1]
        worker = fleet.start_worker("one", "--log-format", "json", "--metrics", where)
        assert worker.wait() == 4
        assert json.loads(worker.lines[-1])["level"] == "error" and where in worker.lines[-1]


# --- hostile peers ---

def connect(metrics):
    return socket.create_connection((metrics.host, metrics.port), timeout=60)


def read_all(peer):
    got = b""
    try:
        while part := peer.recv(65536):
            got += part
    except ConnectionError:
        pass
    return got


@pytest.mark.parametrize("request_", [
    b"\x00\xff\x00\xff" * 100 + b"\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET /metrics HTTP/9.9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200 + b"\r\n\r\n",  # a TLS greeting
    b"GET /metrics HTTP/1.1\r\nHost: a\r\nX: " + b"x" * (1 << 20) + b"\r\n\r\n",
    b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 100000 + b"\r\n",
    b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999\r\n\r\n" + b"x" * 100000,
    b"POST /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"GET /%00%ff/../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
], ids=lambda request_: repr(request_[:28]))
def test_what_is_no_scrape_is_refused_and_hurts_nobody(lone_worker, request_):
    with connect(lone_worker) as peer:
        try:
            peer.sendall(request_)
            peer.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before it was all said
        answer = read_all(peer)
    assert not answer.startswith(b"HTTP/1.1 200")
    assert b"root:" not in answer
    assert lone_worker.request("/healthz")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_than_get_and_head_are_not_allowed(lone_worker, method):
    status, _, headers = lone_worker.request("/metrics", method)
    assert status == 405 and headers["Allow"] == "GET, HEAD"


def test_head_says_how_much_there_is_and_sends_nothing(lone_worker):
    status, text, headers = lone_worker.request("/metrics", "HEAD")
    assert status == 200 and text == "" and int(headers["Content-Length"]) > 1000


def test_a_second_request_needs_a_second_connection(lone_worker):
    with connect(lone_worker) as peer:
        peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
        assert read_all(peer).count(b"HTTP/1.1 200") == 1


def test_peers_that_say_a_byte_now_and_then_keep_nobody_out(lone_worker):
    slow = [connect(lone_worker) for _ in range(200)]
    try:
        for peer in slow:
            try:
                peer.sendall(b"GET /metrics HTTP/1.1\r\nHost: a")
            except OSError:
                pass  # it gave way already
        for _ in range(20):
            assert lone_worker.request("/healthz")[0] == 200
            assert "varve_worker_connected" in lone_worker.text()
            for peer in slow[-50:]:
                try:
                    peer.sendall(b"x")
                except OSError:
                    pass
    finally:
        for peer in slow:
            peer.close()


def test_a_slow_peer_is_put_out_though_nobody_else_comes(lone_worker):
    with connect(lone_worker) as peer:
        stop = threading.Event()

        def drip():
            try:
                peer.sendall(b"GET /metrics HTTP/1.1\r\n")
                while not stop.wait(0.2):
                    peer.sendall(b"X: y\r\n")
            except OSError:
                pass
        thread = threading.Thread(target=drip)
        thread.start()
        try:
            answer = read_all(peer)  # ends: the server closes it, long before the 16 KiB of a request are full
        finally:
            stop.set()
            thread.join()
        assert not answer.startswith(b"HTTP/1.1 200")


def test_peers_that_do_not_read_keep_nobody_out(lone_worker):
    deaf = [connect(lone_worker) for _ in range(100)]
    try:
        for peer in deaf:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            try:
                peer.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
            except OSError:
                pass
        for _ in range(10):
            assert "varve_worker_connected" in lone_worker.text()
    finally:
        for peer in deaf:
            peer.close()


def test_a_thousand_connections_at_once(lone_worker):
    before = lone_worker.value("process_open_fds")
    peers = []
    try:
        for _ in range(1000):
            peer = socket.socket()
            peer.setblocking(False)
            peer.connect_ex((lone_worker.host, lone_worker.port))
            peers.append(peer)
        assert "varve_worker_connected" in lone_worker.text()
        assert lone_worker.value("process_open_fds") < before + 100
    finally:
        for peer in peers:
            peer.close()
    # what the worker opens meanwhile for itself is less than the 64 connections that there were
    lone_worker.wait(lambda values: values[("process_open_fds", ())] <= before + 16, "connections are gone")


def test_a_worker_without_metrics_listens_nowhere(build, tmp_path):
    with Fleet(build, tmp_path) as fleet:
        worker = fleet.start_worker("one")
        worker.wait_line("scan threads")
        inodes = {os.readlink(f"/proc/{worker.process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{worker.process.pid}/fd")}
        listening = {f"socket:[{line.split()[9]}]" for name in ("tcp", "tcp6") for line in open(f"/proc/net/{name}") if line.split()[3] == "0A"}
        assert not inodes & listening
