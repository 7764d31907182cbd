"""Where a scheduler listens, and how it is spoken to there: src/adapters/agent_host/address.cpp decides in the same way."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stint_sdk._settings import is_loopback
from stint_sdk.errors import InvalidArgument

PORT_DEFAULT = 7464


@dataclass(frozen=True)
class Address:
    """is_tls: None while nobody has said or chosen it."""

    host: str
    port: int
    is_tls: bool | None = None

    @property
    def is_loopback(self) -> bool:
        """Bytes to it never leave the machine."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def in_key_file(self) -> str:
        """So that the agent speaks the same there."""
        return f"https://{self}" if self.is_loopback and self.is_tls else str(self)


def parse_address(text: str) -> Address:
    """HOST, HOST:PORT or [V6]:PORT, with https:// or http:// before it or not. Errors: InvalidArgument."""
    scheme, separator, bare = text.rpartition("://")
    if scheme not in ("", "http", "https") or (separator and not scheme):
        raise InvalidArgument(f"server address {text!r}: unknown scheme {scheme!r}; expected HOST or HOST:PORT")
    bare = bare.removesuffix("/")
    host, port = bare, ""
    if bare.startswith("["):
        host, _, port = bare[1:].partition("]")
        port = port.removeprefix(":")
    elif bare.count(":") == 1:
        host, _, port = bare.partition(":")
    if not host or (port and not (port.isdecimal() and 0 < int(port) < 65_536)):
        raise InvalidArgument(f"server address {text!r}: expected HOST or HOST:PORT")
    return Address(host, int(port or PORT_DEFAULT), scheme == "https" if scheme else None)


def choose_transport(address: Address, *, insecure_plaintext: bool) -> Address:
    """Without a scheme: plain where bytes never leave the machine or it is allowed, else TLS. Errors: InvalidArgument."""
    if address.is_tls:
        return address
    if address.is_loopback or insecure_plaintext:
        return replace(address, is_tls=False)
    if address.is_tls is None:
        return replace(address, is_tls=True)
    raise InvalidArgument(
        f"server http://{address} is not on this machine: everybody on the way could read tokens, arguments and output (not change them: "
        "frames are signed). Say https://, or accept it with --insecure-plaintext"
    )
