"""A third implementation of the frame, small enough to lie with: takes recorded frames apart, changes them and signs them anew.

Field ids are those of schema/session.fbs and schema/envelope.fbs; header, keys and MAC are those of conformance/check_vectors.py.
"""

import hashlib
import hmac
import os
import pathlib
import socket
import struct
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "conformance"))

from check_vectors import DATA, HEADER, HELLO, HELLO_ACK, REJECT, TAG_SIZE, expand  # noqa: E402, F401

ENVELOPE_TIMESTAMP, ENVELOPE_MESSAGE = 1, 3
HELLO_NONCE, HELLO_BOOT, HELLO_CONNECT = 1, 7, 8
ACK_NONCE = 1


class Frame:
    def __init__(self, kind, epoch, principal, sequence, body, tag=b""):
        self.kind, self.epoch, self.principal, self.sequence = kind, epoch, principal, sequence
        self.body, self.tag = bytearray(body), tag

    def header(self):
        size = len(self.body)
        return HEADER.pack(b"St", 1, self.kind, 0, HEADER.size // 8, self.epoch, size, size, self.principal, self.sequence)

    def sign(self, key):
        self.tag = hmac.new(key, self.header() + self.body, hashlib.sha256).digest()
        return self

    def bytes(self):
        return self.header() + bytes(self.body) + self.tag

    def copy(self):
        return Frame(self.kind, self.epoch, self.principal, self.sequence, self.body, self.tag)

    # A FlatBuffers table is a position; its vtable, in front of or behind it, has a 16-bit offset for each field id.

    def field(self, table, number):
        vtable = table - struct.unpack_from("<i", self.body, table)[0]
        return table + struct.unpack_from("<H", self.body, vtable + 4 + 2 * number)[0]

    def follow(self, at):
        return at + struct.unpack_from("<I", self.body, at)[0]

    def message(self):
        return self.follow(self.field(self.follow(0), ENVELOPE_MESSAGE))

    def timestamp(self):
        return struct.unpack_from("<Q", self.body, self.field(self.follow(0), ENVELOPE_TIMESTAMP))[0]

    def set_timestamp(self, value):
        struct.pack_into("<Q", self.body, self.field(self.follow(0), ENVELOPE_TIMESTAMP), value)

    def vector(self, number):
        at = self.follow(self.field(self.message(), number))
        return slice(at + 4, at + 4 + struct.unpack_from("<I", self.body, at)[0])


def take_frame(data):
    """The first frame and the rest; None for the frame while it is not whole. Compressed ones are not taken."""
    if len(data) < HEADER.size:
        return None, data
    _, _, kind, flags, _, epoch, length, _, principal, sequence = HEADER.unpack_from(data)
    end = HEADER.size + length + TAG_SIZE
    if len(data) < end:
        return None, data
    assert flags == 0, "a compressed frame"
    return Frame(kind, epoch, principal, sequence, data[HEADER.size : end - TAG_SIZE], data[end - TAG_SIZE : end]), data[end:]


class Recorder:
    """Stands between an agent and its scheduler and writes down what the agent says."""

    def __init__(self, upstream):
        self.upstream, self.said = upstream, bytearray()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        try:
            near, _ = self.listener.accept()
            far = socket.create_connection(self.upstream)
        except OSError:
            return
        threading.Thread(target=pump, args=(far, near, bytearray()), daemon=True).start()
        pump(near, far, self.said)

    def close(self):
        self.listener.close()

    def frames(self):
        found, rest = [], bytes(self.said)
        while True:
            frame, rest = take_frame(rest)
            if frame is None:
                return found
            found.append(frame)


def pump(source, sink, copy):
    try:
        while data := source.recv(65536):
            copy += data
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        end.close()


class Impostor:
    """A connection that says whatever it is told to."""

    def __init__(self, address, patience):
        self.socket = socket.create_connection(address, timeout=patience)
        self.received = b""

    def send(self, data):
        self.socket.sendall(data)
        return self

    def end_sending(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # closed by the other side already
        return self

    def receive_frame(self):
        """The next frame; None when the other side has closed."""
        while True:
            frame, self.received = take_frame(self.received)
            if frame is not None:
                return frame
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self.received += data

    def frames_until_closed(self):
        found = []
        while (frame := self.receive_frame()) is not None:
            found.append(frame)
        return found

    def bytes_until_closed(self):
        found = self.received
        try:
            while data := self.socket.recv(65536):
                found += data
        except ConnectionResetError:
            pass
        return found

    def close(self):
        self.socket.close()


def make_hello(recorded, agent_key, connect):
    """The recorded HELLO with a nonce of now and that connect counter, by a new start of the agent."""
    hello = recorded.copy()
    hello.body[hello.vector(HELLO_NONCE)] = os.urandom(32)
    hello.body[hello.vector(HELLO_BOOT)] = os.urandom(16)
    struct.pack_into("<Q", hello.body, hello.field(hello.message(), HELLO_CONNECT), connect)
    return hello.sign(expand(agent_key, b"stint hello a2s"))


class AgentSession:
    """From a valid handshake on, an agent in everything but its intentions."""

    def __init__(self, connection, hello, agent_key):
        self.connection = connection.send(hello.bytes())
        ack = connection.receive_frame()
        assert ack is not None and ack.kind == HELLO_ACK, "no HELLO_ACK"
        assert ack.copy().sign(expand(agent_key, b"stint hello s2a")).tag == ack.tag, "the scheduler's MAC"
        transcript = hashlib.sha256(hello.bytes() + ack.bytes()).digest()
        salt = bytes(hello.body[hello.vector(HELLO_NONCE)] + ack.body[ack.vector(ACK_NONCE)])
        prk = hmac.new(salt, agent_key, hashlib.sha256).digest()
        self.key = expand(prk, b"stint session a2s" + transcript)
        self.session, self.epoch, self.time_ms, self.sequence = ack.principal, ack.epoch, ack.timestamp(), 0

    def data(self, recorded, later_ms=0):
        """The recorded message as the next frame of this session."""
        self.sequence += 1
        frame = Frame(DATA, self.epoch, self.session, self.sequence, recorded.body)
        frame.set_timestamp(self.time_ms + later_ms)
        return frame.sign(self.key)
