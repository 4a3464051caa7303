"""chaos.py - kills, stops and restarts the programs of a fleet at moments that a seed chooses, until its job has ended.

A moment is a number of layers begun (lines of the workers' logs) since the last strike and a short further wait of 0-40 ms,
so that a strike hits between any two steps. Where nothing begins any more - everything is dead or waits - the next strike comes
after IDLE_SECONDS. Whatever was struck is started again, at once or with the next strike. `story` tells all that was done.
"""
import random
import re
import signal
import subprocess
import time


IDLE_SECONDS = 3
JOB_SECONDS = 170


def canonical(text):
    """The bytes of a `--format json` report, made comparable. What chance decides, and all that is changed here, is
    (1) the order in which images finish: they are sorted by their text, which begins with the reference;
    (2) which of several images met a shared layer first: a layer's "reused" reads "scanned".
    Everything else - every byte of every field - must be the same."""
    assert text.startswith("[\n{\n") and text.endswith("\n}\n]\n")
    images = [re.sub(r'^(      "status": )"reused"(,?)$', r'\1"scanned"\2', one, flags=re.M)
              for one in text[len("[\n{\n"):-len("\n}\n]\n")].split("\n},\n{\n")]
    return "\n".join(sorted(images))


class Chaos:
    def __init__(self, fleet, registry, seed, workers=3, strikes=40, broker_options=(), worker_options=()):
        self.fleet, self.registry, self.random = fleet, registry, random.Random(seed)
        self.strikes, self.story = strikes, [f"seed {seed}"]
        self.broker_options, self.worker_options = list(broker_options), list(worker_options)
        self.broker = self.job = self.client = None
        self.workers = [None] * workers
        self.stopped = []

    # --- what runs ---

    def start(self):
        self.broker = self.fleet.start_broker(*self.broker_options)
        for i in range(len(self.workers)):
            self.start_worker(i)

    def start_worker(self, i):
        self.workers[i] = self.fleet.start_worker(f"worker{i}", *self.worker_options)

    def start_client(self, *command):
        """A command of ours that follows the job; its standard output is kept."""
        options = self.fleet.client_options()
        self.client = self.fleet.start(self.fleet.build / "varve", command[0], *options, *command[1:], stdout=subprocess.PIPE)

    def submit(self, *sources):
        """Hands the sources in; a client that is killed before it has told the job's number is run again."""
        while self.job is None:
            self.start_client("submit", *sources)
            if self.random.random() < 0.3:
                self.pause_a_moment()
                self.tell("kill -9 submit")
                self.client.kill()
            told = self.client.process.stdout.read().split()
            code = self.client.wait()
            assert told or code == -signal.SIGKILL, self.client.log
            self.job = told[0] if told else None

    # --- moments ---

    def tell(self, what):
        self.story.append(f"{self.begun()}: {what}")

    def begun(self):
        return sum(worker.begun for worker in self.fleet.workers)

    def pause_a_moment(self):
        time.sleep(self.random.random() * 0.04)  # chooses the moment of a fault; nothing is waited for

    def ended(self):
        return self.client.ended and self.client.process.poll() is not None

    def wait_moment(self):
        target = self.begun() + self.random.randrange(1, 6)
        self.fleet.wait(lambda: self.client.ended or self.begun() >= target, IDLE_SECONDS)
        self.pause_a_moment()

    # --- strikes ---

    def strike_worker(self):
        i = self.random.randrange(len(self.workers))
        self.tell(f"kill -9 worker{i}")
        self.workers[i].kill()
        return [lambda: self.start_worker(i)]

    def strike_broker(self):
        self.tell("kill -9 broker")
        self.broker.kill()
        return [self.restart_broker]

    def restart_broker(self):
        self.broker = self.fleet.start_broker(*self.broker_options)

    def strike_client(self):
        self.tell("kill -9 client")
        self.client.kill()
        return []

    def strike_all(self):
        self.tell("kill -9 everything")
        for program in (self.broker, *self.workers, self.client):
            program.process.kill()
        for program in (self.broker, *self.workers, self.client):
            program.wait()
        again = [self.restart_broker, *[lambda i=i: self.start_worker(i) for i in range(len(self.workers))]]
        if self.random.random() < 0.5:
            again = again[1:] + again[:1]  # workers first: they wait for their broker
        return again

    def strike_registry(self):
        self.tell("kill -9 registry")
        self.registry.kill()
        return [self.registry.start]

    def stop(self, name, process):
        self.tell(f"SIGSTOP {name}")
        process.send_signal(signal.SIGSTOP)

        def go_on():
            self.tell(f"SIGCONT {name}")
            process.send_signal(signal.SIGCONT)
        return [go_on]

    def strike_stop(self):
        i = self.random.randrange(len(self.workers) + 2)
        if i == len(self.workers):
            return self.stop("broker", self.broker.process)
        if i > len(self.workers):
            return self.stop("registry", self.registry.process)
        return self.stop(f"worker{i}", self.workers[i].process)

    def choices(self):
        return [self.strike_worker] * 3 + [self.strike_broker] * 4 + [self.strike_client] * 2 + [self.strike_all] * 2 + \
            [self.strike_registry] + [self.strike_stop] * 3

    def strike(self):
        repairs = self.random.choice(self.choices())()
        if repairs and self.random.random() < 0.4:
            self.wait_moment()
        for repair in repairs:
            repair()
        if self.client.ended and not self.finished():
            self.start_client(self.random.choice(("watch", "results")), self.job)

    def finished(self):
        return self.client.wait() != -signal.SIGKILL

    def run(self):
        """Strikes until the job has ended; from `strikes` on it is left alone."""
        deadline = time.monotonic() + JOB_SECONDS
        self.start_client("watch", self.job)
        for _ in range(self.strikes):
            self.wait_moment()
            if self.client.ended:
                break
            self.strike()
        self.tell("left alone")
        self.fleet.wait(lambda: self.client.ended, deadline - time.monotonic())
        assert self.client.ended, "the job has not ended:\n" + "\n".join(self.story) + "\n" + self.fleet.call("status").out
        return self.client.wait()
