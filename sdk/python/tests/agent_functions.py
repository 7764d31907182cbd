"""What the agents of the tests run."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stint_sdk import task as me
from stint_sdk.agent import task

LOADS = Path(os.environ.get("TEST_FOLDER", "."))


def note(name: str, text: str = "") -> None:
    with (LOADS / name).open("a") as file:
        file.write(f"{os.getpid()} {text}\n")


@contextmanager
def model() -> Iterator[dict[str, int]]:
    note("loads")
    yield {"factor": 3}
    note("unloads")


@task(type="inferencer", setup=model)
def multiply(model: dict[str, int], item: int = 1, plus: float = 0) -> dict[str, Any]:
    print(f"multiplying {item}")
    print("to stderr", file=sys.stderr)
    me.report(progress=0.5, metrics={"item": item}, message="half")
    return {"value": model["factor"] * item + plus, "task": me.task_id(), "index": me.index(), "pid": os.getpid()}


@task(type="inferencer")
class Counter:
    """Made once for each process."""

    def __enter__(self) -> Counter:
        self.calls = 0
        return self

    def __exit__(self, *_: object) -> None:
        note("counter left")

    def __call__(self, items: list[dict[str, int]]) -> dict[str, int]:
        self.calls += 1
        return {"calls": self.calls, "sum": sum(item["n"] for item in items), "lines": len(list(me.items()))}


@task(name="environment")
def show_environment(names: list[str]) -> dict[str, Any]:
    return {"env": {name: os.environ.get(name) for name in names}, "cwd": str(Path.cwd()), "path": os.environ.get("STINT_OUTPUTS")}


@task
def fail(how: str = "raise") -> Any:
    if how == "raise":
        raise ValueError("not today")
    if how == "exit":
        raise SystemExit(7)
    if how == "signal":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "large":
        return "x" * 70_000
    return object()  # no JSON


@task
def wait(name: str, seconds: float = 60, output: bool = False) -> str:
    """Prints numbered lines until a file says enough."""
    note(f"{name}.begun", f"{me.task_id()}@{me.attempt()}")
    end, number = time.monotonic() + seconds, 0
    try:
        while time.monotonic() < end and not (LOADS / f"{name}.stop").exists():
            if output:
                print(f"{number:059}")
                number += 1
            time.sleep(0.003)
    finally:
        note(f"{name}.cleaned")
    (LOADS / f"{name}.count").write_text(str(number))
    return name


@task
def spawn(name: str) -> None:
    """Leaves a child behind, and does not end."""
    if os.fork() == 0:
        note(f"{name}.child")
    time.sleep(600)


@task
def resume() -> int:
    """Fails twice, and goes on from where it was."""
    path = me.checkpoint_dir() / "step"
    step = int(path.read_text()) if path.exists() else 0
    path.write_text(str(step + 1))
    if step < 2:
        time.sleep(0.5)
        raise RuntimeError(f"failed at step {step}")
    return step


@task
def transform(files: list[str], fail: bool = False) -> list[str]:
    """Upper case of what was brought, as outputs; and what needs have left."""
    (me.outputs() / "deep").mkdir()
    for name in files:
        (me.outputs() / "deep" / name).write_text(Path(name).read_text().upper())
    (me.outputs() / "tool").write_text("#!/bin/sh\n")
    (me.outputs() / "tool").chmod(0o755)
    if fail:
        raise RuntimeError("after writing")
    return sorted(str(path.relative_to(me.inputs())) for path in me.inputs().rglob("*") if path.is_file())


@task(type="crawler")
def quick(n: int) -> int:
    return n
