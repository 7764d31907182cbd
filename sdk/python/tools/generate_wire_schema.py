#!/usr/bin/env python3
"""Writes src/stint_sdk/generated/wire_schema.py from schema/*.fbs: the tables as data, and the enums.

usage: sdk/python/tools/generate_wire_schema.py [--check]
       --check   write nothing; exit status 1 if the file is not what would be written

flatc (FLATC, else the one in PATH) turns the schema into its own reflection, a FlatBuffer, which the package's reader reads. Fields that
are deprecated are left out: writers must not write them, and readers need not read them.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "src"))

from stint_sdk._flat import Field, Schema, StructType, Table, View, open_root  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[3]
SOURCE = ROOT / "schema" / "envelope.fbs"
TARGET = pathlib.Path(__file__).resolve().parents[1] / "src" / "stint_sdk" / "generated" / "wire_schema.py"

# What is needed of https://github.com/google/flatbuffers/blob/v2.0.8/reflection/reflection.fbs.
REFLECTION = Schema(
    tables={
        table.name: table
        for table in (
            Table(
                "Schema",
                (Field("objects", 0, "tables", "Object"), Field("enums", 1, "tables", "Enum"), Field("root_table", 4, "table", "Object")),
            ),
            Table(
                "Object",
                (
                    Field("name", 0, "text"),
                    Field("fields", 1, "tables", "Field"),
                    Field("is_struct", 2, "number", "?"),
                    Field("minalign", 3, "number", "i"),
                    Field("bytesize", 4, "number", "i"),
                ),
            ),
            Table(
                "Field",
                (
                    Field("name", 0, "text"),
                    Field("type", 1, "table", "Type"),
                    Field("id", 2, "number", "H"),
                    Field("offset", 3, "number", "H"),
                    Field("default_integer", 4, "number", "q"),
                    Field("default_real", 5, "number", "d"),
                    Field("deprecated", 6, "number", "?"),
                ),
            ),
            Table("Type", (Field("base", 0, "number", "b"), Field("element", 1, "number", "b"), Field("index", 2, "number", "i", -1))),
            Table("Enum", (Field("name", 0, "text"), Field("values", 1, "tables", "EnumVal"), Field("is_union", 2, "number", "?"))),
            Table("EnumVal", (Field("name", 0, "text"), Field("value", 1, "number", "q"), Field("union_type", 3, "table", "Type"))),
        )
    },
    structs={},
    unions={},
    root="Schema",
)
LETTERS = {1: "B", 2: "?", 3: "b", 4: "B", 5: "h", 6: "H", 7: "i", 8: "I", 9: "q", 10: "Q", 11: "f", 12: "d"}
STRING, VECTOR, OBJECT, UNION = 13, 14, 15, 16

HEAD = '''"""The tables and enums of the wire. Made by tools/generate_wire_schema.py from schema/*.fbs: change those."""

from __future__ import annotations

from enum import IntEnum

from stint_sdk._flat import Field, Schema, StructType, Table
'''


def text(view: View, name: str) -> str:
    raw = view.raw(name)
    assert raw is not None, name
    return raw.decode()


def short(name: str) -> str:
    return name.rpartition(".")[2]


def reflect(source: pathlib.Path) -> View:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([os.environ.get("FLATC", "flatc"), "-b", "--schema", "-o", folder, source], check=True)
        data = (pathlib.Path(folder) / source.with_suffix(".bfbs").name).read_bytes()
    return open_root(data, REFLECTION, 64, 1_000_000)


class Described:
    """The reflection, and what to make of it."""

    def __init__(self, schema: View) -> None:
        self.objects = schema.children("objects")
        self.enums = schema.children("enums")
        root = schema.child("root_table")
        assert root is not None
        self.root = short(text(root, "name"))

    def field_type(self, view: View) -> tuple[str, str]:
        """Kind, and of what."""
        kind = view.child("type")
        assert kind is not None
        base, element, index = kind.number("base"), kind.number("element"), kind.number("index")
        if base in LETTERS:
            return "number", LETTERS[base]
        if base == STRING:
            return "text", ""
        if base == UNION:
            return "union", short(text(self.enums[index], "name"))
        if base == OBJECT:
            return ("struct" if self.objects[index].flag("is_struct") else "table"), short(text(self.objects[index], "name"))
        assert base == VECTOR, f"a type that is not handled yet: {base}"
        if element == OBJECT:
            return ("structs" if self.objects[index].flag("is_struct") else "tables"), short(text(self.objects[index], "name"))
        return ("texts", "") if element == STRING else ("numbers", LETTERS[element])

    def struct_type(self, view: View) -> StructType:
        letters, at = "<", 0
        for one in sorted(view.children("fields"), key=lambda one: one.number("offset")):
            letters += "x" * (one.number("offset") - at)
            kind = one.child("type")
            assert kind is not None
            inner = (
                self.struct_type(self.objects[kind.number("index")]).format[1:]
                if kind.number("base") == OBJECT
                else LETTERS[kind.number("base")]
            )
            letters += inner
            at = one.number("offset") + StructType("<" + inner, 1).layout.size
        return StructType(letters + "x" * (view.number("bytesize") - at), view.number("minalign"))

    def table_lines(self, view: View) -> list[str]:
        name = short(text(view, "name"))
        lines = []
        for one in sorted(view.children("fields"), key=lambda one: one.number("id")):
            if one.flag("deprecated"):
                continue
            kind, of = self.field_type(one)
            words = [f'"{text(one, "name")}"', str(one.number("id")), f'"{kind}"']
            default = one.real("default_real") if of in ("f", "d") else one.number("default_integer")
            if of:
                words.append(f'"{of}"')
            if kind == "number" and default:
                words.append(repr(default))
            lines.append(f"            Field({', '.join(words)}),")
        # As the formatter lays it out.
        fields = (
            [f"            ({lines[0].strip()}),"]
            if len(lines) == 1
            else ["            (", *("    " + line for line in lines), "            ),"]
        )
        return [f'        "{name}": Table(', f'            "{name}",', *fields, "        ),"]

    def enum_lines(self, view: View) -> list[str]:
        lines = [f"class {short(text(view, 'name'))}(IntEnum):"]
        for value in sorted(view.children("values"), key=lambda value: value.number("value")):
            name = text(value, "name")
            lines.append(f"    {snake(name)} = {value.number('value')}")
        return lines

    def union_lines(self, view: View) -> list[str]:
        lines = [f'        "{short(text(view, "name"))}": {{']
        for value in sorted(view.children("values"), key=lambda value: value.number("value")):
            if value.number("value"):
                lines.append(f'            {value.number("value")}: "{text(value, "name")}",')
        return [*lines, "        },"]


def snake(name: str) -> str:
    """StageFailed is STAGE_FAILED, S3 stays."""
    return "".join("_" + letter if letter.isupper() and at and name[at - 1].islower() else letter for at, letter in enumerate(name)).upper()


def render(described: Described) -> str:
    blocks = [HEAD]
    for enum in described.enums:
        blocks.append("\n\n" + "\n".join(described.enum_lines(enum)) + "\n")
    tables = [one for one in described.objects if not one.flag("is_struct")]
    structs = [one for one in described.objects if one.flag("is_struct")]
    lines = ["", "", "SCHEMA = Schema(", "    tables={"]
    for table in tables:
        lines += described.table_lines(table)
    lines += ["    },", "    structs={"]
    for one in structs:
        made = described.struct_type(one)
        lines.append(f'        "{short(text(one, "name"))}": StructType("{made.format}", {made.align}),')
    lines += ["    },", "    unions={"]
    for enum in described.enums:
        if enum.flag("is_union"):
            lines += described.union_lines(enum)
    lines += ["    },", f'    root="{described.root}",', ")", ""]
    return "".join(blocks) + "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    wanted = render(Described(reflect(SOURCE)))
    if not arguments.check:
        TARGET.write_text(wanted)
        return 0
    if TARGET.exists() and TARGET.read_text() == wanted:
        return 0
    print(f"{TARGET} is not what the schema makes of it: run {pathlib.Path(__file__).name}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
