"""The container image: its last stage is built over the programs under test and run as in production: no root, no shell, no
capability, a root file system that is read-only. --long builds all of it from a bare Debian."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from conftest import ROOT
from fleet import Fleet
from images import Layout, alpine_layer, tar_of
from registry import Registry, free_port
from varve import packages

CONTAINER = ROOT / "tools/packaging/container"
LONG_SECONDS = 1800
HARDENED = ["--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges", "--network", "host"]
# Where resources may not be raised, podman's own defaults cannot be set.
ULIMITS = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"]


def stages():
    """[[(instruction, arguments)…]…] of the Containerfile, continuation lines joined; the first is what stands before FROM."""
    text = re.sub(r"\\\n", " ", (CONTAINER / "Containerfile").read_text())
    out = [[]]
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            instruction, arguments = line.split(None, 1)
            if instruction == "FROM":
                out.append([])
            out[-1].append((instruction, arguments))
    return out


class Podman:
    """podman with a storage of its own, which goes with the test."""

    def __init__(self, folder):
        self.folder = folder
        self.command = ["podman", "--storage-driver", "vfs", "--root", str(folder / "store"), "--runroot", str(folder / "run"),
                        "--cgroup-manager", "cgroupfs", *(["--runtime", "runc"] if shutil.which("runc") else [])]

    def try_run(self, *arguments, **options):
        options = {"timeout": 120, **options}
        return subprocess.run([*self.command, *map(str, arguments)], capture_output=True, text=True, **options)

    def run(self, *arguments, **options):
        out = self.try_run(*arguments, **options)
        assert out.returncode == 0, f"{arguments}: {out.stdout[-3000:]}{out.stderr[-3000:]}"
        return out.stdout.strip()

    def close(self):
        self.try_run("rm", "--force", "--all", "--time", "5")
        shutil.rmtree(self.folder, ignore_errors=True)


def need_podman():
    if os.geteuid() != 0 or not shutil.which("podman"):
        pytest.skip("needs podman and root")


@pytest.fixture(scope="module")
def podman(tmp_path_factory):
    need_podman()
    podman = Podman(tmp_path_factory.mktemp("podman"))
    yield podman
    podman.close()


@pytest.fixture(scope="module")
def image(build, podman, tmp_path_factory):
    """The Containerfile's last stage over the root that make-root puts together of the programs under test."""
    folder = tmp_path_factory.mktemp("context")
    (folder / "out/usr/bin").mkdir(parents=True)
    (folder / "out/usr/share/varve").mkdir(parents=True)
    for program in ("varve", "varve-broker", "varve-worker"):
        shutil.copy2(build / program, folder / "out/usr/bin")
    (folder / "out/usr/libexec/varve").mkdir(parents=True)
    shutil.copy2(build / "varve-parse", folder / "out/usr/libexec/varve")
    made = subprocess.run([CONTAINER / "make-root", folder / "out", folder / "root-fs", ROOT / "LICENSE"], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    last = "".join(f"{instruction} {arguments}\n" for instruction, arguments in stages()[-1])
    assert "COPY --from=build /root-fs /" in last
    subprocess.run(["tar", "-C", folder / "root-fs", "-cf", folder / "root-fs.tar", "."], check=True)  # keeps owners, as COPY --from does
    (folder / "Containerfile").write_text(last.replace("COPY --from=build /root-fs /", "ADD root-fs.tar /"))
    out = podman.try_run("build", "--tag", "varve", folder)
    if out.returncode != 0 and "Containerfile" not in out.stderr and not podman.try_run("info").returncode == 0:
        pytest.skip("podman does not work here")
    if "remount /" in out.stderr:
        pytest.skip("podman needs a root that is a mount of its own: this is a chroot")
    assert out.returncode == 0, out.stderr
    probe = podman.try_run("run", "--rm", *ULIMITS, "--network", "host", "varve", "varve", "--version")
    if probe.returncode and "OCI" in probe.stderr:
        pytest.skip(f"no container can be run here: {probe.stderr[-200:]}")
    return "varve"


def test_the_containerfile_builds_from_any_base_and_ends_without_one():
    before, *rest = stages()
    assert ("ARG", "BASE=docker.io/library/debian:bookworm-slim") in before
    assert rest[0][0] == ("FROM", "${BASE} AS build") and rest[-1][0] == ("FROM", "scratch")
    users = [arguments for instruction, arguments in rest[-1] if instruction == "USER"]
    assert users == ["65532:65532"]
    assert not [i for i, _ in sum(rest, []) if i in ("ADD", "ENTRYPOINT", "MAINTAINER")]
    for instruction, arguments in rest[0]:
        if instruction == "COPY":
            for source in arguments.split()[:-1]:
                assert (ROOT / source).exists(), source


def test_what_the_build_reads_is_not_ignored():
    ignored = {line.strip("/") for line in (ROOT / ".containerignore").read_text().splitlines() if line and line[0] != "#"}
    copied = [source for i, arguments in stages()[1] if i == "COPY" for source in arguments.split()[:-1]]
    assert copied and not ignored & {source.split("/")[0] for source in copied}


def test_the_image_has_no_shell_and_no_root(podman, image):
    config = json.loads(podman.run("image", "inspect", image))[0]["Config"]
    assert config["User"] == "65532:65532" and config["StopSignal"] in ("SIGTERM", "15")
    root = pathlib.Path(podman.run("image", "mount", image))
    try:
        names = {path.name for path in (root / "usr/bin").iterdir()}
        assert names == {"varve", "varve-broker", "varve-worker"}
        setuid = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o6000]
        assert not setuid
        assert sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and "usr/bin" not in str(path)) < 72 << 20
    finally:
        podman.run("image", "unmount", image)
    assert podman.try_run("run", "--rm", *ULIMITS, *HARDENED, image, "/bin/sh", "-c", "true").returncode != 0


@contextlib.contextmanager
def watched(podman):
    """What the containers said goes with a failure."""
    try:
        yield
    except Exception:
        for name in ("broker", "worker"):
            logs = podman.try_run("logs", name)
            print(f"{name}: {logs.stdout}{logs.stderr}")
        raise


def check_fleet_in_containers(build, podman, image, tmp_path):
    """Broker and worker in containers, keys mounted as Kubernetes mounts secrets; the client outside and inside."""
    secrets, state = tmp_path / "secrets", tmp_path / "state"
    secrets.mkdir()
    state.mkdir(mode=0o700)
    os.chown(state, 65532, 65532)
    layout = Layout(tmp_path / "layout")
    for i in range(2):
        layout.image(f"app{i}:v1", [alpine_layer(("musl", "1.1.20-r4")), tar_of([("srv/app", f"application {i}\n")])])
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    with Fleet(build, tmp_path / "fleet", endpoint) as fleet, Registry(tmp_path / "registry") as registry:
        for i in range(2):
            registry.push(f"oci:{tmp_path / 'layout'}:app{i}:v1", f"app{i}:v1")
        fleet.use_keys()
        for source, name in ((fleet.broker_key_file, "broker.key"), (fleet.folder / "worker.key", "worker.key"), (fleet.admitted, "admitted")):
            shutil.copy(source, secrets / name)
            os.chown(secrets / name, 0, 65532)
            os.chmod(secrets / name, 0o440)
        common = [*ULIMITS, *HARDENED, "-v", f"{secrets}:/etc/varve:ro"]
        podman.run("run", "--detach", "--name", "broker", *common, "-v", f"{state}:/var/lib/varve", image, "varve-broker",
                   "--endpoint", endpoint, "--endpoint", "ipc:///tmp/varve/broker", "--key", "/etc/varve/broker.key",
                   "--admit", "/etc/varve/admitted")
        (tmp_path / "spool").mkdir()
        os.chown(tmp_path / "spool", 65532, 65532)
        podman.run("run", "--detach", "--name", "worker", *common, "-v", f"{tmp_path / 'spool'}:/var/tmp", image, "varve-worker", "--plain-http", "--name", "contained",
                   "--broker", endpoint, "--key", "/etc/varve/worker.key", "--broker-key", fleet.broker_key)
        with watched(podman):
            out = fleet.call("submit", "--wait", f"registry://{registry.host}", timeout=60)
        assert out.code == 0, out.err
        job = out.out.split()[0]
        images = fleet.results(job).images
        assert len(images) == 2
        assert all(one["complete"] and packages(one) == {("musl", "1.1.20-r4")} for one in images.values())
        inside = podman.run("exec", "broker", "varve", "status", "--format", "json")
        assert [str(one["job"]) for one in json.loads(inside)["jobs"]] == [job]
        for name in ("worker", "broker"):
            podman.run("stop", "--time", "30", name)
            assert podman.run("inspect", "--format", "{{.State.ExitCode}}", name) == "0", podman.try_run("logs", name).stderr
            podman.run("rm", name)
        assert (state / "data.mdb").stat().st_uid == 65532


def test_a_fleet_runs_in_containers_that_may_do_nothing_else(build, podman, image, tmp_path):
    check_fleet_in_containers(build, podman, image, tmp_path)


def test_long_the_whole_image_is_built_from_a_bare_debian(build, podman, tmp_path):
    if not os.environ.get("VARVE_TEST_LONG"):
        pytest.skip("needs --long: builds a Debian base and all of Varve")
    if not shutil.which("debootstrap"):
        pytest.skip("needs debootstrap")
    base = subprocess.run(["debootstrap", "--variant=minbase", "bookworm", tmp_path / "base"], capture_output=True, text=True)
    if base.returncode:
        pytest.skip(f"needs a Debian mirror: {base.stdout[-200:]}")
    tar = subprocess.Popen(["tar", "-C", tmp_path / "base", "-c", "."], stdout=subprocess.PIPE)
    podman.run("import", "-", "localhost/base", stdin=tar.stdout)
    assert tar.wait() == 0
    podman.run("build", "--layers=false", *ULIMITS, "--network", "host", "--build-arg", "BASE=localhost/base", "--file", CONTAINER / "Containerfile",
               "--tag", "whole", ROOT, timeout=LONG_SECONDS)
    check_fleet_in_containers(build, podman, "whole", tmp_path)
