#!/usr/bin/env python3
"""Holds schema/*.fbs to what has been released: what is in the lock stays as it is, for ever; new lines may only be added.

usage: tools/schema_lock.py               compares schema/ with schema/lock.txt, and with every schema/released/N by `flatc --conform`
       tools/schema_lock.py --add         appends to the lock what the schema has more; changes and losses are still refused
       tools/schema_lock.py --may-follow FOLDER    whether the schema in FOLDER could come after what is locked
       tools/schema_lock.py --freeze N    releases the schema as schema/released/N: adds it to the lock, and writes conformance/released/N,
                                          for which wire_verdict must be built. With --replace anew, as long as nobody has got N
       tools/schema_lock.py --self-test   breaks a schema in every way that must be noticed

The lock is a flat list, a line for each fact that bytes on a wire depend on: the root; a table's field with its id, type and default; a
struct's field with its position; an enum's underlying type and values; a union's members. `flatc --conform` (2.0.8) alone does not notice a
removed field, enum value or union member, nor another root.
Exit status: 0 as released, or only the lock grew; 1 otherwise.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEFINITION = re.compile(r"\b(table|struct|enum|union)\s+(\w+)\s*(?::\s*(\w+))?\s*(?:\([^)]*\)\s*)?\{([^}]*)\}")
FIELD = re.compile(r"(\w+)\s*:\s*(\[?[\w.]+(?::\d+)?\]?)\s*(?:=\s*([\w.+-]+))?\s*(?:\(([^)]*)\))?\Z")
VALUE = re.compile(r"(\w+)\s*=\s*(-?\w+)\Z")
ROOT_TYPE = re.compile(r"\broot_type\s+(\w+)\s*;")
SHOWN = 20  # problems; the rest is counted
ID = re.compile(r"\bid\s*:\s*(\d+)")


class BadSchema(Exception):
    """What in a schema cannot be locked."""


def without_comments(text):
    return re.sub(r"//[^\n]*", "", text)


def parts_of(body, separator):
    return [part.strip() for part in body.split(separator) if part.strip()]


def lines_of_table(name, body):
    for part in parts_of(body, ";"):
        field = FIELD.match(part)
        if not field:
            raise BadSchema(f"table {name}: cannot read '{part}'")
        attributes = field[4] or ""
        number = ID.search(attributes)
        if not number:
            raise BadSchema(f"table {name}: field {field[1]} has no id; every field needs one")
        deprecated = " deprecated" if "deprecated" in attributes else ""
        yield f"table {name}.{field[1]} id={number[1]} type={field[2]} default={field[3] or '-'}{deprecated}"


def lines_of_struct(name, body):
    for position, part in enumerate(parts_of(body, ";")):
        field = FIELD.match(part)
        if not field:
            raise BadSchema(f"struct {name}: cannot read '{part}'")
        yield f"struct {name}.{field[1]} position={position} type={field[2]}"
    yield f"struct {name} fields={len(parts_of(body, ';'))}"


def lines_of_values(kind, name, underlying, body):
    if kind == "enum":
        yield f"enum {name} type={underlying}"
    for part in parts_of(body, ","):
        value = VALUE.match(part)
        if not value:
            raise BadSchema(f"{kind} {name}: '{part}' has no explicit value; every member needs one")
        yield f"{kind} {name}.{value[1]} = {value[2]}"


def lines_of_schema(folder):
    """Every fact of all *.fbs in `folder`, sorted."""
    lines = []
    for path in sorted(folder.glob("*.fbs")):
        text = without_comments(path.read_text())
        lines += [f"root {name}" for name in ROOT_TYPE.findall(text)]
        known = 0
        for kind, name, underlying, body in DEFINITION.findall(text):
            known += 1
            if kind == "table":
                lines += lines_of_table(name, body)
            elif kind == "struct":
                lines += lines_of_struct(name, body)
            else:
                lines += lines_of_values(kind, name, underlying, body)
        if known != len(re.findall(r"\b(?:table|struct|enum|union)\s+\w+", text)):
            raise BadSchema(f"{path.name}: a definition cannot be read")
    return sorted(lines)


def problems_of(lines, locked):
    """What of the lock is no longer so, and what the schema has beyond it."""
    lost = [f"released and no longer so: {line}" for line in locked if line not in lines]
    added = [line for line in lines if line not in locked]
    return lost, added


def conform_problems(schema):
    problems = []
    for released in sorted((schema / "released").glob("*/envelope.fbs")):
        done = subprocess.run(["flatc", "--conform", released, schema / "envelope.fbs"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            problems.append(f"flatc --conform {released.relative_to(schema)}: {(done.stdout + done.stderr).strip()}")
    return problems


def read_lock(path):
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")] if path.exists() else []


def write_lock(path, lines):
    head = "# What released bytes depend on; made by tools/schema_lock.py --add. Lines are only ever added.\n"
    path.write_text(head + "\n".join(sorted(lines)) + "\n")


def check(schema, adds):
    lock = schema / "lock.txt"
    if not lock.exists() and not adds:
        print("schema: nothing is released, so nothing is locked")
        return 0
    lines, locked = lines_of_schema(schema), read_lock(lock)
    lost, added = problems_of(lines, locked)
    problems = lost + conform_problems(schema)
    if added and adds and not lost:
        write_lock(lock, locked + added)
        print(f"{len(added)} lines added to {lock.name}")
    elif added:
        problems += [f"not in the lock: {line} (tools/schema_lock.py --add, if it is meant)" for line in added]
    return tell(lines, problems)


def tell(lines, problems):
    for problem in problems[:SHOWN]:
        print(f"schema: {problem}", file=sys.stderr)
    if len(problems) > SHOWN:
        print(f"schema: and {len(problems) - SHOWN} more", file=sys.stderr)
    print(f"schema: {len(lines)} facts, {len(problems)} problems")
    return 1 if problems else 0


def may_follow(folder):
    lines = lines_of_schema(folder)
    return tell(lines, problems_of(lines, read_lock(ROOT / "schema/lock.txt"))[0])


def freeze(number, replaces):
    """What belongs to a release in one go: the lock, the schema's copy, and the frames of every message."""
    schema = ROOT / "schema"
    released = schema / "released" / str(number)
    if released.exists() and not replaces:
        print(f"schema: {released.relative_to(ROOT)} is there, and what was released stays as it is", file=sys.stderr)
        return 1
    if (schema / "released" / str(number + 1)).exists():
        print(f"schema: release {number + 1} is there, so {number} stays as it is", file=sys.stderr)
        return 1
    if replaces:
        shutil.rmtree(released, ignore_errors=True)
        if not list((schema / "released").glob("*/")):  # the first: nothing of the lock is older
            (schema / "lock.txt").unlink(missing_ok=True)
    if check(schema, adds=True) != 0:
        return 1
    released.mkdir(parents=True)
    for path in schema.glob("*.fbs"):
        shutil.copyfile(path, released / path.name)
    again = ["--replace"] if replaces else []
    return subprocess.run([sys.executable, ROOT / "conformance/make_released.py", str(number), *again], check=False).returncode


SAMPLE = """namespace sample;  // a comment: field (id: 9);
enum Colour: ubyte { Red = 0, Blue = 1 }
struct Point { x: int; y: int; }
table Thing { a: int = 1 (id: 0); b: string (id: 1); c: Colour = Red (id: 2); }
table Other { d: [ubyte] (id: 0); }
union Any { Thing = 1, Other = 2 }
root_type Thing;
"""
BREAKS = [  # what is replaced, by what
    ("b: string (id: 1); ", ""),
    ("b: string", "b: [string]"),
    ("a: int = 1", "a: int = 2"),
    ("c: Colour = Red (id: 2)", "c: Colour = Blue (id: 2)"),
    ("b: string (id: 1)", "renamed: string (id: 1)"),
    ("a: int = 1 (id: 0); b: string (id: 1)", "a: int = 1 (id: 1); b: string (id: 0)"),
    (", Blue = 1", ""),
    ("Blue = 1", "Blue = 2"),
    ("Colour: ubyte", "Colour: byte"),
    ("x: int; y: int;", "y: int; x: int;"),
    ("x: int; y: int;", "x: int; y: int; z: int;"),
    (", Other = 2", ""),
    ("Other = 2", "Other = 3"),
    ("root_type Thing", "root_type Other"),
]
ADDITIONS = [("(id: 2); }", "(id: 2); e: ulong (id: 3); }"), ("Other = 2", "Other = 2, Point2 = 3"), ("Blue = 1", "Blue = 1, Green = 2")]
UNLOCKABLE = [("a: int = 1 (id: 0)", "a: int = 1"), ("Blue = 1", "Blue")]


def self_test():
    failures = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)

        def lines_with(old, new):
            assert old in SAMPLE, old
            (folder / "sample.fbs").write_text(SAMPLE.replace(old, new, 1))
            return lines_of_schema(folder)

        locked = lines_with("sample", "sample")
        if problems_of(locked, locked) != ([], []):
            failures.append("the schema itself is not accepted")
        for old, new in BREAKS:
            if not problems_of(lines_with(old, new), locked)[0]:
                failures.append(f"not noticed: {new or 'nothing'} for {old}")
        for old, new in ADDITIONS:
            lost, added = problems_of(lines_with(old, new), locked)
            if lost or len(added) != 1:
                failures.append(f"not one addition: {new}")
        for old, new in UNLOCKABLE:
            try:
                lines_with(old, new)
                failures.append(f"accepted without a number: {new}")
            except BadSchema:
                pass
    for failure in failures:
        print(f"schema_lock self-test: {failure}", file=sys.stderr)
    print(f"schema_lock self-test: {len(BREAKS) + len(ADDITIONS) + len(UNLOCKABLE)} changes, {len(failures)} failures")
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--add", action="store_true", help="append what is new to the lock")
    parser.add_argument("--may-follow", type=pathlib.Path, metavar="FOLDER", help="judge another schema than ours")
    parser.add_argument("--freeze", type=int, metavar="N", help="release the schema as schema/released/N")
    parser.add_argument("--replace", action="store_true", help="with --freeze: N is not published yet")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    try:
        if arguments.may_follow:
            return may_follow(arguments.may_follow)
        if arguments.freeze:
            return freeze(arguments.freeze, arguments.replace)
        return check(ROOT / "schema", arguments.add)
    except BadSchema as bad:
        print(f"schema: {bad}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
