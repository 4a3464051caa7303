"""The command line as scripts rely on it: exit statuses, one clear line on standard error, key files, completion, man pages."""
import os
import pathlib
import re
import shutil
import stat
import subprocess

import pytest

from varve import Varve

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMANDS = ["scan", "report", "submit", "status", "watch", "results", "pause", "resume", "cancel", "drain", "db", "store", "keys"]


@pytest.fixture
def varve(build, tmp_path):
    return Varve(build, tmp_path)


@pytest.mark.parametrize("arguments,code,words", [
    ([], 2, "usage"),
    (["scna"], 2, "'scna'"),
    (["scan"], 2, "nothing to scan"),
    (["scan", "--plattform", "x"], 2, "--plattform"),
    (["scan", "--format", "pdf", "x"], 2, "cyclonedx"),
    (["scan", "--fail-on", "hgih", "x"], 2, "hgih"),
    (["scan", "--platform", "///", "x"], 2, "///"),
    (["scan", "--threads", "many", "x"], 2, "many"),
    (["scan", "--threads", "100000", "x"], 2, "at most 1024"),
    (["scan", "--from-file", "/nonexistent", ], 2, "/nonexistent"),
    (["scan", "--output", "/nonexistent/report", "x"], 2, "/nonexistent/report"),
    (["scan", "--authfile", "/nonexistent/auth.json", "x"], 2, "/nonexistent/auth.json"),
    (["scan", "--cert-dir", "/nonexistent/certs", "x"], 2, "/nonexistent/certs"),
    (["scan", "--cert-dir", "/etc/passwd", "x"], 2, "no folder"),
    (["scan", "--registries-conf", "/nonexistent/conf", "x"], 2, "/nonexistent/conf"),
    (["scan", "--spool", "/nonexistent/spool", "x"], 2, "/nonexistent/spool"),
    (["scan", "docker://UPPER/Case:x"], 2, "UPPER"),
    (["scan", "--details", "--summary", "x"], 2, "exclude"),
    (["submit", "oci:/somewhere"], 2, "varve scan"),
    (["submit", "--retry-failed", "7", "alpine"], 2, "--retry-failed"),
    (["watch"], 2, "JOB"),
    (["watch", "abc"], 2, "'abc'"),
    (["results", "0"], 2, "'0'"),
    (["report", "--latest", "--job", "1"], 2, "--latest"),
    (["report", "--broker", "ipc:///x", "--store", "/y"], 2, "--broker"),
    (["status", "--format", "xml"], 2, "xml"),
    (["status", "--broker", "tcp://127.0.0.1:1"], 2, "key"),
    (["db"], 2, "import, update or info"),
    (["db", "import"], 2, "PATH"),
    (["store", "repair"], 2, "info, check"),
    (["keys", "authorize", "--list", "x", "king", "k"], 2, "king"),
    (["keys", "revoke", "--list", "x", "tooshort"], 2, "tooshort"),
    (["db", "info", "--store", "/nonexistent"], 4, "no advisory database"),
    (["store", "info", "--store", "/nonexistent"], 4, "/nonexistent"),
    (["report", "--store", "/nonexistent"], 4, "/nonexistent"),
])
def test_what_cannot_be_is_said_in_one_line(varve, arguments, code, words):
    out = varve.run(*arguments)
    assert out.code == code, out.err
    assert words in out.err
    if arguments:
        assert out.err.count("\n") == 1 and out.err.startswith("varve: ")
        assert out.out == ""


def test_a_quiet_scan_without_problems_says_nothing_on_stderr(varve, tmp_path):
    (tmp_path / "root" / "etc").mkdir(parents=True)
    out = varve.scan("--quiet", f"rootfs:{tmp_path}/root")
    assert out.code == 0
    assert out.err == ""


def test_no_broker_is_exit_status_4(varve, tmp_path):
    for arguments in (["status"], ["submit", "alpine"], ["watch", "1"], ["results", "1"], ["cancel", "1"]):
        out = varve.run(*arguments, "--broker", f"ipc://{tmp_path}/nobody")
        assert out.code == 4
        assert "no broker answers" in out.err and "nobody" in out.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_stands_in_the_list(varve, command):
    listed = varve.run("--help")
    assert listed.code == 0 and re.search(rf"^  {command} ", listed.out, re.M)
    for arguments in ([command, "--help"], ["help", command]):
        out = varve.run(*arguments)
        assert out.code == 0 and out.err == ""
        assert out.out.startswith(f"usage: varve {command} ")


@pytest.mark.parametrize("command", COMMANDS)
def test_man_page_knows_every_option(varve, command):
    page = (ROOT / "docs/man/varve.1").read_text()
    for option in re.findall(r"^  --([a-z-]+)", varve.run(command, "--help").out, re.M):
        assert f"Fl -{option}" in page, f"varve {command} --{option} is not in varve(1)"


def test_key_files_are_private_and_lists_can_be_edited(varve, tmp_path):
    key, roles = tmp_path / "own.key", tmp_path / "keys"
    made = varve.run("keys", "generate", key)
    assert made.code == 0
    public = made.out.strip()
    assert len(public) == 40
    assert stat.S_IMODE(os.stat(key).st_mode) == 0o600
    assert varve.run("keys", "show", key).out.strip() == public
    again = varve.run("keys", "generate", key)
    assert again.code == 2 and str(key) in again.err
    assert varve.run("keys", "authorize", "--list", roles, "read,submit", public, "ci").code == 0
    assert public in roles.read_text() and "ci" in roles.read_text()
    assert varve.run("keys", "revoke", "--list", roles, public).code == 0
    assert public not in roles.read_text()
    assert varve.run("keys", "revoke", "--list", roles, public).code == 4


def complete(varve, line):
    script = (f"source {ROOT}/tools/completion/varve.bash; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); "
              f"_varve; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    env = {**varve.env, "PATH": f"{varve.program.parent}:{varve.env['PATH']}"}
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=env, cwd=varve.folder).stdout.split()


def test_completion_offers_commands_options_and_values(varve):
    assert complete(varve, "varve st") == ["status", "store"]
    assert complete(varve, "varve scan --fo") == ["--format"]
    assert complete(varve, "varve scan --format cy") == ["cyclonedx"]
    assert complete(varve, "varve db up") == ["update"]
    assert "rootfs:" in complete(varve, "varve scan rootfs")


@pytest.mark.parametrize("page", sorted(p.name for p in (ROOT / "docs/man").glob("*.[1-8]")))
def test_man_pages_have_no_errors(page):
    if not shutil.which("groff"):
        pytest.skip("man pages: need groff")
    out = subprocess.run(["groff", "-mandoc", "-Tutf8", "-wall", "-z", str(ROOT / "docs/man" / page)], capture_output=True, text=True)
    assert out.returncode == 0 and out.stderr == ""


@pytest.mark.parametrize("program", ["varve-broker", "varve-worker"])
def test_man_pages_of_the_servers_know_every_option(build, program):
    page = (ROOT / f"docs/man/{program}.8").read_text()
    text = subprocess.run([build / program, "--help"], capture_output=True, text=True, check=True).stdout
    for option in re.findall(r"^  --([a-z-]+)", text, re.M):
        assert f"Fl -{option}" in page, f"{program} --{option} is not in its page"
