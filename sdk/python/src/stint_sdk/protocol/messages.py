"""The messages of a session as plain values. schema/*.fbs says who sends each, when, its units and limits.

Texts are str; bytes that are no UTF-8 survive in them as surrogates. What was decoded has passed the frame's checks and that of meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from stint_sdk.generated.wire_schema import AgentType, CancelMode, CloseReason, DisconnectPolicy, EndReason, LogStream, TaskStatus, Verdict

Pairs: TypeAlias = Sequence[tuple[str, str]]


class AttemptRef(NamedTuple):
    """Try number `attempt` (from 1) at the task with that ordinal (`index` in the schema) of entry `group` of job `job`."""

    job: int
    group: int
    ordinal: int
    attempt: int


@dataclass(frozen=True)
class Resources:
    cpu_millis: int = 0
    memory_mb: int = 0
    gpus: int = 0
    storage_gb: int = 0


@dataclass(frozen=True)
class Metric:
    name: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class FileRef:
    path: str
    blob: bytes
    size: int = 0
    is_executable: bool = False


@dataclass(frozen=True)
class TaskTemplate:
    """A program or a function and its surroundings, shared by assignments. Blobs are b"" where there is none."""

    driver: str
    job_name: str = ""
    task_name: str = ""
    agent_type: AgentType = AgentType.TRAINER
    command: Sequence[str] = ()
    env: Pairs = ()
    workdir: str = ""
    submit_boot_id: str = ""
    workdir_inode: int = 0
    resources: Resources = Resources()
    timeout_ms: int = 0
    kill_grace_ms: int = 0
    is_array: bool = False
    array_first: int = 0
    array_step: int = 1
    array_size: int = 1
    inputs: bytes = b""
    needs_inputs: bytes = b""
    outputs: Sequence[str] = ()
    own_directory: bool = False
    checkpoint: bool = False
    on_disconnect: DisconnectPolicy = DisconnectPolicy.KEEP
    stop_after_ms: int = 0


@dataclass(frozen=True)
class Assignment:
    ref: AttemptRef
    template_index: int = 0


@dataclass(frozen=True)
class AssignedExtra:
    """What few attempts have beside their template: belongs to item `index` of its list."""

    index: int
    token: str = ""
    item: str = ""
    is_batch: bool = False
    values: Pairs = ()
    files: Sequence[FileRef] = ()
    checkpoint: bytes = b""


@dataclass(frozen=True)
class AssignmentList:
    """is_provisional: nothing of them may be executed before they are confirmed. confirmed: of this session's provisional lists before."""

    templates: Sequence[TaskTemplate] = ()
    items: Sequence[Assignment] = ()
    extras: Sequence[AssignedExtra] = ()
    is_provisional: bool = False
    confirmed: Sequence[AttemptRef] = ()


@dataclass(frozen=True)
class StatusUpdate:
    """number > 0: a change of state, sent until it is acknowledged. number 0: progress and metrics; the latest wins."""

    ref: AttemptRef
    number: int = 0
    status: TaskStatus = TaskStatus.PENDING
    reason: EndReason = EndReason.NONE
    exit_code: int = 0
    signal: int = 0
    started_ms: int = 0
    ended_ms: int = 0
    progress: float = 0.0
    metrics: Sequence[Metric] = ()
    detail: str = ""
    outputs: Sequence[FileRef] = ()
    result: str = ""


@dataclass(frozen=True)
class UpdateList:
    items: Sequence[StatusUpdate] = ()


class UpdateKey(NamedTuple):
    ref: AttemptRef
    number: int


@dataclass(frozen=True)
class StatusAck:
    items: Sequence[UpdateKey] = ()


@dataclass(frozen=True)
class AgentInfo:
    """types: () means all. window 0: no limit of its own. prefetch: how many of them may wait with it for its resources.

    knows_provisional: it executes nothing of a provisional assignment before it is confirmed.
    """

    name: str
    version: str = ""
    types: Sequence[AgentType] = ()
    resources: Resources = Resources()
    labels: Pairs = ()
    drivers: Sequence[str] = ()
    notes: Sequence[str] = ()
    shared_paths: Sequence[str] = ()
    boot_id: str = ""
    host: str = ""
    window: int = 0
    prefetch: int = 0
    knows_provisional: bool = False


@dataclass(frozen=True)
class HeldAttempt:
    ref: AttemptRef
    status: TaskStatus = TaskStatus.PENDING
    last_update: int = 0
    stdout_bytes: int = 0
    stderr_bytes: int = 0


@dataclass(frozen=True)
class Resume:
    info: AgentInfo
    held: Sequence[HeldAttempt] = ()


@dataclass(frozen=True)
class AttemptVerdict:
    """The scheduler has updates up to acked_update, and bytes of the streams up to *_acked: what is above comes again."""

    ref: AttemptRef
    verdict: Verdict = Verdict.KEEP
    acked_update: int = 0
    stdout_acked: int = 0
    stderr_acked: int = 0


@dataclass(frozen=True)
class Reconcile:
    items: Sequence[AttemptVerdict] = ()


@dataclass(frozen=True)
class Heartbeat:
    clock_boot_ns: int = 0
    running: int = 0


@dataclass(frozen=True)
class HeartbeatAck:
    clock_boot_ns: int = 0
    received_ms: int = 0


@dataclass(frozen=True)
class CancelItem:
    ref: AttemptRef
    mode: CancelMode = CancelMode.GRACEFUL
    reason: EndReason = EndReason.CANCELLED


@dataclass(frozen=True)
class Cancel:
    items: Sequence[CancelItem] = ()


@dataclass(frozen=True)
class LogChunk:
    ref: AttemptRef
    stream: LogStream
    offset: int
    bytes: bytes


@dataclass(frozen=True)
class LogAck:
    ref: AttemptRef
    stream: LogStream
    acked: int


@dataclass(frozen=True)
class Credit:
    log_chunks: int = 0
    reports: int = 0
    log_acks: Sequence[LogAck] = ()


@dataclass(frozen=True)
class Error:
    """measured_ms: with the code `time`, how far off; above 0 late."""

    code: str
    detail: str = ""
    measured_ms: int = 0
    limit_ms: int = 0


@dataclass(frozen=True)
class Close:
    reason: CloseReason = CloseReason.NORMAL
    detail: str = ""


@dataclass(frozen=True)
class Rekey:
    """A key of a newer key epoch, wrapped under the one of this session."""

    key_epoch: int
    generation: int
    nonce: bytes
    wrapped_key: bytes


@dataclass(frozen=True)
class CellPins:
    """SHA-256 of each public key under which the cell may show itself, newest first."""

    pins: Sequence[bytes]


@dataclass(frozen=True)
class Enrol:
    token: int
    nonce: bytes
    public_key: bytes
    proof: bytes
    cell: bytes
    version_min: int = 1
    version_max: int = 1
    name: str = ""
    host: str = ""


@dataclass(frozen=True)
class EnrolAck:
    """code: "" means enrolled, and what follows it counts."""

    token: int
    nonce: bytes
    nonce_echo: bytes
    version: int = 1
    code: str = ""
    detail: str = ""
    agent: int = 0
    key_epoch: int = 0
    generation: int = 0
    wrapped_key: bytes = b""
    name: str = ""


@dataclass(frozen=True)
class Hello:
    agent: int
    nonce: bytes
    instance: bytes
    boot: bytes
    connect: int = 0
    clock_boot_ns: int = 0
    version_min: int = 1
    version_max: int = 1
    features: int = 0


@dataclass(frozen=True)
class HelloAck:
    session: int
    nonce: bytes
    nonce_echo: bytes
    received_ms: int
    version: int = 1
    features: int = 0
    body_limit: int = 0
    heartbeat_ms: int = 0
    tolerance_ms: int = 0
    log_credit: int = 0
    report_credit: int = 0


@dataclass(frozen=True)
class Reject:
    code: str
    detail: str = ""


Message: TypeAlias = (
    AssignmentList
    | UpdateList
    | StatusAck
    | AgentInfo
    | Resume
    | Reconcile
    | Heartbeat
    | HeartbeatAck
    | Cancel
    | LogChunk
    | Credit
    | Error
    | Close
    | Rekey
    | CellPins
)
Handshake: TypeAlias = Hello | HelloAck | Reject
