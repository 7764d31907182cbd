"""Stint from Python: submit jobs and follow them, map a function over items, answer tasks as a person, and help programs that run as tasks.

    from stint_sdk import Client, Job, Task

    with Client() as client:
        job = client.submit(Job(name="hello", tasks=[Task(command=["echo", "hello"])]))
        job.wait()

What is named here is loaded when it is used: `from stint_sdk import task` needs only the standard library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stint_sdk import task as task
    from stint_sdk._api import ClaimedTask as ClaimedTask
    from stint_sdk._api import Output as Output
    from stint_sdk._shortcuts import amap as amap
    from stint_sdk._shortcuts import map as map
    from stint_sdk._streams import LogChunk as LogChunk
    from stint_sdk.aio import AsyncClaim as AsyncClaim
    from stint_sdk.aio import AsyncClient as AsyncClient
    from stint_sdk.aio import AsyncJobHandle as AsyncJobHandle
    from stint_sdk.aio import AsyncTaskHandle as AsyncTaskHandle
    from stint_sdk.client import Claim as Claim
    from stint_sdk.client import Client as Client
    from stint_sdk.client import JobHandle as JobHandle
    from stint_sdk.client import TaskHandle as TaskHandle
    from stint_sdk.errors import ApiError as ApiError
    from stint_sdk.errors import ConnectionFailed as ConnectionFailed
    from stint_sdk.errors import InvalidArgument as InvalidArgument
    from stint_sdk.errors import JobFailed as JobFailed
    from stint_sdk.errors import NotTrusted as NotTrusted
    from stint_sdk.errors import PythonMismatch as PythonMismatch
    from stint_sdk.errors import RemoteError as RemoteError
    from stint_sdk.errors import StintError as StintError
    from stint_sdk.errors import WaitTimeout as WaitTimeout
    from stint_sdk.jobs import Collect as Collect
    from stint_sdk.jobs import EachFrom as EachFrom
    from stint_sdk.jobs import Job as Job
    from stint_sdk.jobs import Need as Need
    from stint_sdk.jobs import StopAfter as StopAfter
    from stint_sdk.jobs import Task as Task

__version__ = "0.1.0"

_HOMES = {
    "_api": ("ClaimedTask", "Output"),
    "_shortcuts": ("amap", "map"),
    "_streams": ("LogChunk",),
    "aio": ("AsyncClaim", "AsyncClient", "AsyncJobHandle", "AsyncTaskHandle"),
    "client": ("Claim", "Client", "JobHandle", "TaskHandle"),
    "errors": (
        "ApiError",
        "ConnectionFailed",
        "InvalidArgument",
        "JobFailed",
        "NotTrusted",
        "PythonMismatch",
        "RemoteError",
        "StintError",
        "WaitTimeout",
    ),
    "jobs": ("Collect", "EachFrom", "Job", "Need", "StopAfter", "Task"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [*_HOME_OF, "task"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(importlib.import_module(f"stint_sdk.{_HOME_OF[name]}"), name)
    if name in ("errors", "jobs", "task"):
        return importlib.import_module(f"stint_sdk.{name}")
    raise AttributeError(f"module 'stint_sdk' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF, "task"])
