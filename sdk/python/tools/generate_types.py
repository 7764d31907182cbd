#!/usr/bin/env python3
"""Writes src/stint_sdk/generated/api.py from schema/openapi.yaml: the types of the API's documents, and its routes.

usage: sdk/python/tools/generate_types.py [--check]
       --check   write nothing; exit status 1 if the file is not what would be written

Objects become TypedDicts, with the required keys in a base class of their own (Python 3.10 has no NotRequired). What nobody named is named
by its place: `JobView.groups[]` is JobViewGroupsItem.
"""

import argparse
import json
import keyword
import pathlib
import re
import sys
from collections.abc import Iterator
from typing import Any

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
SOURCE = ROOT / "schema" / "openapi.yaml"
TARGET = pathlib.Path(__file__).resolve().parents[1] / "src" / "stint_sdk" / "generated" / "api.py"
COLUMNS = 140
METHODS = ("get", "head", "post", "put", "patch", "delete")
SIMPLE = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
Schema = dict[str, Any]

HEAD = '''"""Types of the documents of the API, and its routes. Made by tools/generate_types.py from schema/openapi.yaml: change those."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypedDict
'''


class Loader(yaml.SafeLoader):
    """YAML 1.2 as OpenAPI means it: `on` is a word, not a truth value."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_description(path: pathlib.Path) -> Schema:
    description: Schema = yaml.load(path.read_text(), Loader)
    return description


def pascal(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+|_", name) if part)


def word(value: Any) -> str:
    """A literal as the formatter writes it."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


def quoted(text: str) -> str:
    return "'" + text + "'" if '"' in text else '"' + text + '"'


def unique(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))


class Writer:
    """Classes in an order in which each comes after its base; aliases refer to each other by text, so their order is free."""

    def __init__(self, schemas: dict[str, Schema]) -> None:
        self.schemas = schemas
        self.blocks: list[str] = []
        self.written: set[str] = set()

    def write_all(self) -> str:
        for name, schema in self.schemas.items():
            self.write_named(name, schema)
            self.written.add(name)
        return "\n\n\n".join(self.blocks)

    def write_named(self, name: str, schema: Schema) -> None:
        if "allOf" in schema:
            self.write_class(name, schema["allOf"][1], base=self.reference(schema["allOf"][0]))
        elif "properties" in schema:
            self.write_class(name, schema)
        else:
            self.write_alias(name, self.type_of(schema, name))

    def write_alias(self, name: str, text: str) -> None:
        """An alias is evaluated where it stands: one that names what comes later must be in quotes."""
        mentioned = set(re.findall(r"\b[A-Z]\w*", re.sub(r'"[^"]*"', "", text))) & set(self.schemas)
        is_ahead = not mentioned <= self.written
        self.blocks.append(f"{name}: TypeAlias = {quoted(text) if is_ahead else text}")

    def write_class(self, name: str, schema: Schema, base: str = "TypedDict") -> None:
        required = set(schema.get("required", []))
        keys = {key: self.type_of(value, name + pascal(key)) for key, value in schema["properties"].items()}
        text = self.doc_of(schema)
        optional = {key: value for key, value in keys.items() if key not in required}
        needed = {key: value for key, value in keys.items() if key in required}
        if any(keyword.iskeyword(key) for key in keys):
            self.write_functional(name, optional, bool(needed) or base != "TypedDict")
        elif not optional:
            self.blocks.append(class_text(name, base, "", text, needed))
        elif not needed:
            self.blocks.append(class_text(name, base, ", total=False", text, optional))
        else:
            self.blocks.append(class_text(f"{name}Required", base, "", f"The keys of {name} that are always there.", needed))
            self.blocks.append(class_text(name, f"{name}Required", ", total=False", text, optional))

    def write_functional(self, name: str, keys: dict[str, str], has_more: bool) -> None:
        if has_more:
            raise SystemExit(f"{name}: a key that is a word of Python beside required keys or a base is not supported")
        body = "".join(f'        "{key}": {quoted(value)},\n' for key, value in keys.items())
        self.blocks.append(f'{name} = TypedDict(\n    "{name}",\n    {{\n{body}    }},\n    total=False,\n)')

    def doc_of(self, schema: Schema) -> str:
        text = " ".join(str(schema.get("description", "")).split())
        return text if "|" not in text else ""

    def reference(self, schema: Schema) -> str:
        return str(schema["$ref"]).rpartition("/")[2]

    def type_of(self, schema: Schema, place: str) -> str:
        """The expression of a type inside another one."""
        if "$ref" in schema:
            return self.reference(schema)
        if "anyOf" in schema:
            return self.union([self.type_of(one, f"{place}{number}") for number, one in enumerate(schema["anyOf"])])
        if "const" in schema:
            return f"Literal[{word(schema['const'])}]"
        if "enum" in schema:
            return f"Literal[{', '.join(word(value) for value in schema['enum'])}]"
        if not {"type", "properties", "additionalProperties"} & set(schema):
            return "Any"
        kinds = schema.get("type", "object")
        return self.union([self.kind_of(kind, schema, place) for kind in (kinds if isinstance(kinds, list) else [kinds])])

    def kind_of(self, kind: str, schema: Schema, place: str) -> str:
        if kind == "array":
            return f"list[{self.type_of(schema['items'], place + 'Item')}]"
        if kind != "object":
            return SIMPLE[kind]
        if "properties" in schema:
            self.write_class(place, schema)
            return place
        values = schema.get("additionalProperties")
        return f"dict[str, {self.type_of(values, place + 'Value') if isinstance(values, dict) else 'Any'}]"

    def union(self, types: list[str]) -> str:
        types = unique(types)
        return " | ".join(types)


def class_text(name: str, base: str, option: str, text: str, keys: dict[str, str]) -> str:
    doc = f'    """{text}"""\n\n' if text else ""
    if len(doc) > COLUMNS:
        doc = '    """\n' + "".join(f"    {line}\n" for line in wrapped(text)) + '    """\n\n'
    return f"class {name}({base}{option}):\n{doc}" + "\n".join(f"    {key}: {value}" for key, value in keys.items())


def wrapped(text: str) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + len(word) > COLUMNS - 8:
            yield line
            line = ""
        line = f"{line} {word}".strip()
    yield line


def breakable(text: str) -> str:
    """Long lists of words in several lines."""
    lines = []
    for line in text.splitlines():
        if len(line) > COLUMNS and "[" in line:
            head, _, rest = line.partition("[")
            words, _, tail = rest.rpartition("]")
            indent = " " * (len(line) - len(line.lstrip()))
            line = f"{head}[\n" + "".join(f"{indent}    {one.strip()},\n" for one in words.split(",")) + f"{indent}]{tail}"
        lines.append(line)
    return "\n".join(lines)


def routes_of(paths: dict[str, Schema]) -> str:
    routes = [(method.upper(), path) for path, item in paths.items() for method in METHODS if method in item]
    lines = "".join(f'        ("{method}", "{path}"),\n' for method, path in routes)
    return f"ROUTES: frozenset[tuple[str, str]] = frozenset(\n    (\n{lines}    )\n)"


def generate(description: Schema) -> str:
    types = Writer(description["components"]["schemas"]).write_all()
    return HEAD + "\n\n" + breakable(types) + "\n\n\n" + routes_of(description["paths"]) + "\n"


def main() -> int:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--check", action="store_true")
    text = generate(read_description(SOURCE))
    if not arguments.parse_args().check:
        TARGET.write_text(text)
        return 0
    if TARGET.exists() and TARGET.read_text() == text:
        return 0
    print(f"{TARGET.name} is not what {SOURCE.relative_to(ROOT)} says: run sdk/python/tools/generate_types.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
