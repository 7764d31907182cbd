#!/usr/bin/env python3
"""Writes released/N/: every message of both directions as frames, and what each means. Once, when schema/released/N is made.

usage: conformance/make_released.py N [--replace]       wire_verdict must be built; STINT_BIN_DIR [build/release/bin]
       --replace   while N is not published yet: write it anew

Each session is there twice, as the C++ implementation and as the Python package write it. What a message means is what was given to the
writer, not what a reader of ours made of it. From then on released/SHA256SUMS holds the files; released/README.md says more.
"""

import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "sdk/python/src"), str(ROOT / "sdk/python/tests")]

from meaning import meaning_of  # noqa: E402
from stint_sdk import _ed25519, wire  # noqa: E402
from stint_sdk.generated import wire_schema as w  # noqa: E402
from stint_sdk.protocol import encode  # noqa: E402
from stint_sdk.protocol import messages as m  # noqa: E402
from stint_sdk.wire import FrameKind  # noqa: E402

FOLDER = ROOT / "conformance/released"
WIRE_VERDICT = pathlib.Path(os.environ.get("STINT_BIN_DIR", ROOT / "build/release/bin")) / "wire_verdict"
TIMESTAMP_MS = 5  # what wire_verdict writes
AGENT, SESSION, TOKEN = 7, 0x0102030405060708, 0x1112131415161718
AGENT_KEY, NONCE_A, NONCE_S, SEED = (bytes([byte]) * 32 for byte in (0x42, 0xA1, 0x51, 0x11))
SECRET, CELL = bytes(range(16)), bytes([0xCE]) * 32

REF = m.AttemptRef(12, 0, 3, 1)
FAR_REF = m.AttemptRef(2**63 - 1, 2**32 - 1, 2**32 - 2, 2**32 - 1)
FILES = (m.FileRef("model.npz", bytes([1]) * 32, 2**40, False), m.FileRef("bin/tool", bytes([2]) * 32, 7, True))
INFO = m.AgentInfo(
    "box7",
    "0.1.0",
    (w.AgentType.INFERENCER, w.AgentType.RATER),
    m.Resources(8000, 32_768, 2, 100),
    (("zone", "b"), ("disk", "")),
    ("exec", "python"),
    ("memory limits are not enforced",),
    ("/data",),
    "5f2a7f0e-1111-2222-3333-444455556666",
    "box7.example",
    16,
)
TEMPLATE = m.TaskTemplate(
    driver="exec",
    job_name="sweep",
    task_name="main",
    agent_type=w.AgentType.CRAWLER,
    command=("python3", "train.py", "--lr", "${{ matrix.lr }}", ""),
    env=(("LANG", "C.UTF-8"), ("NAME", "é€😀")),
    workdir="/home/a",
    submit_boot_id="5f2a7f0e-1111-2222-3333-444455556666",
    workdir_inode=2**63,
    resources=m.Resources(500, 4096, 1, 10),
    timeout_ms=7_200_001,
    kill_grace_ms=5000,
    is_array=True,
    array_first=5,
    array_step=2,
    array_size=100,
    inputs=bytes([3]) * 32,
    needs_inputs=bytes([4]) * 32,
    outputs=("model.npz", "logs/"),
    own_directory=False,
    checkpoint=True,
    on_disconnect=w.DisconnectPolicy.STOP_AFTER,
    stop_after_ms=60_000,
)
UPDATE = m.StatusUpdate(
    REF,
    2,
    w.TaskStatus.COMPLETED,
    w.EndReason.EXIT,
    0,
    0,
    1_793_000_000_123,
    1_793_000_001_456,
    1.0,
    (m.Metric("loss", 0.25, 120), m.Metric("gain", -3.5, 2**60)),
    "done",
    FILES,
    '{"accuracy": 0.5}',
)
FAILED = m.StatusUpdate(FAR_REF, 2**32 - 1, w.TaskStatus.FAILED, w.EndReason.SIGNAL, -1, 9, 1, 2**62, 0.5, detail="killed")
REPORT = m.StatusUpdate(REF, 0, w.TaskStatus.RUNNING, progress=0.75, metrics=(m.Metric("loss", 0.125),))

FROM_AGENT = {
    "resume": m.Resume(INFO, (m.HeldAttempt(REF, w.TaskStatus.RUNNING, 1, 2**40, 2**63), m.HeldAttempt(FAR_REF))),
    "agent_info": INFO,
    "agent_info_least": m.AgentInfo("b"),
    "updates": m.UpdateList((UPDATE, FAILED, REPORT)),
    "update_least": m.UpdateList((m.StatusUpdate(REF, 1),)),
    "log_chunk": m.LogChunk(REF, w.LogStream.OUT, 2**40, bytes(range(256))),
    "log_chunk_that_compresses": m.LogChunk(REF, w.LogStream.ERR, 0, b"epoch 1 of 100\n" * 200),
    "heartbeat": m.Heartbeat(123_456_789_012_345, 3),
    "heartbeat_ack": m.HeartbeatAck(5, 1_793_000_000_000),
    "error": m.Error("time", "timestamp off by 6000 ms, limit 5000 ms", 6000, 5000),
    "error_early": m.Error("bad_rekey", "", -(2**62), 0),
    "close": m.Close(w.CloseReason.LEAVING, "the agent was told to stop"),
}
FROM_SCHEDULER = {
    "reconcile": m.Reconcile(
        tuple(m.AttemptVerdict(REF, verdict, 1, 2**40, 2**64 - 1) for verdict in (w.Verdict.KEEP, w.Verdict.STOP, w.Verdict.FORGET))
    ),
    "reconcile_empty": m.Reconcile(),
    "assignments": m.AssignmentList(
        (TEMPLATE, m.TaskTemplate(driver="noop")),
        (m.Assignment(REF, 0), m.Assignment(FAR_REF, 1)),
        (
            m.AssignedExtra(0, "token-of-the-attempt", '{"image": 1}', False, (("matrix.lr", "0.1"),), FILES, bytes([5]) * 32),
            m.AssignedExtra(1, "", "a\nb\n", True),
        ),
    ),
    "status_ack": m.StatusAck((m.UpdateKey(REF, 1), m.UpdateKey(FAR_REF, 2**32 - 1))),
    "heartbeat": m.Heartbeat(1),
    "heartbeat_ack": m.HeartbeatAck(123_456_789_012_345, 1_793_000_000_123),
    "cancel": m.Cancel(
        (m.CancelItem(REF), m.CancelItem(FAR_REF, w.CancelMode.KILL, w.EndReason.SUPERSEDED)),
    ),
    "credit": m.Credit(16, 256, (m.LogAck(REF, w.LogStream.OUT, 2**40), m.LogAck(FAR_REF, w.LogStream.ERR, 2**64 - 1))),
    "rekey": m.Rekey(2, 1, bytes([6]) * 32, bytes([7]) * 48),
    "cell_pins": m.CellPins((bytes([8]) * 32, bytes([9]) * 32)),
    "error": m.Error("log_gap", "a chunk behind a gap"),
    "close": m.Close(w.CloseReason.REVOKED, ""),
}
HELLO = m.Hello(AGENT, NONCE_A, bytes([1]) * 16, bytes([2]) * 16, 5, 123_456_789_012_345, 1, 1, 2**63)
HELLO_ACK = m.HelloAck(SESSION, NONCE_S, NONCE_A, 1_793_000_000_123, 1, 0, 2**21, 30_000, 5_000, 16, 256)
PUBLIC_KEY = _ed25519.public_key_of(SEED)
PROOF = _ed25519.sign(SEED, wire.enrol_proof_text(TOKEN, NONCE_A, PUBLIC_KEY, CELL))
ENROL = m.Enrol(TOKEN, NONCE_A, PUBLIC_KEY, PROOF, CELL, 1, 1, "box7", "box7.example")
ENROL_ACK = m.EnrolAck(TOKEN, NONCE_S, NONCE_A, 1, "", "", AGENT, 2, 3, bytes([7]) * 48, "box7")
ENROL_NO = m.EnrolAck(TOKEN, NONCE_S, NONCE_A, 1, "token_used", "another agent has used the token")
REJECT = m.Reject("unsupported_version", "versions 2 to 3 offered, 1 to 1 spoken")
# Messages that both read and neither writes any more.
SINGLE = {
    "assignment_alone": (
        w.SchedulerMessage.TASK_ASSIGNMENT,
        {"attempt": REF, "driver": b"noop", "task_name": b"main", "timeout": 2, "timeout_ms": 1500, "command": [b"a", b""]},
        m.AssignmentList((m.TaskTemplate(driver="noop", task_name="main", timeout_ms=1500, command=("a", "")),), (m.Assignment(REF),)),
    ),
    "update_alone": (
        w.SchedulerMessage.STATUS_UPDATE,
        {"attempt": REF, "number": 1, "status": w.TaskStatus.RUNNING, "progress": 0.5, "detail": b"x"},
        m.UpdateList((m.StatusUpdate(REF, 1, w.TaskStatus.RUNNING, progress=0.5, detail="x"),)),
    ),
}


def write_in_python(kind, message):
    writer = {"hello": encode.encode_hello, "hello_ack": encode.encode_hello_ack, "reject": encode.encode_reject}
    writer |= {"enrol": encode.encode_enrol, "enrol_ack": encode.encode_enrol_ack, "data": lambda one: encode.encode_message(one)[0]}
    clock = message.clock_boot_ns if isinstance(message, m.Heartbeat) else 0
    return writer[kind](message).stamp(TIMESTAMP_MS, clock)


def write_in_cpp(kind, message):
    """wire_verdict writes again what it reads."""
    buffer = write_in_python(kind, message) + bytes(wire.TAG_SIZE)
    done = subprocess.run([WIRE_VERDICT], input=f"{kind} {buffer.hex()}\n", capture_output=True, text=True, check=True)
    verdict, *frames = done.stdout.split()
    if verdict != "accept" or len(frames) != 1:
        raise SystemExit(f"{message}: {done.stdout}")
    return bytes.fromhex(frames[0])[: -wire.TAG_SIZE]


class Session:
    def __init__(self, name, write):
        self.name, self.write, self.frames = name, write, []
        hello_keys = wire.derive_hello_keys(AGENT_KEY)
        hello = self.add("hello", "agent", FrameKind.HELLO, AGENT, 0, HELLO, hello_keys.a2s)
        ack = self.add("hello_ack", "scheduler", FrameKind.HELLO_ACK, SESSION, 0, HELLO_ACK, hello_keys.s2a)
        keys = wire.derive_session_keys(AGENT_KEY, NONCE_A, NONCE_S, wire.handshake_transcript(hello, ack))
        self.keys = {"agent": keys.a2s, "scheduler": keys.s2a}
        self.sequences = {"agent": 0, "scheduler": 0}

    def add(self, name, sender, kind, principal, sequence, message, key, body=None, epoch=1, compress=False):
        body = body or self.write(kind.name.lower(), message)
        if kind == FrameKind.REJECT:
            frame = wire.seal_reject(body)
        else:
            frame = wire.seal_frame(kind, epoch, principal, sequence, body, key, compress=compress)
        self.frames.append({"name": name, "from": sender, "frame": frame.hex(), "message": meaning_of(message)})
        return frame

    def say(self, name, sender, message, body=None):
        self.sequences[sender] += 1
        compress = isinstance(message, m.LogChunk)
        self.add(name, sender, FrameKind.DATA, SESSION, self.sequences[sender], message, self.keys[sender], body, compress=compress)

    def say_all(self):
        for name, message in FROM_AGENT.items():
            self.say(name, "agent", message)
        for name, message in FROM_SCHEDULER.items():
            self.say(name, "scheduler", message)
        return {"writer": self.name, "agent_key": AGENT_KEY.hex(), "frames": self.frames}


class Enrolment(Session):
    def __init__(self, name, write):
        self.name, self.write, self.frames = name, write, []
        keys = wire.derive_enrol_keys(wire.derive_enrol_prk(TOKEN, SECRET))
        self.add("enrol", "agent", FrameKind.ENROL, TOKEN, 0, ENROL, keys.a2s, epoch=0)
        self.add("enrol_ack", "scheduler", FrameKind.ENROL_ACK, TOKEN, 0, ENROL_ACK, keys.s2a, epoch=0)
        self.add("enrol_ack_refused", "scheduler", FrameKind.ENROL_ACK, TOKEN, 0, ENROL_NO, keys.s2a, epoch=0)
        self.add("reject", "scheduler", FrameKind.REJECT, 0, 0, REJECT, b"")

    def document(self):
        return {"writer": self.name, "token": str(TOKEN), "secret": SECRET.hex(), "frames": self.frames}


def add_single(session):
    senders = ("scheduler", "agent")
    for (name, (kind, words, message)), sender in zip(SINGLE.items(), senders, strict=True):
        session.say(name, sender, message, encode.envelope(kind, words).stamp(TIMESTAMP_MS, 0))


def make():
    sessions, enrolments = [], []
    for name, write in (("cpp", write_in_cpp), ("python", write_in_python)):
        session = Session(name, write)
        add_single(session)
        sessions.append(session.say_all())
        enrolments.append(Enrolment(name, write).document())
    return {"schema": "stint.released/1", "sessions": sessions, "enrolments": enrolments}


def print_document(document, release):
    """A frame to a line."""
    lines = [f'{{"schema":"{document["schema"]}","release":{release},']
    for part in ("sessions", "enrolments"):
        lines.append(f'"{part}":[')
        for at, one in enumerate(document[part]):
            head = {name: value for name, value in one.items() if name != "frames"}
            lines.append(json.dumps(head, separators=(",", ":"))[:-1] + ',"frames":[')
            lines.append(",\n".join(json.dumps(frame, separators=(",", ":"), ensure_ascii=False) for frame in one["frames"]))
            lines.append("]}" + ("," if at + 1 < len(document[part]) else ""))
        lines.append("]" + ("," if part == "sessions" else "}"))
    return "\n".join(lines) + "\n"


def write_sums():
    paths = sorted([*FOLDER.glob("*/*.json"), *(ROOT / "schema/released").glob("*/*.fbs")])
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT)}\n" for path in paths]
    (FOLDER / "SHA256SUMS").write_text("".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("release", type=int, metavar="N")
    parser.add_argument("--replace", action="store_true", help="it is not published yet")
    options = parser.parse_args()
    folder = FOLDER / str(options.release)
    if not (ROOT / "schema/released" / str(options.release)).exists():
        parser.error(f"schema/released/{options.release} is not there: tools/schema_lock.py --freeze {options.release} makes it")
    if folder.exists() and not options.replace:
        parser.error(f"{folder} is there, and what was released stays as it is")
    folder.mkdir(parents=True, exist_ok=True)
    document = make()
    (folder / "sessions.json").write_text(print_document(document, options.release))
    write_sums()
    print(f"{sum(len(one['frames']) for part in ('sessions', 'enrolments') for one in document[part])} frames in {folder}")


if __name__ == "__main__":
    main()
