"""LZ4 blocks by the letter of their format, with the `lz4` package where there is one.

A block is a list of sequences:

    token             1 byte: literal length (high 4 bits), match length - 4 (low 4 bits)
    more literals     if the high bits are 15: bytes to add, up to and with the first that is not 255
    literals
    offset            2 bytes, little-endian; the last sequence of a block ends before it
    more match        as above, if the low bits are 15

Source: docs/protocol.md "LZ4".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    _fast: Any
else:
    try:
        import lz4.block as _fast
    except ImportError:
        _fast = None

ESCAPE = 15
MATCH_MIN = 4
LITERALS_LAST = 5  # the last bytes of a block that are literals
MATCH_BEFORE_END = 12  # the last match begins so many bytes before the end
OFFSET_MAX = 65_535

IS_FAST = _fast is not None


def decompress(block: bytes, size: int) -> bytes | None:
    """Exactly `size` bytes; None for anything that is no block of them by the letter."""
    if _fast is None:
        return decompress_slowly(block, size)
    if has_zero_offset(block):  # liblz4 lets it pass
        return None
    try:
        out: bytes = _fast.decompress(block, uncompressed_size=size)
    except (_fast.LZ4BlockError, ValueError, OverflowError):
        return None
    return out if len(out) == size else None


def has_zero_offset(block: bytes) -> bool:
    """Only that: any other fault ends the walk and is left to liblz4."""
    at, end = 0, len(block)
    try:
        while at < end:
            token = block[at]
            at, literals = _extended(block, at + 1, token >> 4)
            if end - at < literals + 2:
                return False
            at += literals
            if block[at] == 0 and block[at + 1] == 0:
                return True
            at, _ = _extended(block, at + 2, token & ESCAPE)
    except IndexError:
        pass
    return False


def decompress_slowly(block: bytes, size: int) -> bytes | None:
    """The same without liblz4."""
    try:
        out = _decompress(block, size)
    except IndexError:  # a length or an offset beyond the block's end
        return None
    return bytes(out) if out is not None and len(out) == size else None


def _decompress(block: bytes, size: int) -> bytearray | None:
    out, at, end = bytearray(), 0, len(block)
    while True:
        token = block[at]
        at, literals = _extended(block, at + 1, token >> 4)
        if at + literals > end or len(out) + literals > size:
            return None
        out += block[at : at + literals]
        at += literals
        if at == end:
            return out
        offset = block[at] | block[at + 1] << 8
        at, match = _extended(block, at + 2, token & ESCAPE)
        match += MATCH_MIN
        if offset == 0 or offset > len(out):
            return None
        if len(out) > size - MATCH_BEFORE_END or len(out) + match > size - LITERALS_LAST:
            return None
        _copy_match(out, offset, match)


def _copy_match(out: bytearray, offset: int, length: int) -> None:
    """A match may reach into what it makes: then the bytes from `offset` on repeat."""
    begin = len(out) - offset
    piece = out[begin : begin + length]
    out += piece if length <= offset else (piece * (length // offset + 1))[:length]


def _extended(block: bytes, at: int, length: int) -> tuple[int, int]:
    """Where the lengthening bytes end, and the whole length. Errors: IndexError."""
    if length != ESCAPE:
        return at, length
    while True:
        more = block[at]
        at += 1
        length += more
        if more != 255:
            return at, length


def compress(data: bytes) -> bytes:
    """A block of `data`, which is not empty; it may be longer than that."""
    if _fast is not None:
        block: bytes = _fast.compress(data, store_size=False)
        return block
    return compress_slowly(data)


def compress_slowly(data: bytes) -> bytes:
    out = bytearray()
    seen: dict[bytes, int] = {}
    at, anchor = 0, 0
    while at <= len(data) - MATCH_BEFORE_END:
        four = data[at : at + MATCH_MIN]
        found = seen.get(four, -1)
        seen[four] = at
        if found < 0 or at - found > OFFSET_MAX:
            at += 1 + ((at - anchor) >> 6)  # faster through what does not compress
            continue
        length = _match_length(data, found, at)
        _put_sequence(out, data[anchor:at], at - found, length)
        at += length
        anchor = at
    _put_sequence(out, data[anchor:], 0, 0)
    return bytes(out)


def _match_length(data: bytes, found: int, at: int) -> int:
    length, most = MATCH_MIN, len(data) - LITERALS_LAST - at
    while length + 32 <= most and data[found + length : found + length + 32] == data[at + length : at + length + 32]:
        length += 32
    while length < most and data[found + length] == data[at + length]:
        length += 1
    return length


def _put_sequence(out: bytearray, literals: bytes, offset: int, match: int) -> None:
    """The last one has no match."""
    more = match - MATCH_MIN if match else 0
    out.append(min(len(literals), ESCAPE) << 4 | min(more, ESCAPE))
    _put_extension(out, len(literals))
    out += literals
    if match:
        out += offset.to_bytes(2, "little")
        _put_extension(out, more)


def _put_extension(out: bytearray, length: int) -> None:
    if length < ESCAPE:
        return
    full, rest = divmod(length - ESCAPE, 255)
    out += b"\xff" * full
    out.append(rest)
