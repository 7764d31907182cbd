"""An agent that says nothing but heartbeats, one after the other, each when the one before is answered: valid frames, for comparison with
a flooder's.

usage: heartbeats.py HOST PORT KEY-FILE SECONDS     at the end one JSON line on stdout: {"frames": N}

The session is the Python package's (sdk/python): what it sends is what an agent sends.
"""

import json
import os
import pathlib
import select
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "sdk/python/src"))

from stint_sdk.protocol import messages as m  # noqa: E402
from stint_sdk.protocol.clock import read_now  # noqa: E402
from stint_sdk.protocol.session import AgentSession, Ended, Established, Identity  # noqa: E402

PATIENCE = 10


class Agent:
    def __init__(self, host, port, key):
        identity = Identity(key["agent"], key["key_epoch"], bytes.fromhex(key["key"]), os.urandom(16), os.urandom(16))
        self.session = AgentSession(identity, 1, os.urandom(32), read_now())
        self.line = socket.create_connection((host, port), PATIENCE)

    def push(self):
        if self.session.has_output:
            self.line.sendall(self.session.take_output(read_now(), 1 << 20))

    def pull(self, seconds):
        """What has come within the time. Errors: SystemExit when the session is over."""
        empty_since = read_now().boot_ns
        while select.select([self.line], [], [], seconds)[0]:
            data = self.line.recv(1 << 16)
            self.session.on_bytes(data, read_now(), empty_since)
            if not data or self.session.has_ended:
                sys.exit(f"heartbeats: the session is over: {[event for event in self.session.take_events() if isinstance(event, Ended)]}")
            if any(isinstance(event, Established) for event in self.session.take_events()):
                return
            seconds = 0

    def join(self, name):
        self.push()
        self.pull(PATIENCE)
        self.session.send(m.Resume(m.AgentInfo(name=name), []))
        self.push()


def main():
    host, port, key_file, seconds = sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
    key = json.loads(pathlib.Path(key_file).read_text())
    agent, frames, end = Agent(host, port, key), 0, time.monotonic() + seconds
    agent.join(key["name"])
    while time.monotonic() < end:
        agent.session.send(m.Heartbeat(running=0))
        agent.push()
        agent.pull(PATIENCE)
        frames += 1
    print(json.dumps({"frames": frames}))


if __name__ == "__main__":
    main()
