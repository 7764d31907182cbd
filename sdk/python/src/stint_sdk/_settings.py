"""Where the scheduler is and with which token it is spoken to: found as the command line finds it.

Source: docs/operations.md and docs/access.md; src/apps/stint/connection.cpp decides in the same order.
"""

from __future__ import annotations

import json
import os
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stint_sdk.errors import InvalidArgument, NoServer

DEFAULT_PORT = 7464


@dataclass(frozen=True)
class Endpoint:
    url: str  # http://HOST:PORT, without a slash at its end
    token: str


def find_state_dir(given: str | os.PathLike[str] | None, environment: Mapping[str, str]) -> Path:
    chosen = os.fspath(given) if given else environment.get("STINT_STATE_DIR", "")
    if not chosen and environment.get("XDG_STATE_HOME"):
        chosen = environment["XDG_STATE_HOME"] + "/stint"
    if not chosen and environment.get("HOME"):
        chosen = environment["HOME"] + "/.local/state/stint"
    if not chosen:
        raise NoServer("no state directory: HOME is not set; name one with state_dir= or STINT_STATE_DIR")
    return Path(chosen)


def parse_server(text: str) -> str:
    """`http://host:port`, `host:port`, `host`, `[::1]:7464` -> http://host:port."""

    def wrong(why: str) -> InvalidArgument:
        return InvalidArgument(f'server "{text}": {why}; expected http://HOST:PORT')

    if text.startswith("https://"):
        raise wrong("TLS is not in this version")
    try:
        parts = urllib.parse.urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, DEFAULT_PORT if parts.port is None else parts.port
    except ValueError as error:
        raise wrong(str(error)) from None
    if parts.scheme != "http":
        raise wrong(f"unknown scheme {parts.scheme}")
    if not host or parts.username is not None or parts.path not in ("", "/") or parts.query or " " in host:
        raise wrong("no host, or more than host and port")
    if port == 0:
        raise wrong("the port is no number from 1 to 65535")
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@dataclass(frozen=True)
class Settings:
    """What the caller gave; the rest is looked up at every connection, for a scheduler that was started again may have moved."""

    server: str = ""
    token: str = ""
    state_dir: str | os.PathLike[str] | None = None

    def find_endpoint(self, environment: Mapping[str, str] | None = None) -> Endpoint:
        environment = os.environ if environment is None else environment
        server = self.server or environment.get("STINT_SERVER", "")
        token = self.token or environment.get("STINT_TOKEN", "")
        if not server or not token:
            context = read_context(find_state_dir(self.state_dir, environment), is_needed=not server)
            if not token and (not server or context.get("server") == server):
                token = context.get("token", "")
            server = server or context.get("server", "")
        return Endpoint(parse_server(server), token)


def read_context(state_dir: Path, *, is_needed: bool) -> dict[str, str]:
    """The context file of a state directory; {} if it is not there and not needed."""
    path = state_dir / "context.json"
    try:
        context = json.loads(path.read_text())
    except FileNotFoundError:
        if is_needed:
            raise NoServer(
                f"no scheduler known: {path} does not exist; start one with `stint dev`, or name one with server= or STINT_SERVER"
            ) from None
        return {}
    except (OSError, ValueError) as error:
        raise NoServer(f"{path}: {error}") from None
    if not isinstance(context, dict) or not all(isinstance(context.get(key), str) for key in ("server", "token")):
        raise NoServer(f'{path}: a context file holds {{"server": "http://HOST:PORT", "token": "..."}}')
    return context
