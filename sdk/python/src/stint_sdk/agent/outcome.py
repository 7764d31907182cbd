"""What became of an attempt: from what its worker said, and why it may have been stopped."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stint_sdk.generated.wire_schema import EndReason, TaskStatus
from stint_sdk.protocol.checker import Refused
from stint_sdk.protocol.encode import check_update
from stint_sdk.protocol.messages import FileRef, StatusUpdate

if TYPE_CHECKING:
    from stint_sdk.agent.attempts import Attempt

WORKER_REASONS = {
    "start_failed": EndReason.START_FAILED,
    "stage_failed": EndReason.STAGE_FAILED,
    "output_missing": EndReason.OUTPUT_MISSING,
}


@dataclass(frozen=True)
class Outcome:
    status: TaskStatus
    reason: EndReason
    exit_code: int = 0
    signal: int = 0
    detail: str = ""
    outputs: tuple[FileRef, ...] = ()


def find_outcome(attempt: Attempt, end: Mapping[str, Any], has_timed_out: bool) -> Outcome:
    """What returned has completed, whoever wanted to stop it meanwhile."""
    code, detail = int(end["exit_code"]), str(end["detail"])
    failed = Outcome(TaskStatus.FAILED, EndReason.EXIT, code, 0, detail)
    if attempt.reports.is_result_too_large or end["status"] == "result_too_large":
        return replace(
            failed, reason=EndReason.RESULT_TOO_LARGE, detail=detail or "the result is larger than 65,536 bytes of JSON, the limit"
        )
    if end["status"] == "exit" and code == 0:
        return completed(attempt, end)
    if has_timed_out:
        return replace(failed, reason=EndReason.TIMEOUT, signal=signal.SIGTERM, exit_code=0, detail="stopped at its timeout")
    if attempt.stop_reason != EndReason.NONE:
        status = TaskStatus.FAILED if attempt.stop_reason == EndReason.LOST else TaskStatus.CANCELLED
        return Outcome(status, attempt.stop_reason, detail=detail or attempt.stop_detail)
    if end["status"] in WORKER_REASONS:
        return replace(failed, reason=WORKER_REASONS[end["status"]])
    if end["status"] in ("died", "stopped") and code < 0:
        return Outcome(TaskStatus.FAILED, EndReason.SIGNAL, 0, -code, detail or "the worker process ended")
    return failed if end["status"] == "exit" else replace(failed, detail=detail or "the worker process ended")


def completed(attempt: Attempt, end: Mapping[str, Any]) -> Outcome:
    outputs = tuple(FileRef(path, bytes.fromhex(blob), size, is_executable) for path, blob, size, is_executable in end.get("outputs", ()))
    try:
        check_update(StatusUpdate(attempt.ref, outputs=outputs))
    except Refused as refused:  # an end that cannot be told would be none
        return Outcome(TaskStatus.FAILED, EndReason.OUTPUT_MISSING, detail=f"outputs: {refused.detail}; pack them into fewer files")
    return Outcome(TaskStatus.COMPLETED, EndReason.EXIT, outputs=outputs)
