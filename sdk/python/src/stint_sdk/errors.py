"""What can go wrong, as exceptions. Every one is a StintError.

An answer of the scheduler that is a problem document becomes an ApiError, or the subclass for its status; what never got an answer is a
ConnectionFailed; what a job or a task came to is a JobFailed or a RemoteError.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stint_sdk.generated.api import JobView


class StintError(Exception):
    """Anything this package raises by itself."""


class InvalidArgument(StintError, ValueError):
    """A value that this package can tell to be wrong before it asks the scheduler."""


class NoServer(StintError):
    """Neither an argument, nor STINT_SERVER, nor a context file says where the scheduler is."""


class NotTrusted(StintError):
    """In TLS, whoever answers is not known to be the scheduler: its key is not the pinned one. Nothing was sent."""


class ConnectionFailed(StintError):
    """No answer: refused, cut or timed out, for longer than the client's patience.

    was_sent: the scheduler may have got the request, so it may have happened.
    """

    def __init__(self, text: str, *, was_sent: bool) -> None:
        super().__init__(text)
        self.was_sent = was_sent


class ApiError(StintError):
    """The scheduler refused. `code` is stable and meant for programs; the rest is meant for people.

    status: HTTP status. where: the key or parameter that is wrong. limit, remedy: the bound, and what to do; "" if there is none.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], request: str) -> None:
        self.status = status
        self.code = str(problem.get("code", "internal"))
        self.detail = str(problem.get("detail", f"HTTP status {status}"))
        self.where = str(problem.get("where", ""))
        self.limit = str(problem.get("limit", ""))
        self.remedy = str(problem.get("remedy", ""))
        self.offset: int | None = problem.get("offset")
        self.request = request
        super().__init__(self.text())

    def text(self) -> str:
        parts = [self.detail]
        if self.where and self.where not in self.detail:
            parts[0] = f"{self.where}: {self.detail}"
        if self.limit and self.limit not in self.detail:
            parts.append(f"limit {self.limit}")
        if self.remedy:
            parts.append(self.remedy)
        return f"{'; '.join(parts)} [{self.code}, {self.request}]"


class BadRequest(ApiError):
    """400, 413, 422: the request is wrong and will be wrong again."""


class Unauthenticated(ApiError):
    """401: no token, or one that is unknown, expired or revoked."""


class Forbidden(ApiError):
    """403: the token lacks the scope."""


class NotFound(ApiError):
    """404: no such job, task, blob or agent."""


class Conflict(ApiError):
    """409: another thing has this name, or the state does not allow it."""


class Unavailable(ApiError):
    """503, for longer than the client's patience. With the code outcome_unknown it may have happened."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: BadRequest,
    422: BadRequest,
    503: Unavailable,
}


def make_api_error(status: int, problem: Mapping[str, Any], request: str) -> ApiError:
    return _BY_STATUS.get(status, ApiError)(status, problem, request)


class DigestMismatch(StintError):
    """Bytes that came are not those that were asked for."""


class WaitTimeout(StintError, TimeoutError):
    """The job has not ended within the time that was given. It goes on."""


class JobFailed(StintError):
    """A job ended otherwise than completed. `job` is its last view; `reasons` says of its first failed tasks why."""

    def __init__(self, job: JobView, reasons: list[str]) -> None:
        self.job = job
        self.reasons = reasons
        counts = job["tasks"]
        text = f"job {job['id']} ({job['name'] or 'without a name'}) {job['state']}"
        if job["reason"]:
            text += f", {job['reason']}"
        text += f": {counts['completed']} of {counts['total']} tasks completed, {counts['failed']} failed, {counts['cancelled']} cancelled"
        super().__init__("; ".join([text, *reasons]))


class RemoteError(StintError):
    """What a function of map() raised, when the exception itself could not travel. Otherwise it is that exception's `__cause__`.

    task: the id of the task. traceback: the text of the remote traceback, "" if there is none.
    """

    def __init__(self, task: str, traceback: str, summary: str = "") -> None:
        self.task = task
        self.traceback = traceback
        self.summary = summary
        super().__init__(f"in task {task}: {summary}" + (f"\n{traceback}" if traceback else ""))


class PythonMismatch(RemoteError):
    """The agent's Python is another version than the one that pickled the function: name one with map(…, python="python3.11")."""


class NotInTask(StintError):
    """stint_sdk.task was asked for something that only a running task has."""
