"""The keys of this agent, and the file that they are kept in: one in general, two while a rotation is under way.

The key file is what `stint agent token --key-file` writes, and what a C++ agent would make of it; it is replaced as a whole.
Source: docs/protocol.md "Keys".
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stint_sdk import _aes_gcm, wire
from stint_sdk._tls import parse_pins
from stint_sdk.errors import InvalidArgument, StintError
from stint_sdk.protocol.messages import Rekey

KEYS_MAX = 4


class BadRekey(StintError):
    """A new key that is refused: nothing has changed."""


@dataclass(frozen=True)
class HeldKey:
    epoch: int
    key: bytes
    generation: int = 0


@dataclass(frozen=True)
class KeyFile:
    """Who this agent is, and where its scheduler listens. keys: newest first."""

    server: str
    name: str
    agent: int
    keys: Sequence[HeldKey]
    tls_pins: Sequence[str] = ()  # of the cell's key, or keys
    token: str = ""  # id of the token that it joined with


def read_key_file(path: Path) -> KeyFile:
    """Errors: InvalidArgument, OSError."""
    if path.stat().st_mode & 0o077:
        raise InvalidArgument(f"{path}: others may read this key; run: chmod 600 {path}")
    try:
        words: dict[str, Any] = json.loads(path.read_text())
        keys = [parse_key(one) for one in (words, *words.get("older_keys", ()))]
        pins = parse_pins(",".join(words.get("tls_pins", ())))
        texts = [str(words.get(name, "")) for name in ("server", "name", "token")]
        file = KeyFile(texts[0], texts[1], int(words["agent"]), keys, pins, texts[2])
    except InvalidArgument as error:
        raise InvalidArgument(f'{path}: "tls_pins": {error}') from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidArgument(f"{path}: no key file; `stint agent token --key-file` writes one") from None
    if file.agent < 1 or any(not 1 <= one.epoch <= 65_535 or len(one.key) != wire.KEY_SIZE for one in keys):
        raise InvalidArgument(f"{path}: agent, key_epoch or key is out of range; `stint agent token --key-file` writes a new one")
    return file


def parse_key(words: dict[str, Any]) -> HeldKey:
    return HeldKey(int(words["key_epoch"]), bytes.fromhex(words["key"]), int(words.get("generation", 0)))


def write_keys(path: Path, keys: Sequence[HeldKey]) -> None:
    """Durable, or nothing has changed; what else stands in the file stays. Errors: OSError."""
    newest, *older = [{"key_epoch": one.epoch, "key": one.key.hex(), "generation": one.generation} for one in keys]
    write_durably(path, json.dumps({**json.loads(path.read_text()), **newest, "older_keys": older}))


def write_pins(path: Path, pins: Sequence[str]) -> None:
    """As write_keys; writes nothing if these pins are there."""
    words = json.loads(path.read_text())
    if words.get("tls_pins") != list(pins):
        write_durably(path, json.dumps({**words, "tls_pins": list(pins)}))


def write_durably(path: Path, text: str) -> None:
    """For its owner only. All of it or nothing, whatever dies meanwhile. Errors: OSError."""
    draft = path.with_name(path.name + ".new")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class HeldKeys:
    """HELLO is said with the newest; after a refusal with the next older one, after the oldest with the newest again."""

    def __init__(self, keys: Sequence[HeldKey], write: Callable[[Sequence[HeldKey]], None]) -> None:
        self._keys = sorted(keys, key=lambda one: -one.epoch)
        self._write = write
        self._trying = 0

    @property
    def current(self) -> HeldKey:
        return self._keys[self._trying]

    def find(self, epoch: int) -> HeldKey | None:
        return next((one for one in self._keys if one.epoch == epoch), None)

    def take(self, rekey: Rekey, agent: int, session_epoch: int) -> None:
        """Keeps a new key beside those that are there, durably. Errors: BadRekey, OSError."""
        under = self.find(session_epoch)
        if under is None or rekey.key_epoch <= session_epoch:
            raise BadRekey(f"key epoch {rekey.key_epoch} is not newer than {session_epoch} of this session")
        if rekey.generation < under.generation:
            raise BadRekey(f"generation {rekey.generation} is older than {under.generation}, which this agent has")
        taken = HeldKey(rekey.key_epoch, open_key(rekey, under.key, agent), rekey.generation)
        if self.find(taken.epoch) != taken:
            rest = [one for one in self._keys if one.epoch != taken.epoch]
            spare = [one for one in rest if one.epoch != session_epoch][: KEYS_MAX - 2]  # the session's must stay
            self._replace([taken, *(one for one in rest if one.epoch == session_epoch or one in spare)])
        self._trying = 0

    def confirm(self, epoch: int) -> None:
        """A session under that key was reconciled: older ones are forgotten. Errors: OSError."""
        newer = [one for one in self._keys if one.epoch >= epoch]
        if newer and len(newer) < len(self._keys):
            current = self.current
            self._replace(newer)
            self._trying = self._keys.index(current) if current in self._keys else 0

    def on_refused(self, epoch: int) -> None:
        """REJECT is advice: no key is forgotten."""
        if self.current.epoch == epoch:
            self._trying = (self._trying + 1) % len(self._keys)

    def _replace(self, keys: Sequence[HeldKey]) -> None:
        ordered = sorted(keys, key=lambda one: -one.epoch)
        self._write(ordered)
        self._keys = ordered


def open_key(rekey: Rekey, session_key: bytes, agent: int) -> bytes:
    """Errors: BadRekey."""
    wrap_key = wire.derive_rekey_wrap_key(session_key, rekey.nonce)
    address = wire.wrap_address(agent, rekey.key_epoch, rekey.generation)
    key = _aes_gcm.open_sealed(wrap_key, wire.WRAP_NONCE, rekey.wrapped_key, address)
    if key is None:
        what = f"the key of key epoch {rekey.key_epoch}, generation {rekey.generation}"
        raise BadRekey(f"{what}, does not open as one of agent {agent}")
    return key
