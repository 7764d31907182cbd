"""A cell of `stint dev` with two agents and one job of each kind, made once for all tests of a class."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import e2e  # noqa: E402

# Prints on both streams, reports progress, and ends as its argument says.
WORK = """\
import os, sys
print("out", flush=True)
print("err", file=sys.stderr, flush=True)
with open(os.environ["STINT_REPORT"], "a") as report:
    report.write('{"progress":0.5,"step":3,"metrics":{"loss":0.25},"message":"half way"}\\n')
    report.write('{"result":{"answer":42}}\\n')
sys.exit(int(sys.argv[1]))
"""


class DevCase(e2e.Case):
    @classmethod
    def boot(cls):
        cls.state = cls.folder / "state"
        cls.product.environment["STINT_STATE_DIR"] = str(cls.state)
        cls.product.write("work.py", WORK)
        cls.dev = cls.product.ensure_json("dev", "--detach", "--agents", 2, "--listen", "127.0.0.1:0")
        cls.stack.callback(cls.product.command, "dev", "stop")
        submit = lambda *arguments: int(cls.product.ensure("run", "-d", "--cpu", "100m", *arguments))  # noqa: E731
        cls.completed = submit("--", "python3", "work.py", "0")
        cls.failed = submit("--retries", 1, "--", "python3", "work.py", "3")
        cls.array = submit("--array", "0-4", "--", "sh", "-c", "echo $STINT_INDEX")
        cls.timed_out = submit("--timeout", "300ms", "--", "sleep", "60")
        cls.product.command("wait", cls.completed, cls.failed, cls.array, cls.timed_out)
        cls.running = submit("--", "sleep", "600")
        cls.waiting = submit("--memory", "1000G", "--gpu", "64", "--", "true")
        cls.cancelled = submit("--memory", "1000G", "--", "true")
        cls.product.ensure("cancel", cls.cancelled)
        cls.jobs = (cls.completed, cls.failed, cls.array, cls.timed_out, cls.running, cls.waiting, cls.cancelled)

    @classmethod
    def context_file(cls):
        return cls.state / "context.json"

    @classmethod
    def tasks(cls):
        return [f"{job}.main" for job in cls.jobs if job != cls.array] + [f"{cls.array}.main.{index}" for index in range(5)]
