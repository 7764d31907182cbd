"""FlatBuffers without generated code: a schema as data, and a reader with a bounds checker. _flat_writer.py writes.

The checker gives the verdicts of the C++ verifier (flatbuffers::Verifier) bit for bit, except that it needs no memory that is aligned.
Errors: Malformed.
Source: docs/protocol.md "Order of checks", step 7; the layout: https://flatbuffers.dev/internals/.

    table   soffset to its vtable (that is subtracted), then fields        vtable  u16 its bytes, u16 the table's, u16 place of each field
    vector  u32 items, items                                               string  as a vector of bytes, and a zero byte behind it
    offset  u32 forward from where it stands; where strings, vectors and tables are fields or items, that is what stands there
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["number", "struct", "text", "numbers", "texts", "structs", "table", "tables", "union"]

BUFFER_MAX = 2**31 - 1
SIZE_MIN = 12  # no buffer is smaller
U16 = struct.Struct("<H")
U32 = struct.Struct("<I")
I32 = struct.Struct("<i")


class Malformed(Exception):
    """The buffer is none of this schema."""


@dataclass(frozen=True)
class Field:
    """`of`: the letter of the struct module for numbers, else the name of the struct, table or union."""

    name: str
    id: int
    kind: Kind
    of: str = ""
    default: float = 0

    @cached_property
    def format(self) -> struct.Struct:
        return struct.Struct("<" + self.of)

    @cached_property
    def place(self) -> int:
        """In the vtable."""
        return 4 + 2 * self.id


@dataclass(frozen=True)
class StructType:
    """Nested structs are laid out flat."""

    format: str
    align: int

    @cached_property
    def layout(self) -> struct.Struct:
        return struct.Struct(self.format)


@dataclass(frozen=True)
class Table:
    name: str
    fields: Sequence[Field]

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        return {one.name: one for one in self.fields}


@dataclass(frozen=True)
class Schema:
    tables: Mapping[str, Table]
    structs: Mapping[str, StructType]
    unions: Mapping[str, Mapping[int, str]]
    root: str


class View:
    """A table in a buffer that was checked. A field that is absent has its default, or is None."""

    __slots__ = ("buffer", "schema", "table", "at", "_vtable", "_vtable_size")

    def __init__(self, buffer: bytes, schema: Schema, table: Table, at: int) -> None:
        self.buffer, self.schema, self.table, self.at = buffer, schema, table, at
        self._vtable = at - I32.unpack_from(buffer, at)[0]
        self._vtable_size = U16.unpack_from(buffer, self._vtable)[0]

    def number(self, name: str) -> int:
        one = self.table.by_name[name]
        at = self._find(one)
        value = one.default if at is None else one.format.unpack_from(self.buffer, at)[0]
        return int(value)

    def real(self, name: str) -> float:
        one = self.table.by_name[name]
        at = self._find(one)
        return float(one.default if at is None else one.format.unpack_from(self.buffer, at)[0])

    def flag(self, name: str) -> bool:
        return self.number(name) != 0

    def has(self, name: str) -> bool:
        return self._find(self.table.by_name[name]) is not None

    def struct(self, name: str) -> tuple[Any, ...] | None:
        one = self.table.by_name[name]
        at = self._find(one)
        return None if at is None else self.schema.structs[one.of].layout.unpack_from(self.buffer, at)

    def size(self, name: str) -> int | None:
        """Bytes of a text or a vector of bytes, items of any other vector."""
        at = self._follow(name)
        return None if at is None else int(U32.unpack_from(self.buffer, at)[0])

    def raw(self, name: str) -> bytes | None:
        """A text, or a vector of bytes."""
        at = self._follow(name)
        return None if at is None else self._bytes_at(at)

    def text_sizes(self, name: str) -> Sequence[int]:
        return [int(U32.unpack_from(self.buffer, at)[0]) for at in self._items(name)]

    def raw_text(self, name: str, index: int) -> bytes:
        return self._bytes_at(self._item(name, index))

    def numbers(self, name: str) -> Sequence[int]:
        at = self._follow(name)
        if at is None:
            return ()
        count = U32.unpack_from(self.buffer, at)[0]
        return struct.unpack_from(f"<{count}{self.table.by_name[name].of}", self.buffer, at + 4)

    def are_structs_aligned(self, name: str) -> bool:
        """Structs are wider than their vector's length, which is all that the verifier aligns. An empty vector has none."""
        at = self._follow(name)
        if at is None or not U32.unpack_from(self.buffer, at)[0]:
            return True
        return (at + 4) % self.schema.structs[self.table.by_name[name].of].align == 0

    def structs(self, name: str) -> Sequence[tuple[Any, ...]]:
        at = self._follow(name)
        if at is None:
            return ()
        layout = self.schema.structs[self.table.by_name[name].of].layout
        count = U32.unpack_from(self.buffer, at)[0]
        return list(layout.iter_unpack(memoryview(self.buffer)[at + 4 : at + 4 + count * layout.size]))

    def child(self, name: str) -> View | None:
        at = self._follow(name)
        return None if at is None else self._view(self.table.by_name[name].of, at)

    def children(self, name: str) -> Sequence[View]:
        table = self.table.by_name[name].of
        return [self._view(table, at) for at in self._items(name)]

    def member(self, name: str) -> View | None:
        """Of a union, whose type is known."""
        at = self._follow(name)
        members = self.schema.unions[self.table.by_name[name].of]
        return None if at is None else self._view(members[self.number(name + "_type")], at)

    def _view(self, table: str, at: int) -> View:
        return View(self.buffer, self.schema, self.schema.tables[table], at)

    def _find(self, one: Field) -> int | None:
        if one.place >= self._vtable_size:
            return None
        offset = U16.unpack_from(self.buffer, self._vtable + one.place)[0]
        return self.at + offset if offset else None

    def _follow(self, name: str) -> int | None:
        at = self._find(self.table.by_name[name])
        return None if at is None else at + int(U32.unpack_from(self.buffer, at)[0])

    def _item(self, name: str, index: int) -> int:
        vector = self._follow(name)
        assert vector is not None
        at = vector + 4 + 4 * index
        return at + int(U32.unpack_from(self.buffer, at)[0])

    def _items(self, name: str) -> Sequence[int]:
        at = self._follow(name)
        if at is None:
            return ()
        count = U32.unpack_from(self.buffer, at)[0]
        return [at + 4 + 4 * i + offset for i, offset in enumerate(struct.unpack_from(f"<{count}I", self.buffer, at + 4))]

    def _bytes_at(self, at: int) -> bytes:
        return self.buffer[at + 4 : at + 4 + U32.unpack_from(self.buffer, at)[0]]


def open_root(buffer: bytes, schema: Schema, depth_max: int, tables_max: int) -> View:
    """Checks the whole buffer. Errors: Malformed."""
    checker = Checker(buffer, schema, depth_max, tables_max)
    _demand(len(buffer) >= SIZE_MIN)
    at = checker.offset(0)
    checker.check_table(schema.tables[schema.root], at)
    return View(buffer, schema, schema.tables[schema.root], at)


def _demand(condition: bool) -> None:
    if not condition:
        raise Malformed


class Checker:
    """flatbuffers::Verifier, function by function. Positions that lie outside are numbers like others until they are looked at."""

    def __init__(self, buffer: bytes, schema: Schema, depth_max: int, tables_max: int) -> None:
        self.buffer, self.schema = buffer, schema
        self.size = len(buffer)
        self.depth_left, self.tables_left = depth_max, tables_max

    def range(self, at: int, length: int, align: int = 1) -> None:
        # An object as long as the buffer is refused too, as there.
        if at < 0 or at & (align - 1) or length >= self.size or at > self.size - length:
            raise Malformed

    def offset(self, at: int) -> int:
        """Where the offset at `at` leads to."""
        self.range(at, 4, 4)
        distance = int(U32.unpack_from(self.buffer, at)[0])
        _demand(0 < distance <= BUFFER_MAX)
        self.range(at + distance, 1)
        return at + distance

    def vector(self, at: int, item_size: int) -> int:
        """Returns where it ends."""
        self.range(at, 4, 4)
        count = int(U32.unpack_from(self.buffer, at)[0])
        _demand(count < BUFFER_MAX // item_size)
        length = 4 + item_size * count
        self.range(at, length)
        return at + length

    def text(self, at: int) -> None:
        end = self.vector(at, 1)
        self.range(end, 1)
        _demand(self.buffer[end] == 0)

    def check_table(self, table: Table, at: int) -> None:
        self.range(at, 4, 4)
        self.depth_left -= 1
        self.tables_left -= 1
        _demand(self.depth_left >= 0 and self.tables_left >= 0)
        vtable = at - int(I32.unpack_from(self.buffer, at)[0])
        self.range(vtable, 2, 2)
        vtable_size = int(U16.unpack_from(self.buffer, vtable)[0])
        _demand(vtable_size % 2 == 0)
        self.range(vtable, vtable_size)
        places = {}
        for one in table.fields:
            offset = U16.unpack_from(self.buffer, vtable + one.place)[0] if one.place < vtable_size else 0
            if offset:
                places[one.name] = at + offset
                self.check_field(one, at + offset, places)
        self.depth_left += 1

    def check_field(self, one: Field, at: int, places: Mapping[str, int]) -> None:
        if one.kind == "number":
            self.range(at, one.format.size, one.format.size)
        elif one.kind == "struct":
            layout = self.schema.structs[one.of]
            self.range(at, layout.layout.size, layout.align)
        else:
            self.check_offset_field(one, self.offset(at), places)

    def check_offset_field(self, one: Field, to: int, places: Mapping[str, int]) -> None:
        if one.kind == "text":
            self.text(to)
        elif one.kind == "numbers":
            self.vector(to, one.format.size)
        elif one.kind == "structs":
            self.vector(to, self.schema.structs[one.of].layout.size)
        elif one.kind == "table":
            self.check_table(self.schema.tables[one.of], to)
        elif one.kind == "union":
            type_at = places.get(one.name + "_type")  # has the smaller id, so it was checked before
            member = self.schema.unions[one.of].get(self.buffer[type_at] if type_at is not None else 0)
            if member is not None:  # an unknown one passes
                self.check_table(self.schema.tables[member], to)
        else:
            self.vector(to, 4)
            for item in self.items(to):
                if one.kind == "texts":
                    self.text(item)
                else:
                    self.check_table(self.schema.tables[one.of], item)

    def items(self, at: int) -> Sequence[int]:
        count = U32.unpack_from(self.buffer, at)[0]
        return [at + 4 + 4 * i + offset for i, offset in enumerate(struct.unpack_from(f"<{count}I", self.buffer, at + 4))]
