"""What both clients do with jobs beyond a single call of the API."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from stint_sdk._api import Api, Output
from stint_sdk._blobs import Meter, OnBytes, blob_of_bytes, blob_of_file, download_file, upload_blobs
from stint_sdk._flow import Flow, together, work
from stint_sdk._streams import wait_for_job
from stint_sdk.errors import InvalidArgument, JobFailed
from stint_sdk.generated import api as documents
from stint_sdk.jobs import Job

REASONS_TOLD = 3


def submit(api: Api, job: Job | Mapping[str, Any], key: str | None, progress: OnBytes | None) -> Flow[documents.JobView]:
    if not isinstance(job, Job):
        return (yield from api.submit(cast(documents.Job, dict(job)), key))
    document, blobs = yield from work(job.make)
    if blobs:
        yield from upload_blobs(api, blobs, progress)
    return (yield from api.submit(document, key))


def plan(api: Api, job: Job | Mapping[str, Any]) -> Flow[documents.Plan]:
    if not isinstance(job, Job):
        return (yield from api.plan(cast(documents.Job, dict(job))))
    document, _ = yield from work(job.make)
    return (yield from api.plan(document))


def upload(api: Api, source: bytes | str | os.PathLike[str], progress: OnBytes | None) -> Flow[str]:
    blob = yield from work(lambda: blob_of_bytes(source) if isinstance(source, bytes) else blob_of_file(Path(source)))
    yield from upload_blobs(api, [blob], progress)
    return blob.hex


def wait(api: Api, job: int, timeout_s: float | None, *, check: bool) -> Flow[documents.JobView]:
    view = yield from wait_for_job(api, job, timeout_s)
    if check and view["state"] != "completed":
        raise JobFailed(view, (yield from failure_reasons(api, job)))
    return view


def failure_reasons(api: Api, job: int) -> Flow[list[str]]:
    query: dict[str, str | int] = {"state": "failed", "limit": REASONS_TOLD}
    page = yield from api.get("/v1/jobs/{job}/tasks", values={"job": str(job)}, query=query)
    return [describe_failure(task) for task in page["items"]]


def describe_failure(task: documents.TaskView) -> str:
    text = f"{task['id']} {task['reason'] or task['state']}"
    if task["reason"] == "exit" and task["exit_code"] is not None:
        text += f" {task['exit_code']}"
    if task["signal"]:
        text += f" {task['signal']}"
    return f"{text}: {task['message']}" if task["message"] else text


def output_path(output: Output, folder: Path) -> Path:
    """As STINT_INPUTS has it: ENTRY/FILE, of an array ENTRY/INDEX/FILE. Errors: InvalidArgument (the path would leave the folder)."""
    parts = [output["entry"]]
    if output["task"] is not None:
        parts += output["task"].split(".")[2:]
    parts += output["path"].split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise InvalidArgument(f"output {output['path']!r} of {output['task'] or output['entry']} is no path below a folder")
    return folder.joinpath(*parts)


def download(api: Api, job: int, task: str | None, to: Path, progress: OnBytes | None) -> Flow[list[Path]]:
    """All outputs, or those of an entry or a task; every file whole and verified, or not there."""
    outputs = yield from api.outputs(job, task)
    targets = [output_path(output, to) for output in outputs]
    meter = Meter(sum(output["size_bytes"] for output in outputs), progress)
    flows = [
        download_file(api, output["blob"], output["size_bytes"], target, executable=output["executable"], meter=meter)
        for output, target in zip(outputs, targets, strict=True)
    ]
    return (yield from together(flows))


def results(api: Api, job: int, entry: str | None) -> Flow[dict[str, Any]]:
    return {row["task"]: row["result"] for row in (yield from api.results(job, entry))}


def job_of(task: str) -> int:
    number, dot, name = task.partition(".")
    if not number.isdigit() or not dot or not name:
        raise InvalidArgument(f"task: expected an id such as 12.main or 12.main.3, got {task!r}")
    return int(number)
