"""The frame of every acceptance program: arguments, checks, the JSON on stdout, the exit status.

    def measure(run): ...        # raises SetupFailed or Skipped, calls run.check(...)
    accept.main("A1-2", measure)

Progress goes to stderr. Exit status: 0 all checks hold, 1 one does not, 2 set-up failed, 77 this machine lacks what `skipped` names.
`accept.py row ID STATUS FILE` prints the line of script/accept's table.
"""

import argparse
import contextlib
import json
import operator
import os
import pathlib
import pwd
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPERATORS = {"==": operator.eq, "!=": operator.ne, "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}
ORDINARY_USER = "nobody"


class SetupFailed(Exception):
    """What had to be there before measuring is not: a binary, a started scheduler."""


class Skipped(Exception):
    """This machine lacks what the argument names."""


class Run:
    """One run of an acceptance program: its draws, its checks, its folder."""

    def __init__(self, program, seed, quick, folder):
        self.program, self.seed, self.quick, self.folder = program, seed, quick, folder
        self.random = random.Random(seed)
        self.checks, self.skipped, self.figures, self.error = [], [], {}, None

    def check(self, name, value, op, limit):
        holds = bool(OPERATORS[op](value, limit))
        self.checks.append({"name": name, "value": value, "op": op, "limit": limit, "pass": holds})
        say(f"{'ok  ' if holds else 'FAIL'}  {name}: {value!r} {op} {limit!r}")
        return holds

    def figure(self, name, value):
        """A value without a bar."""
        self.figures[name] = value
        say(f"      {name}: {value!r}")


def say(line):
    print(line, file=sys.stderr, flush=True)


def main(program, measure):
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="fewer tasks and kills: to see that it works, not to show that it holds")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))

    started = time.monotonic()
    with ordinary_folder(program) as folder:
        run = Run(program, arguments.seed, arguments.quick, folder)
        status = carry_out(measure, run)
    result = {
        "schema": "stint.accept/1",
        "id": program,
        "pass": status == 0,
        "seconds": round(time.monotonic() - started, 3),
        "seed": run.seed,
        "quick": run.quick,
        "checks": run.checks,
        "figures": run.figures,
        "skipped": run.skipped,
        "error": run.error,
    }
    print(json.dumps(result, indent=1))
    sys.exit(status)


def carry_out(measure, run):
    try:
        measure(run)
    except Skipped as reason:
        run.skipped.append(str(reason))
        say(f"skipped: {reason}")
        return 77
    except SetupFailed as reason:
        run.error = str(reason)
        say(f"set-up failed: {reason}")
        return 2
    except Exception as error:
        run.error = repr(error)
        traceback.print_exc()
        return 2
    return 0 if run.checks and all(check["pass"] for check in run.checks) else 1


@contextlib.contextmanager
def ordinary_folder(program):
    """A fresh folder that the ordinary user owns; gone afterwards, unless STINT_ACCEPT_KEEP is set."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"stint-{program}-"))
    os.chmod(folder, 0o755)
    give_to_ordinary_user(folder)
    try:
        yield folder
    finally:
        if os.environ.get("STINT_ACCEPT_KEEP"):
            say(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def give_to_ordinary_user(path):
    if os.geteuid() != 0:
        return
    user = pwd.getpwnam(ORDINARY_USER)
    subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(path)], check=True)


def as_ordinary_user():
    """Arguments for Popen: a program started by root runs what it measures as `nobody`, anyone else as themselves."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(ORDINARY_USER)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def clean_environment(home):
    """What an ordinary user with that home directory has, and nothing of whoever runs the acceptance programs."""
    return {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TMPDIR": "/tmp"}


def run_command(arguments, seconds, **options):
    """Runs to its end and returns the CompletedProcess with text; one that takes longer is killed with its group and counts as set-up."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    process = subprocess.Popen([str(argument) for argument in arguments], start_new_session=True, **options)
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        say((out or "") + (err or ""))
        raise SetupFailed(f"{arguments[0]} {' '.join(map(str, arguments[1:]))}: no end after {seconds} s") from None
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def is_soon(seconds, condition):
    """The condition's first true value, or its last one after that time. It polls, since it looks from outside."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.05)


def wait_until(what, seconds, condition):
    """As is_soon(), for what must be there before anything can be measured."""
    value = is_soon(seconds, condition)
    if not value:
        raise SetupFailed(f"{what}: not within {seconds} s")
    return value


def print_row(program, status, path):
    """A line of the table: program, result, seconds, first failing check."""
    try:
        result = json.loads(pathlib.Path(path).read_text())
    except ValueError:
        result = {"seconds": 0, "checks": [], "skipped": [], "error": f"exit status {status}"}
    word = {"0": "pass", "1": "fail", "2": "error", "77": "skip"}.get(status, "error")
    broken = [f"{check['name']}: {check['value']} {check['op']} {check['limit']}" for check in result["checks"] if not check["pass"]]
    said = {
        "skip": ", ".join(result["skipped"]),
        "fail": (broken or ["no check was made"])[0],
        "error": (result["error"] or f"exit status {status}").splitlines()[0],
    }
    print(f"{program:8} {word:6} {result['seconds']:8.1f}  {said.get(word, '')}".rstrip())


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[1] != "row":
        sys.exit("usage: accept.py row ID STATUS FILE")
    print_row(*sys.argv[2:])
