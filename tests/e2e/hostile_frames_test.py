#!/usr/bin/env python3
"""What strangers send to the scheduler's port is refused, counted and closed, and an agent beside them works on.

A real agent is recorded once; its frames are then replayed, cut, changed, and signed anew with the right key and with wrong ones.
"""

import json
import os

import e2e
import wire

HALF_OPEN = 200


class HostileFrames(e2e.CellCase):
    @classmethod
    def boot(cls):
        super().boot()
        host, port, _ = cls.context()
        recorder = wire.Recorder((host, port))
        cls.cell.add_agent("spare", "--server", f"127.0.0.1:{recorder.port}")
        cls.cell.wait_for_agents(cls.api)
        e2e.end_in_order(cls.cell.agents.pop("spare"))  # for good
        recorder.close()
        cls.recorded_bytes, (cls.hello, cls.resume) = bytes(recorder.said), recorder.frames()[:2]
        cls.key = bytes.fromhex(json.loads((cls.folder / "spare.key").read_text())["key"])
        cls.connects = 1000

    def setUp(self):
        super().setUp()
        self.eventually("the recorded agent gone", lambda: self.agent_state("spare") == "disconnected")
        self.assertEqual("connected", self.agent_state())
        self.established = self.established_now()

    def connect(self):
        host, port, _ = self.context()
        impostor = wire.Impostor((host, port), e2e.PATIENCE)
        self.addCleanup(impostor.close)
        return impostor

    def fresh_hello(self):
        type(self).connects += 1
        return wire.make_hello(self.hello, self.key, self.connects)

    def begin_session(self):
        return wire.AgentSession(self.connect(), self.fresh_hello(), self.key)

    def refusals(self, reason):
        return self.metric(f'stint_session_refusals_total{{reason="{reason}"}}')

    def established_now(self):
        return self.metric("stint_sessions_established_total")

    def assert_counted(self, reason, before, by=1):
        self.eventually(f"{reason} counted", lambda: self.refusals(reason) >= before + by)

    def assert_nobody_got_in(self):
        """And the agent that is in stays in, and works."""
        self.assertEqual(self.established, self.established_now())
        self.assertEqual("disconnected", self.agent_state("spare"))
        self.assertEqual("connected", self.agent_state())
        self.assertEqual("works\n", self.product.ensure("run", "--", "echo", "works"))

    def test_the_same_bytes_with_the_right_key_get_in(self):
        """Without this one, the refusals below would show nothing."""
        session = self.begin_session()
        session.connection.send(session.data(self.resume).bytes())
        self.assertEqual(wire.DATA, session.connection.receive_frame().kind)
        self.eventually("the agent shown as connected", lambda: self.agent_state("spare") == "connected")
        self.assertEqual(self.established + 1, self.established_now())

    def test_wrong_key(self):
        before = self.refusals("bad_mac")
        hello = wire.make_hello(self.hello, os.urandom(32), 1)
        answers = self.connect().send(hello.bytes()).frames_until_closed()
        self.assertEqual([wire.REJECT], [frame.kind for frame in answers])
        self.assertIn(b"unauthenticated", answers[0].body)
        self.assert_counted("bad_mac", before)
        self.assert_nobody_got_in()

    def test_unknown_agent_is_answered_like_a_wrong_key(self):
        """Nobody learns which agents exist."""
        before = self.refusals("unknown_key")
        texts = []
        for principal in (self.hello.principal, 987654321):
            hello = self.hello.copy()
            hello.principal = principal
            [answer] = self.connect().send(hello.sign(os.urandom(32)).bytes()).frames_until_closed()
            answer.set_timestamp(1)
            texts.append(answer.bytes())
        self.assertEqual(texts[0], texts[1])
        self.assert_counted("unknown_key", before)
        self.assert_nobody_got_in()

    def test_replayed_connection(self):
        """Every byte the agent once said, again: HELLO may be answered, but nothing after it fits the new session's keys."""
        answers = self.connect().send(self.recorded_bytes).frames_until_closed()
        self.assertLessEqual([frame.kind for frame in answers[:1]], [wire.HELLO_ACK])
        self.assert_nobody_got_in()

    def test_replayed_hello_gives_no_session(self):
        impostor = self.connect().send(self.hello.bytes())
        self.assertEqual(wire.HELLO_ACK, impostor.receive_frame().kind)
        self.assertIsNone(impostor.end_sending().receive_frame())
        self.assert_nobody_got_in()

    def test_bit_flipped_hello(self):
        frame = self.fresh_hello().bytes()
        for at in range(0, len(frame), 3):
            flipped = bytearray(frame)
            flipped[at] ^= 1 << at % 8
            answers = self.connect().send(flipped).end_sending().bytes_until_closed()
            self.assertNotEqual(b"St\x01\x02", answers[:4], f"byte {at} flipped, and HELLO_ACK")
        self.assert_nobody_got_in()

    def test_truncated_hello(self):
        frame = self.fresh_hello().bytes()
        for length in (1, 2, 31, 32, 33, len(frame) // 2, len(frame) - 1):
            self.assertEqual(b"", self.connect().send(frame[:length]).end_sending().bytes_until_closed(), f"{length} bytes")
        self.assert_nobody_got_in()

    def test_announced_length_over_the_limit(self):
        """Refused on the header: nobody waits for the body, and nobody makes room for it."""
        for length in (4096 + 8, 2**31, 2**32 - 8):
            before = self.refusals("too_large")
            header = wire.HEADER.pack(b"St", 1, wire.HELLO, 0, 4, 1, length, length, self.hello.principal, 0)
            self.connect().send(header).bytes_until_closed()
            self.assert_counted("too_large", before)
        self.assert_nobody_got_in()

    def test_data_before_the_handshake(self):
        """A session nobody has begun has no key."""
        before = self.refusals("unknown_key")
        self.assertEqual(b"", self.connect().send(self.resume.bytes()).bytes_until_closed())
        self.assert_counted("unknown_key", before)
        self.assert_nobody_got_in()

    def check_refused_in_session(self, reason, frames_of):
        """A session of an agent that knows its key, then frames that do not do."""
        session = self.begin_session()
        session.connection.send(session.data(self.resume).bytes())
        self.assertEqual(wire.DATA, session.connection.receive_frame().kind)
        before = self.refusals(reason)
        session.connection.send(frames_of(session))
        session.connection.bytes_until_closed()
        self.assert_counted(reason, before)
        self.eventually("the agent shown as disconnected", lambda: self.agent_state("spare") == "disconnected")

    def test_flipped_in_session(self):
        def flipped(session):
            frame = bytearray(session.data(self.resume).bytes())
            frame[40] ^= 4
            return frame

        self.check_refused_in_session("bad_mac", flipped)

    def test_replayed_in_session(self):
        def again(session):
            session.sequence = 0
            return session.data(self.resume).bytes()

        self.check_refused_in_session("bad_sequence", again)

    def test_dropped_in_session(self):
        def one_missing(session):
            session.sequence += 1
            return session.data(self.resume).bytes()

        self.check_refused_in_session("bad_sequence", one_missing)

    def test_out_of_time(self):
        """Signed by the right key, an hour early or late: not applied."""
        for offset_ms in (-3_600_000, 3_600_000):
            self.check_refused_in_session("time", lambda session, ms=offset_ms: session.data(self.resume, ms).bytes())

    def test_slow_and_silent(self):
        """One byte and then nothing, half a header, a HELLO without an end: all are closed, by the scheduler, at its limit."""
        before = self.refusals("handshake_timeout")
        frame = self.fresh_hello().bytes()
        slow = [self.connect().send(frame[:length]) for length in (1, 16, 40, len(frame) - 1)]
        silent = self.connect()
        half_open = self.connect().send(frame)
        self.assertEqual(wire.HELLO_ACK, half_open.receive_frame().kind)
        for impostor in (*slow, silent):
            self.assertEqual(b"", impostor.bytes_until_closed())
        half_open.bytes_until_closed()
        self.assert_counted("handshake_timeout", before, by=len(slow) + 1)
        self.assert_nobody_got_in()

    def test_many_half_open_connections(self):
        crowd = [self.connect().send(b"St") for _ in range(HALF_OPEN)]
        self.eventually("all of them held", lambda: self.metric("stint_links") >= HALF_OPEN)
        done = self.product.command("run", "--array", "0-19", "--", "true")
        self.assertEqual(0, done.returncode, done.stderr)
        for impostor in crowd:
            impostor.close()
        self.assert_nobody_got_in()

    def test_garbage(self):
        tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)
        for garbage in (tls, bytes(100), os.urandom(4096), b"St" + os.urandom(4096)):
            self.connect().send(garbage).end_sending().bytes_until_closed()
        self.assert_nobody_got_in()


if __name__ == "__main__":
    e2e.main()
