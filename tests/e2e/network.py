"""What the tests of bad networks share: a cell of three machines in network namespaces, and tasks that write down what they do.

The scheduler is on `cell`; the agent `edge` hangs on a line that can be made bad (bad_line.py), the agent `spare` on a good cable. All
speak TLS, since no address is loopback's, and have joined with a pasted line. What is checked is what Stint promises, by what the tasks
wrote to a file, by the kernel and by the API: nothing is lost, nothing counts twice, nothing healthy is killed. Times are not checked.
"""

import hashlib
import json
import random
import unittest

import e2e
import witness
from machine import Machine
from namespaces import Namespaces

PROGRAM = """\
import os, pathlib, random, sys, time
witness, size, gate = sys.argv[1], int(sys.argv[2]), sys.argv[3]
task, attempt = os.environ["STINT_TASK_ID"], os.environ["STINT_ATTEMPT"]
start = pathlib.Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
def tell(word):
    with open(witness, "a") as lines:
        lines.write(f"{word} {task} {attempt} {os.getpid()} {start}\\n")
tell("begin")
data = random.Random(task).randbytes(size)
for at in range(0, size, 1000):
    sys.stdout.buffer.write(data[at:at + 1000])
    sys.stdout.buffer.flush()
while gate and not os.path.exists(f"{gate}.{attempt}"):
    time.sleep(0.02)
tell("end")
"""


class NetworkCase(e2e.Case):
    HEARTBEAT = "1s"  # three missed ones end a session
    LONG_LOST = "15m"

    @classmethod
    def boot(cls):
        try:
            cls.net = cls.stack.enter_context(Namespaces("cell", "edge", "spare", bad=("edge",)))
        except e2e.accept.Skipped as missing:
            raise unittest.SkipTest(f"no networks to make bad: {missing}") from None
        cls.stack.callback(cls.product.end)  # before the network goes
        cls.stack.enter_context(cls.net.inside("cell"))
        config = cls.product.write("stint.toml", f'[scheduler]\nheartbeat = "{cls.HEARTBEAT}"\n')
        cls.cell = e2e.Cell(cls.product, host=cls.net.address("cell"), options=("--config", config))
        cls.api = cls.cell.start()
        cls.product.write("work.py", PROGRAM)
        cls.edge, cls.spare = (cls.add_machine(place) for place in ("edge", "spare"))
        cls.line = cls.net.lines["edge"]
        for machine in (cls.edge, cls.spare):
            e2e.accept.wait_until(f"{machine.name} connected", 30, lambda name=machine.name: cls.state_of_agent(name) == "connected")

    @classmethod
    def add_machine(cls, place):
        machine = Machine(cls.product, cls.net, place)
        machine.join(cls.product.ensure("agent", "token", "--name", place).strip())
        machine.start_agent(f"--cpu 4 --label place={place}")
        return machine

    @classmethod
    def state_of_agent(cls, name):
        page = cls.api.try_get("/v1/agents") or {"items": []}
        return next((item["state"] for item in page["items"] if item["name"] == name), None)

    def setUp(self):
        self.name = self.id().rpartition(".")[2]
        self.lines = self.product.write(f"{self.name}.witness", "")
        self.addCleanup(self.make_good)
        self.wait_for_agent("edge", "connected")

    def make_good(self):
        self.edge.go_on()
        self.line.set_weather()
        self.line.forget_idle(None)
        self.line.heal()

    def wait_for_agent(self, name, state):
        self.eventually(f"agent {name} {state}", lambda: self.state_of_agent(name) == state)

    def sessions(self):
        """Of all agents, since the scheduler's start."""
        return self.metric("stint_sessions_established_total")

    # Work.

    def begin_work(self, count=1, size=1000, gated=False, **keys):
        """Submits tasks that print `size` known bytes; a gated attempt ends when it is let go. The tasks' ids."""
        gate = f"{self.name}.gate" if gated else "''"
        job = {"name": self.name, "run": f"python3 work.py {self.lines.name} {size} {gate}", "array": f"0-{count - 1}"}
        job |= {"resources": {"cpu": "1", "memory": "16Mi"}, "lost_after": self.LONG_LOST} | keys
        file = self.product.write(f"{self.name}.json", json.dumps(job))  # YAML holds JSON
        number = int(self.product.ensure("run", "-d", file))
        self.sizes = {f"{number}.main.{index}": size for index in range(count)}
        return list(self.sizes)

    def let_go(self, attempt=1):
        self.product.write(f"{self.name}.gate.{attempt}", "")

    def witnessed(self):
        return witness.read(self.lines.read_text().splitlines())

    def wait_begun(self, attempt=1, count=1):
        def begun():
            found = [process for process in self.witnessed().begun if process.attempt == attempt]
            return len(found) >= count and found

        return [e2e.Process(process.pid) for process in self.eventually(f"attempt {attempt} has begun", begun)]

    def wait_completed(self, tasks, seconds=e2e.PATIENCE):
        self.eventually("all completed", lambda: all(self.state_of(task) == "completed" for task in tasks), seconds)

    def results_of(self, task):
        return [attempt["attempt"] for attempt in self.task(task)["attempts_list"] if attempt["is_result"]]

    def output_of(self, task):
        status, out, err = self.follow(f"{self.name}-{task}.logs", "logs", task).end()
        self.assertEqual(0, status, err)
        return out

    def check_done_once(self, tasks):
        """Each task began once, ended as the process that began, has one result, and its output is whole."""
        self.wait_completed(tasks)
        found = self.witnessed()
        self.assertEqual([], found.malformed)
        self.assertEqual(sorted((task, 1) for task in tasks), sorted((process.task, process.attempt) for process in found.begun))
        self.assertEqual(set(found.begun), set(found.ended))
        for task in tasks:
            self.assertEqual([1], self.results_of(task), task)
            expected = random.Random(task).randbytes(self.sizes[task])
            output = self.output_of(task)
            self.assertEqual((len(expected), hashlib.sha256(expected).digest()), (len(output), hashlib.sha256(output).digest()), task)
