#!/usr/bin/env python3
"""A second reader of the golden vectors, written from docs/protocol.md with nothing but the standard library.

It shares no code with the C++ implementation, so that a mistake has to be made twice to be missed.
Exit status: 0 every vector agrees, 1 otherwise.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import string
import struct
import sys

HEADER = struct.Struct("<2sBBBBHIIQQ")
TAG_SIZE = 32
HELLO, HELLO_ACK, DATA, REJECT, ENROL, ENROL_ACK = range(1, 7)


class Refused(Exception):
    """Carries the reason code."""


def refuse_if(condition, reason):
    if condition:
        raise Refused(reason)


def check_header(frame, body_limit, raw_limit):
    magic, version, kind, flags, units, epoch, body, raw, principal, sequence = HEADER.unpack_from(frame)
    refuse_if(magic != b"St", "bad_magic")
    refuse_if(version != 1, "bad_version")
    refuse_if(not HELLO <= kind <= ENROL_ACK, "bad_kind")
    compressed, pad = flags & 1, flags >> 1
    refuse_if(flags > 15 or (pad and not compressed) or (compressed and kind != DATA), "bad_flags")
    refuse_if(units != HEADER.size // 8, "bad_header_length")
    refuse_if(not body or not raw or body % 8 or raw % 8 or (not compressed and body != raw), "bad_length")
    refuse_if(body > body_limit or raw > raw_limit, "too_large")
    refuse_if(raw > 255 * body + 64, "bad_expansion")
    refuse_if(epoch and kind in (REJECT, ENROL, ENROL_ACK), "bad_key_epoch")
    refuse_if(kind == REJECT and (principal or sequence), "bad_reject_header")
    return kind, compressed, pad, body, raw, sequence


def lz4_block(block, size):
    """One block that must yield exactly `size` bytes, with the format's end conditions."""
    out, at = bytearray(), 0

    def extended(length):
        nonlocal at
        while length >= 15:
            more = block[at]
            at += 1
            length += more
            if more != 255:
                break
        return length

    try:
        while True:
            token = block[at]
            at += 1
            literals = extended(token >> 4)
            refuse_if(at + literals > len(block), "bad_compression")
            out += block[at:at + literals]
            at += literals
            if at == len(block):
                break
            offset = block[at] | block[at + 1] << 8
            at += 2
            refuse_if(offset == 0 or offset > len(out), "bad_compression")
            match = extended(token & 15) + 4
            refuse_if(len(out) > size - 12, "bad_compression")  # no match begins in the last twelve bytes
            refuse_if(len(out) + match > size - 5, "bad_compression")  # the last five bytes are literals
            for _ in range(match):
                out.append(out[-offset])
    except IndexError:
        raise Refused("bad_compression") from None
    refuse_if(len(out) != size, "bad_compression")
    return bytes(out)


def receive(vector):
    """The buffer that goes to the verifier; None if more bytes are needed."""
    frame = bytes.fromhex(vector["frame"])
    if len(frame) < HEADER.size:
        return None
    kind, compressed, pad, body_length, raw, sequence = check_header(frame, vector["body_limit"], vector["raw_limit"])
    end = HEADER.size + body_length
    if len(frame) < end + TAG_SIZE:
        return None
    body, tag = frame[HEADER.size:end], frame[end:end + TAG_SIZE]
    if kind == REJECT:
        refuse_if(any(tag), "bad_reject_tag")
        return body + tag
    refuse_if(vector["key"] is None, "unknown_key")
    expected = hmac.new(bytes.fromhex(vector["key"]), frame[:end], hashlib.sha256).digest()
    refuse_if(not hmac.compare_digest(expected, tag), "bad_mac")
    refuse_if(sequence != int(vector["expected_sequence"]), "bad_sequence")
    if compressed:
        refuse_if(any(body[len(body) - pad:]), "bad_pad")
        body = lz4_block(body[:len(body) - pad], raw)
    return body + tag


def check_frame(vector):
    try:
        buffer = receive(vector)
    except Refused as refused:
        return str(refused) == vector["expect"], str(refused)
    if buffer is None:
        return vector["expect"] == "incomplete", "incomplete"
    agrees = vector["expect"] == "accept" and buffer.hex() == vector["buffer"]
    return agrees, "accept " + buffer.hex()


def expand(key, info):
    """HKDF-Expand of 32 bytes: one block."""
    return hmac.new(key, info + b"\x01", hashlib.sha256).digest()


def extract(salt_hex, key):
    return hmac.new(bytes.fromhex(salt_hex), key, hashlib.sha256).digest()


def derived_enrol_keys(vector):
    """All but signature and AEAD, which the standard library lacks."""
    token = struct.pack("<Q", int(vector["token"]))
    prk = extract(token.hex(), bytes.fromhex(vector["secret"]))
    frame = hashlib.sha256(bytes.fromhex(vector["enrol_frame"])).digest()
    proven = bytes.fromhex(vector["nonce_c"] + vector["public_key"] + vector["cell"])
    return {
        "enrol_prk": prk,
        "enrol_a2s": expand(prk, b"stint enrol a2s"),
        "enrol_s2a": expand(prk, b"stint enrol s2a"),
        "proof_text": b"stint enrol proof" + token + proven,
        "wrap_key": expand(extract(vector["nonce_c"] + vector["nonce_s"], prk), b"stint enrol wrap" + frame),
    }


def derived_keys(vector):
    if vector["derives"] == "agent_key":
        info = b"stint agent" + struct.pack("<QI", int(vector["agent"]), vector["generation"])
        return {"agent_key": expand(bytes.fromhex(vector["master"]), info)}
    if vector["derives"] == "enrol_keys":
        return derived_enrol_keys(vector)
    if vector["derives"] == "rekey_wrap":
        return {"wrap_key": expand(extract(vector["nonce"], bytes.fromhex(vector["session_agent_key"])), b"stint rekey wrap")}
    agent_key = bytes.fromhex(vector["agent_key"])
    transcript = hashlib.sha256(bytes.fromhex(vector["hello_frame"]) + bytes.fromhex(vector["hello_ack_frame"])).digest()
    prk = extract(vector["nonce_c"] + vector["nonce_s"], agent_key)
    return {
        "hello_a2s": expand(agent_key, b"stint hello a2s"),
        "hello_s2a": expand(agent_key, b"stint hello s2a"),
        "transcript": transcript,
        "k_a2s": expand(prk, b"stint session a2s" + transcript),
        "k_s2a": expand(prk, b"stint session s2a" + transcript),
    }


def check_keys(vector):
    wrong = [name for name, value in derived_keys(vector).items() if value.hex() != vector[name]]
    for direction in ("a2s", "s2a") if vector["derives"] == "session_keys" else ():
        frame = bytes.fromhex(vector["hello_frame" if direction == "a2s" else "hello_ack_frame"])
        signed = dict(frame=frame.hex(), key=vector["hello_" + direction], body_limit=4096, raw_limit=4096, expected_sequence="0")
        try:
            receive(signed)
        except Refused as refused:
            wrong.append(f"{direction} handshake frame: {refused}")
    return not wrong, ", ".join(wrong)


def token_parts(text):
    refuse_if(not text.startswith("st1_"), "prefix")
    letters = text.removeprefix("st1_")
    refuse_if(len(letters) != 80, "length")
    refuse_if(not set(letters) <= set(string.ascii_letters + string.digits + "-_"), "alphabet")
    packed = base64.urlsafe_b64decode(letters)
    refuse_if(hashlib.sha256(packed[:56]).digest()[:4] != packed[56:], "check")
    number = int.from_bytes(packed[:8], "little")
    refuse_if(number == 0, "id")
    return {"id": str(number), "secret": packed[8:24].hex(), "cell": packed[24:56].hex()}


def check_token(vector):
    try:
        found = token_parts(vector["text"])
    except Refused as refused:
        return vector["expect"] == "refuse", f"refuse ({refused})"
    return vector["expect"] == "accept" and all(vector[key] == value for key, value in found.items()), str(found)


TYPES = {19: "Enrol", 20: "EnrolAck", 21: "Rekey", 22: "CellPins"}  # of the union in schema/envelope.fbs


class Table:
    """A FlatBuffers table, as far as the vectors need it: fields by their number; absent is None."""

    def __init__(self, buffer, at):
        self.buffer, self.at = buffer, at
        self.vtable = at - struct.unpack_from("<i", buffer, at)[0]
        self.size = struct.unpack_from("<H", buffer, self.vtable)[0]

    def find(self, number):
        slot = 4 + 2 * number
        offset = struct.unpack_from("<H", self.buffer, self.vtable + slot)[0] if slot < self.size else 0
        return self.at + offset if offset else None

    def scalar(self, number, form, default=0):
        at = self.find(number)
        return default if at is None else struct.unpack_from(form, self.buffer, at)[0]

    def follow(self, number):
        at = self.find(number)
        return None if at is None else at + struct.unpack_from("<I", self.buffer, at)[0]

    def table(self, number):
        return Table(self.buffer, self.follow(number))

    def octets(self, number):
        at = self.follow(number)
        if at is None:
            return b""
        return self.buffer[at + 4:at + 4 + struct.unpack_from("<I", self.buffer, at)[0]]


def fixed(table, number, size):
    value = table.octets(number)
    refuse_if(len(value) != size, "bad_size")
    return value.hex()


def read_pins(table):
    pins = table.octets(0)
    refuse_if(not pins, "missing_field")
    refuse_if(len(pins) % 32, "bad_size")
    refuse_if(len(pins) > 4 * 32, "list_too_long")
    return {"pins": [pins[at:at + 32].hex() for at in range(0, len(pins), 32)]}


def read_rekey(table):
    epoch = table.scalar(0, "<H")
    refuse_if(epoch == 0, "missing_field")
    return {
        "key_epoch": epoch,
        "generation": table.scalar(1, "<I"),
        "nonce": fixed(table, 2, 32),
        "wrapped_key": fixed(table, 3, 48),
    }


def read_enrol(table):
    token = table.scalar(0, "<Q")
    refuse_if(token == 0, "missing_field")
    refuse_if(table.scalar(5, "<H", 1) > table.scalar(6, "<H", 1), "bad_value")
    sizes = {"nonce": (1, 32), "public_key": (2, 32), "proof": (3, 64), "cell": (4, 32)}
    fields = {name: fixed(table, number, size) for name, (number, size) in sizes.items()}
    refuse_if(any(len(table.octets(number)) > 256 for number in (7, 8)), "text_too_long")
    return {"token": str(token), **fields}


def read_enrol_ack(table):
    token = table.scalar(0, "<Q")
    refuse_if(token == 0, "missing_field")
    fields = {"token": str(token), "nonce": fixed(table, 1, 32), "nonce_echo": fixed(table, 2, 32), "code": table.octets(4).decode()}
    if fields["code"]:
        return fields
    agent, epoch = table.scalar(6, "<Q"), table.scalar(7, "<H")
    refuse_if(agent == 0 or epoch == 0, "missing_field")
    granted = {"agent": str(agent), "key_epoch": epoch, "generation": table.scalar(8, "<I"), "wrapped_key": fixed(table, 9, 48)}
    return fields | granted


def check_message(vector):
    readers = {"CellPins": read_pins, "Rekey": read_rekey, "Enrol": read_enrol, "EnrolAck": read_enrol_ack}
    buffer = bytes.fromhex(vector["buffer"])
    envelope = Table(buffer, struct.unpack_from("<I", buffer)[0])
    if TYPES.get(envelope.scalar(2, "<B")) != vector["message"]:
        return False, f"union type {envelope.scalar(2, '<B')}"
    try:
        found = readers[vector["message"]](envelope.table(3))
    except Refused as refused:
        return str(refused) == vector["expect"], str(refused)
    return vector["expect"] == "accept" and all(vector[key] == value for key, value in found.items()), str(found)


SAMPLE_AGE_NS = 600_000_000_000


def check_time(vector):
    if vector["tries"] == "judge":
        timestamp, earliest, latest = (int(vector[name]) for name in ("timestamp_ms", "earliest_ms", "latest_ms"))
        error = max(earliest - timestamp, 0) or min(latest - timestamp, 0)
        verdict = "accept" if abs(error) <= vector["tolerance_ms"] else "time"
        return error == vector["error_ms"] and verdict == vector["expect"], f"{verdict}, off by {error} ms"
    samples = []
    for sample in vector["samples"]:
        t0, t3, t1, t2 = int(sample["t0_ns"]), int(sample["t3_ns"]), int(sample["t1_ms"]) * 10**6, int(sample["t2_ms"]) * 10**6
        if t3 >= t0 and t2 >= t1:
            samples.append((max(0, (t3 - t0) - (t2 - t1)), ((t1 - t0) + (t2 - t3)) // 2, t3))
    newest = samples[-1][2]
    offset = min(sample for sample in samples if sample[2] >= newest - SAMPLE_AGE_NS)[1]
    return offset == int(vector["offset_ns"]), str(offset)


FILES = (
    ("frames.json", check_frame),
    ("keys.json", check_keys),
    ("tokens.json", check_token),
    ("messages.json", check_message),
    ("time.json", check_time),
)


def main():
    failed = total = 0
    folder = pathlib.Path(__file__).resolve().parent / "vectors"
    for name, check in FILES:
        for vector in json.loads((folder / name).read_text())["vectors"]:
            agrees, found = check(vector)
            total += 1
            if not agrees:
                failed += 1
                print(f"{name}: {vector['name']}: expected {vector.get('expect', 'the keys of the file')}, found {found}", file=sys.stderr)
    print(f"{total} vectors, {failed} disagree")
    return 1 if failed or not total else 0


if __name__ == "__main__":
    sys.exit(main())
