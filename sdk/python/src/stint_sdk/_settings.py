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

from stint_sdk._tls import parse_pins
from stint_sdk.errors import InvalidArgument, NoServer

DEFAULT_PORT = 7464


@dataclass(frozen=True)
class Endpoint:
    url: str  # http://HOST:PORT or https://HOST:PORT, without a slash at its end
    token: str
    pins: tuple[str, ...] = ()  # of the scheduler's key, for https
    ca_file: str = ""  # without pins: who signed its certificate; "": the system's authorities


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
    """`https://host:port`, `http://host:port`, `host:port`, `host`, `[::1]:7464` -> with a scheme.

    Without one, what never leaves the machine goes plain, and the rest in TLS.
    """

    def wrong(why: str) -> InvalidArgument:
        return InvalidArgument(f'server "{text}": {why}; expected https://HOST:PORT or http://HOST:PORT')

    try:
        parts = urllib.parse.urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, DEFAULT_PORT if parts.port is None else parts.port
    except ValueError as error:
        raise wrong(str(error)) from None
    if parts.scheme not in ("http", "https"):
        raise wrong(f"unknown scheme {parts.scheme}")
    if not host or parts.username is not None or parts.path not in ("", "/") or parts.query or " " in host:
        raise wrong("no host, or more than host and port")
    if port == 0:
        raise wrong("the port is no number from 1 to 65535")
    scheme = parts.scheme if "://" in text else "http" if is_loopback(host) else "https"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Bytes to it never leave the machine. As src/base/loopback.cpp decides: also 127.1, but no name that only looks like a number."""
    first, *parts = host.split(".")
    if first == "127":
        return 0 < len(parts) < 4 and all(part.isascii() and part.isdecimal() and int(part) < 256 for part in parts)
    return host == "localhost" or (":" in host and host.lstrip("0:") == "1")


@dataclass(frozen=True)
class Settings:
    """What the caller gave; the rest is looked up at every connection, for a scheduler that was started again may have moved."""

    server: str = ""
    token: str = ""
    state_dir: str | os.PathLike[str] | None = None
    pin: str = ""
    ca_file: str = ""

    def find_endpoint(self, environment: Mapping[str, str] | None = None) -> Endpoint:
        environment = os.environ if environment is None else environment
        server = self.server or environment.get("STINT_SERVER", "")
        token = self.token or environment.get("STINT_TOKEN", "")
        pins = parse_pins(self.pin or environment.get("STINT_CELL_PIN", ""))
        ca_file = self.ca_file or environment.get("STINT_CA_FILE", "")
        url = parse_server(server) if server else ""
        is_trust_open = not url.startswith("http:") and not pins and not ca_file
        if url and token and not is_trust_open:
            return Endpoint(url, token, pins, ca_file)
        context = read_context(find_state_dir(self.state_dir, environment), is_needed=not url)
        known = parse_server(context["server"]) if context else ""
        if url in ("", known):
            url, token = known, token or context["token"]
            if is_trust_open:
                pins = parse_pins(context.get("tls_pin", ""))
        return Endpoint(url, token, pins, ca_file)


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
