"""A TCP port whose bytes go to the scheduler over WebSocket: each frame of an agent as one binary message, and each message back."""

import base64
import hashlib
import os
import socket
import struct
import threading

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
HEADER, TAG = 32, 32
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class WebSocket:
    """The client's half of RFC 6455, without fragments. `connect()` gives a connected socket, plain or in TLS."""

    def __init__(self, connect, path="/v1/agent"):
        self.socket, self.data = connect(), b""
        key = base64.b64encode(os.urandom(16))
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        self.socket.sendall(head.encode() + b"Sec-WebSocket-Key: " + key + b"\r\n\r\n")
        while b"\r\n\r\n" not in self.data:
            self.more()
        answer, _, self.data = self.data.partition(b"\r\n\r\n")
        self.status = int(answer.split()[1])
        self.is_open = base64.b64encode(hashlib.sha1(key + GUID).digest()) in answer

    def more(self):
        part = self.socket.recv(65536)
        if not part:
            raise EOFError
        self.data += part

    def take(self, size):
        while len(self.data) < size:
            self.more()
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def send(self, payload, opcode=BINARY):
        size = len(payload)
        if size < 126:
            length = bytes([0x80 | size])
        else:
            length = struct.pack(">BH", 0xFE, size) if size < 65536 else struct.pack(">BQ", 0xFF, size)
        mask = os.urandom(4)
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes((mask * (size // 4 + 1))[:size], "big")).to_bytes(size, "big")
        self.socket.sendall(bytes([0x80 | opcode]) + length + mask + masked)

    def receive(self):
        """The next message; None at the end. Answers pings."""
        while True:
            try:
                opcode, size = self.take(2)
                if size >= 126:
                    size = int.from_bytes(self.take(2 if size == 126 else 8), "big")
                payload = self.take(size)
            except (EOFError, OSError):
                return None
            if opcode & 15 == CLOSE:
                return None
            if opcode & 15 == PING:
                self.send(payload, PONG)
            if opcode & 15 == BINARY:
                return payload


class WebSocketBridge:
    def __init__(self, connect):
        self.connect, self.messages, self.connections = connect, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def port(self):
        return self.listener.getsockname()[1]

    def close(self):
        self.listener.close()

    def accept(self):
        while True:
            try:
                agent, _ = self.listener.accept()
                web = WebSocket(self.connect)
            except (OSError, EOFError):
                return
            self.connections += 1
            threading.Thread(target=self.to_scheduler, args=(agent, web), daemon=True).start()
            threading.Thread(target=self.to_agent, args=(agent, web), daemon=True).start()

    def to_scheduler(self, agent, web):
        data = b""
        try:
            while part := agent.recv(65536):
                data += part
                while len(data) >= HEADER:
                    size = HEADER + struct.unpack_from("<I", data, 8)[0] + TAG
                    if len(data) < size:
                        break
                    web.send(data[:size])
                    self.messages += 1
                    data = data[size:]
        except OSError:
            pass
        end(web.socket)

    def to_agent(self, agent, web):
        try:
            while (message := web.receive()) is not None:
                assert len(message) == HEADER + struct.unpack_from("<I", message, 8)[0] + TAG, "a message that is not one frame"
                agent.sendall(message)
                self.messages += 1
        except OSError:
            pass
        end(agent)


def end(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
