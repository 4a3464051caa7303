"""Debian packages and systemd units: what is in them, and a machine on which they are installed, run, upgraded and purged."""
import json
import os
import re
import shutil
import subprocess
import zipfile

import machine
import pytest
from conftest import ROOT
from images import Layout, alpine_layer, tar_of
from registry import Registry

EXPOSURE_MAX = 15  # tenths: systemd-analyze security calls up to 2.0 "OK" and 9.0 "UNSAFE"


def run(*command, **options):
    out = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    assert out.returncode == 0, f"{command}\n{out.stdout[-3000:]}{out.stderr[-3000:]}"
    return out.stdout


def make_packages(build, folder, release):
    """cpack over the programs under test: configured as a packager does, not compiled again."""
    if not shutil.which("dpkg-shlibdeps"):
        pytest.skip("needs dpkg-shlibdeps (package dpkg-dev)")
    run("cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DVARVE_TESTS=OFF", "-DVARVE_BENCH=OFF",
        "-DCMAKE_INSTALL_PREFIX=/usr", "-DCMAKE_SKIP_INSTALL_ALL_DEPENDENCY=ON", f"-DVARVE_PACKAGE_RELEASE={release}")
    for program in ("varve", "varve-broker", "varve-worker", "varve-parse"):
        shutil.copy2(build / program, folder)
    run("cpack", "-G", "DEB", cwd=folder)
    return {path.name.split("_")[0]: path for path in folder.glob("*.deb")}


@pytest.fixture(scope="module")
def packages(build, tmp_path_factory):
    return make_packages(build, tmp_path_factory.mktemp("package") / "1", 1)


@pytest.fixture(scope="module")
def installed(packages, tmp_path_factory):
    """The files of all packages below one folder."""
    folder = tmp_path_factory.mktemp("installed")
    for package in packages.values():
        run("dpkg", "-x", package, folder)
    return folder


@pytest.fixture(scope="module")
def units(installed):
    return installed / "usr/lib/systemd/system"


def field(package, name):
    return run("dpkg-deb", "-f", package, name).strip()


def test_packages_are_one_for_the_command_and_one_for_each_daemon(packages):
    assert set(packages) == {"varve", "varve-broker", "varve-worker"}
    version = field(packages["varve"], "Version")
    for daemon in ("varve-broker", "varve-worker"):
        assert f"varve (= {version})" in field(packages[daemon], "Depends")
        assert "systemd-standalone-sysusers" in field(packages[daemon], "Depends")
    for package, library in (("varve-broker", "liblmdb0"), ("varve-worker", "libarchive13"), ("varve", "libzmq5")):
        assert library in field(packages[package], "Depends")


def test_packages_hold_what_policy_wants(packages, installed):
    for name, package in packages.items():
        assert (installed / f"usr/share/doc/{name}/copyright").exists()
        assert (installed / f"usr/share/doc/{name}/changelog.Debian.gz").exists()
        if name != "varve":
            conffiles = run("dpkg-deb", "-I", package, "conffiles").split()
            assert conffiles == [f"/etc/varve/{name.removeprefix('varve-')}.env"]
            assert (installed / conffiles[0].lstrip("/")).exists()
    pages = {path.name for path in installed.rglob("*.gz") if "/man/" in str(path)}
    assert pages == {"varve.1.gz", "varve-broker.8.gz", "varve-worker.8.gz"}
    assert (installed / "usr/share/bash-completion/completions/varve").exists()


def test_lintian_finds_no_error(packages):
    if not shutil.which("lintian"):
        pytest.skip("needs lintian")
    # Programs of a debug build; no ITP bug and no mail address, as this is no upload to Debian.
    quiet = "bogus-mail-host,bogus-mail-host-in-debian-changelog,initial-upload-closes-no-bugs,no-manual-page,unstripped-binary-or-object,debug-file-with-no-debug-symbols"
    out = subprocess.run(["lintian", "--allow-root", "--fail-on", "error", "--suppress-tags", quiet, *map(str, packages.values())],
                         capture_output=True, text=True)
    assert out.returncode == 0, out.stdout + out.stderr


def test_units_are_read_without_complaint(units, installed):
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    out = subprocess.run(["systemd-analyze", "verify", "--man=no", *sorted(map(str, units.glob("*.*")))], capture_output=True, text=True)
    for line in out.stderr.splitlines():
        missing = re.fullmatch(r"\S+: Command (\S+) is not executable: No such file or directory", line)
        assert missing, line
        assert os.access(installed / missing[1].lstrip("/"), os.X_OK), line


@pytest.mark.parametrize("unit", ["varve-broker.service", "varve-worker.service", "varve-worker@.service", "varve-db-update.service",
                                  "varve-backup.service"])
def test_services_expose_little(units, unit):
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    out = subprocess.run(["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", "--no-pager", units / unit],
                         capture_output=True, text=True)
    assert "Overall exposure level" in out.stdout + out.stderr
    assert out.returncode == 0, out.stdout


def test_a_worker_of_a_template_differs_only_in_its_settings(units):
    one, many = [(units / name).read_text().splitlines() for name in ("varve-worker.service", "varve-worker@.service")]
    assert len(one) == len(many)
    for a, b in zip(one, many):
        assert a == b or "%i" in b, (a, b)


ADVISORY = {"id": "ALPINE-CVE-2026-1", "upstream": ["CVE-2026-1"], "modified": "2026-11-01T00:00:00Z", "affected": [
    {"package": {"ecosystem": "Alpine:v3.9", "name": "musl"},
     "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9"}]}]}]}

SCRIPT = r"""
wait_for() { for _ in $(seq 600); do "$@" && return; sleep 0.1; done; echo "never: $*" >&2; exit 1; }
started() { journalctl --no-pager -o cat -u "$1" | tail -n 50 >&2; systemctl is-active --quiet "$1"; }
client() { command=$1; shift; varve "$command" --broker tcp://127.0.0.1:7070 --key /root/admin.key --broker-key "$broker" "$@"; }
run_as_packaged() { cat /proc/"$(systemctl show -P MainPID "$1")"/status; }

ip link set lo up
docker-registry serve /test/registry/config.yml >/dev/null 2>&1 &

dpkg -i /test/1/*.deb
[ "$(systemctl is-enabled varve-broker)" = disabled ]
[ "$(systemctl is-active varve-worker || true)" = inactive ]
getent passwd varve-broker varve-worker
sed -i 's/^VARVE_WORKER_OPTIONS=.*/VARVE_WORKER_OPTIONS=--plain-http --name packaged --metrics 127.0.0.1:9181/' /etc/varve/worker.env

systemctl enable --now varve-broker varve-worker
broker=$(varve keys show /etc/varve/broker.key)
varve keys generate /root/admin.key
varve keys authorize --list /etc/varve/admitted admin "$(varve keys show /root/admin.key)" root
[ "$(stat -c '%a %G' /etc/varve/admitted)" = "640 varve-broker" ]
[ "$(stat -c %a /etc/varve/broker.key)" = 600 ]
job=$(client submit --wait "registry://127.0.0.1:$(cat /test/port)")
client results --format jsonl "$job" >/test/unjudged
started varve-broker; started varve-worker
[ "$(systemctl show -P NRestarts varve-broker)$(systemctl show -P NRestarts varve-worker)" = 00 ]
run_as_packaged varve-broker | grep -E '^(Uid|NoNewPrivs|Seccomp|CapEff)' >/test/status.broker
run_as_packaged varve-worker | grep -E '^(Uid|NoNewPrivs|Seccomp|CapEff)' >/test/status.worker
id -u varve-broker >/test/uid.broker; id -u varve-worker >/test/uid.worker

[ "$(systemctl show -P Type -P WatchdogUSec varve-broker | tr '\n' ' ')" = "notify 1min " ]
[ -n "$(systemctl show -P StatusText varve-broker)" ] && [ -n "$(systemctl show -P StatusText varve-worker)" ]
curl -sf http://127.0.0.1:9180/readyz

systemctl start varve-backup
varve store check --store /var/backups/varve/*Z >/test/backup
python3 -m http.server --bind 127.0.0.1 --directory /test/feed 8765 >/dev/null 2>&1 &
printf 'VARVE_DB_OPTIONS=--from http://127.0.0.1:8765\nVARVE_ECOSYSTEMS=Alpine\n' >/etc/varve/db-update.env
wait_for curl -sf -o /dev/null http://127.0.0.1:8765/
systemctl start varve-db-update
client results --format jsonl "$job" >/test/judged
rm /etc/varve/db-update.env

pid=$(systemctl show -P MainPID varve-broker)
dpkg -i /test/2/*.deb
wait_for started varve-broker; wait_for started varve-worker
[ "$(systemctl show -P MainPID varve-broker)" != "$pid" ]
grep -q packaged /etc/varve/worker.env
client results --format jsonl "$job" >/test/upgraded
[ "$(varve keys show /etc/varve/broker.key)" = "$broker" ]

# A broker that is killed comes back by itself.
pid=$(systemctl show -P MainPID varve-broker)
kill -9 "$pid"
back() { now=$(systemctl show -P MainPID varve-broker); [ "$now" != 0 ] && [ "$now" != "$pid" ]; }
wait_for back
client results --format jsonl "$job" >/test/killed

dpkg -r varve-worker varve-broker varve
[ "$(systemctl is-active varve-broker || true)" = inactive ]
[ -e /var/lib/varve/data.mdb ] && [ -e /etc/varve/broker.key ] && [ -e /etc/varve/worker.env ]
dpkg -P varve-worker varve-broker varve
find / -xdev -not -path '/proc/*' -not -path '/work/*' -not -path '/tmp/*' -not -path '/var/tmp/*' -not -path '/root/*' -iname '*varve*' \
    -newer /test/script >/test/left || true
"""


def test_a_machine_installs_runs_upgrades_and_purges_the_packages(build, packages, tmp_path):
    machine.need()
    if not shutil.which("docker-registry"):
        pytest.skip("needs docker-registry")
    test = tmp_path / "test"
    test.mkdir()
    for release, made in ((1, packages), (2, make_packages(build, tmp_path / "second", 2))):
        (test / str(release)).mkdir()
        for path in made.values():
            shutil.copy(path, test / str(release))
    (test / "feed/Alpine").mkdir(parents=True)
    with zipfile.ZipFile(test / "feed/Alpine/all.zip", "w") as feed:
        feed.writestr("ALPINE-CVE-2026-1.json", json.dumps(ADVISORY))
    layout = Layout(tmp_path / "layout")
    for i in range(2):
        layout.image(f"app{i}:v1", [alpine_layer(("musl", "1.1.20-r4")), tar_of([("srv/app", f"application {i}\n")])])
    with Registry(test / "registry") as registry:
        for i in range(2):
            registry.push(f"oci:{tmp_path / 'layout'}:app{i}:v1", f"app{i}:v1")
        (test / "port").write_text(str(registry.port))
    config = (test / "registry/config.yml")
    config.write_text(config.read_text().replace(str(test), "/test"))

    code, text = machine.run(test, SCRIPT)
    assert code == 0, text[-6000:]
    unjudged, judged, upgraded, killed = [(test / name).read_text() for name in ("unjudged", "judged", "upgraded", "killed")]
    assert unjudged.count("\n") == 2 and '"musl"' in unjudged and "CVE-2026-1" not in unjudged
    assert judged.count('"CVE-2026-1"') >= 2 and judged == upgraded == killed
    for daemon in ("broker", "worker"):
        status = dict(line.split(":", 1) for line in (test / f"status.{daemon}").read_text().splitlines())
        uid = (test / f"uid.{daemon}").read_text().strip()
        assert status["Uid"].split() == [uid] * 4
        assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2" and int(status["CapEff"], 16) == 0
    assert (test / "uid.broker").read_text() != (test / "uid.worker").read_text()
    assert "every record is whole" in (test / "backup").read_text()
    left = (test / "left").read_text().split()
    assert [path for path in left if not path.startswith("/var/backups/varve")] == [], left
    assert any(path.startswith("/var/backups/varve") for path in left)
