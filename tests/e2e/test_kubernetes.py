"""tools/packaging/kubernetes: what would be applied is valid, fits together, is restricted, and the real programs take its arguments."""
import base64
import json
import os
import re
import shutil
import subprocess
import urllib.request

import kubernetes_schema
import kustomize
import pytest
import yaml
from conftest import ROOT
from fleet import Fleet
from images import Layout, alpine_layer, tar_of
from registry import Registry, free_port
from varve import packages

KUBERNETES = ROOT / "tools/packaging/kubernetes"
VERSION = "1.31"  # of the schemas; nothing newer is used


@pytest.fixture(scope="module")
def overlay(build, tmp_path_factory):
    """The example with keys made as its README says."""
    folder = tmp_path_factory.mktemp("kubernetes") / "kubernetes"
    shutil.copytree(KUBERNETES, folder)
    env = {**os.environ, "PATH": f"{build}:{os.environ['PATH']}"}
    subprocess.run([folder / "make-keys", folder / "overlays/example/keys"], check=True, env=env)
    return folder / "overlays/example"


@pytest.fixture(scope="module")
def objects(overlay):
    return kustomize.build(overlay)


def of_kind(objects, *kinds):
    return [one for one in objects if one["kind"] in kinds]


def named(objects, kind, name):
    (one,) = [o for o in of_kind(objects, kind) if o["metadata"]["name"] == name]
    return one


def workloads(objects):
    return of_kind(objects, "StatefulSet", "Deployment")


def pod(workload):
    return workload["spec"]["template"]["spec"]


def container(workload):
    (one,) = pod(workload)["containers"]
    return one


def selects(labels, selector):
    assert set(selector) == {"matchLabels"}
    return selector["matchLabels"].items() <= labels.items()


def labels_of(workload):
    return workload["spec"]["template"]["metadata"]["labels"]


# --- shape ---

def test_every_object_is_valid_for_kubernetes(objects):
    """Against the API's own schemas, without room for fields that it does not know."""
    assert len(objects) > 10
    for one in objects:
        assert not kubernetes_schema.errors(one, VERSION)


def test_the_schemas_would_find_a_mistake(objects):
    wrong = json.loads(json.dumps(named(objects, "Deployment", "varve-worker")))
    container(wrong)["readinesProbe"] = container(wrong).pop("readinessProbe")
    assert "readinesProbe" in str(kubernetes_schema.errors(wrong, VERSION))


def test_a_real_kustomize_builds_the_same(overlay, objects):
    built = sorted((ROOT / "build/tools").glob("kustomize-*/kustomize"))
    program = built[-1] if built else shutil.which("kustomize")
    if not program:
        pytest.skip("needs kustomize (tools/install-deps test builds it where there is a Go)")
    out = subprocess.run([program, "build", overlay], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr

    def by_name(all_of_them):
        for one in all_of_them:
            one["data"] = {key: "".join(value.split()) for key, value in one.get("data", {}).items()}  # base64, folded or not
            yield (one["kind"], one["metadata"]["name"]), one
    assert dict(by_name(yaml.safe_load_all(out.stdout))) == dict(by_name(json.loads(json.dumps(objects))))


def test_no_file_is_left_out_of_every_kustomization():
    used = set()
    for path in KUBERNETES.rglob("kustomization.yaml"):
        (one,) = kustomize.documents(path)
        for name in one.get("resources", []) + one.get("components", []) + [p["path"] for p in one.get("patches", [])]:
            assert (path.parent / name).exists(), f"{path}: {name}"
            used.add((path.parent / name).resolve())
    files = {path.resolve() for path in KUBERNETES.rglob("*.yaml") if path.name != "kustomization.yaml"}
    assert {path.name for path in files - used} == {"prometheus-adapter.yaml"}  # for another program, not for Kubernetes


# --- fit ---

def test_selectors_find_their_pods(objects):
    broker, worker = named(objects, "StatefulSet", "varve-broker"), named(objects, "Deployment", "varve-worker")
    for one in (broker, worker):
        assert selects(labels_of(one), one["spec"]["selector"])
    assert not selects(labels_of(worker), broker["spec"]["selector"]) and not selects(labels_of(broker), worker["spec"]["selector"])
    service = named(objects, "Service", "varve-broker")
    assert service["spec"]["selector"].items() <= labels_of(broker).items()
    assert not service["spec"]["selector"].items() <= labels_of(worker).items()
    assert broker["spec"]["serviceName"] == service["metadata"]["name"] and service["spec"]["clusterIP"] == "None"
    assert selects(labels_of(worker), named(objects, "PodDisruptionBudget", "varve-worker")["spec"]["selector"])
    scaler = named(objects, "HorizontalPodAutoscaler", "varve-worker")["spec"]["scaleTargetRef"]
    assert (scaler["kind"], scaler["name"]) == ("Deployment", worker["metadata"]["name"])
    assert "replicas" not in worker["spec"]  # the autoscaler's


def test_ports_are_the_same_everywhere(objects):
    service = {p["name"]: p for p in named(objects, "Service", "varve-broker")["spec"]["ports"]}
    for workload in workloads(objects):
        ports = {p["name"]: p["containerPort"] for p in container(workload)["ports"]}
        arguments = container(workload)["args"]
        assert f"--metrics=0.0.0.0:{ports['metrics']}" in arguments
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if probe in container(workload):
                assert container(workload)[probe]["httpGet"]["port"] in ports
        assert container(workload)["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container(workload)["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert workload["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"] == str(ports["metrics"])
    broker = {p["name"]: p["containerPort"] for p in container(named(objects, "StatefulSet", "varve-broker"))["ports"]}
    assert {name: p["port"] for name, p in service.items()} == broker
    assert all(p["targetPort"] == name for name, p in service.items())
    assert f"--endpoint=tcp://0.0.0.0:{broker['broker']}" in container(named(objects, "StatefulSet", "varve-broker"))["args"]
    assert f"--broker=tcp://varve-broker:{broker['broker']}" in container(named(objects, "Deployment", "varve-worker"))["args"]


def test_volumes_and_secrets_exist_and_hold_what_is_asked_of_them(objects):
    secrets = {one["metadata"]["name"]: one for one in of_kind(objects, "Secret")}
    for workload in workloads(objects):
        volumes = {one["name"]: one for one in pod(workload)["volumes"]}
        claims = {one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates", [])}
        mounts = {one["name"]: one for one in container(workload)["volumeMounts"]}
        assert set(mounts) == set(volumes) | claims
        assert not [m for m in mounts.values() if "subPath" in m]  # would not follow a changed secret
        for name, volume in volumes.items():
            if "secret" not in volume:
                continue
            secret = secrets[volume["secret"]["secretName"]]
            items = {i["path"]: i["key"] for i in volume["secret"].get("items", [])} or {key: key for key in secret["data"]}
            assert set(items.values()) <= set(secret["data"])
            assert volume["secret"]["defaultMode"] == 0o440 and mounts[name]["readOnly"]
            here = [a for a in container(workload)["args"] if mounts[name]["mountPath"] + "/" in a]
            assert here and all(a.split("=", 1)[1].rsplit("/", 1)[1] in items for a in here)
        for variable in container(workload).get("env", []):
            if "secretKeyRef" in variable["valueFrom"]:
                reference = variable["valueFrom"]["secretKeyRef"]
                assert reference["key"] in secrets[reference["name"]]["data"]
    used = {v["secret"]["secretName"] for w in workloads(objects) for v in pod(w)["volumes"] if "secret" in v}
    assert set(secrets) == used | {"varve-broker-public"}


def test_the_broker_and_the_workers_hold_different_secrets(objects):
    held = [{v["secret"]["secretName"] for v in pod(w)["volumes"] if "secret" in v} for w in workloads(objects)]
    assert not held[0] & held[1]


# --- the restricted profile of the Pod Security Standards ---

def test_pods_are_restricted(objects):
    labels = named(objects, "Namespace", "varve")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for workload in workloads(objects):
        spec = pod(workload)
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers", "ephemeralContainers"} & set(spec)
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] == 65532
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        own = container(workload)["securityContext"]
        assert own["allowPrivilegeEscalation"] is False and own["readOnlyRootFilesystem"] is True
        assert own["capabilities"] == {"drop": ["ALL"]} and "privileged" not in own
        allowed = {"emptyDir", "secret", "configMap", "persistentVolumeClaim", "projected", "downwardAPI", "csi", "ephemeral"}
        assert all(set(v) - {"name"} <= allowed for v in spec["volumes"])
        assert "hostPort" not in str(container(workload)["ports"])
        assert {"cpu", "memory"} <= set(container(workload)["resources"]["requests"])


def test_writable_places_of_a_read_only_root_are_mounted(objects):
    for workload, places in ((named(objects, "StatefulSet", "varve-broker"), {"/var/lib/varve", "/tmp"}),
                             (named(objects, "Deployment", "varve-worker"), {"/var/tmp", "/tmp", "/var/cache/varve"})):
        writable = {m["mountPath"] for m in container(workload)["volumeMounts"] if not m.get("readOnly")}
        assert writable == places
    (store,) = [a for a in container(named(objects, "StatefulSet", "varve-broker"))["args"] if a.startswith("--store=")]
    assert store.startswith("--store=/var/lib/varve/")  # below the volume, whose top is root's


# --- network ---

def traffic(objects, direction, workload):
    """{(who, port)} that the policies of a workload's pods let through."""
    out, key = set(), {"ingress": "from", "egress": "to"}[direction]
    for policy in of_kind(objects, "NetworkPolicy"):
        spec = policy["spec"]
        if selects(labels_of(workload), spec["podSelector"]):
            assert set(spec["policyTypes"]) == {"Ingress", "Egress"}
            for rule in spec.get(direction, []):
                assert rule[key] and rule["ports"]
                for peer in rule[key]:
                    who = peer.get("podSelector") or peer.get("namespaceSelector") or {"matchLabels": peer["ipBlock"]}
                    label = who["matchLabels"]
                    name = label.get("app.kubernetes.io/component") or label.get("kubernetes.io/metadata.name") or label["cidr"]
                    out |= {(name, p["port"]) for p in rule["ports"]}
    return out


def test_policies_let_through_what_a_fleet_needs_and_nothing_else(objects):
    broker, worker = named(objects, "StatefulSet", "varve-broker"), named(objects, "Deployment", "varve-worker")
    outside = {("0.0.0.0/0", 443), ("::/0", 443), ("kube-system", 53)}
    assert traffic(objects, "ingress", broker) == {("worker", 7070), ("client", 7070), ("monitoring", 9180)}
    assert traffic(objects, "egress", broker) == outside
    assert traffic(objects, "ingress", worker) == {("monitoring", 9180)}
    assert traffic(objects, "egress", worker) == outside | {("broker", 7070)}
    for policy in of_kind(objects, "NetworkPolicy"):
        for block in re.findall(r"'ipBlock': (\{[^}]*\})", str(policy)):
            assert "169.254.0.0/16" in block or "fe80::/10" in block  # never the node's metadata service


# --- the real programs ---

@pytest.mark.parametrize("kind", ["StatefulSet", "Deployment"])
def test_the_programs_take_the_arguments(build, objects, kind):
    (workload,) = of_kind(objects, kind)
    one = container(workload)
    command = [build / one["command"][0], *[a.replace("$(THREADS)", "2") for a in one["args"]], "--help"]
    out = subprocess.run(command, capture_output=True, text=True)
    assert out.returncode == 0 and out.stdout.startswith("usage: "), out.stderr
    unknown = subprocess.run([*command[:-1], "--no-such-option", "--help"], capture_output=True, text=True)
    assert unknown.returncode == 2


def test_the_metric_that_scales_is_one_the_broker_has(build, objects):
    metric = named(objects, "HorizontalPodAutoscaler", "varve-worker")["spec"]["metrics"][0]["external"]["metric"]["name"]
    assert metric in (KUBERNETES / "components/hpa/prometheus-adapter.yaml").read_text()
    assert metric in (KUBERNETES / "components/keda/scaled-object.yaml").read_text()
    assert f"`{metric}" in (ROOT / "docs/OPERATIONS.md").read_text()


def test_a_fleet_runs_with_the_manifests_arguments(build, overlay, objects, tmp_path):
    """The same words, with the pods' paths and addresses turned into this machine's."""
    secrets = {one["metadata"]["name"]: one["data"] for one in of_kind(objects, "Secret")}
    ports = {"7070": str(free_port()), "9180": None}
    layout = Layout(tmp_path / "layout")
    layout.image("app:v1", [alpine_layer(("musl", "1.1.20-r4")), tar_of([("srv/app", "application\n")])])

    def arguments(workload, folder, metrics):
        one = container(workload)
        values = {"POD_NAME": "varve-worker-abc", "THREADS": "1"}
        for variable in one.get("env", []):
            if "secretKeyRef" in variable["valueFrom"]:
                reference = variable["valueFrom"]["secretKeyRef"]
                values[variable["name"]] = base64.b64decode(secrets[reference["name"]][reference["key"]]).decode()
        for volume in pod(workload)["volumes"]:
            if "secret" in volume:
                (mount,) = [m for m in one["volumeMounts"] if m["name"] == volume["name"]]
                place = folder / mount["mountPath"].lstrip("/")
                place.mkdir(parents=True)
                data = secrets[volume["secret"]["secretName"]]
                for path, key in ({i["path"]: i["key"] for i in volume["secret"].get("items", [])} or {k: k for k in data}).items():
                    (place / path).write_bytes(base64.b64decode(data[key]))
                    (place / path).chmod(0o400)
        (folder / "tmp").mkdir(parents=True)
        out = []
        for argument in one["args"]:
            argument = re.sub(r"\$\((\w+)\)", lambda hit: values[hit[1]], argument)
            argument = argument.replace("0.0.0.0:9180", f"127.0.0.1:{metrics}").replace(":7070", f":{ports['7070']}")
            argument = argument.replace("0.0.0.0", "127.0.0.1").replace("//varve-broker:", "//127.0.0.1:")
            out.append(re.sub(r"^(--\w[\w-]*=)(ipc://)?(/(?:etc|var|tmp)/)", rf"\1\2{folder}\3", argument))
        return [build / one["command"][0], *out]

    def ready(port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            return answer.status == 200

    with Fleet(build, tmp_path / "fleet", f"tcp://127.0.0.1:{ports['7070']}") as fleet, Registry(tmp_path / "registry") as registry:
        registry.push(f"oci:{tmp_path / 'layout'}:app:v1", "app:v1")
        metrics = [free_port(), free_port()]
        broker = fleet.start(*arguments(named(objects, "StatefulSet", "varve-broker"), tmp_path / "broker-pod", metrics[0]))
        broker.wait_line("listening on ", 2)
        worker = fleet.start(*arguments(named(objects, "Deployment", "varve-worker"), tmp_path / "worker-pod", metrics[1]), "--plain-http")
        fleet.key = overlay / "keys/admin.key"
        fleet.broker_key = (overlay / "keys/broker.pub").read_text()
        job = fleet.submit(f"registry://{registry.host}")
        assert [packages(one) for one in fleet.results(job).images.values()] == [{("musl", "1.1.20-r4")}]
        assert ready(metrics[0]) and ready(metrics[1])
        assert worker.terminate() == 0 and broker.terminate() == 0
