"""A task whose every byte is known without asking the product: numbered lines until a file says enough.

It leaves, under its name in the working directory: NAME.begun (a line for each attempt), NAME.pid, NAME.count (lines printed); it ends
when NAME.stop exists. A line comes every few milliseconds: frames, spool and followers are always in the middle of something.
"""

import e2e

LINE = 60
PROGRAM = """\
import os, pathlib, sys, time
name = sys.argv[1]
with open(name + ".begun", "a") as begun:
    begun.write(os.environ["STINT_TASK_ID"] + "@" + os.environ["STINT_ATTEMPT"] + "\\n")
pathlib.Path(name + ".part").write_text(str(os.getpid()))
os.rename(name + ".part", name + ".pid")
number = 0
while not pathlib.Path(name + ".stop").exists():
    print(f"{number:059}", flush=True)
    number += 1
    pathlib.Path(name + ".count").write_text(str(number))
    time.sleep(0.003)
"""


def expected_output(lines):
    return b"".join(b"%059d\n" % number for number in range(lines))


class FlowCase(e2e.CellCase):
    """A cell, and one flow for each test, named like the test."""

    @classmethod
    def boot(cls):
        super().boot()
        cls.product.write("flow.py", PROGRAM)

    def setUp(self):
        super().setUp()
        self.name = self.id().rpartition(".")[2]

    def begin_flow(self, *options):
        """`stint run` that follows, the task's id and its process."""
        run = self.follow(self.name, "run", *options, "--name", self.name, "--", "python3", "flow.py", self.name)
        process = self.process_of(f"{self.name}.pid")
        job = self.api.get("/v1/jobs?limit=1")["items"][0]
        self.assertEqual(self.name, job["name"])
        return run, f"{job['id']}.main", process

    def stop(self):
        self.product.write(f"{self.name}.stop", "")

    def lines_printed(self):
        """Zero before the first one: the process is there a little earlier than its count."""
        try:
            return int((self.cwd / f"{self.name}.count").read_text() or 0)
        except FileNotFoundError:
            return 0

    def wait_for_progress(self, lines=20):
        before = self.lines_printed()
        self.eventually("the task prints on", lambda: self.lines_printed() >= before + lines)

    def assert_followed(self, following):
        """It ended well and got every byte once, in order."""
        status, out, err = following.end()
        self.assertEqual(0, status, err.decode())
        expected = expected_output(self.lines_printed())
        self.assertEqual(len(expected), len(out))
        self.assertEqual(expected, out)

    def assert_one_result(self, task, attempts=1):
        """The last attempt's, and each attempt was begun once."""
        detail = self.task(task)
        self.assertEqual("completed", detail["state"])
        self.assertEqual(attempts, len(detail["attempts_list"]))
        self.assertEqual([attempts], [attempt["attempt"] for attempt in detail["attempts_list"] if attempt["is_result"]])
        begun = (self.cwd / f"{self.name}.begun").read_text().split()
        self.assertEqual([f"{task}@{attempt + 1}" for attempt in range(attempts)], begun)
