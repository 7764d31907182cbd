"""Keys on their way: schema/keys.fbs. In the order of the C++ implementation, so that both name the same first thing wrong."""

from __future__ import annotations

from dataclasses import replace

from stint_sdk._flat import View
from stint_sdk.protocol import limits
from stint_sdk.protocol import messages as m
from stint_sdk.protocol.checker import Checker, Refused

WRAPPED_KEY = 48
PIN = 32


def enrol(c: Checker, view: View) -> m.Enrol:
    versions = view.number("version_min"), view.number("version_max")
    if view.number("token") == 0:
        raise Refused("missing_field", "token is missing")
    if versions[0] > versions[1]:
        raise Refused("bad_value", "version_min above version_max")
    return m.Enrol(
        token=view.number("token"),
        version_min=versions[0],
        version_max=versions[1],
        nonce=c.fixed(view, "nonce", 32),
        public_key=c.fixed(view, "public_key", 32),
        proof=c.fixed(view, "proof", 64),
        cell=c.fixed(view, "cell", 32),
        name=c.text(view, "name", limits.NAME),
        host=c.text(view, "host", limits.NAME),
    )


def enrol_ack(c: Checker, view: View) -> m.EnrolAck:
    if view.number("token") == 0:
        raise Refused("missing_field", "token is missing")
    ack = m.EnrolAck(
        token=view.number("token"),
        version=view.number("version"),
        nonce=c.fixed(view, "nonce", 32),
        nonce_echo=c.fixed(view, "nonce_echo", 32),
        code=c.text(view, "code", limits.NAME),
        detail=c.text(view, "detail", limits.NAME),
    )
    if ack.code:
        return ack
    for name in ("agent", "key_epoch"):
        if view.number(name) == 0:
            raise Refused("missing_field", f"{name} is missing")
    return replace(
        ack,
        agent=view.number("agent"),
        key_epoch=view.number("key_epoch"),
        generation=view.number("generation"),
        wrapped_key=c.fixed(view, "wrapped_key", WRAPPED_KEY),
        name=c.text(view, "name", limits.NAME),
    )


def rekey(c: Checker, view: View) -> m.Rekey:
    if view.number("key_epoch") == 0:
        raise Refused("missing_field", "key_epoch is missing")
    nonce, wrapped = c.fixed(view, "nonce", 32), c.fixed(view, "wrapped_key", WRAPPED_KEY)
    return m.Rekey(view.number("key_epoch"), view.number("generation"), nonce, wrapped)


def cell_pins(c: Checker, view: View) -> m.CellPins:
    raw = view.raw("pins") or b""
    if not raw:
        raise Refused("missing_field", "pins are missing")
    if len(raw) % PIN:
        raise Refused("bad_size", f"pins of {len(raw)} bytes, must be a multiple of {PIN}")
    c.list(len(raw) // PIN, "pins", limits.CELL_PINS)
    return m.CellPins(tuple(raw[at : at + PIN] for at in range(0, len(raw), PIN)))
