"""netns.py - hosts as network namespaces: each with an address of its own on one switch, and links that can be cut and healed.

A cut link loses everything and tells nobody: no RST, no FIN, as a pulled cable or a dropped route does it. Needs root.
"""
import contextlib
import ctypes
import itertools
import os
import subprocess

CLONE_NEWNET = 0x40000000
numbers = itertools.count()


def ip(*arguments):
    out = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if out.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {out.stderr.strip()}")


def why_not():
    """Why this machine gives us no network namespaces; None if it does."""
    try:
        with Network("probe"):
            return None
    except OSError as e:
        return f"needs network namespaces, veth and bridge: {e}"


class Network:
    """`address[name]` is 10.77.0.N in the order of names; the switch is a namespace, too, so that the machine's own network
    is not touched."""

    def __init__(self, *names):
        self.prefix = f"varve{os.getpid()}x{next(numbers)}"
        self.names = names
        self.address = {name: f"10.77.0.{i}" for i, name in enumerate(names, 1)}

    def space(self, name):
        return f"{self.prefix}-{name}"

    def __enter__(self):
        try:
            self.build()
        except OSError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in ("switch", *self.names):
            subprocess.run(["ip", "netns", "del", self.space(name)], capture_output=True, check=False)

    def build(self):
        switch = self.space("switch")
        ip("netns", "add", switch)
        ip("-n", switch, "link", "add", "br0", "type", "bridge")
        ip("-n", switch, "link", "set", "br0", "up")
        for i, name in enumerate(self.names, 1):
            space = self.space(name)
            ip("netns", "add", space)
            ip("-n", switch, "link", "add", f"port{i}", "type", "veth", "peer", "name", "eth0", "netns", space)
            ip("-n", switch, "link", "set", f"port{i}", "master", "br0", "up")
            ip("-n", space, "addr", "add", f"{self.address[name]}/24", "dev", "eth0")
            ip("-n", space, "link", "set", "eth0", "up")
            ip("-n", space, "link", "set", "lo", "up")

    def port(self, name):
        return f"port{self.names.index(name) + 1}"

    def cut(self, name):
        ip("-n", self.space("switch"), "link", "set", self.port(name), "nomaster")

    def heal(self, name):
        ip("-n", self.space("switch"), "link", "set", self.port(name), "master", "br0")

    def command(self, name):
        """What stands before a command that runs on that host."""
        return ["ip", "netns", "exec", self.space(name)]

    @contextlib.contextmanager
    def inside(self, name):
        """Sockets that this thread makes meanwhile are that host's, and stay so."""
        with open("/proc/thread-self/ns/net", "rb") as own, open(f"/run/netns/{self.space(name)}", "rb") as there:
            self.enter(there)
            try:
                yield
            finally:
                self.enter(own)

    @staticmethod
    def enter(namespace):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
