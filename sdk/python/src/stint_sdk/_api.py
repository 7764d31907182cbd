"""The routes of the API as flows: documents in, documents out."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar, cast

from stint_sdk._flow import Answer, Emit, Flow, Request, send
from stint_sdk.generated import api as documents

PAGE_ITEMS = 1000  # the most that the scheduler gives at once
ENDED = ("completed", "failed", "cancelled")

T = TypeVar("T")


Output: TypeAlias = documents.Output
TaskResult: TypeAlias = documents.TaskResult
ClaimedTask: TypeAlias = documents.ClaimedWorkItemsItem


class Api:
    """patience_s: how long what can be sent again harmlessly is sent again while the scheduler is away."""

    def __init__(self, patience_s: float) -> None:
        self.patience_s = patience_s

    def send(self, request: Request) -> Flow[Answer]:
        return (yield from send(request, self.patience_s))

    def fetch(self, request: Request) -> Flow[Any]:
        answer = yield from self.send(request)
        return json.loads(answer.body)

    def get(self, route: str, *, values: Mapping[str, str] | None = None, query: Mapping[str, str | int] | None = None) -> Flow[Any]:
        return (yield from self.fetch(Request("GET", route, values=values or {}, query=query or {})))

    def get_lines(self, route: str, *, values: Mapping[str, str], query: Mapping[str, str | int]) -> Flow[list[Any]]:
        """An answer of JSON objects, one a line."""
        answer = yield from self.send(Request("GET", route, values=values, query=query))
        return [json.loads(line) for line in answer.body.split(b"\n") if line]

    def page_through(self, route: str, values: Mapping[str, str], query: Mapping[str, str | int]) -> Flow[None]:
        """Emits the items of all pages, each page fetched when somebody wants it."""
        after: str | int | None = None
        while True:
            page = yield from self.page(route, values, query, after)
            for item in page["items"]:
                yield Emit(item)
            after = page["next"]
            if after is None:
                return

    def page(self, route: str, values: Mapping[str, str], query: Mapping[str, str | int], after: str | int | None) -> Flow[Any]:
        cursor = {} if after is None else {"after": after}
        return (yield from self.get(route, values=values, query={"limit": PAGE_ITEMS, **query, **cursor}))

    def all_items(
        self, route: str, values: Mapping[str, str], query: Mapping[str, str | int], after: str | int | None = None
    ) -> Flow[list[Any]]:
        items: list[Any] = []
        while True:
            page = yield from self.page(route, values, query, after)
            items += page["items"]
            after = page["next"]
            if after is None:
                return items

    def info(self) -> Flow[documents.Info]:
        return cast(documents.Info, (yield from self.get("/v1/info")))

    def submit(self, spec: documents.Job, key: str | None) -> Flow[documents.JobView]:
        """Under a key of its own, so that a cut connection never makes two jobs of one."""
        headers = {"Idempotency-Key": key or secrets.token_hex(16)}
        return cast(documents.JobView, (yield from self.fetch(Request("POST", "/v1/jobs", json=spec, headers=headers))))

    def show_job(self, job: int | str) -> Flow[documents.JobView]:
        return cast(documents.JobView, (yield from self.get("/v1/jobs/{job}", values={"job": str(job)})))

    def show_spec(self, job: int) -> Flow[documents.Job]:
        return cast(documents.Job, (yield from self.get("/v1/jobs/{job}/spec", values={"job": str(job)})))

    def cancel_job(self, job: int, task: str | None) -> Flow[documents.JobView]:
        body = {} if task is None else {"task": task}
        request = Request("POST", "/v1/jobs/{job}/cancel", values={"job": str(job)}, json=body)
        return cast(documents.JobView, (yield from self.fetch(request)))

    def retry_job(self, job: int, failed_only: bool) -> Flow[documents.JobView]:
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        request = Request("POST", "/v1/jobs/{job}/retry", values={"job": str(job)}, json={"failed_only": failed_only}, headers=headers)
        return cast(documents.JobView, (yield from self.fetch(request)))

    def explain(self, job: int, task: str | None) -> Flow[documents.Explanation]:
        if task is None:
            return cast(documents.Explanation, (yield from self.get("/v1/jobs/{job}/explain", values={"job": str(job)})))
        return cast(documents.Explanation, (yield from self.get("/v1/tasks/{task}/explain", values={"task": task})))

    def show_task(self, task: str) -> Flow[documents.TaskDetail]:
        return cast(documents.TaskDetail, (yield from self.get("/v1/tasks/{task}", values={"task": task})))

    def result(self, task: str) -> Flow[Any]:
        return (yield from self.get("/v1/tasks/{task}/result", values={"task": task}))["result"]

    def reports(self, task: str, attempt: int | None) -> Flow[list[documents.Report]]:
        query = {} if attempt is None else {"attempt": attempt}
        return (yield from self.all_items("/v1/tasks/{task}/reports", {"task": task}, query))

    def outputs(self, job: int, task: str | None) -> Flow[list[Output]]:
        query = {} if task is None else {"task": task}
        return (yield from self.all_items("/v1/jobs/{job}/outputs", {"job": str(job)}, query))

    def results(self, job: int, task: str | None) -> Flow[list[TaskResult]]:
        query = {} if task is None else {"task": task}
        return (yield from self.all_items("/v1/jobs/{job}/results", {"job": str(job)}, query))

    def plan(self, spec: documents.Job) -> Flow[documents.Plan]:
        return cast(documents.Plan, (yield from self.fetch(Request("POST", "/v1/plan", json=spec))))

    def agents(self) -> Flow[list[documents.Agent]]:
        return (yield from self.all_items("/v1/agents", {}, {}))

    def claim(self, types: Sequence[str], limit: int, job: int | None, lease_ms: int | None) -> Flow[list[ClaimedTask]]:
        """Not sent again once it may have arrived: tasks of a lost answer come back when their lease ends."""
        body: dict[str, Any] = {"limit": limit}
        if types:
            body["types"] = list(types)
        if job is not None:
            body["job"] = job
        if lease_ms is not None:
            body["lease_ms"] = lease_ms
        claimed = yield from self.fetch(Request("POST", "/v1/work/claim", json=body, is_idempotent=False))
        return cast("list[ClaimedTask]", claimed["items"])

    def answer(self, claimed: ClaimedTask, result: Mapping[str, Any]) -> Flow[None]:
        body = {"attempt": claimed["attempt"], "result": dict(result)}
        yield from self.fetch(Request("POST", "/v1/work/{task}/answer", values={"task": claimed["task"]}, json=body))

    def release(self, claimed: ClaimedTask, why: str) -> Flow[None]:
        body: dict[str, Any] = {"attempt": claimed["attempt"]}
        if why:
            body["why"] = why
        yield from self.fetch(Request("POST", "/v1/work/{task}/release", values={"task": claimed["task"]}, json=body))
