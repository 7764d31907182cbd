"""Amounts as people write them: `500m` CPU, `4Gi`, `90s`. Fractions are rounded up: nobody gets less than was asked for.

Errors: InvalidArgument; the text shows the value and the accepted forms.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from stint_sdk.errors import InvalidArgument
from stint_sdk.generated import api as documents

Number: TypeAlias = int | float | str
Span: TypeAlias = int | float | str | timedelta  # numbers are seconds

BYTE_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
BYTE_UNITS.update({"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50})
SPAN_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
SPAN_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def decimal_of(text: str, what: str, forms: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or number < 0:
        raise InvalidArgument(f"{what}: expected {forms}, got {text!r}")
    return number


def cpu_millis(value: Number) -> int:
    """`500m`, `4`, `0.5`, 2 -> thousandths of a core."""
    text = str(value).strip()
    is_milli = text.endswith("m")
    number = decimal_of(text[:-1] if is_milli else text, "cpu", "cores such as 4, 0.5 or 500m")
    return math.ceil(number if is_milli else number * 1000)


def byte_count(value: Number, what: str = "memory") -> int:
    """`4Gi`, `4G`, `1.5Gi`, `512k`, 1000 -> bytes."""
    text = str(value).strip()
    number = text.rstrip("KMGTPkimgtp")
    unit = text[len(number) :]
    if unit not in BYTE_UNITS:
        raise InvalidArgument(f"{what}: unknown unit {unit!r} in {text!r}; known: {' '.join(BYTE_UNITS).strip()}")
    return math.ceil(decimal_of(number, what, "bytes such as 4Gi, 512M or 1000") * BYTE_UNITS[unit])


def milliseconds(value: Span, what: str = "timeout") -> int:
    """`90s`, `15m`, `1h30m`, a timedelta, or a number of seconds -> milliseconds."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if not isinstance(value, str):
        return math.ceil(decimal_of(str(value), what, "seconds, not negative") * 1000)
    text = value.strip()
    parts = [("0", "s")] if text == "0" else SPAN_PART.findall(text)
    if not parts or (text != "0" and "".join(number + unit for number, unit in parts) != text):
        raise InvalidArgument(f"{what}: expected a duration such as 90s, 15m, 2h, 3d or 1h30m, got {value!r}")
    return math.ceil(sum(Decimal(number) * SPAN_UNITS_MS[unit] for number, unit in parts))


def resources_document(
    cpu: Number | None = None, memory: Number | None = None, gpu: int | None = None, storage: Number | None = None
) -> documents.Resources:
    """What each task needs: cores, bytes, whole GPUs, bytes of disk."""
    document: documents.Resources = {}
    if cpu is not None:
        document["cpu_millis"] = cpu_millis(cpu)
    if memory is not None:
        document["memory_bytes"] = byte_count(memory)
    if gpu is not None:
        document["gpu"] = int(gpu)
    if storage is not None:
        document["storage_bytes"] = byte_count(storage, "storage")
    return document
