"""For programs that run as tasks: what they got, where their files are, and how they say what they have done.

Uses the standard library alone, and needs no set-up: `from stint_sdk import task`. Outside of a task, report() and result() do nothing and
return False, so that a program can be run by hand; what only a task has raises NotInTask.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stint_sdk.errors import InvalidArgument, NotInTask

RESULT_BYTES_MAX = 64 * 1024


def is_task() -> bool:
    """Whether this program runs as a task."""
    return "STINT_TASK_ID" in os.environ


def task_id() -> str:
    """`12.train.3`."""
    return _variable("STINT_TASK_ID")


def attempt() -> int:
    """1 for the first."""
    return int(_variable("STINT_ATTEMPT"))


def index() -> int:
    """STINT_INDEX: of an array this task's own, else 0."""
    return int(_variable("STINT_INDEX"))


def array_size() -> int:
    return int(_variable("STINT_ARRAY_SIZE"))


def item() -> str:
    """This task's item, as text. With `batch` see items()."""
    return _variable("STINT_ITEM")


def item_json() -> Any:
    """This task's item, which is JSON. Errors: InvalidArgument."""
    return _parse(item())


def items() -> Iterator[str]:
    """The items of this task's batch, in order."""
    with Path(_variable("STINT_ITEM")).open(encoding="utf-8") as lines:
        for line in lines:
            yield line.rstrip("\n")


def items_json() -> Iterator[Any]:
    """The items of this task's batch, each parsed as JSON. Errors: InvalidArgument."""
    return (_parse(line) for line in items())


def inputs(need: str | None = None) -> Path:
    """Where outputs of needed tasks lie: of all, in folders by their names, or of one."""
    folder = Path(_variable("STINT_INPUTS"))
    return folder if need is None else folder / need


def outputs() -> Path:
    """Where this task puts its outputs."""
    return Path(_variable("STINT_OUTPUTS"))


def checkpoint_dir() -> Path:
    """A directory that further attempts of this task find again; the task must have `checkpoint`."""
    return Path(_variable("STINT_CHECKPOINT_DIR"))


def need_result(need: str) -> Any:
    """The result of a needed task that is no array. Errors: FileNotFoundError (it left none)."""
    return json.loads((inputs(need) / "result.json").read_text(encoding="utf-8"))


def need_results(need: str) -> Iterator[dict[str, Any]]:
    """Of a needed array: {"index", "item", "result"} of every task that left one, by index."""
    with (inputs(need) / "results.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def report(
    progress: float | None = None, *, step: int | None = None, metrics: Mapping[str, float] | None = None, message: str | None = None
) -> bool:
    """Says how far this task is. The scheduler keeps at most one report a second; of each metric the last value counts.

    progress: from 0 to 1. metrics: finite numbers; others are left out, for JSON has no NaN.
    """
    line: dict[str, Any] = {}
    if progress is not None:
        line["progress"] = min(max(float(progress), 0.0), 1.0)
    if step is not None:
        line["step"] = int(step)
    if metrics:
        line["metrics"] = {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
    if message is not None:
        line["message"] = message
    return _append(line)


def result(value: Mapping[str, Any] | list[Any] | str | int | float | bool | None) -> bool:
    """Leaves this task's result: JSON of at most 64 KiB. The last one counts.

    Errors: InvalidArgument (too large, or no JSON); nothing is written then.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"result: no JSON: {error}") from None
    size = len(text.encode())
    if size > RESULT_BYTES_MAX:
        raise InvalidArgument(f"result: {size} bytes of JSON, limit {RESULT_BYTES_MAX}: write a file into outputs() and name it here")
    return _append_text(f'{{"result":{text}}}')


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        where = "this task has none" if is_task() else "this program does not run as a task"
        raise NotInTask(f"{name} is not set: {where}")
    return value


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise InvalidArgument(f"item: expected JSON, got {text[:100]!r}") from None


def _append(line: dict[str, Any]) -> bool:
    return _append_text(json.dumps(line, ensure_ascii=False, allow_nan=False)) if line else False


def _append_text(text: str) -> bool:
    """One write for a line, so that lines of several processes of a task do not mix."""
    path = os.environ.get("STINT_REPORT")
    if not path:
        return False
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, (text + "\n").encode())
    finally:
        os.close(file)
    return True
