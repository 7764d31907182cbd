"""Machines that are network namespaces: each with an address of its own on one bridge, so that what one does to another crosses a real
network stack, and some on a line that can be made bad (bad_line.py). Needs root; the namespaces go with the object.
"""

import contextlib
import ctypes
import os
import shutil
import subprocess

import accept
import bad_line

SUBNET = "10.77.0"
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def move_to(namespace):
    """This thread, to the network namespace of that descriptor."""
    if LIBC.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Namespaces:
    """`with Namespaces("cell", "flood") as net`: what is started `with net.inside("cell")` is on that machine, which has 10.77.0.1.

    Machines named in `bad` hang on a BadLine, `net.lines[NAME]`; the others on a good cable.
    """

    def __init__(self, *names, bad=()):
        if os.geteuid() != 0:
            raise accept.Skipped("root: network namespaces are made")
        if shutil.which("ip") is None:
            raise accept.Skipped("ip: script/bootstrap installs it (iproute2)")
        if bad and not os.path.exists("/dev/net/tun"):
            raise accept.Skipped("/dev/net/tun: bad lines are made of it")
        self.names, self.bad, self.lines = names, bad, {}
        self.prefix = f"stint{os.getpid()}"
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.make_namespace(stack, "switch")
            self.run_in("switch", "ip", "link", "add", "br0", "type", "bridge")
            self.run_in("switch", "ip", "link", "set", "br0", "up")
            for number, name in enumerate(self.names, 1):
                self.make_namespace(stack, name)
                self.connect(stack, name)
                self.run_in(name, "ip", "address", "add", f"{SUBNET}.{number}/24", "dev", "net0")
                self.run_in(name, "ip", "link", "set", "net0", "up")
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *problem):
        self.stack.close()

    def make_namespace(self, stack, name):
        done = subprocess.run(["ip", "netns", "add", self.full_name(name)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise accept.Skipped(f"network namespaces: {done.stderr.strip()}")
        stack.callback(subprocess.run, ["ip", "netns", "del", self.full_name(name)], check=False)
        self.run_in(name, "ip", "link", "set", "lo", "up")

    def connect(self, stack, name):
        """A cable from the namespace to the switch: `net0` there, `to-NAME` here."""
        outer = self.port_of(name)
        if name in self.bad:
            self.lines[name] = self.make_line(name, outer)
            stack.callback(self.lines[name].close)
        else:
            peer = ("peer", "name", "net0", "netns", self.full_name(name))
            self.run_in("switch", "ip", "link", "add", outer, "type", "veth", *peer)
        self.run_in("switch", "ip", "link", "set", outer, "master", "br0", "up")

    def make_line(self, name, outer):
        with self.inside(name):
            machine = bad_line.open_tap("net0")
        with self.inside("switch"):
            return bad_line.BadLine((machine, bad_line.open_tap(outer)))

    @staticmethod
    def port_of(name):
        return f"to-{name}"[:15]

    def full_name(self, name):
        return f"{self.prefix}-{name}"

    def address(self, name):
        return f"{SUBNET}.{self.names.index(name) + 1}"

    @contextlib.contextmanager
    def inside(self, name):
        """This thread is on that machine: the sockets it opens, the processes and threads it starts. Files are the same on all."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        there = os.open(f"/run/netns/{self.full_name(name)}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            move_to(there)
            yield
        finally:
            move_to(home)
            os.close(home)
            os.close(there)

    def run_in(self, name, *command):
        with self.inside(name):
            done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise accept.SetupFailed(f"{' '.join(map(str, command))} in {name}: {done.stderr.strip()}")
        return done.stdout
