"""The installed set is complete: programs answer --help and --version, usage errors are exit code 2."""
import subprocess

import pytest


@pytest.mark.parametrize("program", ["varve", "varve-broker", "varve-worker"])
def test_help_and_version(build, program):
    for option in ("--help", "--version"):
        out = subprocess.run([build / program, option], capture_output=True, text=True)
        assert out.returncode == 0, out.stderr
        assert out.stdout.startswith(("usage: " + program, program + " "))


@pytest.mark.parametrize("program", ["varve", "varve-broker", "varve-worker"])
def test_unknown_option_is_a_usage_error(build, program):
    out = subprocess.run([build / program, "--no-such-option"], capture_output=True, text=True)
    assert out.returncode == 2
    assert "--no-such-option" in out.stderr


@pytest.mark.parametrize("host", ["", "https://registry.example", "registry.example/team", "a b"])
def test_a_host_that_no_reference_names_is_a_usage_error(build, tmp_path, host):
    """It would match nothing, and its work would wait for ever."""
    out = subprocess.run([build / "varve-worker", "--broker", f"ipc://{tmp_path}/broker", "--host", host], capture_output=True, text=True, timeout=60)
    assert out.returncode == 2 and "--host" in out.stderr, out.stderr
