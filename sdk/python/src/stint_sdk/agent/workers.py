"""The processes that run an agent's functions: started when they are needed, kept while they are well, killed when they must be.

A worker has one attempt at a time. One whose function is warm in an idle worker goes there; else to the one that has the least to lose.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from stint_sdk.errors import StintError
from stint_sdk.protocol.messages import AttemptRef

LINE_MAX = 1024 * 1024  # of what a worker says
RESTART_DELAY_S = 1.0  # after a worker that ended by itself


class WorkerBroken(StintError):
    """The modules cannot be loaded: no worker will do better."""


class Listener(Protocol):
    """Whom the workers tell."""

    def on_worker_started(self, ref: AttemptRef) -> None: ...
    def on_worker_ended(self, ref: AttemptRef, end: dict[str, Any]) -> None: ...
    def on_worker_died(self, ref: AttemptRef, status: int) -> None: ...
    def on_worker_idle(self) -> None: ...


@dataclass
class Worker:
    number: int
    gpus: Sequence[int]
    process: asyncio.subprocess.Process | None = None
    writer: asyncio.StreamWriter | None = None
    warm: set[str] = field(default_factory=set)
    ref: AttemptRef | None = None  # what it runs
    is_ready: bool = False
    is_stopping: bool = False

    @property
    def is_idle(self) -> bool:
        return self.is_ready and self.ref is None and not self.is_stopping


class Workers:
    """lock_fd: of the state directory; workers hold it too. gpus: of the machine, dealt out evenly for good."""

    def __init__(self, modules: Sequence[str], count: int, gpus: int, lock_fd: int, listener: Listener, log: Callable[[str], None]) -> None:
        self.functions: dict[str, str | None] = {}
        self._modules, self._lock_fd, self._listener, self._log = modules, lock_fd, listener, log
        share = gpus // count
        self._workers = [Worker(number, range(number * share, (number + 1) * share)) for number in range(count)]
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False

    @property
    def gpus_each(self) -> int:
        return len(self._workers[0].gpus)

    async def start(self) -> None:
        """The first one says what there is. Errors: WorkerBroken."""
        await self._start(self._workers[0])
        for worker in self._workers[1:]:
            self._keep(self._start_until_good(worker))

    def find_idle(self, function: str) -> Worker | None:
        idle = [worker for worker in self._workers if worker.is_idle]
        return min(idle, key=lambda worker: (function not in worker.warm, len(worker.warm)), default=None)

    def run(self, worker: Worker, ref: AttemptRef, order: dict[str, Any]) -> None:
        assert worker.writer is not None
        worker.ref = ref
        worker.writer.write(json.dumps({"run": order}).encode() + b"\n")

    def signal(self, ref: AttemptRef, number: int) -> None:
        """The function and what it has started: SIGTERM lets it clean up. The worker does not come back; another takes its place."""
        for worker in self._workers:
            if worker.ref == ref and worker.process is not None:
                worker.is_stopping = True
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(worker.process.pid, number)

    async def close(self) -> None:
        self._is_closing = True
        for worker in self._workers:
            if worker.writer is not None:
                worker.writer.close()
        processes = [worker.process for worker in self._workers if worker.process is not None]
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(process.wait() for process in processes)), 5)
        for process in processes:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        for task in list(self._tasks):
            task.cancel()

    def _keep(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, worker: Worker) -> None:
        ours, theirs = socket.socketpair()
        arguments = ["-m", "stint_sdk.agent.worker", str(theirs.fileno()), str(self._lock_fd), *self._modules]
        environment = dict(os.environ)
        if worker.gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, worker.gpus))
        with theirs:
            worker.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), self._lock_fd),
                env=environment,
                start_new_session=True,
            )
        reader, worker.writer = await asyncio.open_connection(sock=ours, limit=LINE_MAX)
        words = await self._hear(reader)
        if "ready" not in words:
            await worker.process.wait()
            raise WorkerBroken(words.get("broken", f"a worker ended with {worker.process.returncode} before it was ready"))
        self.functions = words["ready"]["functions"]
        worker.is_ready = True
        self._keep(self._follow(worker, reader))
        self._listener.on_worker_idle()

    async def _hear(self, reader: asyncio.StreamReader) -> dict[str, Any]:
        """{} at the end."""
        try:
            line = await reader.readline()
        except (OSError, ValueError):
            return {}
        return dict(json.loads(line)) if line else {}

    async def _follow(self, worker: Worker, reader: asyncio.StreamReader) -> None:
        while words := await self._hear(reader):
            if "warm" in words:
                worker.warm.add(words["warm"])
            elif "started" in words and worker.ref is not None:
                self._listener.on_worker_started(worker.ref)
            elif "ended" in words and worker.ref is not None:
                ref, worker.ref = worker.ref, None
                self._listener.on_worker_ended(ref, words["ended"])
                if worker.is_stopping:
                    break
                self._listener.on_worker_idle()
        await self._replace(worker)

    async def _replace(self, worker: Worker) -> None:
        """It was stopped, or died."""
        assert worker.process is not None and worker.writer is not None
        worker.is_ready = False
        worker.writer.close()
        if self._is_closing:  # it leaves what it has set up, and ends by itself
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.process.pid, signal.SIGKILL)  # what a function has left running goes too
        status = await worker.process.wait()
        ref, worker.ref = worker.ref, None
        if ref is not None:
            self._listener.on_worker_died(ref, status)
        elif not worker.is_stopping:
            self._log(f"worker {worker.number} ended by itself with {status}")
            await asyncio.sleep(RESTART_DELAY_S)
        worker.is_stopping = False
        worker.warm.clear()
        await self._start_until_good(worker)

    async def _start_until_good(self, worker: Worker) -> None:
        while not self._is_closing:
            try:
                return await self._start(worker)
            except (WorkerBroken, OSError) as error:
                if not self._is_closing:
                    self._log(f"worker {worker.number}: {error}")
                await asyncio.sleep(RESTART_DELAY_S)
        return None
