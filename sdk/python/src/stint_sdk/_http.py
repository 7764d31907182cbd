"""What both runners share of HTTP: addresses, errors, lines."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from stint_sdk._flow import Answer, OpenStream, Request
from stint_sdk._settings import Endpoint, Settings
from stint_sdk._tls import CellContext
from stint_sdk.errors import ConnectionFailed

CONNECT_S = 5.0
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=8, keepalive_expiry=60)  # the scheduler keeps idle ones 75 s


@dataclass
class Address:
    """Looked up when it is first needed, and anew after every failure: a scheduler that was started again may have moved."""

    settings: Settings
    known: Endpoint | None = None
    tls: CellContext = field(default_factory=CellContext)

    def find(self) -> Endpoint:
        if self.known is None:
            known = self.settings.find_endpoint()
            if known.url.startswith("https:"):
                self.tls.trust(known.pins, known.ca_file)
            self.known = known
        return self.known

    def fail(self, request: Request, error: httpx.HTTPError) -> ConnectionFailed:
        url = self.known.url if self.known else "the scheduler"
        self.known = None
        what = str(error) or type(error).__name__
        return ConnectionFailed(
            f"{request.name()}: no answer from {url}: {what}; is the scheduler running?", was_sent=not isinstance(error, NOT_SENT)
        )


def arguments_of(request: Request, endpoint: Endpoint, timeout: httpx.Timeout) -> dict[str, Any]:
    headers = dict(request.headers)
    if endpoint.token:
        headers["Authorization"] = f"Bearer {endpoint.token}"
    content = request.content
    if request.json is not None:
        headers["Content-Type"] = "application/json"
        content = json.dumps(request.json, separators=(",", ":")).encode()
    return {
        "method": request.method,
        "url": endpoint.url + request.path(),
        "params": dict(request.query),
        "headers": headers,
        "content": content,
        "timeout": timeout,
    }


def timeout_of(seconds: float | None) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=CONNECT_S)


def stream_timeout(command: OpenStream) -> httpx.Timeout:
    return timeout_of(command.silence_s)


def make_answer(status: int, body: bytes, headers: Mapping[str, str]) -> Answer:
    """A problem, or at least that there is one: what stands between us and the scheduler may answer with anything."""
    if status < 400:
        return Answer(status, body, headers)
    problem: Any = None
    with contextlib.suppress(ValueError):
        problem = json.loads(body)
    if not isinstance(problem, dict):
        code = {401: "unauthenticated", 403: "forbidden", 404: "not_found", 409: "conflict", 503: "unavailable"}.get(status, "internal")
        problem = {"code": code, "detail": f"HTTP status {status}"}
    return Answer(status, body, headers, problem)


class LineSplitter:
    """Bytes in pieces of any size become lines. Only a line feed ends one: JSON may hold whatever else Unicode takes for a line's end."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def feed(self, piece: bytes) -> list[str]:
        *lines, rest = piece.split(b"\n")
        if lines:
            lines[0] = b"".join([*self._parts, lines[0]])
            self._parts = []
        if rest:
            self._parts.append(rest)
        return [line.rstrip(b"\r").decode() for line in lines]
