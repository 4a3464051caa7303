"""notify.py - a service manager's notification socket (sd_notify(3)): what a daemon said, in order."""
import os
import socket
import threading

WAIT_SECONDS = 60


class Manager:
    def __enter__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = f"varve-test-{os.getpid()}-{id(self)}"
        self.socket.bind(f"\0{name}")
        self.address = f"@{name}"
        self.heard, self.changed = [], threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def read(self):
        try:
            while said := self.socket.recv(4096):
                with self.changed:
                    self.heard += said.decode().splitlines()
                    self.changed.notify_all()
        except OSError:
            pass

    def wait(self, line, times=1):
        """Until it was said so often; how often it was."""
        with self.changed:
            self.changed.wait_for(lambda: self.heard.count(line) >= times, WAIT_SECONDS)
            assert self.heard.count(line) >= times, f"never heard {line!r} {times} times: {self.heard}"
            return self.heard.count(line)
