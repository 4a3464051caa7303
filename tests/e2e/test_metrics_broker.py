"""What a broker shows of itself: metrics of real work, probes, sd_notify, JSON lines; the dashboard, rules and docs over them."""
import contextlib
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys

import pytest
import yaml
from fleet import Fleet
from images import Layout, alpine_layer, tar_of
from notify import Manager
from registry import Registry
from scrape import Metrics

ROOT = pathlib.Path(__file__).resolve().parents[2]
GRAFANA = ROOT / "tools" / "packaging" / "grafana"
METRICS = ("--metrics", "127.0.0.1:0")
IMAGES = 5


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Five images over one base: six layers, ten uses of them."""
    folder = tmp_path_factory.mktemp("shop")
    layout = Layout(folder / "layout")
    base = alpine_layer(("musl", "1.1.20-r4"))
    with Registry(folder / "registry") as registry:
        for i in range(IMAGES):
            layout.image(f"i{i}", [base, tar_of([("srv/app", f"application {i}\n" * 50)])])
            registry.push(f"oci:{layout.folder}:i{i}", f"team/app{i}:v1")
        yield registry


@pytest.fixture(scope="module")
def worked(build, shop, tmp_path_factory):
    """A fleet whose work is done twice: (broker's metrics, a worker's)."""
    with Fleet(build, tmp_path_factory.mktemp("worked") / "fleet") as fleet:
        broker = Metrics(fleet.start_broker(*METRICS))
        worker = Metrics(fleet.start_worker("one", *METRICS))
        fleet.start_worker("two")
        fleet.submit(f"registry://{shop.host}")
        fleet.submit(f"registry://{shop.host}")
        broker.wait_value(2, "varve_fleet_jobs_total")
        broker.wait_value(2 * IMAGES, "varve_fleet_images_total")
        broker.wait_value(0, "varve_broker_jobs", state="running")
        worker.wait_value(1, "varve_worker_connected")
        yield broker, worker


def summed(values, name):
    return sum(value for (sample, _), value in values.items() if sample == name)


def test_a_broker_counts_what_its_fleet_does(worked):
    values = worked[0].values()

    def value(name, **labels):
        return values[(name, tuple(sorted(labels.items())))]
    assert value("varve_fleet_scans_started_total") == value("varve_fleet_layers_total") == IMAGES + 1
    assert value("varve_fleet_scans_finished_total") == IMAGES + 1
    assert summed(values, "varve_fleet_retries_total") == 0
    assert value("varve_broker_images_total", status="complete") == 2 * IMAGES
    assert value("varve_broker_images_total", status="failed") == 0
    scanned, reused = (value("varve_broker_image_layers_total", status=status) for status in ("scanned", "reused"))
    assert scanned == IMAGES + 1 and scanned + reused == 4 * IMAGES
    assert value("varve_broker_tasks_ended_total", kind="layer", outcome="done") == IMAGES + 1
    assert value("varve_broker_tasks_ended_total", kind="enumerate", outcome="done") == 2
    assert value("varve_broker_lease_seconds_count", kind="layer") == IMAGES + 1
    assert summed(values, "varve_broker_workers") == 2
    assert value("varve_broker_slots", kind="layer") >= 2
    assert value("varve_broker_commit_seconds_count") > 0
    assert value("varve_broker_commit_seconds_bucket", le="+Inf") == value("varve_broker_commit_seconds_count")
    assert value("varve_broker_turn_seconds_count") >= value("varve_broker_commit_seconds_count")
    assert 0 < value("varve_broker_store_used_bytes") < value("varve_broker_store_max_bytes")
    assert value("varve_broker_messages_total") > 4 * IMAGES
    assert value("varve_broker_refused_total", reason="auth") == 0


def test_counters_of_the_fleet_outlive_the_broker(build, shop, tmp_path):
    with Fleet(build, tmp_path / "fleet") as fleet:
        broker = fleet.start_broker(*METRICS)
        fleet.start_worker("one")
        fleet.submit(f"docker://{shop.host}/team/app1:v1")
        broker.kill()
        again = Metrics(fleet.start_broker(*METRICS))
        values = again.wait_value(2, "varve_fleet_scans_started_total")
        assert values[("varve_broker_images_total", (("status", "complete"),))] == 0  # of this process


def test_what_waits_shows_by_class_kind_and_registry(build, shop, tmp_path):
    with Fleet(build, tmp_path / "fleet") as fleet:
        broker = Metrics(fleet.start_broker(*METRICS))
        for i in range(3):
            assert fleet.call("submit", "--bulk", f"docker://{shop.host}/team/app{i}:v1").code == 0
        paused = fleet.call("submit", f"registry://{shop.host}").out.split()[0]
        broker.wait_value(3, "varve_broker_tasks_waiting", **{"class": "bulk", "kind": "resolve"})
        broker.wait_value(1, "varve_broker_tasks_waiting", **{"class": "adhoc", "kind": "enumerate"})
        broker.wait_value(4, "varve_broker_host_tasks_waiting", host=shop.host)
        assert broker.value("varve_broker_host_workers", host=shop.host) == 0
        assert broker.value("varve_broker_jobs", state="running") == 4
        assert fleet.call("pause", paused).code == 0
        broker.wait_value(1, "varve_broker_jobs", state="paused")
        broker.wait_value(1, "varve_broker_tasks_held", **{"class": "adhoc", "kind": "enumerate"})
        assert fleet.call("submit", "--every", "24h", f"docker://{shop.host}/team/app1:v1").code == 0
        broker.wait_value(1, "varve_broker_jobs", state="scheduled")
        assert fleet.call("resume", paused).code == 0
        fleet.start_worker("one")
        broker.wait(lambda values: summed(values, "varve_broker_tasks_waiting") == 0
                    and values[("varve_broker_jobs", (("state", "running"),))] == 0, "all is done")


@contextlib.contextmanager
def fake_registry(**options):
    """Its host: lib/fake_registry.py with these options."""
    program = pathlib.Path(__file__).parent / "lib" / "fake_registry.py"
    with subprocess.Popen([sys.executable, program, json.dumps(options)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"127.0.0.1:{json.loads(process.stdout.readline())['port']}"
        finally:
            process.stdin.close()


def test_a_registry_that_answers_429_shows(build, tmp_path):
    with fake_registry(rate_limit_first=1000000, retry_after="30") as host, Fleet(build, tmp_path / "fleet") as fleet:
        broker = Metrics(fleet.start_broker(*METRICS))
        worker = Metrics(fleet.start_worker("one", *METRICS))
        assert fleet.call("submit", f"docker://{host}/team/app:latest").code == 0
        broker.wait(lambda v: v.get(("varve_broker_host_rate_limited_total", (("host", host),)), 0) >= 1, "429 at the broker")
        broker.wait(lambda v: v.get(("varve_broker_host_blocked_seconds", (("host", host),)), 0) > 0, "left alone")
        broker.wait_value(1, "varve_broker_hosts_blocked")
        worker.wait(lambda v: v.get(("varve_worker_registry_requests_total", (("host", host), ("result", "rate_limited"))), 0) >= 1,
                    "429 at the worker")


def test_what_is_refused_is_counted_by_reason(build, tmp_path):
    zmq = pytest.importorskip("zmq")
    with Fleet(build, tmp_path / "fleet") as fleet:
        broker = Metrics(fleet.start_broker(*METRICS))
        stranger = zmq.Context.instance().socket(zmq.DEALER)
        stranger.linger = 0
        stranger.connect(fleet.endpoint)
        try:
            for _ in range(5):
                stranger.send(b"GET / HTTP/1.1\r\n\r\n")
            broker.wait_value(5, "varve_broker_refused_total", reason="protocol")
        finally:
            stranger.close()


def test_peers_that_are_turned_away_are_counted_by_reason(build, tmp_path):
    zmq = pytest.importorskip("zmq")
    with Fleet(build, tmp_path / "fleet", "tcp://127.0.0.1:*") as fleet:
        fleet.use_keys()
        broker = Metrics(fleet.start_broker(*METRICS))
        assert broker.value("varve_broker_peers_refused_total", reason="key") in (None, 0)
        fleet.make_key("stranger")
        assert fleet.call("status", key=fleet.folder / "stranger.key").code != 0
        broker.wait(lambda v: v.get(("varve_broker_peers_refused_total", (("reason", "key"),)), 0) >= 1, "a key off the list")
        before = broker.value("varve_broker_peers_refused_total", reason="handshake")
        keyless = zmq.Context.instance().socket(zmq.DEALER)
        keyless.linger = 0
        keyless.connect(fleet.endpoint)
        try:
            broker.wait(lambda v: v[("varve_broker_peers_refused_total", (("reason", "handshake"),))] > before, "a peer without a key")
        finally:
            keyless.close()


def test_hostile_scrapers_stall_no_work(build, shop, tmp_path):
    with Fleet(build, tmp_path / "fleet") as fleet:
        broker = Metrics(fleet.start_broker(*METRICS))
        fleet.start_worker("one")
        slow = [socket.create_connection((broker.host, broker.port)) for _ in range(200)]
        try:
            for i, peer in enumerate(slow):
                with contextlib.suppress(OSError):
                    peer.sendall(b"GET /metrics HTTP/1.1\r\n" + (b"\r\n" if i % 2 else b"X: "))
            fleet.submit(f"registry://{shop.host}")
            broker.wait_value(IMAGES, "varve_fleet_images_total")
        finally:
            for peer in slow:
                peer.close()


def test_a_broker_is_ready_when_it_listens_and_alive_while_it_turns(build, tmp_path):
    with Fleet(build, tmp_path / "fleet") as fleet:
        program = fleet.start_broker(*METRICS)
        broker = Metrics(program)
        assert broker.wait_probe("/readyz", 200) == "ok\n"
        assert broker.request("/healthz")[:2] == (200, "ok\n")
        assert program.terminate() == 0
        with pytest.raises(OSError):
            broker.request("/healthz")


def test_a_broker_tells_its_manager_when_it_is_bound_and_stops(build, tmp_path):
    with Manager() as manager, Fleet(build, tmp_path / "fleet") as fleet:
        fleet.env["NOTIFY_SOCKET"], fleet.env["WATCHDOG_USEC"] = manager.address, "4000000"
        broker = fleet.start_broker()
        manager.wait("READY=1")
        assert fleet.call("status").code == 0
        manager.wait("STATUS=Workers: 0, jobs: 0")
        manager.wait("WATCHDOG=1", 2)
        del fleet.env["NOTIFY_SOCKET"]
        fleet.start_worker("one")
        manager.wait("STATUS=Workers: 1, jobs: 0")
        assert broker.terminate() == 0
        manager.wait("STOPPING=1")
        assert manager.heard.count("READY=1") == 1


def test_a_broker_that_cannot_begin_is_never_ready(build, tmp_path):
    with Manager() as manager, Fleet(build, tmp_path / "fleet") as fleet:
        fleet.env["NOTIFY_SOCKET"] = manager.address
        (fleet.folder / "file").write_text("not a folder")
        broker = fleet.start(build / "varve-broker", "--store", fleet.folder / "file", "--endpoint", fleet.endpoint, "--log-format", "json")
        assert broker.wait() in (2, 4)
        assert "READY=1" not in manager.heard
        assert json.loads(broker.lines[-1])["level"] == "error"


def test_json_lines_of_a_broker_name_workers_and_jobs(build, shop, tmp_path):
    with Fleet(build, tmp_path / "fleet") as fleet:
        broker = fleet.start_broker("--log-format", "json")
        fleet.endpoint = fleet.endpoint.split('"')[0]
        worker = fleet.start_worker('odd "name"\n{"level":"error"}')
        job = int(fleet.submit(f"docker://{shop.host}/team/app1:v1"))
        assert worker.terminate() == 0
        broker.wait_line("has left")
        assert broker.terminate() == 0
        lines = [json.loads(line) for line in broker.lines]
        assert {line["level"] for line in lines} <= {"info", "warning"}
        (joined,) = [line for line in lines if "has joined" in line["message"]]
        assert joined["worker"] == 1 and 'odd "name"?{"level":"error"}' in joined["message"].replace("\n", "?").replace("\\x0a", "?")
        (done,) = [line for line in lines if "is done" in line["message"]]
        assert done["job"] == job


# --- what is made of them ---

def names_of(values):
    return {name for name, _ in values}


def metrics_in(expression):
    return set(re.findall(r"\b(?:varve|process)_[a-z_]+\b", expression))


def dashboard():
    return json.loads((GRAFANA / "varve-dashboard.json").read_text())


def dashboard_expressions():
    return [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]


def rules():
    return [rule for group in yaml.safe_load((GRAFANA / "varve-alerts.yaml").read_text())["groups"] for rule in group["rules"]]


def test_every_query_of_dashboard_and_alerts_names_what_a_scrape_has(worked):
    there = names_of(worked[0].values()) | names_of(worked[1].values())
    expressions = dashboard_expressions() + [rule["expr"] for rule in rules()]
    assert len(expressions) > 50
    for expression in expressions:
        named = metrics_in(expression)
        assert named and named <= there, f"{expression}: {named - there}"


def test_the_dashboard_is_one(worked):
    board = dashboard()
    panels = board["panels"]
    assert board["uid"] and board["schemaVersion"] >= 36 and [v["name"] for v in board["templating"]["list"]] == ["datasource"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] == "row":
            continue
        assert panel["datasource"]["uid"] == "${datasource}" and panel["targets"], panel["title"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        assert panel["fieldConfig"]["defaults"]["unit"]


def promtool(*arguments, cwd):
    if not shutil.which("promtool"):
        pytest.skip("needs promtool (Debian package prometheus)")
    return subprocess.run(["promtool", *map(str, arguments)], cwd=cwd, capture_output=True, text=True)


def test_alerts_fire_when_they_should_and_only_then(tmp_path):
    shutil.copy(GRAFANA / "varve-alerts.yaml", tmp_path)
    shutil.copy(pathlib.Path(__file__).parent / "data" / "alerts_test.yaml", tmp_path)
    tested = yaml.safe_load((tmp_path / "alerts_test.yaml").read_text())["tests"]
    fired = {case["alertname"] for test in tested for case in test["alert_rule_test"] if case["exp_alerts"]}
    silent = {case["alertname"] for case in tested[-1]["alert_rule_test"]}
    assert fired == silent == {rule["alert"] for rule in rules()}
    out = promtool("test", "rules", "alerts_test.yaml", cwd=tmp_path)
    assert out.returncode == 0, out.stdout + out.stderr


def test_every_query_of_the_dashboard_is_promql(tmp_path):
    groups = [{"name": "dashboard", "rules": [{"record": f"query:{i}", "expr": expression} for i, expression in enumerate(dashboard_expressions())]}]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    out = promtool("check", "rules", "rules.yaml", cwd=tmp_path)
    assert out.returncode == 0, out.stdout + out.stderr


def test_promtool_finds_nothing_to_say_about_a_scrape(worked, tmp_path):
    if not shutil.which("promtool"):
        pytest.skip("needs promtool (Debian package prometheus)")
    for side in worked:
        out = subprocess.run(["promtool", "check", "metrics"], input=side.text(), capture_output=True, text=True)
        assert out.returncode == 0, out.stdout + out.stderr


def test_the_table_of_metrics_in_the_docs_is_what_a_scrape_has(worked):
    """Both ways: nothing is undocumented, and nothing documented is missing."""
    text = (ROOT / "docs" / "OPERATIONS.md").read_text()
    documented = {(name, kind) for name, kind in re.findall(r"^\| `(\w+)(?:\{[\w,]+\})?` \| (counter|gauge|histogram) \|", text, re.M)}
    there = set()
    for side in worked:
        for line in side.text().splitlines():
            if match := re.match(r"# TYPE (varve_\w+) (\w+)", line):
                there.add(match.groups())
    assert documented == there
