"""A machine on which somebody pastes a line: a network namespace, a home directory without anything of Stint, the programs in the PATH."""

import json
import os
import signal
import subprocess

import accept


class Machine:
    """`place` is the namespace; two homes may lie on one, as two users of one machine."""

    def __init__(self, product, net, place, name=None):
        self.product, self.net, self.place, self.name = product, net, place, name or place
        self.home = product.folder / f"home-{self.name}"
        self.home.mkdir()
        accept.give_to_ordinary_user(self.home)
        self.environment = accept.clean_environment(self.home)
        self.environment["PATH"] = f"{product.bin}:{self.environment['PATH']}"
        self.state = self.home / ".local/state/stint"
        self.agent = None

    def options(self):
        return {"cwd": self.home, "env": self.environment, "stdin": subprocess.DEVNULL, **accept.as_ordinary_user()}

    def paste(self, line, seconds=60):
        """A shell line, to its end."""
        with self.net.inside(self.place):
            return accept.run_command(["sh", "-c", line], seconds, **self.options())

    def paste_and_go_on(self, line, log):
        """The process of the line's one command, in a session of its own; its output goes to that log."""
        with open(self.product.folder / log, "ab") as output, self.net.inside(self.place):
            return subprocess.Popen(["sh", "-c", f"exec {line}"], stdout=output, stderr=output, start_new_session=True, **self.options())

    def join(self, line):
        """What must work before anything can be measured."""
        done = self.paste(line)
        if done.returncode != 0:
            raise accept.SetupFailed(f"{line.partition(' st1_')[0]} on {self.name}: exit status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def start_agent(self, options=""):
        self.agent = self.paste_and_go_on(f"stint agent start {options}", f"{self.name}.log")

    def key(self):
        return json.loads((self.state / "agent.json").read_text())

    def signing_seed(self):
        return bytes.fromhex((self.state / "agent.json.ed25519").read_text())

    def pids(self):
        """Of all that runs there: agent, keeper, guard, tasks."""
        with self.net.inside("switch"):  # anywhere but there, or we would count ourselves
            return [int(pid) for pid in self.net.run_in("switch", "ip", "netns", "pids", self.net.full_name(self.place)).split()]

    def signal(self, number):
        """The whole machine, as a laptop that is closed and opened, or one that loses its power."""
        for pid in self.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def stop(self):
        self.signal(signal.SIGSTOP)

    def go_on(self):
        self.signal(signal.SIGCONT)
