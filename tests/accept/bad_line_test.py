#!/usr/bin/env python3
"""Tests of what the network tests are made of: a line that is not bad, or a capture that sees nothing, shows nothing."""

import base64
import os
import socket
import threading
import unittest

import accept
import bad_line
import capture
from namespaces import Namespaces

PORT = 7777


def make_segment(payload=b"", flags=bad_line.ACK, sequence=1000, acknowledged=2000, ports=(40000, PORT)):
    """A frame from 10.0.0.2 to 10.0.0.1."""
    tcp = bad_line.struct.pack("!HHIIBBHHH", *ports, sequence, acknowledged, 5 << 4, flags, 100, 0, 0) + payload
    ip = bad_line.struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, bytes([10, 0, 0, 2]), bytes([10, 0, 0, 1]))
    return b"aaaaaa" + b"bbbbbb" + b"\x08\x00" + ip + tcp + b"padding of the line"


class Parts(unittest.TestCase):
    def test_a_segment_is_read(self):
        segment = bad_line.parse(make_segment(b"hello"), is_up=True)
        self.assertEqual((1000, 2000, b"hello"), (segment.sequence, segment.acknowledged, segment.payload))
        self.assertEqual(((bytes([10, 0, 0, 2]), 40000), (bytes([10, 0, 0, 1]), PORT)), segment.flow)
        self.assertIsNone(bad_line.parse(b"\xff" * 60, is_up=True))

    def test_a_reset_is_where_each_end_expects_it(self):
        segment = bad_line.parse(make_segment(b"hello"), is_up=True)
        on = bad_line.parse(bad_line.make_reset(segment, is_back=False), is_up=True)
        back = bad_line.parse(bad_line.make_reset(segment, is_back=True), is_up=False)
        self.assertEqual((segment.flow, 1000, bad_line.RST), (on.flow, on.sequence, on.flags))
        self.assertEqual((segment.flow, 2000, bad_line.RST), (back.flow, back.sequence, back.flags))
        self.assertEqual(0, bad_line.checksum(back.frame[14:34]))

    def test_secrets_are_found_however_they_are_written(self):
        secret = os.urandom(32)
        for written in (secret, secret[::-1], secret.hex().encode(), secret[8:16]):
            self.assertEqual(["key"], capture.find_secrets({"key": secret, "other": os.urandom(32)}, [b"before" + written + b"after"]))
        for encode in (base64.b64encode, base64.urlsafe_b64encode, base64.b32encode):
            for before in range(5):
                text = encode(bytes(before) + secret + b"end")
                self.assertEqual(["key"], capture.find_secrets({"key": secret}, [text]), (encode, before))
        self.assertEqual([], capture.find_secrets({"key": secret}, [os.urandom(1 << 16)]))

    def test_a_capture_that_misses_bytes_says_so(self):
        self.assertEqual(b"abcdef", capture.join({3: b"def", 0: b"abcd"}))
        with self.assertRaises(ValueError):
            capture.join({0: b"ab", 3: b"d"})


class Line(unittest.TestCase):
    """Two machines, an echo on one of them."""

    @classmethod
    def setUpClass(cls):
        try:
            cls.net = cls.enterClassContext(Namespaces("cell", "edge", bad=("edge",)))
        except accept.Skipped as missing:
            raise unittest.SkipTest(f"no network of its own: {missing}") from None
        with cls.net.inside("cell"):
            cls.server = socket.create_server((cls.net.address("cell"), PORT))
        cls.addClassCleanup(cls.server.close)
        threading.Thread(target=cls.serve, daemon=True).start()

    @classmethod
    def serve(cls):
        while True:
            try:
                client, _ = cls.server.accept()
            except OSError:
                return
            threading.Thread(target=cls.echo, args=(client,), daemon=True).start()

    @staticmethod
    def echo(client):
        with client:
            try:
                while part := client.recv(65536):
                    client.sendall(part)
            except OSError:
                pass

    def dial(self):
        with self.net.inside("edge"):
            connection = socket.create_connection((self.net.address("cell"), PORT), timeout=20)
        self.addCleanup(connection.close)
        return connection

    def say(self, connection, data):
        connection.sendall(data)
        self.assertEqual(data, b"".join(self.read(connection, len(data))))

    @staticmethod
    def read(connection, size):
        while size > 0:
            part = connection.recv(size)
            if not part:
                return
            size -= len(part)
            yield part

    @property
    def line(self):
        return self.net.lines["edge"]

    def test_what_it_loses_comes_again(self):
        connection, before = self.dial(), self.line.lost_packets
        with self.line.in_weather(loss=0.1, delay=0.02, jitter=0.01):
            self.say(connection, os.urandom(100_000))
        self.assertGreater(self.line.lost_packets, before)

    def test_what_it_forgets_is_dropped_and_new_connections_work(self):
        connection = self.dial()
        self.say(connection, b"before")
        self.line.forget_all()
        connection.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            self.say(connection, b"after")
        self.say(self.dial(), b"another")

    def test_a_reset_ends_both(self):
        connection = self.dial()
        self.say(connection, b"before")
        self.line.reset_all()
        with self.assertRaises(ConnectionResetError):
            self.say(connection, b"after")
        self.say(self.dial(), b"another")

    def test_cut_and_healed(self):
        connection = self.dial()
        self.line.cut()
        connection.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            self.say(connection, b"x")
        self.line.heal()
        connection.settimeout(20)
        self.assertEqual(b"x", connection.recv(1), "TCP sends it again")

    def test_a_capture_sees_what_passes(self):
        secret = os.urandom(32)
        with capture.Capture(self.net, "edge", PORT) as seen:
            self.say(self.dial(), b"known" + secret)
            self.assertEqual(0, seen.dropped())
        self.assertEqual([b"known" + secret] * 2, list(seen.streams().values()))
        self.assertEqual(["key"], capture.find_secrets({"key": secret}, seen.frames))


if __name__ == "__main__":
    unittest.main()
