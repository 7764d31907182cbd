"""The tables and enums of the wire. Made by tools/generate_wire_schema.py from schema/*.fbs: change those."""

from __future__ import annotations

from enum import IntEnum

from stint_sdk._flat import Field, Schema, StructType, Table


class AgentType(IntEnum):
    TRAINER = 0
    INFERENCER = 1
    CRAWLER = 2
    LABELLER = 3
    RATER = 4


class CancelMode(IntEnum):
    NONE = 0
    GRACEFUL = 1
    KILL = 2
    RECALL = 3


class CloseReason(IntEnum):
    NORMAL = 1
    LEAVING = 2
    DISPLACED = 3
    IDENTITY_IN_USE = 4
    REVOKED = 5
    OVERLOADED = 6
    PROTOCOL = 7
    TIME = 8


class DisconnectPolicy(IntEnum):
    KEEP = 0
    STOP_AFTER = 1
    REPLACE = 2


class EndReason(IntEnum):
    NONE = 0
    EXIT = 1
    SIGNAL = 2
    OOM = 3
    TIMEOUT = 4
    LOST = 5
    CANCELLED = 6
    SUPERSEDED = 7
    REFUSED = 8
    START_FAILED = 9
    NEEDS_FAILED = 10
    RESULT_TOO_LARGE = 11
    MAX_FAILS = 12
    SKIPPED = 13
    REUSED = 14
    PREPARATION_FAILED = 15
    OUTPUT_MISSING = 16
    STAGE_FAILED = 17
    RECALLED = 18


class LogStream(IntEnum):
    NONE = 0
    OUT = 1
    ERR = 2


class SchedulerMessage(IntEnum):
    NONE = 0
    TASK_ASSIGNMENT = 1
    STATUS_UPDATE = 2
    HEARTBEAT = 3
    HELLO = 4
    HELLO_ACK = 5
    REJECT = 6
    ASSIGNMENT_LIST = 7
    UPDATE_LIST = 8
    STATUS_ACK = 9
    AGENT_INFO = 10
    RESUME = 11
    RECONCILE = 12
    HEARTBEAT_ACK = 13
    CANCEL = 14
    LOG_CHUNK = 15
    CREDIT = 16
    ERROR = 17
    CLOSE = 18
    ENROL = 19
    ENROL_ACK = 20
    REKEY = 21
    CELL_PINS = 22


class StorageType(IntEnum):
    LOCAL = 0
    BLOB = 1
    S3 = 2
    HTTP = 3


class TaskStatus(IntEnum):
    PENDING = 0
    RUNNING = 1
    COMPLETED = 2
    FAILED = 3
    CANCELLED = 4


class Verdict(IntEnum):
    NONE = 0
    KEEP = 1
    STOP = 2
    FORGET = 3


SCHEMA = Schema(
    tables={
        "AgentInfo": Table(
            "AgentInfo",
            (
                Field("name", 0, "text"),
                Field("version", 1, "text"),
                Field("types", 2, "numbers", "b"),
                Field("resources", 3, "table", "ResourceSpec"),
                Field("labels", 4, "tables", "NamedText"),
                Field("drivers", 5, "texts"),
                Field("notes", 6, "texts"),
                Field("shared_paths", 7, "texts"),
                Field("boot_id", 8, "text"),
                Field("host", 9, "text"),
                Field("window", 10, "number", "I"),
                Field("prefetch", 11, "number", "I"),
                Field("provisional", 12, "number", "?"),
            ),
        ),
        "AssignedExtra": Table(
            "AssignedExtra",
            (
                Field("index", 0, "number", "I"),
                Field("token", 1, "text"),
                Field("item", 2, "text"),
                Field("is_batch", 3, "number", "?"),
                Field("values", 4, "tables", "NamedText"),
                Field("files", 5, "tables", "FileRef"),
                Field("checkpoint", 6, "numbers", "B"),
            ),
        ),
        "AssignmentList": Table(
            "AssignmentList",
            (
                Field("templates", 0, "tables", "TaskAssignment"),
                Field("items", 1, "structs", "AssignedAttempt"),
                Field("extras", 2, "tables", "AssignedExtra"),
                Field("provisional", 3, "number", "?"),
                Field("confirmed", 4, "structs", "AttemptRef"),
            ),
        ),
        "Cancel": Table(
            "Cancel",
            (Field("items", 0, "structs", "CancelItem"),),
        ),
        "CellPins": Table(
            "CellPins",
            (Field("pins", 0, "numbers", "B"),),
        ),
        "Close": Table(
            "Close",
            (
                Field("reason", 0, "number", "B", 1),
                Field("detail", 1, "text"),
            ),
        ),
        "Credit": Table(
            "Credit",
            (
                Field("log_chunks", 0, "number", "I"),
                Field("reports", 1, "number", "I"),
                Field("log_acks", 2, "structs", "LogAck"),
            ),
        ),
        "Enrol": Table(
            "Enrol",
            (
                Field("token", 0, "number", "Q"),
                Field("nonce", 1, "numbers", "B"),
                Field("public_key", 2, "numbers", "B"),
                Field("proof", 3, "numbers", "B"),
                Field("cell", 4, "numbers", "B"),
                Field("version_min", 5, "number", "H", 1),
                Field("version_max", 6, "number", "H", 1),
                Field("name", 7, "text"),
                Field("host", 8, "text"),
            ),
        ),
        "EnrolAck": Table(
            "EnrolAck",
            (
                Field("token", 0, "number", "Q"),
                Field("nonce", 1, "numbers", "B"),
                Field("nonce_echo", 2, "numbers", "B"),
                Field("version", 3, "number", "H", 1),
                Field("code", 4, "text"),
                Field("detail", 5, "text"),
                Field("agent", 6, "number", "Q"),
                Field("key_epoch", 7, "number", "H"),
                Field("generation", 8, "number", "I"),
                Field("wrapped_key", 9, "numbers", "B"),
                Field("name", 10, "text"),
            ),
        ),
        "Error": Table(
            "Error",
            (
                Field("code", 0, "text"),
                Field("detail", 1, "text"),
                Field("measured_ms", 2, "number", "q"),
                Field("limit_ms", 3, "number", "q"),
            ),
        ),
        "FileRef": Table(
            "FileRef",
            (
                Field("path", 0, "text"),
                Field("blob", 1, "numbers", "B"),
                Field("size", 2, "number", "Q"),
                Field("is_executable", 3, "number", "?"),
            ),
        ),
        "Heartbeat": Table(
            "Heartbeat",
            (
                Field("clock_boot_ns", 0, "number", "Q"),
                Field("running", 1, "number", "I"),
            ),
        ),
        "HeartbeatAck": Table(
            "HeartbeatAck",
            (
                Field("clock_boot_ns", 0, "number", "Q"),
                Field("received_ms", 1, "number", "Q"),
            ),
        ),
        "Hello": Table(
            "Hello",
            (
                Field("agent", 0, "number", "Q"),
                Field("nonce", 1, "numbers", "B"),
                Field("clock_boot_ns", 2, "number", "Q"),
                Field("version_min", 3, "number", "H", 1),
                Field("version_max", 4, "number", "H", 1),
                Field("features", 5, "number", "Q"),
                Field("instance", 6, "numbers", "B"),
                Field("boot", 7, "numbers", "B"),
                Field("connect", 8, "number", "Q"),
            ),
        ),
        "HelloAck": Table(
            "HelloAck",
            (
                Field("session", 0, "number", "Q"),
                Field("nonce", 1, "numbers", "B"),
                Field("nonce_echo", 2, "numbers", "B"),
                Field("received_ms", 3, "number", "Q"),
                Field("version", 4, "number", "H", 1),
                Field("features", 5, "number", "Q"),
                Field("body_limit", 6, "number", "I"),
                Field("heartbeat_ms", 7, "number", "I"),
                Field("tolerance_ms", 8, "number", "I"),
                Field("log_credit", 9, "number", "I"),
                Field("report_credit", 10, "number", "I"),
            ),
        ),
        "LogChunk": Table(
            "LogChunk",
            (
                Field("attempt", 0, "struct", "AttemptRef"),
                Field("stream", 1, "number", "B", 1),
                Field("offset", 2, "number", "Q"),
                Field("bytes", 3, "numbers", "B"),
            ),
        ),
        "MessageEnvelope": Table(
            "MessageEnvelope",
            (
                Field("version", 0, "number", "H", 1),
                Field("timestamp", 1, "number", "Q"),
                Field("message_type", 2, "number", "B"),
                Field("message", 3, "union", "SchedulerMessage"),
                Field("signature", 4, "numbers", "B"),
            ),
        ),
        "Metric": Table(
            "Metric",
            (
                Field("name", 0, "text"),
                Field("value", 1, "number", "d"),
                Field("step", 2, "number", "Q"),
            ),
        ),
        "NamedText": Table(
            "NamedText",
            (
                Field("name", 0, "text"),
                Field("value", 1, "text"),
            ),
        ),
        "Reconcile": Table(
            "Reconcile",
            (Field("items", 0, "structs", "AttemptVerdict"),),
        ),
        "Reject": Table(
            "Reject",
            (
                Field("code", 0, "text"),
                Field("detail", 1, "text"),
            ),
        ),
        "Rekey": Table(
            "Rekey",
            (
                Field("key_epoch", 0, "number", "H"),
                Field("generation", 1, "number", "I"),
                Field("nonce", 2, "numbers", "B"),
                Field("wrapped_key", 3, "numbers", "B"),
            ),
        ),
        "ResourceSpec": Table(
            "ResourceSpec",
            (
                Field("cpu", 0, "number", "I"),
                Field("memory", 1, "number", "I"),
                Field("gpu", 2, "number", "I"),
                Field("storage", 3, "number", "I"),
            ),
        ),
        "Resume": Table(
            "Resume",
            (
                Field("info", 0, "table", "AgentInfo"),
                Field("held", 1, "structs", "HeldAttempt"),
            ),
        ),
        "StatusAck": Table(
            "StatusAck",
            (Field("items", 0, "structs", "UpdateKey"),),
        ),
        "StatusUpdate": Table(
            "StatusUpdate",
            (
                Field("task_id", 0, "text"),
                Field("status", 1, "number", "b"),
                Field("progress", 2, "number", "f"),
                Field("metrics", 3, "tables", "Metric"),
                Field("attempt", 4, "struct", "AttemptRef"),
                Field("number", 5, "number", "I"),
                Field("reason", 6, "number", "B"),
                Field("exit_code", 7, "number", "i"),
                Field("signal", 8, "number", "B"),
                Field("started_ms", 9, "number", "Q"),
                Field("ended_ms", 10, "number", "Q"),
                Field("detail", 11, "text"),
                Field("receipt", 12, "numbers", "B"),
                Field("outputs", 13, "tables", "FileRef"),
                Field("result", 14, "text"),
            ),
        ),
        "TaskAssignment": Table(
            "TaskAssignment",
            (
                Field("task_id", 0, "text"),
                Field("agent_type", 1, "number", "b"),
                Field("resources", 2, "table", "ResourceSpec"),
                Field("storage_backend", 3, "number", "b"),
                Field("timeout", 4, "number", "Q"),
                Field("attempt", 5, "struct", "AttemptRef"),
                Field("job_name", 6, "text"),
                Field("task_name", 7, "text"),
                Field("driver", 8, "text"),
                Field("command", 9, "texts"),
                Field("env", 10, "tables", "NamedText"),
                Field("workdir", 11, "text"),
                Field("submit_boot_id", 12, "text"),
                Field("workdir_inode", 13, "number", "Q"),
                Field("timeout_ms", 14, "number", "Q"),
                Field("kill_grace_ms", 15, "number", "Q"),
                Field("is_array", 16, "number", "?"),
                Field("array_first", 17, "number", "I"),
                Field("array_step", 18, "number", "I", 1),
                Field("array_size", 19, "number", "I", 1),
                Field("inputs", 20, "numbers", "B"),
                Field("needs_inputs", 21, "numbers", "B"),
                Field("outputs", 22, "texts"),
                Field("own_directory", 23, "number", "?"),
                Field("checkpoint", 24, "number", "?"),
                Field("on_disconnect", 25, "number", "B"),
                Field("stop_after_ms", 26, "number", "Q"),
            ),
        ),
        "UpdateExtra": Table(
            "UpdateExtra",
            (
                Field("index", 0, "number", "I"),
                Field("metrics", 1, "tables", "Metric"),
                Field("detail", 2, "text"),
                Field("receipt", 3, "numbers", "B"),
                Field("outputs", 4, "tables", "FileRef"),
                Field("result", 5, "text"),
            ),
        ),
        "UpdateList": Table(
            "UpdateList",
            (
                Field("records", 0, "structs", "UpdateRecord"),
                Field("extras", 1, "tables", "UpdateExtra"),
            ),
        ),
    },
    structs={
        "AssignedAttempt": StructType("<QIIIxxxxIxxxx", 8),
        "AttemptRef": StructType("<QIIIxxxx", 8),
        "AttemptVerdict": StructType("<QIIIxxxxQQIBxxx", 8),
        "CancelItem": StructType("<QIIIxxxxBBxxxxxx", 8),
        "HeldAttempt": StructType("<QIIIxxxxQQIbxxx", 8),
        "LogAck": StructType("<QIIIxxxxQBxxxxxxx", 8),
        "UpdateKey": StructType("<QIIIxxxxIxxxx", 8),
        "UpdateRecord": StructType("<QIIIxxxxQQIifbBBx", 8),
    },
    unions={
        "SchedulerMessage": {
            1: "TaskAssignment",
            2: "StatusUpdate",
            3: "Heartbeat",
            4: "Hello",
            5: "HelloAck",
            6: "Reject",
            7: "AssignmentList",
            8: "UpdateList",
            9: "StatusAck",
            10: "AgentInfo",
            11: "Resume",
            12: "Reconcile",
            13: "HeartbeatAck",
            14: "Cancel",
            15: "LogChunk",
            16: "Credit",
            17: "Error",
            18: "Close",
            19: "Enrol",
            20: "EnrolAck",
            21: "Rekey",
            22: "CellPins",
        },
    },
    root="MessageEnvelope",
)
