"""fleet.py - a broker and workers as processes of their own, with their logs; waits are for what happened, never for time."""
import collections
import json
import pathlib
import re
import signal
import subprocess
import threading
import time

from varve import Varve, environment

WAIT_SECONDS = 60
SCAN = re.compile(r"worker: (?:scan|verify) layer (sha256:[0-9a-f]{64})")


def retries(counters):
    return sum(value for name, value in counters.items() if name.startswith("retried_"))


class Program:
    """A program whose standard error is read as it comes."""

    def __init__(self, command, env, changed=None, **options):
        self.command, self.lines, self.changed = command, [], changed or threading.Condition()
        self.ended, self.begun = False, 0
        options = {"stdout": subprocess.DEVNULL, **options}
        self.process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True, errors="replace", env=env,
                                        **options)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.begun += " layer sha256:" in line and bool(SCAN.search(line))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    @property
    def log(self):
        with self.changed:
            return "\n".join(self.lines)

    def wait_line(self, text, times=1):
        """The times-th line that has `text` in it, once it is there."""
        def hits():
            return [line for line in self.lines if text in line]
        with self.changed:
            self.changed.wait_for(lambda: self.ended or len(hits()) >= times, WAIT_SECONDS)
            assert len(hits()) >= times, f"no line with {text!r} from {self.command[0]}:\n" + "\n".join(self.lines)
            return hits()[times - 1]

    def end(self, stop):
        stop()
        self.process.wait(WAIT_SECONDS)
        self.reader.join(WAIT_SECONDS)
        return self.process.returncode

    def terminate(self):
        return self.end(self.process.terminate)

    def kill(self):
        return self.end(self.process.kill)

    def wait(self):
        return self.end(lambda: None)


class Fleet:
    """Programs over one store in one folder. By default they meet at a socket in it."""

    def __init__(self, build, folder, endpoint=None):
        self.build, self.folder = pathlib.Path(build), pathlib.Path(folder)
        (self.folder / "run").mkdir(mode=0o700, parents=True)
        self.varve = Varve(build, folder)
        self.store, self.env = self.varve.store, environment(folder)
        self.endpoint = endpoint or f"ipc://{self.folder}/run/broker"
        self.key = self.broker_key = self.admitted = None
        self.programs, self.workers = [], []
        self.changed = threading.Condition()  # notified for every line of every program, and at their ends
        self.inside = []                      # a command before those of all programs, such as `ip netns exec NAME`

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for program in self.programs:
            if program.process.poll() is None:
                program.process.send_signal(signal.SIGCONT)
                program.kill()

    # --- keys ---

    def use_keys(self):
        """A key for the broker and one for this fleet's clients and workers, admitted as such."""
        self.admitted = self.folder / "admitted"
        self.broker_key_file = self.folder / "broker.key"
        self.broker_key = self.make_key("broker")
        self.admit("worker", self.make_key("worker"))
        self.admit("submit", self.make_key("client"))
        self.key = self.folder / "client.key"

    def make_key(self, name):
        made = self.varve.run("keys", "generate", self.folder / f"{name}.key")
        assert made.code == 0, made.err
        return made.out.strip()

    def admit(self, roles, key, *name):
        out = self.varve.run("keys", "authorize", "--list", self.admitted, "--", roles, key, *name)
        assert out.code == 0, out.err

    # --- programs ---

    def start(self, *command, **options):
        program = Program([*self.inside, *command], self.env, self.changed, **options)
        self.programs.append(program)
        return program

    def start_broker(self, *arguments):
        keys = ["--key", self.broker_key_file, "--admit", self.admitted] if self.admitted else []
        broker = self.start(self.build / "varve-broker", "--store", self.store, "--endpoint", self.endpoint, *keys, *arguments)
        listening = broker.wait_line("listening on ")
        self.endpoint = listening.split("listening on ")[1]  # the port is known now
        return broker

    def start_worker(self, name, *arguments, plain_http=True):
        keys = ["--key", self.folder / "worker.key", "--broker-key", self.broker_key] if self.admitted else []
        http = ["--plain-http"] if plain_http else []
        worker = self.start(self.build / "varve-worker", "--name", name, "--broker", self.endpoint, "--threads", 1, *http, *keys,
                            *arguments)
        self.workers.append(worker)
        return worker

    def client_options(self, key=None):
        keys = ["--key", key or self.key, "--broker-key", self.broker_key] if self.broker_key else []
        return ["--broker", self.endpoint, *keys]

    def call(self, command, *arguments, key=None, **options):
        """varve COMMAND … against the broker."""
        return self.varve.run(command, *self.client_options(key), *arguments, **options)

    def popen(self, command, *arguments, **options):
        return subprocess.Popen(list(map(str, [*self.varve.inside, self.build / "varve", command, *self.client_options(), *arguments])), text=True,
                                env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def submit(self, *arguments, code=0):
        """Submits and waits; the job number."""
        out = self.call("submit", "--wait", *arguments)
        assert out.code == code, out.err
        return out.out.split()[0]

    def results(self, job, fmt="jsonl"):
        out = self.call("results", "--format", fmt, job)
        assert out.code in (0, 3), out.err
        return out

    def status(self, *arguments, key=None):
        out = self.call("status", "--format", "json", *arguments, key=key)
        assert out.code == 0, out.err
        return json.loads(out.out)

    def counters(self, key=None):
        """{name: value} of the fleet. What always holds is checked here: every scan that began was the first of its layer or
        has a reason."""
        counters = self.status("--counters", key=key)["counters"]
        assert counters["started"] == counters["layers"] + retries(counters), counters
        return counters

    def wait_status(self, condition, *arguments, seconds=WAIT_SECONDS):
        """Asks for the status until condition(status) is true; that status."""
        deadline = time.monotonic() + seconds
        while True:
            told = self.status(*arguments)
            if condition(told):
                return told
            assert time.monotonic() < deadline, f"it did not become so: {told}"
            time.sleep(0.05)

    def wait(self, condition, seconds=WAIT_SECONDS):
        """Waits for lines of any program until condition() is true; what it is by then."""
        with self.changed:
            return self.changed.wait_for(condition, seconds)

    def scans_started(self):
        """{digest: how often a worker began to read it}, by the workers' own logs."""
        started = collections.Counter()
        for worker in self.workers:
            started.update(SCAN.findall(worker.log))
        return started
