"""What stint-conform asks of an agent that runs Python functions: one function for each kind of task of its option --task."""

import os
import signal as signals
import sys
import time

from stint_sdk import task as me
from stint_sdk.agent import task

LONG = 20  # seconds


@task
def ok():
    pass


@task
def fail():
    sys.exit(3)


@task
def signal():
    os.kill(os.getpid(), signals.SIGKILL)


@task
def long():
    time.sleep(LONG)


@task
def stubborn():
    signals.signal(signals.SIGTERM, signals.SIG_IGN)
    time.sleep(LONG)


@task
def prints():
    sys.stdout.write("x" * 300_000)
    sys.stdout.flush()


@task
def both():
    sys.stdout.write("out")
    sys.stdout.flush()
    sys.stderr.write("err")
    sys.stderr.flush()


@task
def report():
    for step in range(30):
        me.report(progress=0.5, step=step)
        time.sleep(0.1)
