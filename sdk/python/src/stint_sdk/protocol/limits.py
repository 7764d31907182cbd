"""Every bound of the session layer. What a peer sends beyond one is refused. Source: docs/protocol.md "Limits"."""

from __future__ import annotations

VERSIONS = (1, 1)  # of the protocol, from and to, that this package speaks

# Time, in ns unless the name says otherwise.
SECOND = 1_000_000_000
TOLERANCE_MS = 5_000
HANDSHAKE = 5 * SECOND
LEASE_HEARTBEATS = 3
LEASE_EXTENSIONS = 2
CLOCK_SAMPLE_AGE = 600 * SECOND
CLOCK_SAMPLES = 64

# Lists.
LIST_ITEMS = 1_024
HELD_ITEMS = 16_384
LIST_BYTES = 1024 * 1024
METRICS = 256
INFO_ITEMS = 256
FILES = 4_096
FILES_BYTES = 768 * 1024
PATTERNS = 1_024
VALUES = 64
ARGUMENTS = 16_384
ENVIRONMENT = 16_384
AGENT_TYPES = 5
CELL_PINS = 4

# Texts and bytes.
NAME = 256
TEXT = 4 * 1024
TEMPLATE_BYTES = 1536 * 1024
LOG_CHUNK = 64 * 1024
RECEIPT = 16 * 1024
RESULT = 64 * 1024
ITEM = 256 * 1024
TOKEN = 256
DECODED_BYTES = 8 * 1024 * 1024
ITEM_COST = 32  # of a list's item, beside its bytes: many tables may point to one long list

# Numbers.
CPU_MILLIS = 100_000_000
GPUS = 65_536
TIMEOUT_MS = 100 * 366 * 24 * 3600 * 1000
NUMBER_MAX = 2**63 - 1

# FlatBuffers.
DEPTH = 16
TABLES = 64
BYTES_PER_TABLE = 8

# A session's queues.
OUTPUT_BYTES = 16 * 1024 * 1024
HELD_REPORTS = 1_024
CREDIT_MAX = 1_000_000

# What HELLO_ACK may say.
BODY_LIMIT_MIN = 2 * 1024 * 1024
BODY_LIMIT_MAX = 256 * 1024 * 1024
HEARTBEAT_MS_MIN = 10
HEARTBEAT_MS_MAX = 3_600_000


def chosen_text(version: int, offered: tuple[int, int]) -> str:
    return f"version {version}, versions {offered[0]} to {offered[1]} offered"
