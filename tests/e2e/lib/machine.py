"""machine.py - a small machine inside the test: systemd boots in a container of its own over this machine's files.

Nothing that happens in it reaches the files outside (an overlay in memory), it has a loopback interface and no other network,
and it ends with its test."""
import os
import pathlib
import shutil
import subprocess

import pytest

BOOT = r"""
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/up" "$1/work" "$1/root"
mkdir -p /run/systemd/nspawn && mount -t tmpfs tmpfs /run/systemd/nspawn
mount -t overlay overlay -o lowerdir=/,upperdir="$1/up",workdir="$1/work" "$1/root"
rm -f "$1/root/etc/machine-id"
ln -s /dev/null "$1/root/etc/systemd/system/systemd-networkd-wait-online.service"  # there is no network to wait for
rm -f "$1/root/usr/sbin/policy-rc.d"  # an image of a container forbids services to start
cp "$2"/*.service "$2"/*.target "$1/root/etc/systemd/system/"
exec systemd-nspawn --quiet --register=no --keep-unit --private-network --directory="$1/root" --bind="$2":/test --boot \
    systemd.unit=test.target systemd.log_target=null
"""

SERVICE = """
[Unit]
After=basic.target
FailureAction=poweroff
SuccessAction=poweroff
[Service]
Type=oneshot
TimeoutStartSec=240
ExecStart=/bin/bash /test/script
StandardOutput=file:/test/out
StandardError=file:/test/err
"""

TARGET = """
[Unit]
Requires=basic.target
Wants=test.service
After=basic.target
"""


PROLOGUE = r"""
set -eux
PS4='+ $SECONDS s: '
ended() { code=$?; set +x; [ $code -eq 0 ] || journalctl --no-pager -o cat -n 100 >&2; echo $code >/test/code; }
trap ended EXIT
"""


def need():
    """Skips, by name, where a machine cannot be booted."""
    if os.geteuid() != 0:
        pytest.skip("a machine inside the test needs root")
    if not shutil.which("systemd-nspawn") or not pathlib.Path("/lib/systemd/systemd").exists():
        pytest.skip("a machine inside the test needs systemd-nspawn (package systemd-container)")


def run(folder, script, timeout=300):
    """Boots, runs `script` (bash, as root, /test is `folder`), powers off. (exit code, output)"""
    folder = pathlib.Path(folder)
    (folder / "script").write_text(PROLOGUE + script)
    (folder / "test.service").write_text(SERVICE)
    (folder / "test.target").write_text(TARGET)
    mountpoint = folder.parent / "machine"
    mountpoint.mkdir()
    boot = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", BOOT, "boot",
                           mountpoint, folder], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
    if not (folder / "out").exists():
        pytest.skip(f"no machine can be booted here: {boot.stderr[-300:]}")
    text = (folder / "out").read_text() + (folder / "err").read_text()
    return int((folder / "code").read_text()) if (folder / "code").exists() else -1, text
