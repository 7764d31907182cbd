"""How an agent gets its number and its first key, without I/O: the token, the frame that asks, and what the answer comes to.

    token = parse_token(text)
    enrolment = Enrolment(token, seed, nonce, name, host)      a new one, with a new nonce, for each connection
    send enrolment.ask(wall_ms); then enrolment.on_frame(frame)

Source: docs/protocol.md "Enrolment".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import string
from dataclasses import dataclass

from stint_sdk import _aes_gcm, _ed25519, wire
from stint_sdk.errors import InvalidArgument, StintError
from stint_sdk.protocol import decode, limits
from stint_sdk.protocol import messages as m
from stint_sdk.protocol.checker import Refused
from stint_sdk.protocol.encode import encode_enrol
from stint_sdk.wire import FrameKind, FrameRefused, RawFrame

PREFIX = "st1_"
LETTERS, SECRET_AT, CELL_AT, CHECK_AT = 80, 8, 24, 56
ALPHABET = frozenset(string.ascii_letters + string.digits + "-_")


@dataclass(frozen=True)
class Token:
    id: int
    secret: bytes
    cell: bytes  # SHA-256 of the cell's public key; zero bytes: the token names none

    @property
    def name(self) -> str:
        return f"{self.id:016x}"

    @property
    def pins(self) -> tuple[str, ...]:
        return (f"sha256:{self.cell.hex()}",) if any(self.cell) else ()


def parse_token(text: str) -> Token:
    """Errors: InvalidArgument, before anybody is asked."""

    def wrong(why: str) -> InvalidArgument:
        return InvalidArgument(f"the token {why}; copy the whole line that `stint agent token` printed")

    if not text.startswith(PREFIX):
        raise wrong(f"does not begin with {PREFIX}")
    letters = text.removeprefix(PREFIX)
    if len(letters) != LETTERS:
        raise wrong(f"has {len(text)} characters instead of {LETTERS + len(PREFIX)}")
    if not set(letters) <= ALPHABET:
        raise wrong("has a character that is no letter, digit, - or _")
    packed = base64.urlsafe_b64decode(letters)
    if hashlib.sha256(packed[:CHECK_AT]).digest()[: len(packed) - CHECK_AT] != packed[CHECK_AT:]:
        raise wrong("was mistyped: its last letters do not fit the others")
    token = Token(int.from_bytes(packed[:SECRET_AT], "little"), packed[SECRET_AT:CELL_AT], packed[CELL_AT:CHECK_AT])
    if token.id == 0:
        raise wrong("has no id")
    return token


@dataclass(frozen=True)
class Grant:
    agent: int
    name: str
    key_epoch: int
    generation: int
    key: bytes


class EnrolRefused(StintError):
    """The scheduler's signed no: asking again is useless. code: that of EnrolAck."""

    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(f"{detail} ({code})")


class Rejected(StintError):
    """REJECT: nobody has signed it, so it is advice."""


class BadAnswer(StintError):
    """The connection is of no use any more. code: a counter's name."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        super().__init__(f"{code}: {detail}")


class Enrolment:
    """One question on one connection. seed: of the agent's Ed25519 key, durable already. nonce: 32 fresh random bytes."""

    def __init__(self, token: Token, seed: bytes, nonce: bytes, name: str = "", host: str = "") -> None:
        self._token, self._nonce = token, nonce
        self._prk = wire.derive_enrol_prk(token.id, token.secret)
        self._keys = wire.derive_enrol_keys(self._prk)
        self._frame_digest = b""
        public_key = _ed25519.public_key_of(seed)
        proof = _ed25519.sign(seed, wire.enrol_proof_text(token.id, nonce, public_key, token.cell))
        self._request = m.Enrol(token.id, nonce, public_key, proof, token.cell, *limits.VERSIONS, name, host)

    def ask(self, wall_ms: int) -> bytes:
        body = encode_enrol(self._request).stamp(wall_ms, 0)
        frame = wire.seal_frame(FrameKind.ENROL, 0, self._token.id, 0, body, self._keys.a2s)
        self._frame_digest = hashlib.sha256(frame).digest()
        return frame

    def on_frame(self, frame: RawFrame) -> Grant:
        """Errors: EnrolRefused, Rejected, BadAnswer."""
        try:
            if frame.header.kind == FrameKind.REJECT:
                reject = decode.decode_reject(decode.open_envelope(wire.open_reject(frame)))
                raise Rejected(f"{reject.code}: {reject.detail}")
            if frame.header.kind != FrameKind.ENROL_ACK:
                raise FrameRefused("bad_kind")
            if frame.header.principal != self._token.id:
                raise FrameRefused("unknown_key")
            ack = decode.decode_enrol_ack(decode.open_envelope(wire.open_frame(frame, self._keys.s2a, 0)))
        except FrameRefused as refused:
            raise BadAnswer(refused.code, "frame refused") from None
        except Refused as refused:
            raise BadAnswer("bad_enrol", refused.detail) from None
        return self._accept(ack)

    def _accept(self, ack: m.EnrolAck) -> Grant:
        if ack.token != self._token.id:
            raise BadAnswer("bad_enrol", "ENROL_ACK is of another token")
        if not hmac.compare_digest(ack.nonce_echo, self._nonce):
            raise BadAnswer("bad_enrol", "ENROL_ACK answers another ENROL")
        if ack.code:
            raise EnrolRefused(ack.code, ack.detail)
        if not self._request.version_min <= ack.version <= self._request.version_max:
            raise BadAnswer("unsupported_version", f"ENROL_ACK chose {limits.chosen_text(ack.version, limits.VERSIONS)}")
        wrap_key = wire.derive_enrol_wrap_key(self._prk, self._nonce, ack.nonce, self._frame_digest)
        address = wire.wrap_address(ack.agent, ack.key_epoch, ack.generation)
        key = _aes_gcm.open_sealed(wrap_key, wire.WRAP_NONCE, ack.wrapped_key, address)
        if key is None:
            raise BadAnswer("bad_enrol", "the key of ENROL_ACK does not open")
        return Grant(ack.agent, ack.name, ack.key_epoch, ack.generation, key)
