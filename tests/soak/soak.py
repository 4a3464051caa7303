#!/usr/bin/env python3
"""soak.py - runs a fleet for hours under random faults, and says every minute how it is.

    tests/soak/soak.py [--hours H | --minutes M] [--seed N] [--build DIR] [--images N] [--workers N]

A broker (tcp, keys), workers and a real docker-registry; one job after the other, of all kinds, each with some strikes of
tests/e2e/lib/chaos.py. The broker is killed seldom, so that what it leaks shows. Exit status 1, with the reason, when
  * a job does not end, or its results are not byte for byte those of the first quiet one (order and reused/scanned apart),
  * the fleet's counters do not add up, a layer is unknown or unfinished, or the store has a record that cannot be read,
  * a process holds more memory or files than it did when it was warm, beyond MEMORY_SLACK_KIB and FILES_SLACK,
  * the store grows by more than STORE_JOB_BYTES a job.
"""
import argparse
import os
import pathlib
import re
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e" / "lib"))
from catalogue import Catalogue  # noqa: E402
from chaos import Chaos, canonical  # noqa: E402
from fleet import Fleet, retries  # noqa: E402
from registry import Registry  # noqa: E402

WARM_SECONDS = 120
MEMORY_SLACK_KIB = 48 << 10
FILES_SLACK = 40
STORE_SLACK_BYTES = 64 << 20
STORE_JOB_BYTES = 256 << 10
LINES_KEPT = 500


class Failed(Exception):
    pass


class Sample:
    """Memory of its own (KiB) and open files of a process; None when it has gone."""

    def __init__(self, pid):
        self.memory = int(re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))
        self.files = len(os.listdir(f"/proc/{pid}/fd"))

    @classmethod
    def of(cls, program):
        try:
            return cls(program.process.pid)
        except (OSError, AttributeError):
            return None


class Watch:
    """What each process held when it was warm; a process that was started again is another one."""

    def __init__(self):
        self.born, self.warm, self.peak = {}, {}, {}

    def look(self, name, program):
        pid, now, sample = program.process.pid, time.monotonic(), Sample.of(program)
        self.born.setdefault(pid, now)
        if sample is None:
            return "gone"
        self.peak[name] = max(self.peak.get(name, 0), sample.memory)
        if now - self.born[pid] >= WARM_SECONDS:
            warm = self.warm.setdefault(pid, sample)
            if sample.memory > warm.memory * 1.5 + MEMORY_SLACK_KIB:
                raise Failed(f"{name} ({pid}) grew from {warm.memory} to {sample.memory} KiB")
            if sample.files > warm.files + FILES_SLACK:
                raise Failed(f"{name} ({pid}) had {warm.files} files open, and has {sample.files}")
        return f"{sample.memory / 1024:.0f}M/{sample.files}"


class Soak(Chaos):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.watch, self.jobs, self.started, self.said, self.struck = Watch(), 0, time.monotonic(), 0, 0

    def choices(self):
        often = [self.strike_worker] * 4 + [self.strike_client] * 3 + [self.strike_registry] * 2 + [self.strike_stop] * 5
        return often * 4 + [self.strike_broker] * 2 + [self.strike_all]

    def tell(self, what):
        self.struck += 1
        self.story = [*self.story[-60:], f"job {self.jobs + 1}, {self.begun()}: {what}"]

    def one_job(self, host, text):
        self.job, self.strikes = None, self.random.randrange(6)
        options = self.random.choice(([], [], ["--no-reuse"], ["--no-reuse", "--bulk"]))
        self.submit(*options, f"registry://{host}")
        if self.run() != 0:
            raise Failed(f"job {self.job} did not end well: {self.client.log}")
        if canonical(self.fleet.results(self.job, "json").out) != text:
            raise Failed(f"job {self.job} has other results than the first")
        self.jobs += 1
        self.forget()

    def forget(self):
        """Logs of hours are not kept."""
        self.fleet.workers = [worker for worker in self.fleet.workers if not worker.ended]
        self.fleet.programs = [program for program in self.fleet.programs if not program.ended]
        for program in self.fleet.programs:
            with program.changed:
                del program.lines[:-LINES_KEPT]

    def check(self, layers):
        counters = self.fleet.counters()
        if counters["layers"] != layers or counters["failed"] or counters["images_failed"] or counters["quarantined"]:
            raise Failed(f"counters: {counters}")
        return counters

    def line(self, layers):
        counters = self.check(layers)
        store = (self.fleet.store / "data.mdb").stat().st_blocks * 512
        self.first_store = getattr(self, "first_store", store)
        if store > self.first_store + STORE_SLACK_BYTES + self.jobs * STORE_JOB_BYTES:
            raise Failed(f"the store grew from {self.first_store} to {store} bytes over {self.jobs} jobs")
        processes = [("broker", self.broker), *((f"worker{i}", worker) for i, worker in enumerate(self.workers))]
        held = " ".join(f"{name} {self.watch.look(name, program)}" for name, program in processes)
        minutes = (time.monotonic() - self.started) / 60
        print(f"{minutes:6.1f} min  {self.jobs} jobs  {self.struck} strikes  {counters['started']} scans begun, "
              f"{retries(counters)} again  late {counters['late']}  store {store >> 10} KiB  memory/files: {held}", flush=True)


def quiet_text(build, folder, registry):
    with Fleet(build, folder) as fleet:
        fleet.start_broker()
        fleet.start_worker("quiet")
        return canonical(fleet.results(fleet.submit(f"registry://{registry.host}"), "json").out)


def soak(arguments, folder):
    catalogue = Catalogue(folder, arguments.images, arguments.seed)
    end = time.monotonic() + arguments.hours * 3600 + arguments.minutes * 60
    with Registry(folder / "registry") as registry, Fleet(arguments.build, folder / "fleet", "tcp://127.0.0.1:*") as fleet:
        registry.push_layout(catalogue.layout)
        text = quiet_text(arguments.build, folder / "quiet", registry)
        fleet.use_keys()
        run = Soak(fleet, registry, arguments.seed, workers=arguments.workers)
        run.start()
        said = time.monotonic()
        try:
            while time.monotonic() < end:
                run.one_job(registry.host, text)
                if time.monotonic() >= said + 60:
                    said = time.monotonic()
                    run.line(len(catalogue.layers))
            run.line(len(catalogue.layers))
            check = fleet.varve.run("store", "check", "--store", fleet.store)
            if check.code:
                raise Failed(f"store check: {check.out}{check.err}")
        except (Failed, AssertionError) as failure:
            print("\n".join(run.story), file=sys.stderr)
            print(f"failed after {run.jobs} jobs, seed {arguments.seed}: {failure}", file=sys.stderr)
            return 1
        peaks = ", ".join(f"{name} {kib / 1024:.0f} MiB" for name, kib in sorted(run.watch.peak.items()))
        print(f"held: {run.jobs} jobs, {run.struck} strikes; peak memory {peaks}")
        return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=0)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "debug")
    parser.add_argument("--images", type=int, default=80)
    parser.add_argument("--workers", type=int, default=3)
    arguments = parser.parse_args()
    if not arguments.hours and not arguments.minutes:
        arguments.hours = 1
    print(f"seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="varve-soak-") as folder:
        sys.exit(soak(arguments, pathlib.Path(folder)))


if __name__ == "__main__":
    main()
