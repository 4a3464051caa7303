"""varve.py - runs the programs under test and reads what they say."""
import json
import os
import pathlib
import subprocess


class Run:
    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    @property
    def images(self):
        """{reference: object} of a jsonl report."""
        objects = [json.loads(line) for line in self.out.splitlines()]
        return {o["reference"]: o for o in objects}

    @property
    def image(self):
        (only,) = [json.loads(line) for line in self.out.splitlines()]
        return only


def environment(home):
    """No credential, proxy or state of the machine's user leaks into a test."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")}
    return {**kept, "HOME": str(home), "XDG_STATE_HOME": str(pathlib.Path(home) / "state"), "XDG_RUNTIME_DIR": str(home)}


class Varve:
    """The `varve` command over one store in one folder."""

    def __init__(self, build, folder):
        self.program = pathlib.Path(build) / "varve"
        self.inside = []  # a command before it, such as `ip netns exec NAME`
        self.folder = pathlib.Path(folder)
        self.store = self.folder / "store"
        self.env = environment(self.folder)

    def run(self, *arguments, timeout=300, **options):
        return Run(subprocess.run([*self.inside, str(self.program), *map(str, arguments)], capture_output=True, text=True, env=self.env,
                                  timeout=timeout, **options))

    def command(self, *arguments, fmt="jsonl"):
        return [str(self.program), "scan", "--store", str(self.store), "--format", fmt, *map(str, arguments)]

    def scan(self, *arguments, fmt="jsonl", **options):
        """varve scan with a jsonl report on stdout."""
        return self.run(*self.command(*arguments, fmt=fmt)[1:], **options)

    def start_scan(self, *arguments, fmt="jsonl"):
        return subprocess.Popen(self.command(*arguments, fmt=fmt), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env)

    def import_advisories(self, *paths):
        out = self.run("db", "import", "--store", self.store, *paths)
        assert out.code == 0, out.err
        return out


def packages(image):
    return {(p["name"], p["version"]) for p in image["packages"]}


def cves(image):
    return {v["id"] for v in image["vulnerabilities"]}


def coverage(image):
    return {(c["ecosystem"], c["state"]) for c in image["coverage"]}
