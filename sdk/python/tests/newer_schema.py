"""A schema of tomorrow: ours, and all that may be added: to every table two fields, to every enum a value, to the union a member."""

from __future__ import annotations

import re
from pathlib import Path

TABLE = re.compile(r"\btable (\w+) \{(.*?)\n\}", re.DOTALL)
ENUM = re.compile(r"\benum (\w+): ?(\w+) \{(.*?)\n\}", re.DOTALL)
UNION = re.compile(r"\bunion (\w+) \{(.*?)\n\}", re.DOTALL)
ID = re.compile(r"\(id: (\d+)\)")
VALUE = re.compile(r"= (-?\d+)")

NEW_TABLE = "\n\ntable Tomorrow {\n  text: string (id: 0);\n}\n"
NEW_NUMBER, NEW_TEXT, NEW_NAME = "tomorrow_number", "tomorrow_text", "Tomorrow"


def without_comments(text: str) -> str:
    return re.sub(r"[ \t]*//[^\n]*", "", text)


def with_fields(found: re.Match[str]) -> str:
    name, body = found.groups()
    after = max(map(int, ID.findall(body)), default=-1) + 1
    more = f"\n  {NEW_NUMBER}: ulong (id: {after});\n  {NEW_TEXT}: string (id: {after + 1});"
    return f"table {name} {{{body}{more}\n}}"


def with_value(found: re.Match[str]) -> str:
    name, underlying, body = found.groups()
    return f"enum {name}: {underlying} {{{body},\n  {NEW_NAME} = {max(map(int, VALUE.findall(body))) + 1}\n}}"


def with_member(found: re.Match[str]) -> str:
    name, body = found.groups()
    return f"union {name} {{{body},\n  {NEW_NAME} = {max(map(int, VALUE.findall(body))) + 1}\n}}"


def write_newer(schema: Path, folder: Path) -> Path:
    """The envelope's file of the extended schema."""
    folder.mkdir()
    for path in schema.glob("*.fbs"):
        text = without_comments(path.read_text())
        text = UNION.sub(with_member, ENUM.sub(with_value, TABLE.sub(with_fields, text)))
        if path.name == "keys.fbs":
            text += NEW_TABLE
        (folder / path.name).write_text(text)
    return folder / "envelope.fbs"
