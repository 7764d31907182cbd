"""What an agent knows of session time: the difference between the scheduler's clock and its own CLOCK_BOOTTIME, from round trips.

The offset of a round trip is wrong by at most half its duration, so the shortest one of the last ten minutes is used; a wall clock, which
may be wrong by years or be stepped, has no part in it.
Units: own clock and offsets in ns; session time in Unix ms.
Source: docs/protocol.md "Session time and the five-second rule".
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from stint_sdk.protocol import limits

NS_PER_MS = 1_000_000
TIME_MAX_MS = 2**43  # in ns this still fits 63 bits
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Now(NamedTuple):
    """boot_ns: CLOCK_BOOTTIME. wall_ms: Unix ms, for people and the journal."""

    boot_ns: int
    wall_ms: int


def read_now() -> Now:
    return Now(time.clock_gettime_ns(_CLOCK), time.time_ns() // NS_PER_MS)


class Arrival(NamedTuple):
    """When the first byte of a frame can have come: after the reader last found the connection empty, not after the read."""

    empty_since_ns: int
    read_ns: int


@dataclass(frozen=True)
class Sample:
    at_ns: int
    round_trip_ns: int
    offset_ns: int


class ClockEstimate:
    def __init__(self) -> None:
        self._samples: deque[Sample] = deque()
        self._best: Sample | None = None

    def add(self, sent_ns: int, received_ms: int, answered_ms: int, arrived_ns: int) -> None:
        """Sent and back on our clock; received and answered there. A sample that cannot be is ignored."""
        if arrived_ns < sent_ns or not 0 < received_ms <= answered_ms < TIME_MAX_MS:
            return
        there = received_ms * NS_PER_MS - sent_ns
        back = answered_ms * NS_PER_MS - arrived_ns
        # Clocks in whole milliseconds can make a short round trip look negative.
        round_trip = max(0, (arrived_ns - sent_ns) - (answered_ms - received_ms) * NS_PER_MS)
        self._samples.append(Sample(arrived_ns, round_trip, (there + back) // 2))
        while len(self._samples) > limits.CLOCK_SAMPLES or self._samples[0].at_ns < arrived_ns - limits.CLOCK_SAMPLE_AGE:
            self._samples.popleft()
        self._best = min(self._samples, key=lambda sample: sample.round_trip_ns)

    @property
    def is_known(self) -> bool:
        return self._best is not None

    def session_time_ms(self, at_ns: int) -> int:
        assert self._best is not None
        return (at_ns + self._best.offset_ns) // NS_PER_MS


def time_error_ms(timestamp_ms: int, earliest_ms: int, latest_ms: int) -> int:
    """How far outside [earliest, latest]; above 0 late, below 0 early, 0 inside."""
    if timestamp_ms < earliest_ms:
        return earliest_ms - timestamp_ms
    return min(0, latest_ms - timestamp_ms)
