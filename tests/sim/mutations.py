#!/usr/bin/env python3
"""Breaks a copy of the broker's core (or of the simulator's model of the shell) in one way after the other and lets the
simulator look for it: python3 tests/sim/mutations.py [NAME…]. Each must be caught. By hand; results in docs/TESTING.md."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPY = ROOT / "build" / "mutations"
GROUPS = ["links", "hostile", "crashes", "workers", "registries", "claims", "scheduling", "all"]
COUNT = os.environ.get("MUTATION_SEEDS", "300")

# name, file, what stands there, what is put in its place
MUTATIONS = [
]


def copy_tree():
    shutil.rmtree(COPY / "src", ignore_errors=True)
    (COPY / "src").mkdir(parents=True)
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in files.stdout.splitlines():
        target = COPY / "src" / name
        if (ROOT / name).is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)


def build():
    subprocess.run(["cmake", "-S", COPY / "src", "-B", COPY / "build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                    "-DVARVE_BENCH=OFF"], check=True, capture_output=True)
    out = subprocess.run(["cmake", "--build", COPY / "build", "--target", "sim"], capture_output=True, text=True)
    return None if out.returncode == 0 else out.stdout[-1500:]


def caught():
    """The first group and seed that fails, how many seeds it took, and the rule that was broken."""
    tried = 0
    for group in GROUPS:
        try:
            out = subprocess.run([COPY / "build/tests/sim/sim", "--group", group, "--count", COUNT], capture_output=True, text=True,
                                 errors="replace", timeout=120)
        except subprocess.TimeoutExpired:
            return group, tried, "does not end"
        if out.returncode == 0:
            tried += int(COUNT)
            continue
        if out.returncode < 0:
            return group, tried, f"signal {-out.returncode}"
        seeds = re.search(r"^(\d+) seeds, ", out.stdout, re.M)
        rule = re.search(r"^seed (\d+) \([^)]*\): (.*)$", out.stdout, re.M)
        return group, tried + int(seeds[1]), f"{rule[2]} (seed {rule[1]})"
    return None


def main():
    wanted = sys.argv[1:]
    missed = []
    copy_tree()
    if build() or caught():
        sys.exit("the simulator fails without a mutation")
    for name, file, old, new in MUTATIONS:
        if wanted and name not in wanted:
            continue
        path = COPY / "src" / file
        text = path.read_text()
        if text.count(old) != 1:
            sys.exit(f"{name}: {file} does not hold once: {old}")
        path.write_text(text.replace(old, new))
        broken = build()
        if broken:
            sys.exit(f"{name}: does not build: {broken}")
        found = caught()
        path.write_text(text)
        print(f"| {name} | {found[0]} | {found[1]} | {found[2]} |" if found else f"| {name} | MISSED | | |", flush=True)
        if not found:
            missed.append(name)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
