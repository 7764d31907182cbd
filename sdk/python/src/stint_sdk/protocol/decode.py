"""From `body ‖ tag` to messages: the verifier, then the check of meaning.

Errors: Refused; with the code `malformed` the connection ends, any other is answered.
Source: docs/protocol.md "Order of checks", steps 7 to 9, and "Limits".
"""

from __future__ import annotations

from collections.abc import Callable

from stint_sdk._flat import Malformed, View, open_root
from stint_sdk.generated.wire_schema import SCHEMA, SchedulerMessage
from stint_sdk.protocol import decode_keys as keys
from stint_sdk.protocol import decode_session as session
from stint_sdk.protocol import decode_work as work
from stint_sdk.protocol import limits
from stint_sdk.protocol import messages as m
from stint_sdk.protocol.checker import Checker, Refused
from stint_sdk.wire import TAG_SIZE

SCHEMA_VERSION = 1


class Envelope:
    """A verified buffer whose version, timestamp and signature are good."""

    def __init__(self, root: View) -> None:
        self.root = root
        self.timestamp_ms = root.number("timestamp")
        self.message_type = root.number("message_type")


def open_envelope(body_and_tag: bytes) -> Envelope:
    try:
        root = open_root(body_and_tag, SCHEMA, limits.DEPTH, limits.TABLES + len(body_and_tag) // limits.BYTES_PER_TABLE)
    except Malformed:
        raise Refused("malformed", "the buffer is no MessageEnvelope") from None
    if root.number("version") != SCHEMA_VERSION:
        raise Refused("bad_envelope", f"schema version {root.number('version')}, must be {SCHEMA_VERSION}")
    if not 0 < root.number("timestamp") <= limits.NUMBER_MAX:
        raise Refused("bad_timestamp", "timestamp 0 or beyond 63 bits")
    signature = root.raw("signature")
    if signature is not None and signature != body_and_tag[-TAG_SIZE:]:
        raise Refused("bad_signature", "signature is present and not the frame's tag")
    return Envelope(root)


def decode_hello(envelope: Envelope) -> m.Hello:
    return session.hello(Checker(), _only(envelope, SchedulerMessage.HELLO))


def decode_hello_ack(envelope: Envelope) -> m.HelloAck:
    return session.hello_ack(Checker(), _only(envelope, SchedulerMessage.HELLO_ACK))


def decode_reject(envelope: Envelope) -> m.Reject:
    view, c = _only(envelope, SchedulerMessage.REJECT), Checker()
    return m.Reject(c.text(view, "code", limits.NAME, required=True), c.text(view, "detail", limits.NAME))


def decode_enrol(envelope: Envelope) -> m.Enrol:
    return keys.enrol(Checker(), _only(envelope, SchedulerMessage.ENROL))


def decode_enrol_ack(envelope: Envelope) -> m.EnrolAck:
    return keys.enrol_ack(Checker(), _only(envelope, SchedulerMessage.ENROL_ACK))


def decode_message(envelope: Envelope) -> m.Message:
    """Of a DATA frame. The seed's single TaskAssignment and StatusUpdate come as lists of one."""
    kind = envelope.message_type
    decode = _DECODERS.get(kind)
    if decode is None:
        # A number that is in the schema has another frame kind; one that is not is from a version that we do not speak.
        is_known = kind in SCHEMA.unions["SchedulerMessage"]
        raise (
            Refused("wrong_direction", f"message type {kind} has no business in this frame kind")
            if is_known
            else Refused("unknown_message", f"message type {kind} is not known")
        )
    view = envelope.root.member("message")
    if view is None:
        raise Refused("null_message", f"message type {kind} without a value")
    return decode(Checker(), view)


def _only(envelope: Envelope, expected: SchedulerMessage) -> View:
    """For the handshake, whose frame kinds allow one member each."""
    if envelope.message_type != expected:
        raise Refused("wrong_direction", f"message type {envelope.message_type} has no business in this frame kind")
    view = envelope.root.member("message")
    if view is None:
        raise Refused("null_message", f"message type {envelope.message_type} without a value")
    return view


_DECODERS: dict[int, Callable[[Checker, View], m.Message]] = {
    SchedulerMessage.TASK_ASSIGNMENT: work.task_assignment,
    SchedulerMessage.STATUS_UPDATE: work.status_update,
    SchedulerMessage.HEARTBEAT: session.heartbeat,
    SchedulerMessage.ASSIGNMENT_LIST: work.assignment_list,
    SchedulerMessage.UPDATE_LIST: work.update_list,
    SchedulerMessage.STATUS_ACK: work.status_ack,
    SchedulerMessage.AGENT_INFO: session.agent_info,
    SchedulerMessage.RESUME: session.resume,
    SchedulerMessage.RECONCILE: session.reconcile,
    SchedulerMessage.HEARTBEAT_ACK: session.heartbeat_ack,
    SchedulerMessage.CANCEL: work.cancel,
    SchedulerMessage.LOG_CHUNK: work.log_chunk,
    SchedulerMessage.CREDIT: work.credit,
    SchedulerMessage.ERROR: session.error,
    SchedulerMessage.CLOSE: session.close,
    SchedulerMessage.REKEY: keys.rekey,
    SchedulerMessage.CELL_PINS: keys.cell_pins,
}
