"""A job, written in Python with the words of the job file (docs/job-file.md).

Nothing here talks to anybody. Client.submit() makes the documents, sends the files that the scheduler lacks, and submits.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from stint_sdk._blobs import Blob, blob_of_bytes, make_manifest
from stint_sdk._inputs import Inputs, PathLike, read_inputs
from stint_sdk.errors import InvalidArgument
from stint_sdk.generated import api as documents
from stint_sdk.quantities import Number, Span, milliseconds, resources_document

ITEM_BYTES_MAX = 64 * 1024
ARRAY = re.compile(r"(\d+)(?:-(\d+)(?::(\d+))?)?(?:%(\d+))?")


@dataclass(frozen=True)
class Need:
    """A task of this job that must come before. failure: it ended and some of it did not complete. always: it ended."""

    task: str
    on: Literal["success", "failure", "always"] = "success"


@dataclass(frozen=True)
class EachFrom:
    """A task for every line of the file that the task `task` leaves; how many is known when that one has completed."""

    task: str
    file: str


@dataclass(frozen=True)
class Collect:
    """`file` of every completed task of an array, put together in the order of the indexes, as the output `into`."""

    file: str
    into: str


@dataclass(frozen=True)
class StopAfter:
    """For on_disconnect: the agent itself stops the task after so long without the scheduler."""

    after: Span


Needs: TypeAlias = str | Need | Sequence[str | Need]
OnDisconnect: TypeAlias = Literal["keep", "replace"] | StopAfter


@dataclass
class Task:
    """A task, or an array of tasks that differ in STINT_INDEX, in matrix values or in their item.

    command: a program and its arguments; run: a shell line. One of them, except for driver="human". With driver="python" the command is the
    name of a function of an agent (stint_sdk.agent) and its arguments as KEY=VALUE.
    A task without `workdir` starts in an empty directory of its own, which holds its `inputs`.
    inputs: paths, folders and patterns relative to the Job's `directory`, or {name there: path or bytes}. Caches, .git and what `ignore`
    matches are left out of folders.
    array: range(10), 10, "0-99:2%10". matrix: {"lr": [0.1, 0.01]}. each: a list of items, or EachFrom, `batch` of them a task.
    timeout, kill_grace, lost_after, due: "90s", timedelta, or seconds. resources: {"cpu": 2, "memory": "4Gi", "gpu": 1, "storage": "10G"}.
    """

    command: Sequence[str | os.PathLike[str]] = ()
    run: str = ""
    name: str = "main"
    type: str | None = None
    driver: Literal["exec", "python", "noop", "human"] = "exec"
    env: Mapping[str, object] = field(default_factory=dict)
    workdir: PathLike | None = None
    resources: Mapping[str, Number] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    constraints: Sequence[str] = ()
    array: range | int | str | None = None
    matrix: Mapping[str, Iterable[object]] | None = None
    each: Iterable[object] | EachFrom | None = None
    batch: int = 0
    max_parallel: int = 0
    needs: Needs = ()
    inputs: Inputs | None = None
    ignore: Sequence[str] = ()
    outputs: str | Sequence[str] = ()
    collect: Collect | None = None
    checkpoint: bool = False
    retries: int = 0
    reschedules: int | None = None
    timeout: Span | None = None
    kill_grace: Span | None = None
    on_disconnect: OnDisconnect = "keep"
    lost_after: Span | None = None
    form: Mapping[str, Any] | None = None
    overlap: int = 1
    due: Span | None = None

    def make(self, directory: Path) -> tuple[documents.Task, list[Blob]]:
        """The document, and the blobs that it names. Reads the files of `inputs`. Errors: InvalidArgument, OSError."""
        document: documents.Task = {"name": self.name, "command": self.make_command(), "driver": self.driver}
        blobs = self.add_files(document, directory)
        blobs += self.add_many(document)
        self.add_place(document)
        self.add_failures(document)
        if self.needs:
            needs = [self.needs] if isinstance(self.needs, (str, Need)) else self.needs
            document["needs"] = [need if isinstance(need, str) else {"task": need.task, "on": need.on} for need in needs]
        if self.driver == "human":
            document["form"] = dict(self.form or {})
            document["overlap"] = self.overlap
            document["due_ms"] = milliseconds(self.due, "due") if self.due is not None else 0
        return document, blobs

    def make_command(self) -> list[str]:
        if self.run and self.command:
            raise InvalidArgument(f"task {self.name}: both run and command; give one of them")
        if isinstance(self.command, str):
            raise InvalidArgument(f"task {self.name}: command is a list of arguments; a shell line goes into run=")
        command = ["sh", "-c", self.run] if self.run else [os.fspath(part) for part in self.command]
        if self.driver == "python" and (self.run or not command):
            raise InvalidArgument(f"task {self.name}: driver python calls a function: command=[NAME, KEY=VALUE, …]")
        if not command and self.driver == "exec":
            raise InvalidArgument(f"task {self.name}: what does it run? Give command=[…] or run=…")
        return command

    def add_files(self, document: documents.Task, directory: Path) -> list[Blob]:
        blobs: list[Blob] = []
        if self.inputs is not None:
            files = read_inputs(self.inputs, directory, self.ignore)
            manifest = make_manifest(files)
            blobs = [manifest, *(blob for _, blob, _ in files)]
            document["inputs"] = manifest.hex
        if self.workdir is not None:
            if self.inputs is not None:
                raise InvalidArgument(f"task {self.name}: inputs give the task a directory of its own; leave workdir out")
            document["workdir"] = str(Path(self.workdir).absolute())
        elif self.driver == "exec":
            document["own_directory"] = True
        if self.outputs:
            document["outputs"] = [self.outputs] if isinstance(self.outputs, str) else list(self.outputs)
        if self.collect is not None:
            document["collect"] = {"file": self.collect.file, "into": self.collect.into}
        if self.checkpoint:
            document["checkpoint"] = True
        return blobs

    def add_many(self, document: documents.Task) -> list[Blob]:
        if sum(one is not None for one in (self.array, self.matrix, self.each)) > 1:
            raise InvalidArgument(f"task {self.name}: only one of array, matrix and each")
        if self.array is not None:
            document["array"] = make_array(self.array)
        if self.max_parallel:
            document["max_parallel"] = self.max_parallel
        if self.matrix is not None:
            document["matrix"] = [{"name": name, "values": [text_of(value) for value in values]} for name, values in self.matrix.items()]
        if self.each is None:
            return []
        if isinstance(self.each, EachFrom):
            document["each"] = {"from": self.each.task, "file": self.each.file, "batch": self.batch}
            return []
        lines = [item_line(item) for item in self.each]
        blob = blob_of_bytes("".join(line + "\n" for line in lines).encode())
        document["each"] = {"items": blob.hex, "count": len(lines), "batch": self.batch}
        return [blob]

    def add_place(self, document: documents.Task) -> None:
        if self.type is not None:
            document["type"] = self.type  # type: ignore[typeddict-item]  # the scheduler says which words it knows
        if self.env:
            document["env"] = {name: text_of(value) for name, value in self.env.items()}
        if self.resources:
            unknown = set(self.resources) - {"cpu", "memory", "gpu", "storage"}
            if unknown:
                raise InvalidArgument(f"task {self.name}: resources: unknown {', '.join(sorted(unknown))}; known: cpu memory gpu storage")
            document["resources"] = resources_document(**self.resources)  # type: ignore[arg-type]
        if self.labels:
            document["labels"] = dict(self.labels)
        if self.constraints:
            document["constraints"] = list(self.constraints)

    def add_failures(self, document: documents.Task) -> None:
        if self.retries:
            document["retries"] = self.retries
        if self.reschedules is not None:
            document["reschedules"] = self.reschedules
        if self.timeout is not None:
            document["timeout_ms"] = milliseconds(self.timeout)
        if self.kill_grace is not None:
            document["kill_grace_ms"] = milliseconds(self.kill_grace, "kill_grace")
        if self.lost_after is not None:
            document["lost_after_ms"] = milliseconds(self.lost_after, "lost_after")
        if isinstance(self.on_disconnect, StopAfter):
            document["on_disconnect"] = "stop_after"
            document["lost_after_ms"] = milliseconds(self.on_disconnect.after, "stop_after")
        elif self.on_disconnect != "keep":
            document["on_disconnect"] = self.on_disconnect


@dataclass
class Job:
    """One task, or several that need each other. `directory` is what the paths of inputs are relative to.

    max_fails: the job is stopped when this many tasks have failed; 0: never. priority: higher first.
    """

    name: str = ""
    tasks: Sequence[Task] = ()
    queue: str = "default"
    priority: int = 0
    max_fails: int = 0
    directory: PathLike = "."

    def make(self) -> tuple[documents.Job, list[Blob]]:
        """The document, and the blobs that it names. Errors: InvalidArgument, OSError."""
        if not self.tasks:
            raise InvalidArgument("a job without tasks: Job(tasks=[Task(command=[…])])")
        made = [task.make(Path(self.directory)) for task in self.tasks]
        document: documents.Job = {"name": self.name, "tasks": [document for document, _ in made]}
        if self.queue != "default":
            document["queue"] = self.queue
        if self.priority:
            document["priority"] = self.priority
        if self.max_fails:
            document["max_fails"] = self.max_fails
        return document, [blob for _, blobs in made for blob in blobs]


def make_array(array: range | int | str) -> documents.TaskArray:
    """range(0, 100, 2), 100, or as Slurm writes it: "0-99", "0-99:2", "0-99%10", "100"."""
    if isinstance(array, int):
        array = range(array)
    if isinstance(array, str):
        return parse_array(array)
    if array.step < 1 or array.start < 0 or not array:
        raise InvalidArgument(f"array: {array} must rise, begin at 0 or above, and not be empty")
    return {"first": array.start, "step": array.step, "count": len(array)}


def parse_array(text: str) -> documents.TaskArray:
    found = ARRAY.fullmatch(text.replace(" ", ""))
    if found is None:
        raise InvalidArgument(f"array: expected 0-99, 0-99:2, 0-99%10 or 100, got {text!r}")
    low, high, step, parallel = (None if part is None else int(part) for part in found.groups())
    whole = range(low or 0) if high is None else range(low or 0, high + 1, 1 if step is None else max(step, 0) or 1)
    if step == 0 or not whole:
        raise InvalidArgument(f"array: {text!r} is empty or does not rise")
    array: documents.TaskArray = {"first": whole.start, "step": whole.step, "count": len(whole)}
    if parallel is not None:
        array["max_parallel"] = parallel
    return array


def text_of(value: object) -> str:
    """A value as the job file has it: text as it is, true and false in JSON's words."""
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, (bool, dict, list)) else str(value)


def item_line(item: object) -> str:
    """An item is a line: text as it is, everything else as JSON."""
    line = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
    if "\n" in line or not line:
        raise InvalidArgument(f"each: an item is one line of text and not empty: {line[:60]!r}; give an object to have it as JSON")
    if len(line.encode()) > ITEM_BYTES_MAX:
        raise InvalidArgument(f"each: an item of {len(line.encode())} bytes, limit {ITEM_BYTES_MAX}: put it into a file, and its name here")
    return line
