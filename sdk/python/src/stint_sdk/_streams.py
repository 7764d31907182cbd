"""Events and output as they come, over broken connections and restarts of the scheduler: nothing is missed and nothing comes twice."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stint_sdk._api import ENDED, Api
from stint_sdk._flow import STREAM_SILENCE_S, Answer, Emit, Flow, NextLine, OpenStream, Patience, Request, Sleep, is_worth_again
from stint_sdk.errors import ApiError, ConnectionFailed, WaitTimeout, make_api_error
from stint_sdk.generated.api import Event, JobView

LAST_KINDS = ("job_ended", "job_removed")
REOPEN_PAUSE_S = 0.05


@dataclass(frozen=True)
class LogChunk:
    """A piece of what a task wrote. `offset`: bytes from the start of the attempt's stream. A piece may end within a character."""

    attempt: int
    stream: str  # stdout or stderr
    offset: int
    data: bytes

    @property
    def text(self) -> str:
        return self.data.decode(errors="replace")


class EventParser:
    """Lines of a text/event-stream become events. An empty line ends one; one with a colon in front is a sign of life."""

    def __init__(self) -> None:
        self._seq, self._kind, self._data = 0, "message", ""

    def feed(self, line: str) -> Event | None:
        if line:
            name, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if name == "id":
                self._seq = int(value)
            elif name == "event":
                self._kind = value
            elif name == "data":
                self._data += value
            return None
        kind, data = self._kind, self._data
        self._kind, self._data = "message", ""
        if not data:
            return None
        document: dict[str, Any] = json.loads(data)
        return {"seq": self._seq, "kind": kind, "at": document.get("at", ""), "data": document}


def open_stream(request: Request, patience_s: float, silence_s: float | None) -> Flow[None]:
    """As send(), for an answer that is read line by line."""
    patience = Patience(patience_s)
    while True:
        try:
            answer: Answer = yield OpenStream(request, silence_s)
            if answer.problem is None:
                return
            raise make_api_error(answer.status, answer.problem, request.name())
        except (ApiError, ConnectionFailed) as error:
            pause = patience.next_pause() if is_worth_again(error, request) else None
            if pause is None:
                raise
        yield Sleep(pause)


class EventReader:
    """Events of one job after `seen`, which moves on with them."""

    def __init__(self, api: Api, job: int, seen: int | None) -> None:
        self.api, self.job, self.seen = api, job, seen
        self.parser = EventParser()

    def open(self, silence_s: float = STREAM_SILENCE_S) -> Flow[None]:
        query: dict[str, str | int] = {"job": self.job} if self.seen is None else {"job": self.job, "after": self.seen}
        self.parser = EventParser()
        request = Request("GET", "/v1/events", query=query, headers={"Accept": "text/event-stream"})
        yield from open_stream(request, self.api.patience_s, silence_s)

    def read(self, *, returns_on_silence: bool = False) -> Flow[Event | None]:
        """The next event; None when the stream broke, or when `returns_on_silence` and the scheduler only showed that it is alive."""
        while True:
            try:
                line: str | None = yield NextLine()
            except ConnectionFailed:
                return None
            if line is None or (returns_on_silence and line.startswith(":")):
                return None
            event = self.parser.feed(line)
            if event is not None:
                self.seen = event["seq"]
                return event


def watch_job(api: Api, job: int, after: int, on_event: Callable[[Event], Flow[None]]) -> Flow[JobView]:
    """Tells of the job's events until it has ended; its last view. Events that retention removed are not told."""
    reader = EventReader(api, job, after)
    while True:
        yield from reader.open()
        view = yield from api.show_job(job)
        if view["state"] in ENDED:
            for event in (yield from api.all_items("/v1/events", {}, {"job": job}, reader.seen or None)):
                yield from on_event(event)
            return view
        while (event := (yield from reader.read())) is not None:
            yield from on_event(event)
            if event["kind"] in LAST_KINDS:
                return (yield from api.show_job(job))
        yield Sleep(REOPEN_PAUSE_S)


def follow_job(api: Api, job: int, after: int) -> Flow[JobView]:
    """Emits the job's events until it has ended."""

    def emit(event: Event) -> Flow[None]:
        yield Emit(event)

    return (yield from watch_job(api, job, after, emit))


def wait_for_job(api: Api, job: int, timeout_s: float | None) -> Flow[JobView]:
    """Errors: WaitTimeout."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    reader = EventReader(api, job, None)
    while True:
        left_s = STREAM_SILENCE_S if deadline is None else max(0.001, min(STREAM_SILENCE_S, deadline - time.monotonic()))
        yield from reader.open(left_s)
        view = yield from api.show_job(job)
        if view["state"] in ENDED:
            return view
        if deadline is not None and time.monotonic() >= deadline:
            raise WaitTimeout(f"job {job} has not ended within {timeout_s:g} s; it goes on")
        while (event := (yield from reader.read(returns_on_silence=deadline is not None))) is not None:
            if event["kind"] in LAST_KINDS:
                return (yield from api.show_job(job))
        yield Sleep(REOPEN_PAUSE_S)


def read_logs(api: Api, task: str, attempt: int | None, *, follow: bool) -> Flow[None]:
    """Emits LogChunks: of what is there, or, to follow, until the task has ended."""
    query: dict[str, str | int] = {"follow": int(follow)}
    if attempt is not None:
        query["attempt"] = attempt
    seen: int | None = None
    while True:
        after = {} if seen is None else {"after": seen}
        request = Request("GET", "/v1/tasks/{task}/logs", values={"task": task}, query={**query, **after})
        yield from open_stream(request, api.patience_s, None if follow else STREAM_SILENCE_S)
        try:
            while (line := (yield NextLine())) is not None:
                document = json.loads(line)
                if document.get("end"):
                    return
                seen = document["seq"]
                data = base64.b64decode(document["data"])
                yield Emit(LogChunk(document["attempt"], document["stream"], document["offset"], data))
            if not follow:
                return
        except ConnectionFailed:
            pass
        yield Sleep(REOPEN_PAUSE_S)
