"""The check of meaning, field by field. Errors: Refused."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, TypeVar

from stint_sdk._flat import View
from stint_sdk.protocol import limits
from stint_sdk.protocol import messages as m

Word = TypeVar("Word", bound=IntEnum)


class Refused(Exception):
    """What was refused, by its code, and why in words: what, with which value, the limit."""

    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(f"{code}: {detail}")


class Checker:
    """What one message's check has spent: a small buffer may point to one long text many times."""

    def __init__(self) -> None:
        self.budget = limits.DECODED_BYTES

    def spend(self, size: int) -> None:
        if size > self.budget:
            raise Refused("text_too_long", f"texts and bytes of one message above {limits.DECODED_BYTES} bytes")
        self.budget -= size

    def text_size(self, size: int, name: str, limit: int, *, required: bool = False) -> None:
        if size == 0 and required:
            raise Refused("missing_field", f"{name} is missing")
        if size > limit:
            raise Refused("text_too_long", f"{name} of {size} bytes, limit {limit}")
        self.spend(size)

    def text(self, view: View, name: str, limit: int, *, required: bool = False) -> str:
        self.text_size(view.size(name) or 0, name, limit, required=required)
        return text_of(view.raw(name) or b"")

    def list(self, size: int, name: str, most: int) -> None:
        if size > most:
            raise Refused("list_too_long", f"{name} of {size} items, limit {most}")
        self.spend(size * limits.ITEM_COST)

    def texts(self, view: View, name: str, most: int, limit: int) -> Sequence[str]:
        self.list(view.size(name) or 0, name, most)
        found = []
        for index, size in enumerate(view.text_sizes(name)):
            self.text_size(size, name, limit)
            found.append(text_of(view.raw_text(name, index)))
        return tuple(found)

    def named_texts(self, view: View, name: str, most: int, name_limit: int, value_limit: int) -> m.Pairs:
        self.list(view.size(name) or 0, name, most)
        return tuple(
            (self.text(one, "name", name_limit, required=True), self.text(one, "value", value_limit)) for one in view.children(name)
        )

    def sized(self, view: View, name: str, least: int, most: int) -> bytes:
        size = view.size(name) or 0
        if not least <= size <= most:
            raise Refused("bad_size", f"{name} of {size} bytes, limit {most} bytes, least {least}")
        self.spend(size)
        return view.raw(name) or b""

    def fixed(self, view: View, name: str, size: int) -> bytes:
        found = view.size(name) or 0
        if found != size:
            raise Refused("bad_size", f"{name} of {found} bytes, must be {size}")
        return view.raw(name) or b""

    def blob(self, view: View, name: str) -> bytes:
        """Absent: none, b""."""
        return self.fixed(view, name, 32) if view.has(name) else b""

    def files(self, view: View, name: str) -> Sequence[m.FileRef]:
        self.list(view.size(name) or 0, name, limits.FILES)
        found = []
        for one in view.children(name):
            path = self.text(one, "path", limits.TEXT, required=True)
            found.append(m.FileRef(path, self.fixed(one, "blob", 32), one.number("size"), one.flag("is_executable")))
        return tuple(found)

    def structs(self, view: View, name: str, most: int) -> Sequence[tuple[Any, ...]]:
        size = view.size(name) or 0
        if size == 0:
            return ()
        if not view.are_structs_aligned(name):
            raise Refused("malformed", f"{name} not aligned")
        self.list(size, name, most)
        return view.structs(name)

    def number(self, value: int, name: str) -> int:
        """Milliseconds or a position: must fit 63 bits."""
        if value > limits.NUMBER_MAX:
            raise Refused("bad_value", f"{name} beyond 63 bits")
        return value

    def duration(self, ms: int, name: str) -> int:
        if ms > limits.TIMEOUT_MS:
            raise Refused("bad_value", f"{name} above 100 years")
        return ms

    def ref(self, values: Sequence[Any] | None) -> m.AttemptRef:
        if values is None:
            raise Refused("missing_field", "attempt is missing")
        ref = m.AttemptRef(*values[:4])
        if ref.job == 0 or ref.attempt == 0:
            raise Refused("missing_field", "an attempt without job or number")
        if ref.job > limits.NUMBER_MAX:
            raise Refused("bad_value", "job beyond 63 bits")
        return ref

    def resources(self, view: View | None) -> m.Resources:
        if view is None:
            return m.Resources()
        cpu, gpu = view.number("cpu"), view.number("gpu")
        if cpu > limits.CPU_MILLIS:
            raise Refused("bad_resources", f"cpu of {cpu} millicores, limit {limits.CPU_MILLIS}")
        if gpu > limits.GPUS:
            raise Refused("bad_resources", f"gpu of {gpu} devices, limit {limits.GPUS}")
        return m.Resources(cpu, view.number("memory"), gpu, view.number("storage"))

    def progress(self, value: float) -> float:
        if not 0.0 <= value <= 1.0:  # neither holds for NaN
            raise Refused("bad_progress", "progress must be within 0 to 1")
        return value

    def word(self, words: type[Word], value: int, name: str, *, but: Sequence[int] = ()) -> Word:
        if value in but or value not in words._value2member_map_:
            raise Refused("bad_enum", f"{name} {value}")
        return words(value)


def text_of(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
