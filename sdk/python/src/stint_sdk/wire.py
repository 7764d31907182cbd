"""Frames: what travels between an agent and its scheduler, and the keys that sign it. Bytes in, bytes out.

    frame  = header(32) ‖ body ‖ tag(32)                    a multiple of 8 long
    tag    = HMAC-SHA256(key, header ‖ body)
    buffer = (LZ4 ? unlz4(body without pad) : body) ‖ tag   what the protocol reads

Needs only the standard library; the `lz4` package makes it faster where it is installed.
Errors: FrameRefused with the reason code of docs/protocol.md "Order of checks".
Source: docs/protocol.md "Frame", "Key schedule".
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from enum import IntEnum

from stint_sdk import _lz4
from stint_sdk.errors import StintError

HEADER = struct.Struct("<2sBBBBHIIQQ")
HEADER_SIZE = HEADER.size
TAG_SIZE = 32
FRAME_OVERHEAD = HEADER_SIZE + TAG_SIZE
ALIGNMENT = 8
CAN_COMPRESS = _lz4.IS_FAST  # without the package it costs more than it saves
KEY_SIZE = 32
NONCE_SIZE = 32
WRAP_NONCE = bytes(12)  # of AES-256-GCM: each wrap key is used once

BODY_BEFORE_HANDSHAKE = 4 * 1024
BODY_DEFAULT = 2 * 1024 * 1024
BODY_MAX = 256 * 1024 * 1024
EXPANSION_MAX = 255  # of an LZ4 block
EXPANSION_SLACK = 64
COMPRESS_MIN = 1024
COMPRESS_SHARE = (9, 10)  # a padded block is at most this share of the body, or the body is sent as it is

MAGIC = b"St"
FRAME_VERSION = 1
FLAG_LZ4 = 1
PAD_SHIFT = 1
FLAGS_MAX = 15

# In the order of the checks.
FRAME_CODES = (
    "bad_magic",
    "bad_version",
    "bad_kind",
    "bad_flags",
    "bad_header_length",
    "bad_length",
    "too_large",
    "bad_expansion",
    "bad_key_epoch",
    "bad_reject_header",
    "bad_reject_tag",
    "unknown_key",
    "bad_mac",
    "bad_sequence",
    "bad_pad",
    "bad_compression",
)


class FrameKind(IntEnum):
    HELLO = 1
    HELLO_ACK = 2
    DATA = 3
    REJECT = 4
    ENROL = 5
    ENROL_ACK = 6


_KINDS = frozenset(int(kind) for kind in FrameKind)
_WITHOUT_EPOCH = frozenset((FrameKind.REJECT, FrameKind.ENROL, FrameKind.ENROL_ACK))


class FrameRefused(StintError):
    """A frame that breaks a rule: the connection has no trustworthy border any more."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"frame refused: {code}")


@dataclass(frozen=True)
class Header:
    kind: FrameKind
    flags: int
    key_epoch: int
    body_length: int
    raw_length: int
    principal: int
    sequence: int

    @property
    def is_compressed(self) -> bool:
        return bool(self.flags & FLAG_LZ4)

    @property
    def pad(self) -> int:
        return self.flags >> PAD_SHIFT

    @property
    def frame_size(self) -> int:
        return FRAME_OVERHEAD + self.body_length

    def pack(self) -> bytes:
        return HEADER.pack(
            MAGIC,
            FRAME_VERSION,
            self.kind,
            self.flags,
            HEADER_SIZE // 8,
            self.key_epoch,
            self.body_length,
            self.raw_length,
            self.principal,
            self.sequence,
        )


@dataclass(frozen=True)
class RawFrame:
    """A whole frame whose header is good. Nothing in it is authenticated yet."""

    header: Header
    data: bytes

    @property
    def body(self) -> bytes:
        return self.data[HEADER_SIZE:-TAG_SIZE]

    @property
    def tag(self) -> bytes:
        return self.data[-TAG_SIZE:]


def parse_header(data: bytes | bytearray, body_limit: int, raw_limit: int) -> Header:
    """Every rule that needs nothing but the header, so that an oversized frame is refused before a byte of it is stored."""
    magic, version, kind, flags, units, epoch, body, raw, principal, sequence = HEADER.unpack_from(data)
    _refuse_if(magic != MAGIC, "bad_magic")
    _refuse_if(version != FRAME_VERSION, "bad_version")
    _refuse_if(kind not in _KINDS, "bad_kind")
    header = Header(FrameKind(kind), flags, epoch, body, raw, principal, sequence)
    is_plain = not header.is_compressed
    # LZ4 only in DATA: a REJECT would be decompressed unauthenticated, and the lengths of others must not depend on their secrets.
    _refuse_if(flags > FLAGS_MAX or (is_plain and header.pad > 0) or (not is_plain and kind != FrameKind.DATA), "bad_flags")
    _refuse_if(units != HEADER_SIZE // 8, "bad_header_length")
    _refuse_if(body == 0 or raw == 0 or body % ALIGNMENT != 0 or raw % ALIGNMENT != 0 or (is_plain and raw != body), "bad_length")
    _refuse_if(body > body_limit or raw > raw_limit, "too_large")
    _refuse_if(raw > EXPANSION_MAX * body + EXPANSION_SLACK, "bad_expansion")
    _refuse_if(epoch != 0 and kind in _WITHOUT_EPOCH, "bad_key_epoch")
    _refuse_if(kind == FrameKind.REJECT and (principal != 0 or sequence != 0), "bad_reject_header")
    return header


class FrameReader:
    """Cuts a byte stream into frames. Memory grows with the bytes received, never with those announced.

    reader.feed(data)
    while frame := reader.next(): …          FrameRefused is for good: what follows has no border
    """

    def __init__(self, limit: int = BODY_BEFORE_HANDSHAKE) -> None:
        self.body_limit = limit
        self.raw_limit = limit
        self._data = bytearray()
        self._at = 0  # of the first frame not returned yet
        self._header: Header | None = None
        self._refused: FrameRefused | None = None

    def set_limit(self, body_and_raw: int) -> None:
        """For the frames not yet returned."""
        self.body_limit = self.raw_limit = body_and_raw
        self._header = None

    @property
    def buffered(self) -> int:
        """Bytes received and not returned. Not 0 after next() gave nothing: a frame has begun."""
        return len(self._data) - self._at

    def feed(self, data: bytes) -> None:
        if self._refused is None:
            self._data += data

    def next(self) -> RawFrame | None:
        """None: more bytes are needed. Errors: FrameRefused."""
        if self._refused is not None:
            raise self._refused
        if self._header is None:
            if self.buffered < HEADER_SIZE:
                self._compact()
                return None
            try:
                self._header = parse_header(self._data[self._at : self._at + HEADER_SIZE], self.body_limit, self.raw_limit)
            except FrameRefused as refused:
                self._refused = refused
                self._data.clear()
                self._at = 0
                raise
        if self.buffered < self._header.frame_size:
            self._compact()
            return None
        header, self._header = self._header, None
        begin, self._at = self._at, self._at + header.frame_size
        return RawFrame(header, bytes(self._data[begin : self._at]))

    def _compact(self) -> None:
        del self._data[: self._at]
        self._at = 0


def open_frame(frame: RawFrame, key: bytes, expected_sequence: int) -> bytes:
    """Authenticates, then decompresses: `body ‖ tag`. The caller found the key (or counts unknown_key).

    Errors: FrameRefused: bad_kind for a REJECT (it has no key), bad_mac, bad_sequence, bad_pad, bad_compression.
    """
    _refuse_if(frame.header.kind == FrameKind.REJECT, "bad_kind")
    expected = hmac.digest(key, frame.data[:-TAG_SIZE], "sha256")
    _refuse_if(not hmac.compare_digest(expected, frame.tag), "bad_mac")
    _refuse_if(frame.header.sequence != expected_sequence, "bad_sequence")
    if not frame.header.is_compressed:
        return frame.data[HEADER_SIZE:]
    return _decompress(frame) + frame.tag


def _decompress(frame: RawFrame) -> bytes:
    body, pad = frame.body, frame.header.pad
    block = body[: len(body) - pad]
    _refuse_if(any(body[len(block) :]), "bad_pad")
    plain = _lz4.decompress(block, frame.header.raw_length)
    if plain is None:
        raise FrameRefused("bad_compression")
    return plain


def open_reject(frame: RawFrame) -> bytes:
    """`body ‖ tag` of the unsigned kind. What it says is advice from anybody."""
    _refuse_if(frame.header.kind != FrameKind.REJECT, "bad_kind")
    _refuse_if(any(frame.tag), "bad_reject_tag")
    return frame.data[HEADER_SIZE:]


def seal_frame(kind: FrameKind, key_epoch: int, principal: int, sequence: int, body: bytes, key: bytes, *, compress: bool = False) -> bytes:
    """A whole frame around `body`, whose length is a multiple of 8. Both sender forms: the tag follows the body either way."""
    flags, raw_length = 0, len(body)
    if compress and kind == FrameKind.DATA and len(body) >= COMPRESS_MIN:
        block = _lz4.compress(body)
        padded = -len(block) % ALIGNMENT
        if (len(block) + padded) * COMPRESS_SHARE[1] <= len(body) * COMPRESS_SHARE[0]:
            flags, body = FLAG_LZ4 | padded << PAD_SHIFT, block + bytes(padded)
    signed = Header(kind, flags, key_epoch, len(body), raw_length, principal, sequence).pack() + body
    return signed + hmac.digest(key, signed, "sha256")


def seal_reject(body: bytes) -> bytes:
    return Header(FrameKind.REJECT, 0, 0, len(body), len(body), 0, 0).pack() + body + bytes(TAG_SIZE)


def padded_body(buffer: bytes) -> bytes:
    """Zero bytes up to a multiple of 8 are part of the body."""
    return buffer + bytes(-len(buffer) % ALIGNMENT)


# Keys.


@dataclass(frozen=True)
class DirectionKeys:
    """a2s: agent to scheduler; s2a: back. A key for each, so that no frame can be sent back to its sender."""

    a2s: bytes
    s2a: bytes


def derive_agent_key(master: bytes, agent: int, generation: int) -> bytes:
    return _expand(master, b"stint agent" + struct.pack("<QI", agent, generation))


def derive_hello_keys(agent_key: bytes) -> DirectionKeys:
    return DirectionKeys(_expand(agent_key, b"stint hello a2s"), _expand(agent_key, b"stint hello s2a"))


def handshake_transcript(hello_frame: bytes, hello_ack_frame: bytes) -> bytes:
    return hashlib.sha256(hello_frame + hello_ack_frame).digest()


def derive_session_keys(agent_key: bytes, nonce_c: bytes, nonce_s: bytes, transcript: bytes) -> DirectionKeys:
    prk = hmac.digest(nonce_c + nonce_s, agent_key, "sha256")
    return DirectionKeys(_expand(prk, b"stint session a2s" + transcript), _expand(prk, b"stint session s2a" + transcript))


def derive_rekey_wrap_key(agent_key: bytes, nonce: bytes) -> bytes:
    """For one Rekey: of the agent key of the session that carries it."""
    return _expand(hmac.digest(nonce, agent_key, "sha256"), b"stint rekey wrap")


def derive_enrol_prk(token: int, secret: bytes) -> bytes:
    return hmac.digest(struct.pack("<Q", token), secret, "sha256")


def derive_enrol_keys(prk: bytes) -> DirectionKeys:
    return DirectionKeys(_expand(prk, b"stint enrol a2s"), _expand(prk, b"stint enrol s2a"))


def derive_enrol_wrap_key(prk: bytes, nonce_c: bytes, nonce_s: bytes, frame_digest: bytes) -> bytes:
    """frame_digest: SHA-256 of the whole ENROL frame, so that the key is of this question only."""
    return _expand(hmac.digest(nonce_c + nonce_s, prk, "sha256"), b"stint enrol wrap" + frame_digest)


def enrol_proof_text(token: int, nonce: bytes, public_key: bytes, cell: bytes) -> bytes:
    """What the agent signs with its Ed25519 key."""
    return b"stint enrol proof" + struct.pack("<Q", token) + nonce + public_key + cell


def wrap_address(agent: int, key_epoch: int, generation: int) -> bytes:
    """What a wrapped key is bound to: the associated data of AES-256-GCM, whose nonce is WRAP_NONCE."""
    return struct.pack("<QHI", agent, key_epoch, generation)


def _expand(key: bytes, info: bytes) -> bytes:
    """HKDF-Expand (RFC 5869) of 32 bytes: its first block."""
    return hmac.digest(key, info + b"\x01", "sha256")


def _refuse_if(condition: bool, code: str) -> None:
    if condition:
        raise FrameRefused(code)
