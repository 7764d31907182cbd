"""The client that blocks. In an event loop use AsyncClient, which has the same methods to await."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from stint_sdk import _job_flows as job_flows
from stint_sdk._api import Api, ClaimedTask, Output
from stint_sdk._blobs import OnBytes, download_bytes
from stint_sdk._blocking import Runner
from stint_sdk._map import MapOptions, map_items
from stint_sdk._settings import Settings
from stint_sdk._streams import LogChunk, follow_job, read_logs
from stint_sdk.errors import WaitTimeout
from stint_sdk.generated import api as documents
from stint_sdk.jobs import Job
from stint_sdk.quantities import Number, Span, milliseconds

A = TypeVar("A")
R = TypeVar("R")


class Client:
    """A scheduler, spoken to with one token.

    server, token: else STINT_SERVER and STINT_TOKEN, else the context file of the state directory, as `stint` itself does.
    pin, ca_file: how the scheduler is known in TLS: sha256:HEX of its key, or a PEM file with who signed its certificate; else
        STINT_CELL_PIN, STINT_CA_FILE, the context file, the system's authorities.
    timeout_s: of one request. patience_s: how long what may be sent again harmlessly is sent again while the scheduler is away.
    Thread: any number may use it.
    Errors: of every method ApiError and ConnectionFailed; NoServer, if nothing says where the scheduler is.
    """

    def __init__(
        self,
        server: str = "",
        token: str = "",
        *,
        state_dir: str | os.PathLike[str] | None = None,
        pin: str = "",
        ca_file: str = "",
        timeout_s: float = 60,
        patience_s: float = 30,
    ) -> None:
        self._runner = Runner(Settings(server, token, state_dir, pin, ca_file), timeout_s)
        self._api = Api(patience_s)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections. Jobs go on."""
        self._runner.close()

    def info(self) -> documents.Info:
        """Which scheduler this is."""
        return self._runner.run(self._api.info())

    def submit(self, job: Job | Mapping[str, Any], *, key: str | None = None, progress: OnBytes | None = None) -> JobHandle:
        """Submits a Job, or a document of the API; what it needs of files goes first.

        key: two submissions under one key are one job; without it only this very call is protected against being done twice.
        progress: told (bytes that are there, bytes wanted). Errors: BadRequest, InvalidArgument, OSError (files).
        """
        view = self._runner.run(job_flows.submit(self._api, job, key, progress))
        return JobHandle(self, view)

    def plan(self, job: Job | Mapping[str, Any]) -> documents.Plan:
        """What the job would make and where it would run now. Nothing is sent but its definition, and nothing is submitted."""
        return self._runner.run(job_flows.plan(self._api, job))

    def job(self, number: int | str = "last") -> JobHandle:
        """A job by its number, or the newest. Errors: NotFound."""
        return JobHandle(self, self._runner.run(self._api.show_job(number)))

    def jobs(self, *, state: str | None = None, name: str | None = None) -> Iterator[JobHandle]:
        """Newest first, fetched in pages as the iteration goes on."""
        query: dict[str, str | int] = {key: value for key, value in (("state", state), ("name", name)) if value is not None}
        for view in self._runner.iterate(self._api.page_through("/v1/jobs", {}, query)):
            yield JobHandle(self, view)

    def task(self, task: str) -> TaskHandle:
        """A task by its id, `12.main.3`; nothing is asked yet."""
        job_flows.job_of(task)
        return TaskHandle(self, task)

    def agents(self) -> list[documents.Agent]:
        return self._runner.run(self._api.agents())

    def upload(self, source: bytes | str | os.PathLike[str], *, progress: OnBytes | None = None) -> str:
        """Bytes, or a file, as a blob; its SHA-256. A cut connection costs one piece of 4 MiB."""
        return self._runner.run(job_flows.upload(self._api, source, progress))

    def read_blob(self, name: str) -> bytes:
        """The bytes of a blob, verified. Errors: NotFound, DigestMismatch."""
        return self._runner.run(download_bytes(self._api, name))

    def claim(
        self, types: Sequence[str] = (), *, limit: int = 1, job: int | JobHandle | None = None, lease: Span | None = None
    ) -> list[Claim]:
        """Takes up to `limit` tasks for a person, whose the token is. They are theirs for `lease` (15 min)."""
        number = job.id if isinstance(job, JobHandle) else job
        lease_ms = None if lease is None else milliseconds(lease, "lease")
        return [Claim(self, claimed) for claimed in self._runner.run(self._api.claim(types, limit, number, lease_ms))]

    def map(
        self,
        function: Callable[[A], R],
        items: Iterable[A],
        *,
        resources: Mapping[str, Number] | None = None,
        batch: int = 1,
        retries: int = 0,
        type: str | None = None,
        requirements: Sequence[str] = (),
        python: str = "python3",
        name: str = "",
        timeout: Span | None = None,
        max_parallel: int = 0,
        progress: Callable[[int, int], None] | None = None,
        return_exceptions: bool = False,
    ) -> list[R]:
        """`[function(item) for item in items]`, every `batch` of items as a task of its own; the results in the order of the items.

        The function and the items travel by cloudpickle: what the function uses of your own modules must be installed on the agents, or be
        in `requirements` (as pip takes them). `python` is the interpreter there; it must be of this one's version (3.X).
        resources, type, retries, timeout, max_parallel: as in Task. progress: told (items done, items in all).

        Errors: what the function raised, with a RemoteError that has the remote traceback as its cause; the job is then stopped. With
        `return_exceptions` exceptions stand among the results instead. RemoteError: the task failed otherwise. PythonMismatch.
        An interrupt cancels the job.
        """
        options = MapOptions(
            resources or {}, batch, retries, type, tuple(requirements), python, name, timeout, max_parallel, progress, return_exceptions
        )
        results: list[R] = self._runner.run(map_items(self._api, function, items, options))
        return results


class JobHandle:
    """A job that was submitted. `view` is what was last heard of it; refresh() asks."""

    def __init__(self, client: Client, view: documents.JobView) -> None:
        self._client, self._api, self._run = client, client._api, client._runner.run
        self.id = view["id"]
        self.view = view

    def __repr__(self) -> str:
        return f"<job {self.id} {self.view['name']!r} {self.view['state']}>"

    @property
    def name(self) -> str:
        return self.view["name"]

    @property
    def state(self) -> documents.State:
        """As last heard: pending, running, completed, failed or cancelled."""
        return self.view["state"]

    def refresh(self) -> documents.JobView:
        self.view = self._run(self._api.show_job(self.id))
        return self.view

    def spec(self) -> documents.Job:
        """The job as it was submitted."""
        return self._run(self._api.show_spec(self.id))

    def wait(self, timeout: Span | None = None, *, check: bool = True) -> documents.JobView:
        """Until the job has ended. Errors: WaitTimeout; JobFailed, if it did not complete, unless `check` is False."""
        timeout_s = None if timeout is None else milliseconds(timeout) / 1000
        try:
            self.view = self._run(job_flows.wait(self._api, self.id, timeout_s, check=check))
        except WaitTimeout:
            self.refresh()
            raise
        return self.view

    def follow(self, after: int = 0) -> Iterator[documents.Event]:
        """Its events, from the first or after the one with that `seq`, until it has ended; over restarts of the scheduler."""
        yield from self._client._runner.iterate(follow_job(self._api, self.id, after))

    def tasks(self, entry: str | None = None, *, state: str | None = None) -> Iterator[TaskHandle]:
        """In the order of entries and indexes, fetched in pages as the iteration goes on."""
        query: dict[str, str | int] = {key: value for key, value in (("task", entry), ("state", state)) if value is not None}
        for view in self._client._runner.iterate(self._api.page_through("/v1/jobs/{job}/tasks", {"job": str(self.id)}, query)):
            yield TaskHandle(self._client, view["id"], view)

    def task(self, name: str = "main") -> TaskHandle:
        """`main`, or of an array `main.3`; nothing is asked yet."""
        return TaskHandle(self._client, f"{self.id}.{name}")

    def outputs(self, task: str | None = None) -> list[Output]:
        """Files that completed tasks left: of all, of an entry (`train`) or of a task (`train.3`)."""
        return self._run(self._api.outputs(self.id, task))

    def download(self, to: str | os.PathLike[str], task: str | None = None, *, progress: OnBytes | None = None) -> list[Path]:
        """Outputs into TO/ENTRY/FILE, of arrays into TO/ENTRY/INDEX/FILE. Errors: DigestMismatch, OSError."""
        return self._run(job_flows.download(self._api, self.id, task, Path(to), progress))

    def results(self, entry: str | None = None) -> dict[str, Any]:
        """Results by the task's id, in the order of entries and indexes: of all, or of an entry (`train`)."""
        return self._run(job_flows.results(self._api, self.id, entry))

    def cancel(self, task: str | None = None) -> documents.JobView:
        """The whole job, an entry (`train`) or a task (`train.3`). What runs is stopped gracefully, so the job may end a little later."""
        self.view = self._run(self._api.cancel_job(self.id, task))
        return self.view

    def retry(self, *, failed_only: bool = True) -> JobHandle:
        """A new job with the same definition. What completed here counts as completed there, unless `failed_only` is False.

        Errors: Conflict (this one goes on).
        """
        return JobHandle(self._client, self._run(self._api.retry_job(self.id, failed_only)))

    def explain(self) -> documents.Explanation:
        """Why it is not done."""
        return self._run(self._api.explain(self.id, None))


class TaskHandle:
    """One task. `view` is what was last heard of it, None if nothing yet."""

    def __init__(self, client: Client, task: str, view: documents.TaskView | None = None) -> None:
        self._client, self._api, self._run = client, client._api, client._runner.run
        self.id = task
        self.view = view

    def __repr__(self) -> str:
        return f"<task {self.id}{' ' + self.view['state'] if self.view else ''}>"

    def refresh(self) -> documents.TaskDetail:
        """The task and its attempts. Errors: NotFound."""
        detail = self._run(self._api.show_task(self.id))
        self.view = detail
        return detail

    @property
    def state(self) -> documents.State | None:
        """As last heard; None if nothing was."""
        return self.view["state"] if self.view else None

    def logs(self, *, attempt: int | None = None, follow: bool = False) -> Iterator[LogChunk]:
        """What it wrote, of all attempts or one, in order of arrival; with `follow` until it has ended."""
        yield from self._client._runner.iterate(read_logs(self._api, self.id, attempt, follow=follow))

    def log_text(self, stream: str | None = None, *, attempt: int | None = None) -> str:
        """All that is there, of one stream (stdout, stderr) or both."""
        chunks = self.logs(attempt=attempt)
        return b"".join(chunk.data for chunk in chunks if stream in (None, chunk.stream)).decode(errors="replace")

    def metrics(self, *, attempt: int | None = None) -> list[documents.Report]:
        """What it reported of its progress, at most one a second; of the newest attempt, or of another."""
        return self._run(self._api.reports(self.id, attempt))

    def outputs(self) -> list[Output]:
        return self._run(self._api.outputs(job_flows.job_of(self.id), self.id.partition(".")[2]))

    def result(self) -> Any:
        """The JSON it left. Errors: NotFound."""
        return self._run(self._api.result(self.id))

    def explain(self) -> documents.Explanation:
        """Why it is not running, per agent and clause."""
        return self._run(self._api.explain(job_flows.job_of(self.id), self.id))

    def cancel(self) -> None:
        self._run(self._api.cancel_job(job_flows.job_of(self.id), self.id.partition(".")[2]))


class Claim:
    """A task that a person has taken."""

    def __init__(self, client: Client, claimed: ClaimedTask) -> None:
        self._client = client
        self.claimed = claimed
        self.task, self.item, self.form = claimed["task"], claimed["item"], claimed["form"]

    def __repr__(self) -> str:
        return f"<claim of {self.task} until {self.claimed['lease_until']}>"

    def answer(self, result: Mapping[str, Any]) -> None:
        """The task is then completed, with that result. Errors: Conflict (the lease has ended), BadRequest (over 64 KiB)."""
        self._client._runner.run(self._client._api.answer(self.claimed, result))

    def release(self, why: str = "") -> None:
        """Gives it back, for somebody else."""
        self._client._runner.run(self._client._api.release(self.claimed, why))
