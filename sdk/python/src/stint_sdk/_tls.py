"""How a client knows the scheduler in TLS: by the pin of its key, or by an authority and the host name.

A pin is the SHA-256 of a certificate's SubjectPublicKeyInfo. With pins nothing else of the certificate counts; that the scheduler has the
key, TLS itself proves. Source: docs/protocol.md "Transport".
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
from dataclasses import asdict, dataclass
from typing import Any

from stint_sdk.errors import InvalidArgument, NotTrusted

PREFIX = "sha256:"
ALPN_FRAMES, ALPN_HTTP = "stint/1", "http/1.1"
SEQUENCE, VERSION = 0x30, 0xA0
FIELDS_BEFORE_KEY = 5  # serial number, signature algorithm, issuer, validity, subject


def parse_pins(text: str) -> tuple[str, ...]:
    """`sha256:` and 64 hexadecimal digits; several with commas between them."""
    pins = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for pin in pins:
        digits = pin.removeprefix(PREFIX)
        if not pin.startswith(PREFIX) or len(digits) != 64 or set(digits) - set("0123456789abcdef"):
            raise InvalidArgument(f'"{pin}" is no pin: expected sha256: and 64 hexadecimal digits')
    return pins


def read_element(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, start of the content, and end of the element of DER that begins there."""
    if at + 2 > len(der):
        raise ValueError("DER ends early")
    tag, length, start = der[at], der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(der[start : start + size], "big"), start + size
    if start + length > len(der):
        raise ValueError("DER ends early")
    return tag, start, start + length


def public_key_of(certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo, as it is in the certificate (both DER)."""
    _, at, _ = read_element(certificate, 0)
    tag, at, end = read_element(certificate, at)
    if tag != SEQUENCE:
        raise ValueError("no certificate")
    tag, _, after = read_element(certificate, at)
    if tag == VERSION:
        at = after
    for _ in range(FIELDS_BEFORE_KEY):
        at = read_element(certificate, at)[2]
    key_end = read_element(certificate, at)[2]
    if key_end > end:
        raise ValueError("no public key")
    return certificate[at:key_end]


def pin_of(certificate: bytes) -> str:
    return PREFIX + hashlib.sha256(public_key_of(certificate)).hexdigest()


class CellContext(ssl.SSLContext):
    """TLS 1.3 to a scheduler. What is trusted may change between two connections: it is looked up anew as the address is."""

    pins: tuple[str, ...] = ()
    must_speak = ""  # the protocol that the scheduler has to choose; "": any

    def __new__(cls) -> CellContext:
        context = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.sslsocket_class = CheckedSocket
        context.sslobject_class = CheckedObject
        return context

    def trust(self, pins: tuple[str, ...], ca_file: str) -> None:
        """Errors: InvalidArgument, if the file cannot be used."""
        self.pins = pins
        self.check_hostname = False
        self.verify_mode = ssl.CERT_NONE if pins else ssl.CERT_REQUIRED
        self.check_hostname = not pins
        if pins:
            return
        try:
            self.load_verify_locations(ca_file) if ca_file else self.load_default_certs()
        except OSError as error:
            raise InvalidArgument(f"{ca_file}: no certificate in PEM that can be used: {error}") from None

    def show(self, certificate: str, key: str) -> None:
        """To a scheduler that asks for a certificate of its clients. Errors: InvalidArgument, if the files cannot be used."""
        try:
            self.load_cert_chain(certificate, key or None)
        except OSError as error:
            raise InvalidArgument(f"{certificate}, {key}: no certificate and key in PEM that can be used: {error}") from None

    def check(self, certificate: bytes | None) -> None:
        if not self.pins:
            return
        shown = pin_of(certificate or b"")
        if not any(hmac.compare_digest(shown, pin) for pin in self.pins):
            raise NotTrusted(
                f"the scheduler shows key {shown}, pinned is {','.join(self.pins)}: it is another one, or somebody is in between. "
                "If its key was changed on purpose, pin the new one (pin=, STINT_CELL_PIN)"
            )


def check_peer(connection: Any) -> None:
    """After the handshake, and before a byte is sent."""
    context = connection.context
    if not isinstance(context, CellContext):
        return
    context.check(connection.getpeercert(True))
    if context.must_speak not in ("", connection.selected_alpn_protocol()):
        raise NotTrusted(f"the server speaks TLS, but not {context.must_speak} in it: is it a Stint scheduler?")


class CheckedSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        check_peer(self)


class CheckedObject(ssl.SSLObject):
    def do_handshake(self) -> None:
        super().do_handshake()
        check_peer(self)


class LinkObject(CheckedObject):
    """For asyncio, which knows a handshake that failed by this error alone."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except NotTrusted as error:
            raise ssl.SSLError(1, str(error)) from None


@dataclass(frozen=True)
class Trust:
    """Whom to believe in TLS, and what to show there. Files are PEM; "" is none."""

    pins: tuple[str, ...] = ()
    ca_file: str = ""
    certificate: str = ""
    key: str = ""

    def words(self) -> dict[str, Any]:
        """For another process."""
        return asdict(self)

    @classmethod
    def from_words(cls, words: dict[str, Any]) -> Trust:
        return cls(**{**words, "pins": tuple(words["pins"])})

    def make_context(self, protocol: str) -> CellContext:
        """Errors: InvalidArgument, if a file cannot be used."""
        context = CellContext()
        context.sslobject_class = LinkObject
        context.trust(self.pins, self.ca_file)
        if self.certificate:
            context.show(self.certificate, self.key)
        context.set_alpn_protocols([protocol])
        context.must_speak = protocol if protocol == ALPN_FRAMES else ""
        return context
