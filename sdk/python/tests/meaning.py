"""What a message means, as JSON: the form of the messages in conformance/released/N/sessions.json. conformance/meaning.hpp prints the same.

Numbers beyond 53 bits are decimal strings, bytes are hexadecimal digits, an attempt is JOB.GROUP.INDEX.ATTEMPT, enums are their numbers.
"""

from __future__ import annotations

from typing import Any

from stint_sdk.protocol import messages as m

EXACT = 1 << 53
LATER = {"prefetch", "knows_provisional", "is_provisional", "confirmed"}  # came after a release, whose frames leave them at nothing


def meaning(value: Any) -> Any:
    if isinstance(value, bool | float | str):
        return value
    if isinstance(value, int):
        return int(value) if -EXACT <= value <= EXACT else str(int(value))
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, m.AttemptRef):
        return ".".join(map(str, value))
    if isinstance(value, tuple | list):
        return [meaning(item) for item in value]
    return {name: meaning(member) for name, member in vars(value).items() if name not in LATER or member}


def meaning_of(message: Any) -> dict[str, Any]:
    return {"type": type(message).__name__, **meaning(message)}
