"""Machines that are network namespaces: each with an address of its own on one bridge, so that what one does to another crosses a real
network stack, with the loss, delay and rate that tc gives it. Needs root; the namespaces go with the object.
"""

import contextlib
import ctypes
import os
import shutil
import subprocess

import accept

SUBNET = "10.77.0"
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def move_to(namespace):
    """This thread, to the network namespace of that descriptor."""
    if LIBC.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Namespaces:
    """`with Namespaces("cell", "flood") as net`: what is started `with net.inside("cell")` is on that machine, which has 10.77.0.1."""

    def __init__(self, *names):
        if os.geteuid() != 0:
            raise accept.Skipped("root: network namespaces are made")
        if shutil.which("ip") is None:
            raise accept.Skipped("ip: script/bootstrap --with-checks installs it")
        self.names = names
        self.prefix = f"stint{os.getpid()}"
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.make_namespace(stack, "switch")
            self.run_in("switch", "ip", "link", "add", "br0", "type", "bridge")
            self.run_in("switch", "ip", "link", "set", "br0", "up")
            for number, name in enumerate(self.names, 1):
                self.make_namespace(stack, name)
                self.connect(name, number)
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

    def connect(self, name, number):
        """A cable from the namespace to the switch: `net0` there, `to-NAME` here."""
        inner, outer = "net0", f"to-{name}"[:15]
        self.run_in("switch", "ip", "link", "add", outer, "type", "veth", "peer", "name", inner, "netns", self.full_name(name))
        self.run_in("switch", "ip", "link", "set", outer, "master", "br0", "up")
        self.run_in(name, "ip", "address", "add", f"{SUBNET}.{number}/24", "dev", inner)
        self.run_in(name, "ip", "link", "set", inner, "up")

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

    def shape(self, name, *rule):
        """What the cable to that machine does from now on: shape("edge", "delay", "50ms", "loss", "2%"); nothing: a good cable again."""
        outer = f"to-{name}"[:15]
        for namespace, device in (("switch", outer), (name, "net0")):
            with self.inside(namespace):
                subprocess.run(["tc", "qdisc", "del", "dev", device, "root"], capture_output=True, check=False)
            if rule:
                self.run_in(namespace, "tc", "qdisc", "add", "dev", device, "root", "netem", *rule)

    def cut(self, name, is_cut=True):
        """Takes the cable out, without a word to either side."""
        self.run_in("switch", "ip", "link", "set", f"to-{name}"[:15], "down" if is_cut else "up")
