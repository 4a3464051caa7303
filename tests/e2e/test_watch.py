"""varve watch in a pipe and on a terminal: the figures are right, and the line is never garbled."""
import os
import pty
import re
import select
import struct
import subprocess
import termios
import fcntl

import pytest
from fleet import Fleet
from held_registry import HeldRegistry
from images import Layout, alpine_layer, tar_of

IMAGES = 3


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path / "layout")
    base = alpine_layer(("musl", "1.1.20-r4"))
    for i in range(IMAGES):
        layout.image(f"team/app{i}:v1", [base, tar_of([("srv/app", f"application {i}\n" * 200)])])
    layout.base = layout.layer(base)[0]["digest"]
    return layout


class Terminal:
    """A program on a terminal of so many columns; `screen` is what its lines look like, as a terminal would show them."""

    def __init__(self, command, env, columns):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.columns, self.bytes = columns, b""
        self.process = subprocess.Popen(list(map(str, command)), stdin=slave, stdout=slave, stderr=slave, env={**env, "TERM": "xterm"})
        os.close(slave)

    def read(self):
        """More output, or False at the end."""
        if not select.select([self.master], [], [], 60)[0]:
            raise AssertionError(f"nothing came: {self.bytes!r}")
        try:
            more = os.read(self.master, 65536)
        except OSError:  # the other end is closed
            more = b""
        self.bytes += more
        return bool(more)

    def wait_text(self, text):
        while not any(text in line for line in self.shown):
            assert self.read(), f"{text!r} never came: {self.bytes!r}"

    def play(self):
        return self.play_bytes(self.bytes)

    @staticmethod
    def play_bytes(bytes):
        """Every line as it stood when the cursor went back or down, and the lines that stay. ESC[K erases, ESC[nC goes right."""
        shown, lines, line, column = [], [], "", 0
        for token in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", bytes.decode(errors="replace")):
            if token in "\r\n":
                shown.append(line)
            if token == "\r":
                column = 0
            elif token == "\n":
                lines.append(line)
                line, column = "", 0
            elif token == "\x1b[K":
                line = line[:column]
            elif re.fullmatch(r"\x1b\[\d+C", token):
                column += int(token[2:-1])
            elif not token.startswith("\x1b"):
                line, column = line[:column].ljust(column) + token + line[column + len(token):], column + len(token)
        return shown + [line], lines + [line]

    @property
    def shown(self):
        return self.play()[0]

    @property
    def screen(self):
        return self.play()[1]

    def resize(self, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


@pytest.mark.parametrize("columns", [120, 30])
def test_on_a_terminal_one_line_is_redrawn_and_nothing_of_it_stays(build, tmp_path, layout, columns):
    with Fleet(build, tmp_path / "fleet") as fleet, HeldRegistry(layout, held=[layout.base]) as registry:
        fleet.start_broker()
        fleet.start_worker("one")
        job = fleet.call("submit", f"registry://{registry.host}").out.strip()
        registry.wait_asked(layout.base)
        watch = Terminal([build / "varve", "watch", *fleet.client_options(), job], fleet.env, columns)
        watch.wait_text(f"images 0/{IMAGES}")
        registry.release()
        while watch.read():
            pass
        assert watch.process.wait(60) == 0
        progress = [line for line in watch.shown if line.startswith("images ")]
        assert progress and all(len(line) <= columns for line in progress), progress
        assert all(re.match(rf"images \d/\d\+?( |$)", line) for line in progress)
        end = [line for line in watch.screen if line.strip()]
        assert len(end) == 1 and end[0].startswith(f"job {job} done: {IMAGES} images (0 failed"), watch.bytes
        assert f"{IMAGES + 1} unique layers ({IMAGES + 1} scanned" in end[0]
        assert b"\n" not in watch.bytes.rstrip()  # one line, drawn again and again


def test_in_a_pipe_there_are_no_control_characters(build, tmp_path, layout):
    with Fleet(build, tmp_path / "fleet") as fleet, HeldRegistry(layout) as registry:
        fleet.start_broker()
        fleet.start_worker("one")
        job = fleet.submit(f"registry://{registry.host}")
        out = fleet.call("watch", job)
        assert out.code == 0
        assert out.out.count("\n") == 1 and out.out.startswith(f"job {job} done: {IMAGES} images")
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", out.out + out.err)


def test_a_warning_comes_above_the_line_and_leaves_it_whole(build, tmp_path, layout):
    """A broker that goes away and comes back while somebody watches on a terminal."""
    with Fleet(build, tmp_path / "fleet") as fleet, HeldRegistry(layout, held=[layout.base]) as registry:
        broker = fleet.start_broker()
        fleet.start_worker("one")
        job = fleet.call("submit", f"registry://{registry.host}").out.strip()
        registry.wait_asked(layout.base)
        watch = Terminal([build / "varve", "watch", *fleet.client_options(), job], fleet.env, 100)
        watch.wait_text(f"images 0/{IMAGES}")
        broker.kill()
        fleet.start_broker()
        registry.release()
        while watch.read():
            pass
        assert watch.process.wait(60) == 0
        assert [line for line in watch.screen if line.strip()][-1].startswith(f"job {job} done: {IMAGES} images (0 failed")


def test_who_watches_may_leave_and_the_job_goes_on(build, tmp_path, layout):
    with Fleet(build, tmp_path / "fleet") as fleet, HeldRegistry(layout, held=[layout.base]) as registry:
        fleet.start_broker()
        fleet.start_worker("one")
        job = fleet.call("submit", f"registry://{registry.host}").out.strip()
        registry.wait_asked(layout.base)
        watch = Terminal([build / "varve", "watch", *fleet.client_options(), job], fleet.env, 100)
        watch.wait_text(f"images 0/{IMAGES}")
        watch.process.terminate()
        assert watch.process.wait(60) == 0
        registry.release()
        assert fleet.call("watch", job).code == 0


def test_the_line_follows_the_width_of_the_terminal(build, tmp_path, layout):
    with Fleet(build, tmp_path / "fleet") as fleet, HeldRegistry(layout, held=[layout.base]) as registry:
        fleet.start_broker()
        fleet.start_worker("one")
        job = fleet.call("submit", f"registry://{registry.host}").out.strip()
        registry.wait_asked(layout.base)
        watch = Terminal([build / "varve", "watch", *fleet.client_options(), job], fleet.env, 120)
        watch.wait_text("layers")
        before = len(watch.bytes)
        watch.resize(24)
        while not any(line.startswith("images ") for line in Terminal.play_bytes(watch.bytes[before:])[0]):
            assert watch.read()
        narrow = [line for line in Terminal.play_bytes(watch.bytes[before:])[0] if line.startswith("images ")]
        assert narrow and all(len(line) < 24 for line in narrow), narrow
        registry.release()
        while watch.read():
            pass
        assert watch.process.wait(60) == 0


def test_a_line_that_does_not_change_costs_nothing(build, tmp_path, layout):
    """The progress comes again and again while a layer is held, and nothing is written for it."""
    with Fleet(build, tmp_path / "fleet") as fleet, HeldRegistry(layout, held=[layout.base]) as registry:
        fleet.start_broker()
        fleet.start_worker("one")
        job = fleet.call("submit", f"registry://{registry.host}").out.strip()
        registry.wait_asked(layout.base)
        watch = Terminal([build / "varve", "watch", *fleet.client_options(), job], fleet.env, 120)
        watch.wait_text(f"images 0/{IMAGES}")
        for _ in range(3):
            fleet.call("status")
        registry.release()
        while watch.read():
            pass
        assert watch.process.wait(60) == 0
        drawn = [line for line in watch.shown if line.startswith("images ")]
        assert drawn and all(one != next for one, next in zip(drawn, drawn[1:])), watch.bytes


def test_a_long_list_shows_how_much_of_it_was_sent(build, tmp_path):
    with Fleet(build, tmp_path / "fleet") as fleet:
        fleet.start_broker()
        fifo = tmp_path / "list"
        os.mkfifo(fifo)
        submit = Terminal([build / "varve", "submit", *fleet.client_options(), "--from-file", fifo], fleet.env, 80)
        with open(fifo, "w") as listing:
            listing.write("".join(f"registry.invalid/team/app{i}:v1\n" for i in range(6000)))
            listing.flush()
            submit.wait_text("references sent")
        while submit.read():
            pass
        assert submit.process.wait(60) == 0
        assert [line.strip() for line in submit.screen if line.strip()] == ["1"]  # the job's number alone stays
