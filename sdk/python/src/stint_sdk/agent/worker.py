"""A worker: the process in which an agent's functions run, one at a time, with what they have set up kept between tasks.

    python -m stint_sdk.agent.worker CONTROL LOCK MODULE…        started by the agent alone

CONTROL is a socket on which both sides say JSON, a line each:

    worker  {"ready": {"functions": {name: type}}}  or  {"broken": text}
    agent   {"run": {"folder": path, "function": name, "arguments": […], "env": {…}, "item": text, "is_batch": bool}}
    worker  {"warm": name}, {"started": true}, {"ended": {"status": …, "exit_code": …, "detail": text}}

Output goes straight into files of the attempt's folder, so that no byte is lost with either process; the end is written there before it is
said. LOCK is the agent's lock of its state directory: a successor gets it only when this process is gone too.
A worker ends when its agent is gone, at once.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from stint_sdk.agent import staging
from stint_sdk.agent.staging import OutputMissing, StageFailed
from stint_sdk.agent.tasks import TaskFunction, registry
from stint_sdk.errors import InvalidArgument, StintError

END_FILE = "end.json"
DETAIL_MAX = 4096


class Stopped(BaseException):
    """SIGTERM: unwinds the function, so that it can clean up within its grace."""


def main(arguments: list[str]) -> int:
    control_fd, lock_fd, *modules = arguments
    os.set_inheritable(int(lock_fd), False)
    control = socket.socket(fileno=int(control_fd))
    control.set_inheritable(False)
    die_with_parent()
    worker = Worker(control)
    try:
        for module in modules:
            import_module(module)
        if not registry:
            raise InvalidArgument(f"no function is marked with @task in {', '.join(modules)}")
    except BaseException:
        worker.say({"broken": traceback.format_exc()})
        return 1
    worker.say({"ready": {"functions": {name: one.type for name, one in registry.items()}}})
    worker.serve()
    for one in registry.values():
        one.cool_down()
    return 0


def die_with_parent() -> None:
    """Linux: the kernel sees to it. The thread that reads does so everywhere, unless the function holds the interpreter's lock."""
    with contextlib.suppress(OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def import_module(name: str) -> None:
    """A module's name, or a file."""
    path = Path(name)
    if not (path.suffix == ".py" or "/" in name):
        importlib.import_module(name)
        return
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.exists():
        raise InvalidArgument(f"{name}: no such file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)


class Worker:
    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.orders: list[dict[str, Any]] = []
        self.has_orders = threading.Condition()
        self.is_over = False
        self.is_busy = False

    def say(self, words: Mapping[str, Any]) -> None:
        with contextlib.suppress(OSError):  # the agent is gone, and the reader sees it
            self.control.sendall(json.dumps(words).encode() + b"\n")

    def serve(self) -> None:
        threading.Thread(target=self.read_orders, daemon=True).start()
        self.listen_to_signals()
        while order := self.next_order():
            self.listen_to_signals()  # again: the last function may have had its own
            self.is_busy = True
            self.run(order)
            self.is_busy = False

    def listen_to_signals(self) -> None:
        signal.signal(signal.SIGTERM, self.on_sigterm)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the agent to judge

    def on_sigterm(self, _number: int, _frame: FrameType | None) -> None:
        if not self.is_busy:
            os._exit(0)
        raise Stopped

    def next_order(self) -> dict[str, Any] | None:
        with self.has_orders:
            while not self.orders and not self.is_over:
                self.has_orders.wait()
            return self.orders.pop(0) if self.orders else None

    def read_orders(self) -> None:
        with contextlib.suppress(OSError), self.control.makefile("rb") as lines:
            for line in lines:
                with self.has_orders:
                    self.orders.append(json.loads(line)["run"])
                    self.has_orders.notify()
        if self.is_busy:  # nobody is left to tell; what the function has started goes too
            os.killpg(os.getpgrp(), signal.SIGKILL)
        with self.has_orders:
            self.is_over = True
            self.has_orders.notify()

    def run(self, order: Mapping[str, Any]) -> None:
        folder = Path(order["folder"])
        with redirected(folder):
            end = self.attempt(order)
        draft = folder / (END_FILE + ".new")
        draft.write_text(json.dumps(end))
        draft.rename(folder / END_FILE)
        self.say({"ended": end})

    def attempt(self, order: Mapping[str, Any]) -> dict[str, Any]:
        try:
            function = registry[order["function"]]
            item, items = split_item(order)
            arguments = function.bind(order["arguments"], item, items)
        except Exception as error:
            return failed("start_failed", error)
        try:
            function.warm_up()  # in the worker's own directory and environment: what it makes outlives the attempt
        except Exception as error:
            traceback.print_exc()
            return failed("start_failed", error, "setup: ")
        except Stopped:
            return {"status": "stopped", "exit_code": 0, "detail": ""}
        self.say({"warm": function.name})
        stage = order["stage"]
        try:
            if stage is not None:
                staging.bring(order)
        except (StageFailed, OSError) as error:
            return failed("stage_failed", error)
        with surroundings(Path(order["folder"]), order["env"]):
            end = call(function, arguments, self.say)
        if stage is None:
            return end
        try:
            if end["status"] != "exit" or end["exit_code"] != 0:
                staging.push_checkpoint(order)
                return end
            return {**end, "outputs": staging.take(order)}
        except OutputMissing as error:
            return failed("output_missing", error)
        except (StageFailed, OSError) as error:
            return failed("stage_failed", error) if end["exit_code"] == 0 else end
        except Stopped:
            return {"status": "stopped", "exit_code": 0, "detail": ""}


def call(function: TaskFunction, arguments: Mapping[str, Any], say: Any) -> dict[str, Any]:
    from stint_sdk import task

    say({"started": True})
    try:
        value = function.call(arguments)
        if value is not None:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            if len(text.encode()) > task.RESULT_BYTES_MAX:
                return {"status": "result_too_large", "exit_code": 0, "detail": f"the function returned {len(text.encode())} bytes of JSON"}
            task.result(value)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        return {"status": "exit", "exit_code": code, "detail": "" if code == 0 else f"SystemExit: {error.code}"}
    except Stopped:
        return {"status": "stopped", "exit_code": 0, "detail": ""}
    except BaseException as error:
        tell(error)
        return {**failed("exit", error), "exit_code": 1}
    return {"status": "exit", "exit_code": 0, "detail": ""}


def tell(error: BaseException) -> None:
    """Frames of this package are of no use to who wrote the function."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and "/stint_sdk/agent/" in trace.tb_frame.f_code.co_filename:
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


def failed(status: str, error: BaseException, prefix: str = "") -> dict[str, Any]:
    text = str(error) if isinstance(error, StintError) else f"{type(error).__name__}: {error}"
    return {"status": status, "exit_code": 0, "detail": (prefix + text)[:DETAIL_MAX]}


def split_item(order: Mapping[str, Any]) -> tuple[str | None, list[str] | None]:
    if order["is_batch"]:
        return None, order["item"].splitlines()
    return order["item"] or None, None


@contextlib.contextmanager
def redirected(folder: Path) -> Iterator[None]:
    """File descriptors 1 and 2 are the attempt's files, for this process and for what it starts."""
    kept = [os.dup(1), os.dup(2)]
    files = [os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) for name in ("stdout", "stderr")]
    try:
        for to, file in enumerate(files, 1):
            os.dup2(file, to)
            os.close(file)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        for to, old in enumerate(kept, 1):
            os.dup2(old, to)
            os.close(old)


@contextlib.contextmanager
def surroundings(folder: Path, env: Mapping[str, str]) -> Iterator[None]:
    """The attempt's environment and directory, and those of the worker again."""
    before, directory = dict(os.environ), Path.cwd()
    os.environ.update(env)
    os.chdir(folder / "work")
    try:
        yield
    finally:
        os.chdir(directory)
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
