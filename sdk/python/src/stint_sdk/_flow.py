"""One implementation of everything for both clients.

What a client does is written once, as a generator: it yields commands (a request, a pause, work that blocks, a stream to read) and gets
their outcomes. Client carries the commands out with blocking calls, AsyncClient by awaiting; neither knows what is meant by them. The
failure of a command is raised into the generator at its `yield`, so try and finally mean there what they always do.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from stint_sdk.errors import ApiError, ConnectionFailed, make_api_error

T = TypeVar("T")

BACKOFF_FIRST_S = 0.05
BACKOFF_MAX_S = 2.0
STREAM_SILENCE_S = 90.0  # on an event stream the scheduler says something with every heartbeat, each 30 s
TOGETHER = 4  # flows of one Together that go on at once


@dataclass(frozen=True)
class Request:
    """One call of the API. `route` is that of openapi.yaml; `values` fill its braces."""

    method: str
    route: str
    values: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str | int] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_idempotent: bool = True

    def path(self) -> str:
        return self.route.format_map(self.values)

    def name(self) -> str:
        return f"{self.method} {self.path()}"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]
    problem: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Sleep:
    seconds: float


@dataclass(frozen=True)
class Work:
    """A function that blocks: AsyncClient runs it in a thread."""

    function: Callable[[], Any]


@dataclass(frozen=True)
class Together:
    """Flows without an order among them. The first failure ends all; results come in order."""

    flows: Sequence[Flow[Any]]


@dataclass(frozen=True)
class OpenStream:
    """Opens the one stream that a flow may have, in place of an earlier one; the outcome is an Answer, with the body only of a refusal.

    silence_s: how long nothing may come before NextLine fails with ConnectionFailed; None: for ever.
    """

    request: Request
    silence_s: float | None


@dataclass(frozen=True)
class NextLine:
    """The next line of the stream, without its end; None when the scheduler ended it."""


@dataclass(frozen=True)
class Emit:
    """Hands a value to who iterates over the flow."""

    value: Any


Command: TypeAlias = Request | Sleep | Work | Together | OpenStream | NextLine | Emit
Flow: TypeAlias = Generator[Command, Any, T]


def work(function: Callable[[], T]) -> Flow[T]:
    outcome: T = yield Work(function)
    return outcome


def together(flows: Sequence[Flow[T]]) -> Flow[list[T]]:
    outcome: list[T] = yield Together(flows)
    return outcome


@dataclass
class Patience:
    """Pauses between tries: doubling, each drawn from half to all of it, until `seconds` have gone since the first failure in a row."""

    seconds: float
    pause: float = BACKOFF_FIRST_S
    since: float | None = None

    def reset(self) -> None:
        self.pause, self.since = BACKOFF_FIRST_S, None

    def next_pause(self) -> float | None:
        """None: out of patience."""
        now = time.monotonic()
        self.since = now if self.since is None else self.since
        if now - self.since >= self.seconds:
            return None
        pause = self.pause * random.uniform(0.5, 1)
        self.pause = min(self.pause * 2, BACKOFF_MAX_S)
        return pause


def is_worth_again(error: ApiError | ConnectionFailed, request: Request) -> bool:
    """Whether the same request may be sent again without doing the thing twice."""
    if isinstance(error, ConnectionFailed):
        return request.is_idempotent or not error.was_sent
    return error.code in ("unavailable", "fenced") or (error.code == "outcome_unknown" and request.is_idempotent)


def send(request: Request, patience_s: float) -> Flow[Answer]:
    """The answer to a request, which is sent again while that is harmless and patience lasts.

    Errors: ApiError (the scheduler refused), ConnectionFailed.
    """
    patience = Patience(patience_s)
    while True:
        try:
            answer: Answer = yield request
            if answer.problem is None:
                return answer
            raise make_api_error(answer.status, answer.problem, request.name())
        except (ApiError, ConnectionFailed) as error:
            pause = patience.next_pause() if is_worth_again(error, request) else None
            if pause is None:
                raise
        yield Sleep(pause)
