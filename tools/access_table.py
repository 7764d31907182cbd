#!/usr/bin/env python3
"""Writes the table "scope -> operations" of docs/access.md from the `x-scope` and `security` of schema/openapi.yaml.

usage: tools/access_table.py [--check]     --check changes nothing and exits 1 if the page says something else
"""
import pathlib
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "access.md"
BEGIN, END = "<!-- made by tools/access_table.py -->\n", "<!-- end -->\n"
METHODS = ("get", "head", "post", "put", "patch", "delete")
WHO = {
    "open": "nobody's: no token is needed",
    "loopback": "none on the scheduler's machine, else `read`",
    "read": "`read`",
    "submit": "`submit`",
    "submit, operate": "`submit` for one's own jobs, `operate` for any",
    "work": "`work`",
    "operate": "`operate`",
    "admin": "`admin`",
    "attempt": "the token of a live attempt, beside the scope",
    "attempt alone": "the token of a live attempt, and no other",
}


def rows_of(operation):
    """The rows that an operation stands in."""
    scope = operation["x-scope"]
    if scope == "attempt":
        yield "attempt alone"
        return
    security = operation.get("security", [])
    yield "loopback" if {} in security else ", ".join(scope) if isinstance(scope, list) else scope
    if {"attempt": []} in security:
        yield "attempt"


def make_table(document):
    rows = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            for row in rows_of(item[method]) if method in item else ():
                rows.setdefault(row, []).append(f"`{method.upper()} {path}`")
    order = [*WHO, *sorted(set(rows) - set(WHO))]
    lines = [f"| {WHO.get(row, row)} | {', '.join(rows[row])} |" for row in order if row in rows]
    return "\n".join(["| scope needed | operations |", "|---|---|", *lines]) + "\n"


def main():
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    wanted = before + BEGIN + make_table(yaml.safe_load((ROOT / "schema" / "openapi.yaml").read_text())) + END + after
    if wanted == text:
        return 0
    if "--check" in sys.argv[1:]:
        print("docs/access.md is not what schema/openapi.yaml says; tools/access_table.py makes it so", file=sys.stderr)
        return 1
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
