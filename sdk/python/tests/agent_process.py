"""The Python agent as a process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from conftest import PATIENCE_S, Cell, eventually

from stint_sdk.generated import api as documents

TESTS = Path(__file__).parent


class Agent:
    """`python -m stint_sdk.agent` as a process, started again with the same state after every kill."""

    def __init__(self, cell: Cell, folder: Path, name: str, *options: str, key: Path | None = None) -> None:
        """key: of an agent that is known already, and found where that file says."""
        self.cell, self.folder, self.name, self.options = cell, folder, name, options
        self.key = key or folder / f"{name}.key"
        if key is None:
            cell.stint("agent", "token", "--name", name, "--key-file", str(self.key))
        self.server = cell.server if key is None else ""
        self.process: subprocess.Popen[bytes] | None = None

    def try_to_join(self, server: str, token: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "stint_sdk.agent", "join", server, token, "--key-file", str(self.key), *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    @property
    def log(self) -> str:
        return (self.folder / f"{self.name}.log").read_text()

    @property
    def state_dir(self) -> Path:
        return self.folder / f"{self.name}.state"

    def start(self, *modules: str, connected: bool = True) -> Agent:
        arguments = [
            sys.executable,
            "-m",
            "stint_sdk.agent",
            "--key-file",
            str(self.key),
            "--state-dir",
            str(self.state_dir),
            *self.options,
        ]
        server = ["--server", self.server] if self.server else []
        environment = {**os.environ, "TEST_FOLDER": str(self.folder)}
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*arguments, *server, *(modules or [str(TESTS / "agent_functions.py")])],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        if connected:
            eventually("the agent connected", lambda: self.view()["state"] == "connected")
        return self

    def view(self) -> documents.Agent:
        with self.cell.client() as client:
            return next(agent for agent in client.agents() if agent["name"] == self.name)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)
