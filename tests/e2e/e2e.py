"""What the end-to-end tests share: a cell of real processes per test class, HTTP requests, commands that go on, and polling.

Nothing here waits for a fixed time: eventually() looks until a condition holds, and the patience only bounds a failing test.
Run one file, or one test:  STINT_BIN_DIR=build/release/bin python3 tests/e2e/survival_test.py Survival.test_agent_killed
"""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "accept"))

import accept  # noqa: E402
from cell import Api, Cell, Daemon, free_port  # noqa: E402, F401
from product import Product  # noqa: E402

ALL_SKIPPED = 77
PATIENCE = 40  # seconds: for what happens at once on an idle machine, also on a loaded one


class Folder:
    """What Product wants of a run."""

    def __init__(self, folder):
        self.folder = folder


class Process:
    """A process of this machine by pid and start time: a pid that is used again is another process."""

    def __init__(self, pid):
        self.pid, self.start = int(pid), start_time(pid)

    def is_alive(self):
        return self.start is not None and start_time(self.pid) == self.start


def start_time(pid):
    """Field 22 of /proc/PID/stat; None for one that is gone or a zombie."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


class Following:
    """A `stint` command that goes on, its output in files, so that no pipe fills up while a test does something else."""

    def __init__(self, product, name, *arguments):
        self.out, self.err = product.folder / f"{name}.out", product.folder / f"{name}.err"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                [product.stint, *map(str, arguments)],
                cwd=product.cwd,
                env=product.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                **accept.as_ordinary_user(),
            )

    def end(self, seconds=PATIENCE):
        """Exit status, stdout, stderr. One that goes on beyond the patience is killed, and its status says so."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return self.process.returncode, self.out.read_bytes(), self.err.read_bytes()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Case(unittest.TestCase):
    """A folder, the product copied into it, and an end that leaves no process. `boot()` says what runs for all tests of the class."""

    longMessage = True

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.addClassCleanup(cls.stack.close)
        folder = cls.stack.enter_context(accept.ordinary_folder("e2e"))
        cls.product = Product(Folder(folder))
        cls.folder, cls.cwd = folder, cls.product.cwd
        cls.stack.callback(cls.product.end)
        cls.boot()

    @classmethod
    def boot(cls):
        pass

    def run(self, result=None):
        """A failure is told with the ends of the daemons' logs."""
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            for log in sorted(self.folder.glob("*.log")):
                accept.say(f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-12:]))

    def eventually(self, what, condition, seconds=PATIENCE):
        value = accept.is_soon(seconds, condition)
        self.assertTrue(value, f"{what}: not within {seconds} s")
        return value

    @classmethod
    def context(cls):
        """Address and token, as the context file of the running scheduler says."""
        context = json.loads(cls.context_file().read_text())
        where = urllib.parse.urlsplit(context["server"])
        return where.hostname, where.port, context["token"]

    @classmethod
    def context_file(cls):
        return cls.cell.state / "context.json"

    def request(self, method, path, body=None, token=None, **headers):
        """One HTTP request on a connection of its own. `token`: "" sends none."""
        _, _, known = self.context()
        token = known if token is None else token
        if token:
            headers["Authorization"] = f"Bearer {token}"
        client = Api(self.context_file())
        client.connect()  # in TLS, if the scheduler speaks that
        connection = client.connection
        connection.timeout = PATIENCE
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def submit(self, job, **headers):
        return self.request("POST", "/v1/jobs", json.dumps(job), Content_Type="application/json", **headers)

    def metric(self, name):
        """The value of one line of /metrics, labels included in the name; 0 when it is not there."""
        for line in self.request("GET", "/metrics").body.decode().splitlines():
            if line.rpartition(" ")[0] == name:
                return float(line.rpartition(" ")[2])
        return 0

    def task(self, task):
        return self.api.get(f"/v1/tasks/{task}")

    def state_of(self, task):
        """The task's state; None while the scheduler is down."""
        view = self.api.try_get(f"/v1/tasks/{task}")
        return view and view["state"]

    def follow(self, name, *arguments):
        following = Following(self.product, name, *arguments)
        self.addCleanup(following.end, 0)
        return following

    def run_detached(self, *arguments):
        """The number of the job that was submitted."""
        return int(self.product.ensure("run", "-d", *arguments))

    def process_of(self, name):
        """The process that wrote its pid into that file of the working directory."""
        path = self.cwd / name
        return Process(self.eventually(f"{name} with a pid", lambda: path.exists() and path.read_text().strip()))

    def processes_named(self, binary):
        def name_of(pid):
            """Of its program; of a child that a keeper has ready for the next task, `stint-ready`."""
            try:
                with open(f"/proc/{pid}/comm") as comm:
                    if comm.read().strip() == "stint-ready":
                        return "stint-ready"
                return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
            except OSError:
                return ""

        return [pid for pid in self.product.processes() if name_of(pid) == binary]


class CellCase(Case):
    """A scheduler and one agent, `box`, as processes of their own."""

    AGENT_OPTIONS = ("--cpu", 8, "--memory", "4Gi")

    @classmethod
    def boot(cls):
        cls.cell = Cell(cls.product)
        cls.api = cls.cell.start()
        cls.cell.add_agent("box", *cls.AGENT_OPTIONS)
        cls.cell.wait_for_agents(cls.api)

    def setUp(self):
        """What a failed test has left dead is started again, so that one failure stays one."""
        daemons = [self.cell.scheduler, *self.cell.agents.values()]
        dead = [daemon for daemon in daemons if daemon.process is not None and daemon.process.poll() is not None]
        for daemon in dead:
            daemon.start()
        if dead:
            self.cell.wait_for_agents(self.api)

    @property
    def agent(self):
        return self.cell.agents["box"]

    def agent_state(self, name="box"):
        page = self.api.try_get("/v1/agents") or {"items": []}
        return next((item["state"] for item in page["items"] if item["name"] == name), None)

    def wait_connected(self, name="box"):
        self.eventually(f"agent {name} connected", lambda: self.agent_state(name) == "connected")

    def restart_scheduler(self):
        """As after a crash: the database stays, and the address."""
        self.cell.scheduler.start()
        self.eventually("the API", lambda: self.api.try_get("/v1/info"))


def end_in_order(daemon, number=signal.SIGTERM, seconds=PATIENCE):
    """Asks a daemon to end and returns its exit status."""
    daemon.process.send_signal(number)
    return daemon.process.wait(seconds)


def main():
    started = time.monotonic()
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    accept.say(f"{time.monotonic() - started:.1f} s")
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(0 if result.testsRun > len(result.skipped) else ALL_SKIPPED)
