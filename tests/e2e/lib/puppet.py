"""puppet.py - a worker whose every message a test says itself, with results that a real worker gave for the same tasks."""
import time

import msgpack
from fleet import Fleet
from stranger import ACK, FAIL, HELLO, KIND_LAYER, PING, PONG, PROGRESS, RESULT, TASK, Stranger, Tap, fields, frame, opened


class Recorded:
    """What a real worker said in a job: `set` its analyzer set, `results` {key of the task: [chunk…]}, `frames` all that was
    said by worker and client. Keys: (kind, reference) or (kind, digest)."""

    def __init__(self, build, folder, *sources):
        with Fleet(build, folder) as fleet:
            fleet.start_broker()
            self.record(fleet, *sources)

    @classmethod
    def in_fleet(cls, fleet, *sources):
        """Of a fleet whose broker runs and goes on running."""
        self = cls.__new__(cls)
        self.record(fleet, *sources)
        return self

    def record(self, fleet, *sources):
        broker = fleet.endpoint
        with Tap(f"ipc://{fleet.folder}/run/tap", broker) as tap:
            fleet.endpoint = tap.endpoint
            worker = fleet.start_worker("real")
            self.job = fleet.submit(*sources)
            self.text = fleet.results(self.job, "json").out
            assert fleet.call("watch", self.job).code == 0
            fleet.call("status")
            assert worker.terminate() == 0
            self.frames, tasks = tap.frames(), [fields(one) for one in tap.heard if opened(one)[0] == TASK]
        fleet.endpoint = broker
        self.set = fields(next(one for one in self.frames if opened(one)[0] == HELLO))[2].decode()
        chunks = {}
        for lease, _, _, data in (fields(one) for one in self.frames if opened(one)[0] == RESULT):
            chunks.setdefault(lease, []).append(data)
        self.results = {task_key(task): chunks[task[0]] for task in tasks}


def task_key(task):
    return (task[1], task[8] if task[1] == KIND_LAYER else task[3])


class Puppet:
    """`keys` and `server_key` as for Stranger."""

    def __init__(self, endpoint, recorded, name="puppet", slots=1, light=1, keys=None, server_key=None):
        self.stranger = Stranger(endpoint, keys, server_key)
        self.recorded, self.waiting = recorded, []
        self.number = self.stranger.hello(recorded.set, name, slots, light)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stranger.socket.close()

    def hear(self, seconds=30):
        """The next message that is no heartbeat; heartbeats are sent meanwhile. None after `seconds`."""
        if self.waiting:
            return self.waiting.pop(0)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            heard = self.stranger.hear(1)
            if heard is None:
                self.beat()
            elif heard[0] == PING:
                self.stranger.say(frame(PONG))
            elif heard[0] != PONG:
                return heard
        return None

    def beat(self, *leases):
        self.stranger.say(frame(PROGRESS, [[[lease, 0] for lease in leases]]))

    def wait_for(self, kind, seconds=30):
        """The body of the next message of this type; others are kept for later."""
        kept = []
        while True:
            heard = self.hear(seconds)
            assert heard, f"no message of type {kind} came"
            if heard[0] == kind:
                self.waiting = kept + self.waiting
                return msgpack.unpackb(heard[2], raw=True)
            kept.append(heard)

    def task(self, seconds=30):
        return self.wait_for(TASK, seconds)

    def result_of(self, task):
        return b"".join(self.recorded.results[task_key(task)])

    def say_result(self, task, data=None, number=0, last=True, lease=None):
        """One chunk of a result, or without `data` all of what the real worker said."""
        lease = task[0] if lease is None else lease
        if data is not None:
            return self.stranger.say(frame(RESULT, [lease, number, last, data]))
        chunks = self.recorded.results[task_key(task)]
        for i, chunk in enumerate(chunks):
            self.stranger.say(frame(RESULT, [lease, i, i == len(chunks) - 1, chunk]))

    def say_fail(self, lease, fail_class=0, text="told so", code=-1, retry_after_ms=0):
        self.stranger.say(frame(FAIL, [lease, fail_class, code, retry_after_ms, text]))

    def ack(self):
        """(lease, code, text) of the next ACK."""
        return self.wait_for(ACK)

    def deliver(self, task):
        self.say_result(task)
        lease, code, text = self.ack()
        assert (lease, code) == (task[0], 0), text

    def work(self, done):
        """Delivers whatever is asked for until done() is true."""
        while not done():
            heard = self.hear(1)
            if heard and heard[0] == TASK:
                self.say_result(msgpack.unpackb(heard[2], raw=True))
