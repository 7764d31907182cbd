"""Stint: an array of calls of a function that an agent's worker processes have loaded, one worker per core (`driver: python`).

Needs PYTHONPATH=sdk/python/src and the binary in STINT.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import timing

HELD = 64  # attempts at the agent at once, most of them waiting for one of its workers
FUNCTIONS = """from stint_sdk.agent import task

@task(type="trainer")
def nothing():
    return None
"""


class Cell:
    """A scheduler and a Python agent in a folder of their own."""

    def __init__(self, folder, workers):
        self.stint, self.folder = os.environ["STINT"], folder
        self.environment = os.environ | {"STINT_STATE_DIR": str(folder / "state"), "OPENBLAS_NUM_THREADS": "1"}
        (folder / "functions.py").write_text(FUNCTIONS)
        self.call("dev", "--detach", "--agents", "1")
        self.call("agent", "token", "--name", "functions", "--key-file", folder / "key")
        command = [sys.executable, "-m", "stint_sdk.agent", "--key-file", folder / "key", "--workers", workers]
        command += ["--cpu", HELD, "--window", HELD, folder / "functions.py"]
        with open(folder / "log", "ab") as log:
            self.agent = subprocess.Popen([str(word) for word in command], env=self.environment, stderr=log)
        while self.connected() < 2:
            time.sleep(0.05)

    def call(self, *arguments):
        done = subprocess.run([self.stint, *map(str, arguments)], env=self.environment, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def connected(self):
        agents = json.loads(self.call("agent", "list", "--json"))["items"]
        return sum(agent["state"] == "connected" for agent in agents)

    def carry_out(self, count):
        job = {"name": "peers", "type": "trainer", "driver": "python", "command": ["nothing"], "resources": {"cpu": 1}}
        job["array"] = f"0-{count - 1}"
        (self.folder / "job.yaml").write_text(json.dumps(job))
        number = self.call("run", "-d", self.folder / "job.yaml").strip()
        self.call("wait", number)

    def end(self):
        self.agent.terminate()
        self.agent.wait()
        with contextlib.suppress(subprocess.CalledProcessError):
            self.call("dev", "stop")


def main():
    tasks, rounds, cores = timing.arguments()
    with tempfile.TemporaryDirectory(prefix="stint-peer-", dir="/var/tmp") as name:
        cell = Cell(pathlib.Path(name), cores)
        try:
            rates = {"function": timing.rate(tasks, rounds, cell.carry_out)}
        finally:
            cell.end()
        version = json.loads(cell.call("version", "--json"))["version"]
    timing.tell("Stint", version, f"Python agent of {cores} worker processes that holds {HELD} tasks, every end durable", rates)


if __name__ == "__main__":
    main()
