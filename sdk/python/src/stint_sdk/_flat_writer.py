"""Writes FlatBuffers front to back: a table, then what it points to, the vtables last."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from stint_sdk._flat import I32, U16, U32, Field, Schema, Table

Values: TypeAlias = Mapping[str, Any]


@dataclass
class Writer:
    """What is empty or has its default is left out.

    A table's values by name: numbers; bytes for texts and vectors of bytes; for other vectors lists of numbers, texts, tuples (structs) and
    tables' values; for a union a pair of its type's number and a table's values.
    """

    schema: Schema
    data: bytearray = field(default_factory=bytearray)
    places: dict[str, int] = field(default_factory=dict)  # "Table.field" of numbers, of the table that was written last
    _vtables: list[tuple[int, bytes]] = field(default_factory=list)

    def write_root(self, table: str, values: Values) -> None:
        self.data += bytes(4)
        at = self._write_table(self.schema.tables[table], values)
        U32.pack_into(self.data, 0, at)

    def write_vtables(self) -> None:
        known: dict[bytes, int] = {}
        for table, vtable in self._vtables:
            if vtable not in known:
                self._align(2)
                known[vtable] = len(self.data)
                self.data += vtable
            I32.pack_into(self.data, table, table - known[vtable])
        self._vtables.clear()

    def write_last_vector(self, size: int, offset_at: int, align: int) -> None:
        """Of `size` zero bytes, so that it ends where the buffer ends, at a multiple of `align`."""
        self.data += bytes(-(len(self.data) + 4 + size) % align)
        self._point(offset_at, len(self.data))
        self.data += U32.pack(size) + bytes(size)

    def _write_table(self, table: Table, values: Values, depth: int = 0) -> int:
        present = [(one, values[one.name]) for one in table.fields if not self._is_default(one, values.get(one.name))]
        present.sort(key=lambda pair: -self._align_of(pair[0]))
        widest = max((self._align_of(one) for one, _ in present), default=1)
        self._align(4)
        if widest == 8:
            self.data += bytes((4 - len(self.data)) % 8)  # so that what follows the first four bytes is aligned
        at = len(self.data)
        self.data += bytes(4)
        vtable = bytearray(4 + 2 * (1 + max((one.id for one, _ in present), default=-1)))
        for one, value in present:
            U16.pack_into(vtable, one.place, len(self.data) - at)
            self._put_inline(table, one, value)
        struct.pack_into("<HH", vtable, 0, len(vtable), len(self.data) - at)
        self._vtables.append((at, bytes(vtable)))
        for one, value in present:
            if one.kind not in ("number", "struct"):
                self._write_child(one, value, at + U16.unpack_from(vtable, one.place)[0])
        return at

    def _put_inline(self, table: Table, one: Field, value: Any) -> None:
        if one.kind == "number":
            self.places[f"{table.name}.{one.name}"] = len(self.data)
            self.data += one.format.pack(value)
        elif one.kind == "struct":
            self.data += self.schema.structs[one.of].layout.pack(*value)
        else:
            self.data += bytes(4)

    def _write_child(self, one: Field, value: Any, offset_at: int) -> None:
        if value is LATER:
            self.places["later"] = offset_at
        elif one.kind == "table":
            self._point(offset_at, self._write_table(self.schema.tables[one.of], value))
        elif one.kind == "union":
            number, content = value
            self._point(offset_at, self._write_table(self.schema.tables[self.schema.unions[one.of][number]], content))
        elif one.kind == "text":
            self._write_text(value, offset_at)
        else:
            self._write_vector(one, value, offset_at)

    def _write_vector(self, one: Field, value: Any, offset_at: int) -> None:
        if one.kind == "numbers":
            items = value if isinstance(value, bytes) else struct.pack(f"<{len(value)}{one.of}", *value)
            self._begin_vector(offset_at, len(value), one.format.size)
            self.data += items
        elif one.kind == "structs":
            layout = self.schema.structs[one.of]
            self._begin_vector(offset_at, len(value), layout.align)
            self.data += b"".join(layout.layout.pack(*item) for item in value)
        else:
            self._begin_vector(offset_at, len(value), 4)
            first = len(self.data)
            self.data += bytes(4 * len(value))
            for index, item in enumerate(value):
                if one.kind == "texts":
                    self._write_text(item, first + 4 * index)
                else:
                    self._point(first + 4 * index, self._write_table(self.schema.tables[one.of], item))

    def _begin_vector(self, offset_at: int, count: int, align: int) -> None:
        """Its items are aligned, its length lies before them."""
        self.data += bytes(-(len(self.data) + 4) % max(4, align))
        self._point(offset_at, len(self.data))
        self.data += U32.pack(count)

    def _write_text(self, value: bytes, offset_at: int) -> None:
        self._begin_vector(offset_at, len(value), 1)
        self.data += value + b"\0"

    def _align_of(self, one: Field) -> int:
        if one.kind == "number":
            return one.format.size
        return self.schema.structs[one.of].align if one.kind == "struct" else 4

    def _is_default(self, one: Field, value: Any) -> bool:
        if value is None:
            return True
        if one.kind == "number":
            return bool(value == one.default)
        return one.kind in ("text", "numbers", "texts", "structs", "tables") and value is not LATER and len(value) == 0

    def _point(self, offset_at: int, to: int) -> None:
        U32.pack_into(self.data, offset_at, to - offset_at)

    def _align(self, align: int) -> None:
        self.data += bytes(-len(self.data) % align)


class _Later:
    """A vector whose offset is set by write_last_vector."""


LATER = _Later()
