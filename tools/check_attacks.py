#!/usr/bin/env python3
"""Every test that the table of attacks in docs/security.md names is there.

A word in backticks in the table's last column is a GoogleTest suite (`SourceLimiter`), a test (`Suite.Name`, or `Name` alone), a Python
test (`wrong_key` for test_wrong_key) or a fuzz target; one that ends with `…` is the beginning of several. A path must exist.
Exit status: 0 all are there, 1 some are not, 2 the table was not found.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEAD = "| attack | what happens | test |"
GTEST = re.compile(r"\b(?:TEST(?:_F|_P)?|TYPED_TEST(?:_P)?|RC_GTEST_PROP(?:_F)?)\(\s*(\w+),\s*(\w+)")
PYTHON = re.compile(r"\bdef test_(\w+)\(")
FUZZ = re.compile(r"^stint_fuzz\((\w+)", re.MULTILINE)
PATH = re.compile(r"\b(?:tests|sdk|src|tools|conformance|bench)/[\w./-]+[\w-]")


def known_names():
    names = set()
    for folder, pattern in (("src", "*_test.cpp"), ("tests", "*.cpp"), ("bench", "*_test.cpp"), ("tests", "*.py"), ("sdk", "*.py")):
        for path in (ROOT / folder).rglob(pattern):
            text = path.read_text()
            for suite, test in GTEST.findall(text):
                names |= {suite, test, f"{suite}.{test}"}
            names |= set(PYTHON.findall(text))
    return names | set(FUZZ.findall((ROOT / "tests/fuzz/CMakeLists.txt").read_text()))


def rows(document):
    after = document.split(HEAD, 1)
    if len(after) == 1:
        sys.exit(f"check_attacks: docs/security.md has no table that begins with {HEAD}")
    for line in after[1].splitlines()[2:]:
        if not line.startswith("|"):
            return
        yield re.split(r"(?<!\\)\|", line)[1:-1]


def is_known(word, names):
    if word.endswith("…"):
        return any(name.startswith(word[:-1]) for name in names)
    return word in names


def main():
    names, missing, count = known_names(), [], 0
    for attack, _, tests in rows((ROOT / "docs/security.md").read_text()):
        words = [word for word in re.findall(r"`([^`]+)`", tests) if "/" not in word]
        missing += [(attack, word) for word in words if not is_known(word, names)]
        missing += [(attack, path) for path in PATH.findall(tests) if not (ROOT / path).exists()]
        if not words and not PATH.findall(tests) and "clocks, all" not in tests:
            missing.append((attack, "no test is named"))
        count += 1
    for attack, what in missing:
        print(f"docs/security.md: {attack.strip()}: {what}")
    print(f"check_attacks: {count} attacks, {len(missing)} findings")
    return 1 if missing or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
