"""join HOST TOKEN: trades the token of `stint agent token` for an agent number and a key, and writes the key file.

The agent's Ed25519 key is durable before anything is asked, so the same line gives the same agent again after a lost answer or a crash.
Files are those of src/adapters/agent_host/join_files.hpp: KEY-FILE, and KEY-FILE.ed25519 with 64 hexadecimal digits.
Source: docs/protocol.md "Enrolment".
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stint_sdk._ed25519 import SEED_SIZE
from stint_sdk.agent.address import Address, choose_transport, parse_address
from stint_sdk.agent.held_keys import KeyFile, read_key_file, write_durably
from stint_sdk.agent.options import find_base_dir, tls_options
from stint_sdk.agent.trust import CellTrust
from stint_sdk.errors import InvalidArgument, NotTrusted, StintError
from stint_sdk.protocol.enrol import BadAnswer, Enrolment, EnrolRefused, Grant, Rejected, Token, parse_token
from stint_sdk.wire import FrameReader, FrameRefused, RawFrame

CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 5.0
BACKOFF_BASE_S, BACKOFF_CAP_S = 0.1, 15.0
REJECTS_BELIEVED = 3  # one after the other: nobody signs them
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
NEW_TOKEN = "make a new one where the scheduler is: stint agent token"
REMEDIES = {
    "token_used": NEW_TOKEN,
    "token_expired": NEW_TOKEN,
    "token_revoked": NEW_TOKEN,
    "unauthenticated": "it may have ended long ago, or the scheduler was restored from a backup; make a new one: stint agent token",
    "name_taken": "choose another one with --name, or make a token for another name",
    "bad_name": "choose one with --name",
    "wrong_cell": "the address is another cell's, or the cell has a new key; make a new token there: stint agent token",
    "unsupported_version": "install the version of Stint that the scheduler has",
    "unreachable": "is the scheduler running, and does it listen on an address that this machine reaches? The same line can be used again",
}


@dataclass(frozen=True)
class Joined:
    path: Path
    file: KeyFile
    was_there: bool


def join(options: argparse.Namespace, log: Callable[[str], None]) -> Joined:
    """Errors: StintError, OSError."""
    token = parse_token(options.token)
    address = choose_transport(parse_address(options.server), insecure_plaintext=options.insecure_plaintext)
    if options.name and not is_agent_name(options.name):
        raise InvalidArgument("--name: 1 to 64 letters, digits, `-`, `_` or `.`, and not `tokens`")
    path = find_path(options)
    if path.exists():
        return find_earlier(path, token)
    trust = CellTrust(tls_options(options), os.environ, token.pins)
    if address.is_tls:
        trust.frames()  # a file that cannot be used is told at once
    seed = load_or_make_seed(path.with_name(path.name + ".ed25519"))
    host = socket.gethostname()
    name = options.name or (host if is_agent_name(host) else "")
    asker = Asker(address, trust, lambda: Enrolment(token, seed, os.urandom(32), name, host[:256]), log)
    write_grant(path, asker.persist(options.patience_s), token, address)
    return Joined(path, read_key_file(path), was_there=False)


def is_agent_name(name: str) -> bool:
    return NAME.fullmatch(name) is not None and name != "tokens"


def find_path(options: argparse.Namespace) -> Path:
    if options.key_file is not None:
        return Path(options.key_file)
    base = options.state_dir or find_base_dir()
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(base) / "agent.json"


def find_earlier(path: Path, token: Token) -> Joined:
    """The agent that the key file holds already, if this token made it. Errors: StintError."""
    file = read_key_file(path)
    if file.token != token.name:
        raise StintError(
            f"{path} holds the key of agent {file.name} of {file.server}, which did not join with this token; "
            "name another file with --key-file"
        )
    return Joined(path, file, was_there=True)


def load_or_make_seed(path: Path) -> bytes:
    """Of the agent's Ed25519 key, durable when this returns. Errors: StintError, OSError."""
    try:
        text, mode = path.read_text(), path.stat().st_mode
    except FileNotFoundError:
        seed = os.urandom(SEED_SIZE)
        write_durably(path, seed.hex())
        return seed
    if mode & 0o077:
        raise InvalidArgument(f"{path}: others may read this key; run: chmod 600 {path}")
    if re.fullmatch(r"[0-9A-Fa-f]{64}\n?", text) is None:
        raise StintError(f"{path}: expected 64 hexadecimal digits; remove it if no agent has joined with it")
    return bytes.fromhex(text)


def write_grant(path: Path, grant: Grant, token: Token, address: Address) -> None:
    words = {
        "server": address.in_key_file,
        "agent": grant.agent,
        "name": grant.name,
        "key_epoch": grant.key_epoch,
        "key": grant.key.hex(),
        "generation": grant.generation,
        "signing_key": path.name + ".ed25519",
        "token": token.name,
        "tls_pins": list(token.pins),
    }
    write_durably(path, json.dumps(words))


class Asker:
    """Asks, and asks again with the same key on a new connection whenever the answer was lost."""

    def __init__(self, address: Address, trust: CellTrust, make_enrolment: Callable[[], Enrolment], log: Callable[[str], None]) -> None:
        self._address, self._trust, self._make_enrolment, self._log = address, trust, make_enrolment, log

    def persist(self, patience_s: float) -> Grant:
        """Errors: StintError, with the remedy."""
        give_up_at, rejects, said = time.monotonic() + patience_s, 0, ""
        for delay_s in delays_s():
            try:
                return self.ask()
            except EnrolRefused as refused:
                raise self.failed(refused.code, refused.detail) from None
            except Rejected as rejected:
                rejects, why = rejects + 1, f"rejected: {rejected}"
            except (OSError, NotTrusted, BadAnswer) as error:
                rejects, why = 0, str(error) or type(error).__name__
            if rejects == REJECTS_BELIEVED:
                raise self.failed("unauthenticated", "the scheduler says that it has no such token, or that this is not its secret")
            if time.monotonic() + delay_s > give_up_at:
                raise self.failed("unreachable", why)
            if why != said:
                self._log(f"{self._address}: {why}; trying again")
            said = why
            time.sleep(delay_s)
        raise AssertionError("delays have no end")

    def failed(self, code: str, detail: str) -> StintError:
        return StintError(f"{self._address}: {detail} ({code})" + (f": {remedy}" if (remedy := REMEDIES.get(code)) else ""))

    def ask(self) -> Grant:
        """Errors: EnrolRefused, Rejected, BadAnswer, NotTrusted, OSError."""
        enrolment = self._make_enrolment()
        with contextlib.closing(self.connect()) as connection:
            connection.sendall(enrolment.ask(time.time_ns() // 1_000_000))
            return enrolment.on_frame(read_frame(connection))

    def connect(self) -> socket.socket:
        connection = socket.create_connection((self._address.host, self._address.port), CONNECT_TIMEOUT_S)
        if not self._address.is_tls:
            return connection
        try:
            return self._trust.frames().wrap_socket(connection, server_hostname=self._address.host)
        except BaseException:
            connection.close()
            raise


def delays_s() -> Iterator[float]:
    most = BACKOFF_BASE_S
    while True:
        yield random.uniform(0, most)
        most = min(2 * most, BACKOFF_CAP_S)


def read_frame(connection: socket.socket) -> RawFrame:
    """Errors: BadAnswer, OSError."""
    reader, deadline = FrameReader(), time.monotonic() + ANSWER_TIMEOUT_S
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"no answer within {ANSWER_TIMEOUT_S:g} s")
        connection.settimeout(left)
        try:
            data = connection.recv(65_536)
        except (ConnectionResetError, ssl.SSLEOFError):
            data = b""
        if not data:
            raise BadAnswer("disconnected", "the connection ended without an answer")
        reader.feed(data)
        try:
            if frame := reader.next():
                return frame
        except FrameRefused as refused:
            raise BadAnswer(refused.code, "frame refused") from None
