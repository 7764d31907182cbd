"""What tasks append to STINT_REPORT, as reports for the scheduler: at most one a second for each attempt, the last value of each metric.

{"progress": 0.3, "step": 120, "metrics": {"loss": 0.21}, "message": "…"}       {"result": …}
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from stint_sdk.generated.wire_schema import TaskStatus
from stint_sdk.protocol import limits
from stint_sdk.protocol.encode import cut
from stint_sdk.protocol.messages import AttemptRef, Metric, StatusUpdate

LINE_MAX = 68 * 1024  # the largest result, and 4 KiB
METRIC_NAME_MAX = 128
INTERVAL_NS = 1_000_000_000
READ_MAX = 1024 * 1024
STEP_MAX = 2**63


class ReportFile:
    """Of one attempt: read on from where it was read to, whole lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.result: str | None = None  # the last one, JSON
        self.is_result_too_large = False
        self.not_before_ns = 0
        self._at = 0
        self._rest = b""
        self._progress, self._step, self._message = 0.0, 0, ""
        self._metrics: dict[str, Metric] = {}
        self._is_new = False

    def read(self, *, is_last: bool = False) -> bool:
        """Takes what is new. True: the result has changed."""
        before = (self.result, self.is_result_too_large)
        try:
            with self.path.open("rb") as file:
                file.seek(self._at)
                while data := file.read(READ_MAX):
                    self._at += len(data)
                    *lines, self._rest = (self._rest + data).split(b"\n")
                    for line in lines:
                        self._take_line(line)
        except FileNotFoundError:
            return False
        if is_last and self._rest:
            self._take_line(self._rest)
            self._rest = b""
        if len(self._rest) > LINE_MAX:  # it is too long already: enough of it to know what was meant
            self._rest = self._rest[: LINE_MAX + 1]
        return (self.result, self.is_result_too_large) != before

    def take_update(self, ref: AttemptRef, now_ns: int, *, is_last: bool = False) -> StatusUpdate | None:
        if not self._is_new or (now_ns < self.not_before_ns and not is_last):
            return None
        metrics, message = tuple(self._metrics.values()), self._message
        self._metrics, self._message, self._is_new = {}, "", False
        self.not_before_ns = now_ns + INTERVAL_NS
        return StatusUpdate(ref, status=TaskStatus.RUNNING, progress=self._progress, metrics=metrics, detail=message)

    def _take_line(self, line: bytes) -> None:
        if len(line) > LINE_MAX:
            if b'"result"' in line:
                self.result, self.is_result_too_large = "", True
            return
        try:
            words = json.loads(line)
        except (ValueError, RecursionError):
            return
        if isinstance(words, dict):
            self._take(words)

    def _take(self, words: dict[str, Any]) -> None:
        if "result" in words:
            text = compact(words["result"])
            if text is None:
                return
            self.is_result_too_large = len(text.encode()) > limits.RESULT
            self.result = "" if self.is_result_too_large else text
        if (progress := number(words.get("progress"))) is not None:
            self._progress = min(max(progress, 0.0), 1.0)
        if (step := number(words.get("step"))) is not None and 0 <= step < STEP_MAX:
            self._step = int(step)
        if isinstance(message := words.get("message"), str):
            self._message = cut(message, limits.TEXT).decode("utf-8", "replace")
        if isinstance(metrics := words.get("metrics"), dict):
            for name, value in metrics.items():
                self._take_metric(name, number(value))
        self._is_new = True

    def _take_metric(self, name: str, value: float | None) -> None:
        if value is None or not 0 < len(name.encode("utf-8", "surrogatepass")) <= METRIC_NAME_MAX:
            return
        if name in self._metrics or len(self._metrics) < limits.METRICS:
            self._metrics[name] = Metric(name, value, self._step)


def compact(value: object) -> str | None:
    """As JSON; None for what is none, such as NaN."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except UnicodeEncodeError:  # a half of a surrogate pair
        return json.dumps(value, separators=(",", ":"))
    except (ValueError, RecursionError):
        return None
    return text


def number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None
