"""How an agent knows its cell in TLS: by the pins of its key file, or as it is told; kept up to date with what the cell announces.

Source: docs/protocol.md "Transport", "Keys"; src/apps/stint-agent/cell_trust.cpp decides in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from stint_sdk._tls import ALPN_FRAMES, PREFIX, CellContext, Trust, parse_pins


@dataclass(frozen=True)
class TlsOptions:
    """What a command line says; "" is what the environment says."""

    cell_pin: str = ""
    ca_file: str = ""
    certificate: str = ""
    key: str = ""


def nothing_to_keep(_: Sequence[str]) -> None:
    pass


class CellTrust:
    """known: pins of the key file, or of a token. keep: makes pins durable, or raises OSError."""

    def __init__(
        self,
        options: TlsOptions,
        environment: Mapping[str, str],
        known: Sequence[str] = (),
        keep: Callable[[Sequence[str]], None] = nothing_to_keep,
    ) -> None:
        """Errors: InvalidArgument."""
        self._keep = keep
        self._is_fixed = bool(options.cell_pin or options.ca_file)  # by the command line
        self._frames: CellContext | None = None
        if options.cell_pin or options.ca_file:
            pins = parse_pins(options.cell_pin)  # who names an authority alone means it
        else:
            pins = tuple(known) or parse_pins(environment.get("STINT_CELL_PIN", ""))
        self.current = Trust(
            pins,
            options.ca_file or environment.get("STINT_CA_FILE", ""),
            options.certificate or environment.get("STINT_CLIENT_CERT", ""),
            options.key or environment.get("STINT_CLIENT_KEY", ""),
        )

    def frames(self) -> CellContext:
        """Errors: InvalidArgument, if a file cannot be used."""
        if self._frames is None:
            self._frames = self.current.make_context(ALPN_FRAMES)
        return self._frames

    def take(self, pins: Sequence[bytes]) -> None:
        """What the cell announces: kept durably, and from then on it counts, unless the command line says otherwise. Errors: OSError."""
        texts = tuple(PREFIX + pin.hex() for pin in pins)
        self._keep(texts)
        if self._is_fixed or texts == self.current.pins:
            return
        self.current = replace(self.current, pins=texts)
        self._frames = None
