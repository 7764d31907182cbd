"""What an agent must find again after a restart: who it is, and every attempt that it holds. A turn's changes are one transaction.

SQLite in WAL mode with `synchronous=NORMAL`: what was committed survives the death of the process; a loss of power may take the last
commits, and numbers then go on with a gap (STEP_RESTORED).
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stint_sdk.generated.wire_schema import EndReason, TaskStatus
from stint_sdk.protocol.messages import AttemptRef, FileRef, StatusUpdate

STEP_RESTORED = 16  # between update numbers of an attempt that an earlier process accepted


@dataclass
class AttemptState:
    """Enough to repeat an attempt's last update word for word. A change of a field that an update carries raises `number`."""

    ref: AttemptRef
    function: str = ""
    status: TaskStatus = TaskStatus.PENDING
    reason: EndReason = EndReason.NONE
    exit_code: int = 0
    signal: int = 0
    started_ms: int = 0
    ended_ms: int = 0
    number: int = 0
    detail: str = ""
    result: str = ""
    outputs: list[FileRef] = field(default_factory=list)  # of a completed attempt
    output_bytes: list[int] = field(default_factory=lambda: [0, 0])

    def update(self) -> StatusUpdate:
        has_ended = self.status not in (TaskStatus.PENDING, TaskStatus.RUNNING)
        return StatusUpdate(
            self.ref,
            self.number,
            self.status,
            self.reason,
            self.exit_code,
            self.signal,
            self.started_ms,
            self.ended_ms,
            detail=self.detail,
            outputs=tuple(self.outputs),
            result=self.result if has_ended else "",
        )

    def print(self) -> str:
        return json.dumps(vars(self), default=lambda value: value.hex() if isinstance(value, bytes) else vars(value))

    @classmethod
    def parse(cls, text: str) -> AttemptState:
        values: dict[str, Any] = json.loads(text)
        values["ref"] = AttemptRef(*values["ref"])
        values["outputs"] = [FileRef(**{**one, "blob": bytes.fromhex(one["blob"])}) for one in values["outputs"]]
        values["status"] = TaskStatus(values["status"])
        values["reason"] = EndReason(values["reason"])
        return cls(**values)


class Journal:
    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("CREATE TABLE IF NOT EXISTS identity(name TEXT PRIMARY KEY, value) WITHOUT ROWID")
        self._db.execute("CREATE TABLE IF NOT EXISTS attempts(ref TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID")

    def instance(self) -> bytes:
        """16 random bytes for each state directory."""
        self._db.execute("INSERT OR IGNORE INTO identity VALUES('instance', ?)", (os.urandom(16),))
        return bytes(self._value("instance"))

    def next_connect(self) -> int:
        """Rises with every connection, so that the newest is told from one that the scheduler still believes in."""
        self._db.execute("INSERT INTO identity VALUES('connect', 1) ON CONFLICT(name) DO UPDATE SET value = value + 1")
        return int(self._value("connect"))

    def attempts(self) -> list[AttemptState]:
        return [AttemptState.parse(text) for (text,) in self._db.execute("SELECT state FROM attempts ORDER BY ref")]

    def write(self, changed: Iterable[AttemptState], forgotten: Iterable[AttemptRef]) -> None:
        """Whole, or not at all. Errors: sqlite3.Error; nothing is changed then."""
        self._db.execute("BEGIN")
        try:
            for state in changed:
                text = state.print()
                self._db.execute("INSERT OR REPLACE INTO attempts VALUES(?, ?)", (key_of(state.ref), text))
            for ref in forgotten:
                self._db.execute("DELETE FROM attempts WHERE ref = ?", (key_of(ref),))
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def close(self) -> None:
        self._db.close()

    def _value(self, name: str) -> Any:
        return self._db.execute("SELECT value FROM identity WHERE name = ?", (name,)).fetchone()[0]


def key_of(ref: AttemptRef) -> str:
    """Also the name of the attempt's folder."""
    return ".".join(map(str, ref))
