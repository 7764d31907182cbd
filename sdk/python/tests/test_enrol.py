"""One question of an agent that joins, and every answer that it must not believe."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stint_sdk import wire
from stint_sdk.protocol import decode
from stint_sdk.protocol import messages as m
from stint_sdk.protocol.encode import encode_enrol_ack, encode_reject
from stint_sdk.protocol.enrol import BadAnswer, Enrolment, EnrolRefused, Grant, Rejected, Token
from stint_sdk.wire import FrameKind, FrameReader, RawFrame

TOKEN = Token(77, bytes(range(16)), bytes([5]) * 32)
SEED, NONCE, THEIR_NONCE, KEY = (bytes([number]) * 32 for number in (1, 2, 3, 4))
PRK = wire.derive_enrol_prk(TOKEN.id, TOKEN.secret)
KEYS = wire.derive_enrol_keys(PRK)


def frame_of(data: bytes) -> RawFrame:
    reader = FrameReader()
    reader.feed(data)
    frame = reader.next()
    assert frame is not None
    return frame


@pytest.fixture
def asked() -> tuple[Enrolment, bytes]:
    enrolment = Enrolment(TOKEN, SEED, NONCE, "box", "host")
    return enrolment, enrolment.ask(5)


def answer(question: bytes, *, seal: dict[str, Any] | None = None, wrap: Callable[[bytes], bytes] = bytes, **changes: Any) -> RawFrame:
    """A good one, but for the changes. seal: to arguments of seal_frame."""
    wrap_key = wire.derive_enrol_wrap_key(PRK, NONCE, THEIR_NONCE, hashlib.sha256(question).digest())
    wrapped = AESGCM(wrap_key).encrypt(bytes(12), KEY, wire.wrap_address(9, 2, 3))
    good = m.EnrolAck(TOKEN.id, THEIR_NONCE, NONCE, 1, "", "", 9, 2, 3, wrap(wrapped), "box")
    body = encode_enrol_ack(replace(good, **changes)).stamp(6, 0)
    frame = {"kind": FrameKind.ENROL_ACK, "key_epoch": 0, "principal": TOKEN.id, "sequence": 0, "body": body, "key": KEYS.s2a}
    return frame_of(wire.seal_frame(**{**frame, **(seal or {})}))


def test_the_question_proves_who_asks_and_holds_no_secret(asked: tuple[Enrolment, bytes]) -> None:
    _, question = asked
    frame = frame_of(question)
    assert (frame.header.kind, frame.header.principal, frame.header.key_epoch, frame.header.sequence) == (FrameKind.ENROL, 77, 0, 0)
    enrol = decode.decode_enrol(decode.open_envelope(wire.open_frame(frame, KEYS.a2s, 0)))
    assert (enrol.token, enrol.nonce, enrol.cell, enrol.name, enrol.host) == (77, NONCE, TOKEN.cell, "box", "host")
    public_key = Ed25519PublicKey.from_public_bytes(enrol.public_key)
    public_key.verify(enrol.proof, wire.enrol_proof_text(77, NONCE, enrol.public_key, TOKEN.cell))
    with pytest.raises(InvalidSignature):
        public_key.verify(enrol.proof, wire.enrol_proof_text(77, THEIR_NONCE, enrol.public_key, TOKEN.cell))
    for secret in (TOKEN.secret, PRK, SEED, KEYS.a2s):
        assert secret not in question


def test_a_good_answer_is_a_number_and_a_key(asked: tuple[Enrolment, bytes]) -> None:
    enrolment, question = asked
    assert enrolment.on_frame(answer(question)) == Grant(9, "box", 2, 3, KEY)


@pytest.mark.parametrize(
    "how, code",
    [
        ({"seal": {"key": KEYS.a2s}}, "bad_mac"),
        ({"seal": {"principal": 78}}, "unknown_key"),
        ({"seal": {"sequence": 1}}, "bad_sequence"),
        ({"seal": {"kind": FrameKind.HELLO_ACK}}, "bad_kind"),
        ({"token": 78}, "bad_enrol"),
        ({"nonce_echo": THEIR_NONCE}, "bad_enrol"),
        ({"nonce": NONCE}, "bad_enrol"),
        ({"agent": 10}, "bad_enrol"),
        ({"key_epoch": 1}, "bad_enrol"),
        ({"generation": 2}, "bad_enrol"),
        ({"wrap": lambda wrapped: wrapped[:-1] + bytes([wrapped[-1] ^ 1])}, "bad_enrol"),
        ({"version": 2}, "unsupported_version"),
    ],
)
def test_answers_that_are_not_believed(asked: tuple[Enrolment, bytes], how: dict[str, Any], code: str) -> None:
    enrolment, question = asked
    with pytest.raises(BadAnswer) as raised:
        enrolment.on_frame(answer(question, **how))
    assert raised.value.code == code


def test_an_answer_to_another_question_is_not_believed(asked: tuple[Enrolment, bytes]) -> None:
    enrolment, _ = asked
    with pytest.raises(BadAnswer, match="does not open"):
        enrolment.on_frame(answer(b"another"))


def test_a_signed_refusal_and_an_unsigned_one(asked: tuple[Enrolment, bytes]) -> None:
    enrolment, question = asked
    with pytest.raises(EnrolRefused, match="too late") as raised:
        enrolment.on_frame(answer(question, code="token_expired", detail="too late"))
    assert raised.value.code == "token_expired"
    with pytest.raises(Rejected, match="unauthenticated: no such token"):
        enrolment.on_frame(frame_of(wire.seal_reject(encode_reject(m.Reject("unauthenticated", "no such token")).stamp(6, 0))))
