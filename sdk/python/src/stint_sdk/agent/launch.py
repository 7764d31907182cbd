"""From an assignment to what a worker is told: the function, its arguments, its environment and its folder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stint_sdk._tls import Trust
from stint_sdk.agent.address import Address
from stint_sdk.errors import StintError
from stint_sdk.generated.wire_schema import EndReason
from stint_sdk.protocol.messages import AssignedExtra, AttemptRef, TaskTemplate

DRIVER = "python"
ITEM_FILE = "item"
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


class Refusal(StintError):
    """Why an attempt is not started. REFUSED costs it nothing, and it goes elsewhere; START_FAILED would happen everywhere."""

    def __init__(self, reason: EndReason, detail: str) -> None:
        self.reason = reason
        super().__init__(detail)


def make_order(
    folder: Path,
    ref: AttemptRef,
    template: TaskTemplate,
    extra: AssignedExtra,
    functions: Mapping[str, Any],
    server: Mapping[str, Any],
) -> dict[str, Any]:
    """server: describe_server() of where the scheduler was found, which has the blobs. Errors: Refusal."""
    if template.driver != DRIVER:
        raise Refusal(EndReason.REFUSED, f"this agent has no driver {template.driver!r}")
    if not template.command or template.command[0] not in functions:
        wanted = template.command[0] if template.command else ""
        raise Refusal(EndReason.REFUSED, f"this agent has no function {wanted!r}; it has: {', '.join(sorted(functions))}")
    index = template.array_first + ref.ordinal * template.array_step
    values = Values(index, extra)
    stage = make_stage(ref, template, extra, server)
    return {
        "folder": str(folder),
        "function": template.command[0],
        "arguments": [values.fill_in(word) for word in template.command[1:]],
        "env": environment(folder, ref, template, extra, values, stage is not None),
        "item": extra.item,
        "is_batch": extra.is_batch,
        "stage": stage,
    }


def describe_server(address: Address, trust: Trust) -> dict[str, Any]:
    """For a worker: the port that takes frames takes HTTP as well, and in the same TLS."""
    return {"host": address.host, "port": address.port, "tls": trust.words() if address.is_tls else None}


def make_stage(ref: AttemptRef, template: TaskTemplate, extra: AssignedExtra, server: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is to be brought and taken; None: nothing."""
    stage = {
        "has_checkpoint": template.checkpoint,
        "inputs": template.inputs.hex(),
        "needs_inputs": template.needs_inputs.hex(),
        "files": [(file.path, file.blob.hex(), file.size, file.is_executable) for file in extra.files],
        "outputs": list(template.outputs),
        "checkpoint": extra.checkpoint.hex() if template.checkpoint else "",
    }
    return {**stage, "server": dict(server), "token": extra.token, "attempt": ".".join(map(str, ref))} if any(stage.values()) else None


def environment(
    folder: Path, ref: AttemptRef, template: TaskTemplate, extra: AssignedExtra, values: Values, has_stage: bool
) -> dict[str, str]:
    """Of the job, and over it what every task sees."""
    env = {name: values.fill_in(value) for name, value in template.env}
    task_id = f"{ref.job}.{template.task_name}" + (f".{values.index}" if template.is_array else "")
    if template.checkpoint:
        env["STINT_CHECKPOINT_DIR"] = str(checkpoint_folder(folder, ref))
    env |= {
        "STINT_JOB_ID": str(ref.job),
        "STINT_TASK_ID": task_id,
        "STINT_ATTEMPT": str(ref.attempt),
        "STINT_INDEX": str(values.index),
        "STINT_ARRAY_SIZE": str(template.array_size),
        "STINT_REPORT": str(folder / "report"),
    }
    if has_stage:
        env |= {"STINT_OUTPUTS": str(folder / "outputs"), "STINT_INPUTS": str(folder / "inputs")}
    if extra.is_batch:
        env["STINT_ITEM"] = str(folder / ITEM_FILE)
    elif extra.item:
        env["STINT_ITEM"] = extra.item
    return env


def checkpoint_folder(folder: Path, ref: AttemptRef) -> Path:
    """Of all attempts at a task, on this agent."""
    return folder.parents[1] / "checkpoints" / f"{ref.job}.{ref.group}.{ref.ordinal}"


def lay_out(folder: Path, order: Mapping[str, Any]) -> None:
    """Errors: OSError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in ("work", "outputs", "inputs") if order["stage"] else ("work",):
        (folder / name).mkdir(exist_ok=True)
    if checkpoint := order["env"].get("STINT_CHECKPOINT_DIR"):
        Path(checkpoint).mkdir(parents=True, exist_ok=True)
    if order["is_batch"]:
        (folder / ITEM_FILE).write_text(order["item"], encoding="utf-8", errors="surrogateescape")


class Values:
    """What ${{ }} stands for in one attempt."""

    def __init__(self, index: int, extra: AssignedExtra) -> None:
        self.index, self.extra = index, extra
        self.named = dict(extra.values)

    def fill_in(self, text: str) -> str:
        """Errors: Refusal."""
        return EXPRESSION.sub(lambda found: self.find(found.group(1).strip()), text)

    def find(self, name: str) -> str:
        if name == "index":
            return str(self.index)
        if name in self.named:
            return self.named[name]
        if self.extra.is_batch and name.split(".")[0] == "item":
            raise Refusal(EndReason.START_FAILED, f"${{{{ {name} }}}}: this attempt has a batch of items; $STINT_ITEM names their file")
        if name == "item":
            return self.extra.item
        if name.startswith("item."):
            return self.find_in_item(name.removeprefix("item."))
        raise Refusal(EndReason.START_FAILED, f"${{{{ {name} }}}} stands for nothing in this attempt")

    def find_in_item(self, path: str) -> str:
        try:
            value = json.loads(self.extra.item)
            for key in path.split("."):
                value = value[key]
        except (ValueError, KeyError, TypeError):
            raise Refusal(
                EndReason.START_FAILED, f"${{{{ item.{path} }}}}: the item is no JSON object with it: {self.extra.item[:100]}"
            ) from None
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
