"""map(): a function over items, every batch of items a task.

An archive of this package and of cloudpickle travels with the function, so agents need nothing but Python of the same version. Items
travel in the list of the array's items while each batch fits into one (64 KiB), else as files, each to its own task. Results come as
tasks' results, or, above 64 KiB, as files.
"""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import io
import json
import marshal
import pickle
import re
import sys
import sysconfig
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import cloudpickle

from stint_sdk import _remote
from stint_sdk._api import Api, Output, TaskResult
from stint_sdk._blobs import Blob, blob_of_bytes, download_bytes, make_manifest, upload_blobs
from stint_sdk._flow import Flow, together, work
from stint_sdk._job_flows import failure_reasons
from stint_sdk._streams import watch_job
from stint_sdk.errors import InvalidArgument, JobFailed, PythonMismatch, RemoteError, StintError
from stint_sdk.generated import api as documents
from stint_sdk.jobs import ITEM_BYTES_MAX
from stint_sdk.quantities import Number, Span, milliseconds, resources_document

ENTRY = "main"
ARCHIVE = "stint_call.pyz"
CALL_FILE = "stint_call.json"
LOG_TAIL_BYTES = 1 << 20
UNCHECKED = (1).to_bytes(4, "little")  # flags of a .pyc (PEP 552): named by its source's hash, which nobody need look at
RANGE = re.compile(r"(\d+)(?:-(\d+))?(?::(\d+))?")

# Before anything is imported that another version might not understand.
MAIN = """\
import base64, json, os, sys, zlib
sys.path[0] = os.path.abspath(sys.path[0])
with open("stint_call.json") as file:
    call = json.load(file)
if list(sys.version_info[:2]) != call["python"]:
    text = "this is Python %d.%d, the function was pickled by Python %d.%d" % (tuple(sys.version_info[:2]) + tuple(call["python"]))
    told = json.dumps({"kind": "python", "summary": text, "traceback": ""}).encode()
    sys.stderr.write("%s\\nstint-exception:%s\\n" % (text, base64.b64encode(zlib.compress(told)).decode()))
    sys.exit(1)
from stint_sdk._remote import main
main(call)
"""

by_value_lock = threading.Lock()  # cloudpickle's list of modules is one for the process


@dataclass(frozen=True)
class MapOptions:
    resources: Mapping[str, Number]
    batch: int
    retries: int
    type: str | None
    requirements: tuple[str, ...]
    python: str
    name: str
    timeout: Span | None
    max_parallel: int
    progress: Callable[[int, int], None] | None
    return_exceptions: bool


@dataclass(frozen=True)
class Packed:
    """A call that is ready to go: the job, the blobs it names, and how many items each of its tasks has."""

    document: documents.Job
    blobs: list[Blob]
    counts: list[int]


def map_items(api: Api, function: Callable[[Any], Any], items: Iterable[Any], options: MapOptions) -> Flow[list[Any]]:
    packed = yield from work(lambda: pack(function, items, options))
    if packed is None:
        return []
    yield from upload_blobs(api, packed.blobs)
    job = (yield from api.submit(packed.document, None))["id"]
    try:
        view = yield from watch_job(api, job, 0, Progress(packed.counts, options.progress).on_event)
    except GeneratorExit:
        raise  # nobody is left to carry out anything
    except BaseException:
        yield from cancel_quietly(api, job)
        raise
    if view["state"] != "completed" and not options.return_exceptions:
        yield from raise_first_failure(api, view)
    return (yield from gather(api, view, packed.counts))


def cancel_quietly(api: Api, job: int) -> Flow[None]:
    """What made us stop is what the caller must hear of, not this."""
    with contextlib.suppress(StintError):
        yield from api.cancel_job(job, None)


def pack(function: Callable[[Any], Any], items: Iterable[Any], options: MapOptions) -> Packed | None:
    """None: no items. Errors: InvalidArgument, and what pickling raises."""
    everything = list(items)
    if options.batch < 1:
        raise InvalidArgument(f"map: batch {options.batch}; at least one item a task")
    if not everything:
        return None
    batches = [everything[start : start + options.batch] for start in range(0, len(everything), options.batch)]
    pickles = [cloudpickle.dumps(batch) for batch in batches]
    lines = [base64.b64encode(data).decode() for data in pickles]
    kind: Literal["lines", "files"] = "lines" if max(map(len, lines)) <= ITEM_BYTES_MAX else "files"
    call = {"python": list(sys.version_info[:2]), "items": kind, "requirements": list(options.requirements)}
    files = [
        (ARCHIVE, blob_of_bytes(make_archive()), False),
        (CALL_FILE, blob_of_bytes(json.dumps(call).encode()), False),
        (_remote.FUNCTION_FILE, blob_of_bytes(pickle_function(function)), False),
    ]
    blobs = [make_manifest(files), *(blob for _, blob, _ in files)]
    if kind == "lines":
        list_blob = blob_of_bytes("".join(line + "\n" for line in lines).encode())
        blobs.append(list_blob)
    else:
        item_blobs = [blob_of_bytes(data) for data in pickles]
        list_blob = make_manifest([(f"item.{number:08}", blob, False) for number, blob in enumerate(item_blobs)])
        blobs += [list_blob, *item_blobs]
    task = make_task(options, blobs[0])
    task["each"] = {"items": list_blob.hex, "count": len(batches), "kind": kind, "batch": 0}
    name = options.name or getattr(function, "__name__", type(function).__name__).strip("<>")
    document: documents.Job = {"name": name[:128], "tasks": [task], "max_fails": 0 if options.return_exceptions else 1}
    return Packed(document, blobs, [len(batch) for batch in batches])


def make_task(options: MapOptions, manifest: Blob) -> documents.Task:
    task: documents.Task = {"name": ENTRY, "command": [options.python, ARCHIVE], "inputs": manifest.hex, "outputs": ["result.*"]}
    task["retries"] = options.retries
    if options.resources:
        task["resources"] = resources_document(**options.resources)  # type: ignore[arg-type]
    if options.type is not None:
        task["type"] = options.type  # type: ignore[typeddict-item]  # the scheduler says which words it knows
    if options.timeout is not None:
        task["timeout_ms"] = milliseconds(options.timeout)
    if options.max_parallel:
        task["max_parallel"] = options.max_parallel
    return task


def pickle_function(function: Callable[[Any], Any]) -> bytes:
    """With its module's functions by value, unless the module is one that is installed: a script and its tests are not, on agents."""
    module = sys.modules.get(getattr(function, "__module__", None) or type(function).__module__)
    with by_value_lock:
        is_ours = module is not None and is_by_value(module) and module.__name__ not in cloudpickle.list_registry_pickle_by_value()
        if is_ours and module is not None:
            cloudpickle.register_pickle_by_value(module)
        try:
            data: bytes = cloudpickle.dumps(function)
        finally:
            if is_ours and module is not None:
                cloudpickle.unregister_pickle_by_value(module)
    return data


def is_by_value(module: Any) -> bool:
    file = getattr(module, "__file__", None)
    if file is None or module.__name__ == "__main__" or module.__name__.partition(".")[0] == "stint_sdk":
        return False
    installed = {Path(path).resolve() for path in sysconfig.get_paths().values()}
    return installed.isdisjoint(Path(file).resolve().parents)


@lru_cache(maxsize=1)
def make_archive() -> bytes:
    """Always the same bytes for the same version, so that agents fetch it once."""
    files = {"__main__.py": MAIN.encode()}
    for package in (Path(__file__).parent, Path(cloudpickle.__file__).parent):
        for path in sorted(package.rglob("*.py")):
            name = f"{package.name}/{path.relative_to(package).as_posix()}"
            files[name] = path.read_bytes()
            files[name + "c"] = compiled(files[name], name)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in files.items():
            target.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def compiled(source: bytes, name: str) -> bytes:
    """The text of a .pyc that is taken for what it is: nothing in an archive is compiled but once for every task."""
    code = compile(source, f"<{name}>", "exec", dont_inherit=True)
    try:
        text = marshal.dumps(code, 2)  # the last version whose bytes do not depend on who else refers to the same string
    except ValueError:
        text = marshal.dumps(code)  # Python 3.14 and later have constants that it does not know
    return importlib.util.MAGIC_NUMBER + UNCHECKED + bytes(8) + text


class Progress:
    """Counts items as their tasks end."""

    def __init__(self, counts: Sequence[int], tell: Callable[[int, int], None] | None) -> None:
        self.counts, self.tell = counts, tell
        self.done, self.total = 0, sum(counts)

    def on_event(self, event: documents.Event) -> Flow[None]:
        if event["kind"] == "tasks_ended" and event["data"]["state"] == "completed":
            self.done += sum(self.counts[index] for index in parse_indexes(event["data"]["indexes"]))
            if self.tell is not None:
                self.tell(self.done, self.total)
        return
        yield  # a flow that asks for nothing


def parse_indexes(text: str) -> list[int]:
    """`0-3,7` or `0-8:2`."""
    indexes: list[int] = []
    for first, last, step in RANGE.findall(text):
        indexes += range(int(first), int(last or first) + 1, int(step or 1))
    return indexes


def gather(api: Api, view: documents.JobView, counts: Sequence[int]) -> Flow[list[Any]]:
    """The results in order; of tasks that did not complete the exception, once for each of their items."""
    rows: list[TaskResult] = yield from api.results(view["id"], ENTRY)
    by_index = {index_of(row["task"]): row for row in rows}
    files: dict[str, Output] = {}
    if any("file" in row["result"] for row in rows):
        outputs = yield from api.outputs(view["id"], ENTRY)
        files = {str(output["task"]): output for output in outputs if output["path"] == _remote.RESULT_FILE}
    wanted = [by_index.get(index) for index in range(len(counts))]
    batches = yield from together([fetch_batch(api, view, index, row, files) for index, row in enumerate(wanted)])
    results: list[Any] = []
    for count, batch in zip(counts, batches, strict=True):
        results += [batch] * count if isinstance(batch, BaseException) else batch
    return results


def fetch_batch(api: Api, view: documents.JobView, index: int, row: TaskResult | None, files: Mapping[str, Output]) -> Flow[Any]:
    if row is None:
        return (yield from fetch_failure(api, f"{view['id']}.{ENTRY}.{index}"))
    if "pickle" in row["result"]:
        data = base64.b64decode(row["result"]["pickle"])
    else:
        output = files[row["task"]]
        data = yield from download_bytes(api, output["blob"], output["size_bytes"])
    return (yield from work(partial(pickle.loads, data)))


def index_of(task: str) -> int:
    return int(task.rpartition(".")[2])


def raise_first_failure(api: Api, view: documents.JobView) -> Flow[None]:
    query: dict[str, str | int] = {"state": "failed", "limit": 1}
    page = yield from api.get("/v1/jobs/{job}/tasks", values={"job": str(view["id"])}, query=query)
    if not page["items"]:
        raise JobFailed(view, (yield from failure_reasons(api, view["id"])))
    raise (yield from fetch_failure(api, page["items"][0]["id"]))


def fetch_failure(api: Api, task: str) -> Flow[Exception]:
    """What the function raised, with the remote traceback as its cause; a RemoteError if it did not come so far."""
    detail = yield from api.show_task(task)
    answer = yield from api.get_lines("/v1/tasks/{task}/logs", values={"task": task}, query={"tail_bytes": LOG_TAIL_BYTES})
    written = b"".join(base64.b64decode(line["data"]) for line in answer if line.get("stream") == "stderr")
    told = find_told(written.decode(errors="replace")) if detail["state"] == "failed" else None
    if told is None:
        return RemoteError(task, "", describe(detail, written))
    if told["kind"] == "python":
        return PythonMismatch(task, "", f'{told["summary"]}; name another one there with map(…, python="python3.X")')
    cause = RemoteError(task, told["traceback"], told["summary"])
    if "pickle" not in told:
        return cause
    try:
        error = yield from work(lambda: pickle.loads(base64.b64decode(told["pickle"])))
    except Exception:
        return cause
    if not isinstance(error, Exception):
        return cause
    error.__cause__ = cause
    return error


def describe(detail: documents.TaskDetail, written: bytes) -> str:
    text = f"{detail['state']}, {detail['reason']}"
    if detail["message"]:
        text += f": {detail['message']}"
    last = written.decode(errors="replace").strip()[-2000:]
    return f"{text}\n{last}" if last else text


def find_told(text: str) -> dict[str, Any] | None:
    start = text.rfind(_remote.MARK)
    if start < 0:
        return None
    try:
        told = json.loads(zlib.decompress(base64.b64decode(text[start + len(_remote.MARK) :].partition("\n")[0])))
    except (ValueError, zlib.error):
        return None
    return told if isinstance(told, dict) else None
