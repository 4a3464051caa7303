"""stranger.py - peers that say what they like to a broker or a worker (docs/PROTOCOL.md), and a tap that records what others say."""
import struct
import threading

import msgpack
import zmq

MAGIC, VERSION = 0x56525645, 1
ERROR, OK, PING, PONG = 1, 2, 3, 4
HELLO, WELCOME, TASK, PROGRESS, RESULT, ACK, FAIL, DROP, BYE, DRAIN = range(16, 26)
SUBMIT, JOB, REFERENCES, CANCEL, PAUSE, RESUME = range(48, 54)
STATUS, STATUS_REPLY, WATCH, JOB_PROGRESS, RESULTS, RESULT_PART, RESULTS_CREDIT, RESULTS_END = range(64, 72)
QUERY, QUERY_PART, QUERY_MORE = range(72, 75)
DRAIN_WORKER = 80
KIND_ENUMERATE, KIND_RESOLVE, KIND_LAYER = range(3)


def frame(kind, body=b"\x90", version=VERSION, magic=MAGIC, correlation=7, length=None):
    """`body`: bytes as they are, or a list to be packed."""
    if isinstance(body, list):
        body = msgpack.packb(body)
    return struct.pack(">IHHQI", magic, version, kind, correlation, len(body) if length is None else length) + body


def opened(data):
    """(type, correlation, body) of an answer."""
    magic, version, kind, correlation, length = struct.unpack(">IHHQI", data[:20])
    assert magic == MAGIC and version == VERSION and length == len(data) - 20
    return kind, correlation, data[20:]


def fields(data):
    """The body of a frame as a list; bytes stay bytes."""
    return msgpack.unpackb(data[20:], raw=True, strict_map_key=False)


class Stranger:
    """A DEALER that says what it likes. `keys`: its (public, secret) pair, with the broker's public key."""

    def __init__(self, endpoint, keys=None, server_key=None):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        if keys:
            self.socket.curve_publickey, self.socket.curve_secretkey, self.socket.curve_serverkey = keys[0], keys[1], server_key
        self.socket.connect(endpoint)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def say(self, *frames):
        self.socket.send_multipart(list(frames))

    def hear(self, seconds=20):
        return opened(self.socket.recv()) if self.socket.poll(seconds * 1000) else None

    def ask(self, data):
        self.say(data)
        return self.hear()

    def answers(self, *data):
        """What is answered to these frames, in order: all that comes before the answer to a PING behind them."""
        mark = 0x7fffffff00000000
        for one in data:
            self.say(one)
        self.say(frame(PING, correlation=mark))
        heard = []
        while not heard or heard[-1][1] != mark:
            answer = self.hear()
            assert answer, f"no answer after {heard}"
            heard.append(answer)
        return heard[:-1]

    def error(self, data):
        """The text of the ERROR that answers a frame."""
        (answer,) = self.answers(data)
        assert answer[0] == ERROR, answer
        return msgpack.unpackb(answer[2], raw=True)[1].decode(errors="replace")

    def hello(self, analyzer_set, name="stranger", slots=1, light=1):
        """Becomes a worker; its number."""
        kind, _, body = self.ask(frame(HELLO, [name, "0", analyzer_set, [], slots, light, 1 << 20, False, 0]))
        assert kind == WELCOME, (kind, body)
        return msgpack.unpackb(body, raw=True)[0]


class Tap:
    """Sits between a broker and those who connect to `endpoint`, passes everything on, and keeps it:
    `said` is what they sent, as (peer, frame); `heard` what the broker sent."""

    def __init__(self, endpoint, broker):
        self.endpoint, self.broker, self.said, self.heard = endpoint, broker, [], []
        self.lock = threading.Lock()
        self.stopping = threading.Event()

    def __enter__(self):
        self.front = zmq.Context.instance().socket(zmq.ROUTER)
        self.front.linger = 0
        self.front.bind(self.endpoint)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def run(self):
        backs, poller = {}, zmq.Poller()
        poller.register(self.front, zmq.POLLIN)
        while not self.stopping.is_set():
            for socket, _ in poller.poll(50):
                if socket is not self.front:
                    parts = socket.recv_multipart()
                    self.heard.append(parts[0])
                    self.front.send_multipart([backs[socket], *parts])
                    continue
                peer, *parts = self.front.recv_multipart()
                back = next((one for one, who in backs.items() if who == peer), None)
                if back is None:
                    back = zmq.Context.instance().socket(zmq.DEALER)
                    back.linger = 0
                    back.connect(self.broker)
                    poller.register(back, zmq.POLLIN)
                    backs[back] = peer
                with self.lock:
                    self.said.append((peer, parts[0]))
                back.send_multipart(parts)
        for socket in (self.front, *backs):
            socket.close()

    def frames(self, *kinds):
        with self.lock:
            return [data for _, data in self.said if not kinds or opened(data)[0] in kinds]
