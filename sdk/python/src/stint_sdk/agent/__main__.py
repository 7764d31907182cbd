"""python -m stint_sdk.agent MODULE…  (stint-python-agent): an agent that runs the functions that MODULEs mark with @task.

python -m stint_sdk.agent join HOST[:PORT] TOKEN    makes this machine an agent, with the line that `stint agent token` printed.

SIGINT (Ctrl-C): takes nothing new and ends when all is done; again: ends what runs. SIGTERM: ends what runs, which goes elsewhere.
Exit status: 0 it was told to end, 2 usage, 125 its own error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import functools
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from stint_sdk import __version__
from stint_sdk.agent.daemon import Agent, remove_tree
from stint_sdk.agent.held_keys import HeldKeys, read_key_file, write_keys, write_pins
from stint_sdk.agent.join import join
from stint_sdk.agent.launch import DRIVER
from stint_sdk.agent.link import Link, make_dial
from stint_sdk.agent.options import (
    PROGRAM,
    find_addresses,
    find_key_file,
    find_state_dir,
    parse_arguments,
    parse_join_arguments,
    tls_options,
)
from stint_sdk.agent.trust import CellTrust
from stint_sdk.agent.workers import Workers
from stint_sdk.errors import StintError
from stint_sdk.generated.wire_schema import AgentType
from stint_sdk.protocol import messages as m
from stint_sdk.protocol.checker import Refused
from stint_sdk.protocol.clock import read_now
from stint_sdk.protocol.encode import encode_message
from stint_sdk.quantities import byte_count, cpu_millis

OWN_ERROR = 125
LOCK_PATIENCE_S = 10.0  # for the workers of a predecessor that was killed
LEAVE_PATIENCE_S = 5.0
SIGTERM_PATIENCE_S = 10.0
MIB, GIB = 1024**2, 1024**3
NOTE = "driver python: functions share their worker's process; memory and CPU limits, network and isolation are not enforced"


def take_lock(state_dir: Path) -> int:
    """Workers hold it too: whoever gets it knows that nothing of a predecessor runs any more. Errors: StintError, OSError."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_PATIENCE_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StintError(f"{state_dir} is in use by another agent; give each its own --state-dir") from None
            time.sleep(0.02)


def make_resources(options: argparse.Namespace, state_dir: Path) -> m.Resources:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return m.Resources(
        cpu_millis(options.cpu) if options.cpu else cores * 1000,
        (byte_count(options.memory) if options.memory else memory) // MIB,
        options.gpu,
        (byte_count(options.storage, "storage") if options.storage else shutil.disk_usage(state_dir).free) // GIB,
    )


def make_info(options: argparse.Namespace, name: str, functions: Mapping[str, str | None], state_dir: Path) -> m.AgentInfo:
    labels = [label.partition("=") for label in options.label]
    types = {kind for kind in functions.values() if kind is not None}
    boot_id = Path("/proc/sys/kernel/random/boot_id")
    return m.AgentInfo(
        name=name,
        version=__version__,
        types=() if None in functions.values() else tuple(sorted(AgentType[kind.upper()] for kind in types)),
        resources=make_resources(options, state_dir),
        labels=tuple((key, value) for key, _, value in labels),
        drivers=(DRIVER,),
        notes=(NOTE, f"functions: {', '.join(sorted(functions))}"[:4096]),
        boot_id=boot_id.read_text().strip() if boot_id.exists() else "",
        host=socket.gethostname(),
        window=options.window or 2 * options.workers,
    )


class Host:
    """Wires the agent to its workers, its link and its signals."""

    def __init__(self, options: argparse.Namespace, log: Callable[[str], None]) -> None:
        key_file = find_key_file(options)
        key = read_key_file(key_file)
        addresses = find_addresses(options, key.server)
        trust = CellTrust(tls_options(options), os.environ, key.tls_pins, functools.partial(write_pins, key_file))
        if any(address.is_tls for address in addresses):
            trust.frames()  # a file that cannot be used is told at once
        name = options.name or key.name
        state_dir = find_state_dir(options, name)
        self.lock_fd = take_lock(state_dir)
        self.options, self.log = options, log
        self.remover = ThreadPoolExecutor(max_workers=1)
        keys = HeldKeys(key.keys, functools.partial(write_keys, key_file))
        self.agent = Agent(m.AgentInfo(name), key.agent, keys, state_dir, log, self.remove_later, trust)
        self.workers = Workers(options.modules, options.workers, options.gpu, self.lock_fd, self, log)
        self.link = Link(self.agent, addresses, log, self.check_finished, make_dial(trust.frames))
        self.state_dir = state_dir
        self.is_finished = asyncio.Event()

    def remove_later(self, folder: Path) -> None:
        """On a disk that is slow to remove, nothing waits for it."""
        self.remover.submit(remove_tree, folder)

    async def run(self) -> None:
        await self.workers.start()
        self.agent.info = make_info(self.options, self.agent.info.name, self.workers.functions, self.state_dir)
        try:
            encode_message(self.agent.info)
        except Refused as refused:  # it would end every session
            raise StintError(f"what this agent would say of itself cannot be sent: {refused.detail}") from None
        self.agent.runners = self.workers
        self.agent.recover(read_now())
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self.drain)
        loop.add_signal_handler(signal.SIGTERM, self.end)
        link = asyncio.ensure_future(self.link.run())
        finished = asyncio.ensure_future(self.is_finished.wait())
        try:
            await asyncio.wait([link, finished], return_when=asyncio.FIRST_COMPLETED)
            if link.done():
                link.result()
            self.agent.leave(read_now())
            self.link.close()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(link, LEAVE_PATIENCE_S)
        finally:
            finished.cancel()
            await self.workers.close()

    def drain(self) -> None:
        self.log("takes nothing new and ends when all is done; again: ends what runs")
        self.agent.drain(read_now())
        self.link.refresh()

    def end(self) -> None:
        """What runs is reported as lost, which costs it nothing: it goes elsewhere."""
        for _ in range(2):
            self.agent.drain(read_now())
        asyncio.get_running_loop().call_later(SIGTERM_PATIENCE_S, self.is_finished.set)
        self.link.refresh()

    def check_finished(self) -> None:
        if self.agent.is_finished:
            self.is_finished.set()

    def on_worker_started(self, ref: m.AttemptRef) -> None:
        self.agent.on_started(ref, read_now())
        self.link.refresh()

    def on_worker_ended(self, ref: m.AttemptRef, end: dict[str, Any]) -> None:
        self.agent.on_ended(ref, end, read_now())
        self.link.refresh()

    def on_worker_died(self, ref: m.AttemptRef, status: int) -> None:
        self.agent.on_died(ref, status, read_now())
        self.link.refresh()

    def on_worker_idle(self) -> None:
        if self.agent.runners is not None:
            self.agent.turn(read_now())
            self.link.refresh()


def log_to_stderr(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


async def serve(options: argparse.Namespace) -> None:
    await Host(options, log_to_stderr).run()


def join_cell(words: Sequence[str]) -> None:
    try:
        joined = join(parse_join_arguments(words), log_to_stderr)
    except KeyboardInterrupt:
        raise StintError("interrupted before the scheduler had answered; the same line can be used again") from None
    what = "had joined already" if joined.was_there else "joined"
    print(f"agent {joined.file.name} ({joined.file.agent}) {what}; its key is in {joined.path}")


def main(arguments: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    try:
        if words[:1] == ["join"]:
            join_cell(words[1:])
        else:
            asyncio.run(serve(parse_arguments(words)))
    except (StintError, OSError) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return OWN_ERROR
    return 0


if __name__ == "__main__":
    sys.exit(main())
