"""What stint-conform has an agent do, as functions:

stint-conform agent --start 'python3 -m stint_sdk.agent --key-file {key_file} --server {server} --state-dir {state_dir} THIS_FILE' \
    --driver python --task ok=ok --task fail=fail --task signal=terminate --task missing=missing --task long=long --task stubborn=stubborn \
    --task print=print_much --task both=both --task report=report
"""

from __future__ import annotations

import os
import signal
import sys
import time

from stint_sdk import task as me
from stint_sdk.agent import task


@task
def ok() -> None:
    pass


@task
def fail() -> None:
    sys.exit(3)


@task
def terminate() -> None:
    """By signal 15, without the clean-up that a worker makes of it."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)


def break_setup() -> None:
    raise RuntimeError("cannot be started")


@task(setup=break_setup)
def missing(_: None) -> None:
    pass


@task
def long() -> None:
    time.sleep(20)


@task
def stubborn() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(20)


@task
def print_much() -> None:
    sys.stdout.write("x" * 300_000)


@task
def both() -> None:
    sys.stdout.write("out")
    sys.stderr.write("err")


@task
def report() -> None:
    for step in range(300):
        me.report(progress=step / 300)
        time.sleep(0.01)
