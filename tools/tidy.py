#!/usr/bin/env python3
"""Rules worth keeping that no compiler knows, with a ratchet: what is there today is written down and may only become less.

usage: tools/tidy.py [--update] [--self-test]
       --update   write tools/tidy.json anew after things got better; refuses to write a higher number for a rule that it knows

Rules:
  file_lines       a hand-written source file of more than 600 lines       counts the lines above
  function_lines   a C++ function of more than 80 lines                    counts the lines above
  long_line        a line of more than 140 columns in C++, Python or sh    counts lines
  reminder         a note to do something later: an issue is the place      counts lines
  home_path        an absolute path of somebody's machine                  counts lines
  sleep_in_test    a sleep in a unit test: `now` is given                  counts lines
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

RULES = ("file_lines", "function_lines", "long_line", "reminder", "home_path", "sleep_in_test")
ROOT = pathlib.Path(__file__).resolve().parent.parent
BASELINE = ROOT / "tools" / "tidy.json"
FILE_LINES, FUNCTION_LINES, COLUMNS = 600, 80, 140
CPP, CODE = (".cpp", ".hpp"), (".cpp", ".hpp", ".py", ".sh")

REMINDER = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")  # in two parts each, so that this file passes its own rule
HOME_PATH = re.compile(r"(?<![\w.$}])/(?:home|Users)/[a-z]\w*/")
SLEEP = re.compile(r"\b(?:sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(")
NOT_A_FUNCTION = re.compile(r"^\s*(?:namespace|class|struct|enum|union|extern|template <[^>]*> (?:class|struct)|#|//)\b")


def function_excess(lines):
    """Yields (line number, lines above the limit) for every C++ function that is too long. Relies on clang-format's indentation:
    a body closes with a brace in the column where its declaration began."""
    start, closing = None, ""
    head, previous = "", ""  # the first line of the statement that the current line belongs to; the line before
    for number, line in enumerate(lines, 1):
        if start is None:
            if previous.rstrip().endswith((";", "{", "}", ":")) or not previous.strip() or previous.lstrip().startswith(("//", "#")):
                head = line
            # `) {`, `) const {`, `: member_(x) {` open functions; `= {` and `Name{` open lists.
            if line.endswith(" {") and ")" in line and not line.endswith("= {") and not NOT_A_FUNCTION.match(head):
                start, closing = number, " " * (len(head) - len(head.lstrip())) + "}"
        elif line == closing or line.startswith(closing + " "):
            if number - start - 1 > FUNCTION_LINES:
                yield start, number - start - 1 - FUNCTION_LINES
            start = None
        previous = line


def measure(name, text):
    """Yields (rule, amount, line number) for one file."""
    lines = text.splitlines()
    suffix = pathlib.PurePosixPath(name).suffix
    is_code = suffix in CODE or (name.startswith("script/") and suffix == "") or name == ".ci/run"
    if is_code and len(lines) > FILE_LINES:
        yield "file_lines", len(lines) - FILE_LINES, 1
    if suffix in CPP:
        for number, excess in function_excess(lines):
            yield "function_lines", excess, number
    for number, line in enumerate(lines, 1):
        if is_code and len(line) > COLUMNS and "http" not in line:
            yield "long_line", 1, number
        if is_code and REMINDER.search(line):
            yield "reminder", 1, number
        if HOME_PATH.search(line):
            yield "home_path", 1, number
        if name.endswith("_test.cpp") and SLEEP.search(line):
            yield "sleep_in_test", 1, number


def tracked_files():
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listing.split("\0")):
        path = ROOT / name
        if not path.is_file() or "/corpus/" in name or "/generated/" in name:
            continue
        try:
            yield name, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # binary


def survey(files):
    """Returns ({rule: {file: amount}}, {(rule, file): first line})."""
    amounts, where = {}, {}
    for name, text in files:
        for rule, amount, number in measure(name, text):
            per_file = amounts.setdefault(rule, {})
            per_file[name] = per_file.get(name, 0) + amount
            where.setdefault((rule, name), number)
    return amounts, where


def compare(amounts, baseline):
    """Returns (what got worse, what got better), as (rule, file, before, now)."""
    worse, better = [], []
    for rule in sorted({*amounts, *baseline}):
        now, before = amounts.get(rule, {}), baseline.get(rule, {})
        for name in sorted({*now, *before}):
            change = (rule, name, before.get(name, 0), now.get(name, 0))
            if change[3] > change[2]:
                worse.append(change)
            elif change[3] < change[2]:
                better.append(change)
    return worse, better


def self_test():
    long_function = ["void f(int a) {", *["  g();"] * (FUNCTION_LINES + 3), "}"]
    cases = [
        ("src/a.cpp", "\n" * (FILE_LINES + 5), {"file_lines": 5}),
        ("src/a.cpp", "\n".join(long_function), {"function_lines": 3}),
        ("src/a.cpp", "\n".join(["A::A(int a)", "    : a_(a) {", *["  g();"] * (FUNCTION_LINES + 2), "}"]), {"function_lines": 2}),
        ("src/a.cpp", "\n".join(["namespace x {", *["int a;"] * 200, "}  // namespace x"]), {}),
        ("src/a.hpp", "x" * (COLUMNS + 1), {"long_line": 1}),
        ("src/a.hpp", "// TO" "DO: later", {"reminder": 1}),
        ("docs/a.md", "see /ho" "me/ann/notes", {"home_path": 1}),
        ("src/a_test.cpp", "  std::this_thread::sleep_for(1s);", {"sleep_in_test": 1}),
        ("src/a.cpp", "void f(int a) {\n  g();\n}\n", {}),
    ]
    problems = []
    for name, text, expected in cases:
        amounts, _ = survey([(name, text)])
        got = {rule: files[name] for rule, files in amounts.items()}
        if got != expected:
            problems.append(f"{name} with {text[:40]!r}…: expected {expected}, got {got}")
    worse, better = compare({"reminder": {"a": 2, "b": 1}}, {"reminder": {"a": 1, "b": 2}})
    if worse != [("reminder", "a", 1, 2)] or better != [("reminder", "b", 2, 1)]:
        problems.append(f"the ratchet: {worse} {better}")
    return problems


def main():
    parser = argparse.ArgumentParser(description="Rules worth keeping that no compiler knows.")
    parser.add_argument("--update", action="store_true", help="write the lower numbers to tools/tidy.json")
    parser.add_argument("--self-test", action="store_true", help="show that every rule finds its offender")
    options = parser.parse_args()
    if options.self_test:
        problems = self_test()
        print("\n".join(problems) if problems else "tidy: self-test: every rule finds its offender")
        return 1 if problems else 0

    amounts, where = survey(tracked_files())
    baseline = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.exists() else {}
    worse, better = compare(amounts, baseline)
    if options.update:  # a new rule starts from what there is
        worse = [change for change in worse if change[0] in baseline]
    for rule, name, before, now in worse:
        print(f"{name}:{where[rule, name]}: {rule} {now}, allowed {before}")
    if worse:
        print(f"tidy: {len(worse)} findings", file=sys.stderr)
        return 1
    if options.update:
        BASELINE.write_text(json.dumps({rule: amounts.get(rule, {}) for rule in RULES}, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    elif better:
        print("tidy: things got better; write that down with tools/tidy.py --update:")
        for rule, name, before, now in better:
            print(f"  {name}: {rule} {before} -> {now}")
    print("tidy: nothing got worse")
    return 0


if __name__ == "__main__":
    sys.exit(main())
