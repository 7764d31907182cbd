"""An agent's session against a scheduler that says what a test tells it to, right or wrong, under the right keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from protocol_samples import REF

from stint_sdk import wire
from stint_sdk.generated.wire_schema import CloseReason, LogStream, TaskStatus
from stint_sdk.protocol import decode
from stint_sdk.protocol import messages as m
from stint_sdk.protocol.clock import NS_PER_MS, ClockEstimate, Now, time_error_ms
from stint_sdk.protocol.encode import Unsealed, encode_hello_ack, encode_message, encode_reject
from stint_sdk.protocol.session import AgentSession, Ended, Established, Event, Identity, Received
from stint_sdk.wire import FrameKind, FrameReader

KEY, NONCE_C, NONCE_S = bytes([0x42]) * 32, bytes([0xA1]) * 32, bytes([0x51]) * 32
IDENTITY = Identity(7, 1, KEY, bytes([1]) * 16, bytes([2]) * 16)
SESSION = 99
START_NS = 10_000 * 1_000_000_000
AHEAD_MS = 1_793_000_000_000  # session time when the agent's clock reads 0
SECOND = 1_000_000_000
INFO = m.AgentInfo("a1", window=10)


def update(number: int, status: TaskStatus = TaskStatus.RUNNING, index: int = 0) -> m.StatusUpdate:
    return m.StatusUpdate(m.AttemptRef(12, 0, index, 1), number, status)


class Pair:
    """The session under test, the scheduler that faces it, and the time of both."""

    def __init__(self, log_credit: int = 4, report_credit: int = 8) -> None:
        self.time_ns = START_NS
        self.agent = AgentSession(IDENTITY, 5, NONCE_C, self.now, compress=False)
        self.events: list[Event] = []
        self.reader = FrameReader()
        self.credits = (log_credit, report_credit)
        self.keys: wire.DirectionKeys | None = None
        self.hello = b""
        self.sent = self.heard = 0

    @property
    def now(self) -> Now:
        return Now(self.time_ns, 1)

    @property
    def session_ms(self) -> int:
        return AHEAD_MS + self.time_ns // NS_PER_MS

    def take(self) -> list[tuple[wire.Header, bytes]]:
        """Header and `body ‖ tag` of every frame the agent has to say, checked under its keys."""
        self.reader.feed(self.agent.take_output(self.now, 1 << 30))
        found = []
        while frame := self.reader.next():
            if frame.header.kind == FrameKind.HELLO:
                self.hello = frame.data
                found.append((frame.header, wire.open_frame(frame, wire.derive_hello_keys(KEY).a2s, 0)))
                continue
            assert self.keys is not None and frame.header.principal == SESSION and frame.header.key_epoch == 1
            self.heard += 1
            found.append((frame.header, wire.open_frame(frame, self.keys.a2s, self.heard)))
        return found

    def said(self) -> list[m.Message]:
        return [decode.decode_message(decode.open_envelope(buffer)) for _, buffer in self.take()]

    def deliver(self, data: bytes, quiet_ns: int = 0, piece: int = 1 << 20) -> None:
        for at in range(0, len(data), piece):
            self.agent.on_bytes(data[at : at + piece], self.now, self.time_ns - quiet_ns)
        self.collect()

    def collect(self) -> None:
        self.events += self.agent.take_events()

    def ack_frame(
        self, ack: m.HelloAck | None = None, *, principal: int = SESSION, key: bytes = KEY, epoch: int = 1, ahead_ms: int = 0
    ) -> bytes:
        ack = ack or self.ack()
        body = encode_hello_ack(ack).stamp(self.session_ms + ahead_ms, 0)
        return wire.seal_frame(FrameKind.HELLO_ACK, epoch, principal, 0, body, wire.derive_hello_keys(key).s2a)

    def ack(self, **changes: object) -> m.HelloAck:
        values = {
            "session": SESSION,
            "nonce": NONCE_S,
            "nonce_echo": NONCE_C,
            "received_ms": self.session_ms,
            "body_limit": 2**21,
            "heartbeat_ms": 30_000,
            "tolerance_ms": 5_000,
            "log_credit": self.credits[0],
            "report_credit": self.credits[1],
        }
        return m.HelloAck(**{**values, **changes})  # type: ignore[arg-type]

    def shake_hands(self, piece: int = 1 << 20) -> None:
        self.take()
        ack = self.ack_frame()
        self.deliver(ack, piece=piece)
        self.keys = wire.derive_session_keys(KEY, NONCE_C, NONCE_S, wire.handshake_transcript(self.hello, ack))
        self.reader.set_limit(2**21)

    def frame(self, body: Unsealed | m.Message, *, late_ms: int = 0, sequence: int | None = None, principal: int = SESSION) -> bytes:
        assert self.keys is not None
        unsealed = body if isinstance(body, Unsealed) else encode_message(body)[0]
        self.sent += 1
        stamped = unsealed.stamp(self.session_ms - late_ms, self.time_ns)
        return wire.seal_frame(FrameKind.DATA, 1, principal, self.sent if sequence is None else sequence, stamped, self.keys.s2a)

    def say(self, message: m.Message, piece: int = 1 << 20) -> None:
        self.deliver(self.frame(message), piece=piece)

    def establish(self) -> Pair:
        """Resume and Reconcile; what happened until then is dropped."""
        self.shake_hands()
        self.agent.send(m.Resume(INFO))
        self.say(m.Reconcile())
        self.said()
        self.events.clear()
        return self

    def pass_time(self, ns: int) -> None:
        self.time_ns += ns
        self.agent.on_timer(self.now)
        self.collect()

    def end(self) -> Ended:
        found = [event for event in self.events if isinstance(event, Ended)]
        assert len(found) == 1 and self.events[-1] is found[0], self.events
        assert self.agent.has_ended
        return found[0]

    def received(self) -> list[m.Message]:
        return [event.message for event in self.events if isinstance(event, Received)]


@pytest.mark.parametrize("piece", [1, 3, 1 << 20])
def test_a_session_from_hello_to_close(piece: int) -> None:
    pair = Pair()
    [(header, buffer)] = pair.take()
    hello = decode.decode_hello(decode.open_envelope(buffer))
    assert (header.kind, header.key_epoch, header.principal, header.sequence) == (FrameKind.HELLO, 1, 7, 0)
    assert (hello.agent, hello.nonce, hello.instance, hello.boot, hello.connect) == (7, NONCE_C, bytes([1]) * 16, bytes([2]) * 16, 5)
    pair = Pair()
    pair.shake_hands(piece)
    assert pair.events == [Established(SESSION, 30_000)]
    pair.agent.send(m.Resume(INFO, (m.HeldAttempt(REF, TaskStatus.RUNNING, 2, 10, 20),)))
    assert pair.said() == [m.Resume(INFO, (m.HeldAttempt(REF, TaskStatus.RUNNING, 2, 10, 20),))]
    pair.say(m.Reconcile((m.AttemptVerdict(REF),)), piece)
    task = m.TaskTemplate("python", command=("f",))
    pair.say(m.AssignmentList((task,), (m.Assignment(REF),)), piece)
    assert [type(message) for message in pair.received()] == [m.Reconcile, m.AssignmentList]
    pair.agent.send(m.UpdateList((update(1),)))
    pair.agent.send(m.LogChunk(REF, LogStream.OUT, 0, b"hello"))
    assert pair.said() == [m.UpdateList((update(1),)), m.LogChunk(REF, LogStream.OUT, 0, b"hello")]
    pair.say(m.StatusAck((m.UpdateKey(REF, 1),)), piece)
    assert pair.received()[-1] == m.StatusAck((m.UpdateKey(REF, 1),))
    pair.agent.close(CloseReason.LEAVING, "bye")
    assert pair.said() == [m.Close(CloseReason.LEAVING, "bye")]
    pair.collect()
    assert pair.end() == Ended(CloseReason.LEAVING, "closed_by_us", "bye")
    assert not +pair.agent.counters, pair.agent.counters


# The handshake.


@pytest.mark.parametrize(
    "change, code",
    [
        ({"nonce_echo": NONCE_S}, "bad_hello"),
        ({"session": 98}, "bad_hello"),
        ({"session": 0}, "bad_hello"),
        ({"version": 2}, "unsupported_version"),
        ({"body_limit": 2**21 - 1}, "bad_hello"),
        ({"body_limit": 2**28 + 1}, "bad_hello"),
        ({"heartbeat_ms": 9}, "bad_hello"),
        ({"tolerance_ms": 0}, "bad_hello"),
        ({"nonce": b"short"}, "bad_hello"),
        ({"received_ms": 1 << 62}, "bad_hello"),
    ],
)
def test_a_hello_ack_without_meaning_ends_the_session(change: dict[str, object], code: str) -> None:
    pair = Pair()
    pair.take()
    pair.deliver(pair.ack_frame(pair.ack(**change)))
    assert pair.end().code == code
    assert pair.agent.counters[code] == 1
    assert not pair.agent.has_output  # there is no key to say it with


def test_a_hello_ack_of_another_key_or_epoch() -> None:
    cases: list[tuple[Callable[[Pair], bytes], str]] = [
        (lambda pair: pair.ack_frame(key=bytes(32)), "bad_mac"),
        (lambda pair: pair.ack_frame(epoch=2), "unknown_key"),
        (lambda pair: pair.ack_frame()[:40] + b"\1" + pair.ack_frame()[41:], "bad_mac"),
    ]
    for frame, code in cases:
        pair = Pair()
        pair.take()
        pair.deliver(frame(pair))
        assert pair.end().code == code


def test_a_rejection_is_advice() -> None:
    pair = Pair()
    pair.take()
    pair.deliver(wire.seal_reject(encode_reject(m.Reject("unauthenticated", "who?")).stamp(1, 0)))
    assert pair.end() == Ended(CloseReason.NORMAL, "rejected", "unauthenticated: who?")


def test_a_rejection_in_a_session_is_refused() -> None:
    pair = Pair().establish()
    pair.deliver(wire.seal_reject(encode_reject(m.Reject("unauthenticated", "")).stamp(1, 0)))
    assert pair.end().code == "bad_kind"


def test_data_before_the_handshake_has_no_key() -> None:
    pair = Pair()
    pair.take()
    pair.deliver(wire.seal_frame(FrameKind.DATA, 1, SESSION, 1, bytes(64), KEY))
    assert pair.end().code == "unknown_key"


def test_a_handshake_takes_five_seconds_at_most_and_fifteen_if_bytes_trickle() -> None:
    pair = Pair()
    pair.take()
    pair.pass_time(5 * SECOND - 1)
    assert not pair.agent.has_ended
    pair.pass_time(1)
    assert pair.end().code == "handshake_timeout"

    pair = Pair()
    pair.take()
    frame = pair.ack_frame()
    for at in range(3):
        pair.deliver(frame[at : at + 1])
        pair.pass_time(5 * SECOND)
    assert pair.end().code == "handshake_timeout"
    assert pair.time_ns == START_NS + 15 * SECOND


def test_frames_before_the_handshake_are_small() -> None:
    pair = Pair()
    pair.take()
    pair.deliver(wire.Header(FrameKind.HELLO_ACK, 0, 1, 4104, 4104, 1, 0).pack())
    assert pair.end().code == "too_large"


# Order.


def test_work_before_reconcile_waits_and_then_leaves_in_order() -> None:
    pair = Pair()
    pair.shake_hands()
    pair.agent.send(m.Resume(INFO))
    pair.agent.send(m.UpdateList((update(1), update(2))))
    pair.agent.send(m.LogChunk(REF, LogStream.OUT, 0, b"x"))
    assert [type(message) for message in pair.said()] == [m.Resume]
    assert pair.agent.log_credit == 0
    pair.say(m.Reconcile())
    assert pair.said() == [m.UpdateList((update(1), update(2))), m.LogChunk(REF, LogStream.OUT, 0, b"x")]


@pytest.mark.parametrize("message", [m.AssignmentList(), m.StatusAck(), m.Cancel()])
def test_a_scheduler_that_works_before_reconcile_is_left(message: m.Message) -> None:
    pair = Pair()
    pair.shake_hands()
    pair.agent.send(m.Resume(INFO))
    pair.say(message)
    assert pair.end().code == "out_of_order"
    assert [type(said) for said in pair.said()] == [m.Close]  # and Resume, which had no sequence yet, is thrown away


def test_reconcile_comes_once_and_after_resume() -> None:
    pair = Pair().establish()
    pair.say(m.Reconcile())
    assert pair.end().code == "out_of_order"
    pair = Pair()
    pair.shake_hands()
    pair.say(m.Reconcile())
    assert pair.end().code == "out_of_order"


def test_what_only_agents_say_is_answered_with_an_error() -> None:
    pair = Pair().establish()
    for message in (INFO, m.Resume(INFO), m.UpdateList((update(1),)), m.LogChunk(REF, LogStream.OUT, 0, b"x")):
        pair.say(message)
        [error] = pair.said()
        assert isinstance(error, m.Error) and error.code == "wrong_direction"
    assert pair.agent.counters["wrong_direction"] == 4 and not pair.agent.has_ended


def test_a_message_without_meaning_is_answered_and_the_session_goes_on() -> None:
    pair = Pair().establish()
    bad = encode_message(m.Cancel((m.CancelItem(REF),)))[0]
    bad.body[bad.body.index(bytes([1, 6]))] = 7
    pair.deliver(pair.frame(bad))
    [error] = pair.said()
    assert isinstance(error, m.Error) and error.code == "bad_enum"
    pair.say(m.StatusAck())
    assert pair.received() == [m.StatusAck()]


def test_an_error_is_never_answered() -> None:
    pair = Pair().establish()
    pair.say(m.Error("bad_enum", "you said 9"))
    assert pair.said() == [] and pair.received() == [m.Error("bad_enum", "you said 9")]


def test_a_frame_that_is_broken_ends_the_session_with_a_signed_close() -> None:
    cases: list[tuple[Callable[[Pair], bytes], str]] = [
        (lambda pair: pair.frame(m.Credit(), sequence=5), "bad_sequence"),
        (lambda pair: pair.frame(m.Credit(), sequence=1), "bad_sequence"),  # again
        (lambda pair: pair.frame(m.Credit(), principal=98), "unknown_key"),
        (lambda pair: b"Su" + pair.frame(m.Credit())[2:], "bad_magic"),
        (lambda pair: pair.frame(Unsealed(bytearray(64), 8)), "malformed"),
    ]
    for frame, code in cases:
        pair = Pair().establish()
        pair.deliver(frame(pair))
        assert pair.end().code == code
        assert pair.agent.counters[code] == 1
        [close] = pair.said()
        assert isinstance(close, m.Close) and close.reason == CloseReason.PROTOCOL
        told = "unauthenticated" if code in ("unknown_key", "bad_mac") else code
        assert close.detail.startswith(f"{told}: ")


def test_nothing_is_read_behind_the_end() -> None:
    pair = Pair().establish()
    good = pair.frame(m.StatusAck())
    pair.sent = 1
    pair.deliver(pair.frame(m.Close(CloseReason.REVOKED, "go")) + good)
    assert pair.end() == Ended(CloseReason.REVOKED, "closed_by_peer", "go")
    pair.deliver(good)
    assert len(pair.events) == 1 and not pair.agent.has_output


# Credit.


def test_log_chunks_wait_for_credit() -> None:
    pair = Pair(log_credit=2).establish()
    assert pair.agent.log_credit == 2
    for offset in range(4):
        pair.agent.send(m.LogChunk(REF, LogStream.OUT, offset, b"x"))
    assert [message.offset for message in pair.said() if isinstance(message, m.LogChunk)] == [0, 1]
    pair.say(m.Credit(log_chunks=1))
    assert [message.offset for message in pair.said() if isinstance(message, m.LogChunk)] == [2]
    assert pair.agent.log_credit == 0
    pair.say(m.Credit(log_chunks=5))
    assert [message.offset for message in pair.said() if isinstance(message, m.LogChunk)] == [3]
    assert pair.agent.log_credit == 4


def test_changes_of_state_overtake_reports_that_wait() -> None:
    pair = Pair(report_credit=1).establish()
    other = update(0, index=1)
    pair.agent.send(m.UpdateList((update(0), update(0), other)))
    pair.agent.send(m.UpdateList((update(1, TaskStatus.COMPLETED),)))
    assert pair.said() == [m.UpdateList((update(0),)), m.UpdateList((update(1, TaskStatus.COMPLETED),))]
    pair.say(m.Credit(reports=10))
    assert pair.said() == [m.UpdateList((other,))]  # the other's attempt has ended: nobody wants its report


def test_reports_that_wait_are_bounded() -> None:
    pair = Pair(report_credit=0).establish()
    pair.agent.send(m.UpdateList(tuple(update(0, index=index) for index in range(1030))))
    assert pair.agent.counters["reports_dropped"] == 6
    pair.say(m.Credit(reports=2000))
    [sent] = pair.said()
    assert isinstance(sent, m.UpdateList) and sent.items[0].ref.ordinal == 6


def test_a_queue_that_is_full_ends_the_session() -> None:
    pair = Pair(log_credit=1000).establish()
    chunk = bytes(65_536)
    for number in range(300):
        pair.agent.send(m.LogChunk(REF, LogStream.OUT, number * 65_536, chunk))
    pair.collect()
    assert pair.end().code == "overloaded"
    [close] = pair.said()
    assert isinstance(close, m.Close) and close.reason == CloseReason.OVERLOADED


def test_output_is_taken_within_a_budget() -> None:
    pair = Pair(log_credit=100).establish()
    for number in range(1, 11):
        pair.agent.send(m.LogChunk(REF, LogStream.OUT, number * 1000, bytes(1000)))
    size = len(pair.agent.take_output(pair.now, 1))
    assert 1000 < size < 1300
    assert len(pair.agent.take_output(pair.now, 3 * size)) == 3 * size
    assert len(pair.agent.take_output(pair.now, 1 << 20)) == 6 * size


# Time.


def test_clock_samples_choose_the_shortest_round_trip() -> None:
    clock = ClockEstimate()
    clock.add(0, 1_000_000, 1_000_000, 100 * NS_PER_MS)  # 100 ms: the other clock is 999,950 ms ahead, more or less
    assert clock.session_time_ms(100 * NS_PER_MS) == 1_000_050
    clock.add(1000 * NS_PER_MS, 1_001_003, 1_001_003, 1010 * NS_PER_MS)
    assert clock.session_time_ms(1010 * NS_PER_MS) == 1_001_008
    clock.add(2000 * NS_PER_MS, 1_005_000, 1_005_000, 2500 * NS_PER_MS)  # a long way: known better
    assert clock.session_time_ms(1010 * NS_PER_MS) == 1_001_008
    clock.add(700 * SECOND, 1_800_000, 1_800_000, 700 * SECOND + 200 * NS_PER_MS)  # ten minutes later what was is no more
    assert clock.session_time_ms(700 * SECOND) == 1_799_900


@pytest.mark.parametrize("sample", [(10, 5, 5, 9), (0, 0, 5, 9), (0, 6, 5, 9), (0, 1, 2**43, 9), (0, -1, 5, 9)])
def test_samples_that_cannot_be_are_ignored(sample: tuple[int, int, int, int]) -> None:
    clock = ClockEstimate()
    clock.add(*sample)
    assert not clock.is_known


def test_distance_to_an_interval() -> None:
    assert [time_error_ms(at, 10, 20) for at in (5, 10, 15, 20, 27)] == [5, 0, 0, 0, -7]


@pytest.mark.parametrize("late_ms, is_good", [(4_990, True), (5_010, False), (-4_990, True), (-5_010, False)])
def test_the_five_second_rule(late_ms: int, is_good: bool) -> None:
    pair = Pair().establish()
    pair.deliver(pair.frame(m.StatusAck(), late_ms=late_ms))
    if is_good:
        assert pair.received() == [m.StatusAck()]
        return
    assert pair.received() == [] and pair.end().code == "time"
    [error] = pair.said()
    assert isinstance(error, m.Error) and error.code == "time"
    assert error.limit_ms == 5_000 and abs(error.measured_ms - late_ms) <= 1


def test_a_reader_that_was_stopped_makes_no_frame_late() -> None:
    """It last found the connection empty before it slept: the frame may have come at any time since."""
    pair = Pair().establish()
    frame = pair.frame(m.StatusAck())
    pair.time_ns += 60 * SECOND
    pair.deliver(frame, quiet_ns=60 * SECOND)
    assert pair.received() == [m.StatusAck()]


def test_a_frame_is_judged_by_its_first_byte() -> None:
    """A slow line may take its time for the rest."""
    pair = Pair().establish()
    frame = pair.frame(m.StatusAck())
    pair.deliver(frame[:1])
    pair.time_ns += 20 * SECOND
    pair.deliver(frame[1:])
    assert pair.received() == [m.StatusAck()]


def test_the_peers_error_about_time_ends_the_session() -> None:
    pair = Pair().establish()
    pair.say(m.Error("time", "off by 6000 ms", 6000, 5000))
    assert pair.end().code == "time" and pair.said() == []


def test_frames_carry_the_time_of_their_hand_over() -> None:
    pair = Pair().establish()
    pair.agent.send(m.AgentInfo("a2"))
    pair.time_ns += 3 * SECOND
    [(_, buffer)] = pair.take()
    assert abs(decode.open_envelope(buffer).timestamp_ms - pair.session_ms) <= 1


# Life.


def test_a_heartbeat_every_interval_and_its_answer_is_a_sample() -> None:
    pair = Pair().establish()
    assert pair.agent.next_deadline_ns() == START_NS + 30 * SECOND
    pair.agent.running = 3
    pair.pass_time(30 * SECOND)
    [beat] = pair.said()
    assert beat == m.Heartbeat(pair.time_ns, 3)
    pair.say(m.HeartbeatAck(pair.time_ns, pair.session_ms))
    assert pair.said() == [] and pair.events == []
    pair.pass_time(30 * SECOND)
    assert [type(message) for message in pair.said()] == [m.Heartbeat]


def test_a_probe_is_answered_at_once_but_not_before_resume() -> None:
    pair = Pair()
    pair.shake_hands()
    pair.say(m.Heartbeat(5))
    assert pair.said() == []
    pair.agent.send(m.Resume(INFO))
    pair.say(m.Heartbeat(6))
    [_, ack] = pair.said()
    assert isinstance(ack, m.HeartbeatAck) and ack.clock_boot_ns == pair.time_ns and abs(ack.received_ms - pair.session_ms) <= 1


def test_three_heartbeats_without_a_frame_end_the_session() -> None:
    pair = Pair().establish()
    pair.pass_time(60 * SECOND)
    pair.say(m.StatusAck())
    pair.pass_time(90 * SECOND - 1)
    assert not pair.agent.has_ended
    pair.pass_time(1)
    assert pair.end().code == "lease"
    assert isinstance(pair.said()[-1], m.Close)


def test_bytes_of_an_unfinished_frame_extend_the_lease_twice() -> None:
    pair = Pair().establish()
    frame = pair.frame(m.StatusAck())
    for at in range(3):
        assert not pair.agent.has_ended
        pair.deliver(frame[at : at + 1])
        pair.pass_time(90 * SECOND)
    assert pair.end().code == "lease"


def test_a_closed_connection_ends_it_without_a_word() -> None:
    pair = Pair().establish()
    pair.agent.send(m.UpdateList((update(1),)))
    pair.agent.on_closed()
    pair.collect()
    assert pair.end().code == "disconnected" and not pair.agent.has_output
    pair.agent.send(m.UpdateList((update(2),)))  # harmless
    assert not pair.agent.has_output
