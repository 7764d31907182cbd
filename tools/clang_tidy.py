#!/usr/bin/env python3
"""Runs clang-tidy on the files that changed, or on all, within a time limit.

usage: tools/clang_tidy.py BUILD_DIR [--since COMMIT | --all] [--limit-s N]
       BUILD_DIR   a Clang build with compile_commands.json; its generated headers must exist
       --since     files changed since COMMIT (default $STINT_BASE, else HEAD~1); every file if there is no such commit
       --limit-s   stop after N seconds and say how far it got; running out of time is no failure

A changed header is looked at through the source of the same name, or else through one source that includes it.
Exit status: 0 no finding, 1 findings, 2 it could not run.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOL = "clang-tidy-19"


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)


def changed_files(base):
    """Names relative to the root, working tree included; None if `base` is not a commit here (a shallow clone has no HEAD~1)."""
    if git("rev-parse", "--verify", "--quiet", base + "^{commit}").returncode != 0:
        return None
    names = git("diff", "--name-only", "--diff-filter=d", base, "--").stdout.splitlines()
    return [name for name in names if name.endswith((".cpp", ".hpp"))]


def compiled_sources(build):
    """The sources of compile_commands.json that belong to the repository and are not generated."""
    entries = json.loads(pathlib.Path(build, "compile_commands.json").read_text(encoding="utf-8"))
    names = set()
    for entry in entries:
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / "build"):
            names.add(path.relative_to(ROOT).as_posix())
    return sorted(names)


def sources_for(changed, compiled):
    """The compiled sources that show the changed files to clang-tidy, without repetition, in order."""
    compiled_set, chosen = set(compiled), {}
    for name in changed:
        if name in compiled_set:
            chosen[name] = None
    for name in changed:
        if name.endswith(".hpp"):
            witness = witness_of(name, compiled, compiled_set)
            if witness:
                chosen[witness] = None
    return list(chosen)


def witness_of(header, compiled, compiled_set):
    sibling = header.removesuffix(".hpp") + ".cpp"
    if sibling in compiled_set:
        return sibling
    spelled = re.compile(r'#\s*include\s*"' + re.escape(header.removeprefix("src/").removeprefix("include/")) + '"')
    return next((name for name in compiled if spelled.search((ROOT / name).read_text(encoding="utf-8"))), None)


def tidy(build, name, deadline):
    """Returns (name, status, output); status is None when time ran out."""
    left = deadline - time.monotonic()
    if left <= 0:
        return name, None, ""
    try:
        run = subprocess.run([TOOL, "--quiet", "-p", build, name], cwd=ROOT, capture_output=True, text=True, timeout=left)
    except subprocess.TimeoutExpired:
        return name, None, ""
    return name, run.returncode, run.stdout


def main():
    parser = argparse.ArgumentParser(description="clang-tidy on the files that changed, within a time limit.")
    parser.add_argument("build")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--since", default=os.environ.get("STINT_BASE") or "HEAD~1")
    which.add_argument("--all", action="store_true")
    parser.add_argument("--limit-s", type=float, default=float("inf"))
    options = parser.parse_args()
    if not shutil.which(TOOL):
        print(f"clang_tidy: {TOOL} is missing; script/bootstrap --with-checks installs it", file=sys.stderr)
        return 2
    build = str(pathlib.Path(options.build).resolve())
    compiled = compiled_sources(build)
    changed = None if options.all else changed_files(options.since)
    if changed is None:
        names = compiled
        print(f"clang_tidy: all {len(names)} sources" + ("" if options.all else f" ({options.since} is not in this clone)"))
    else:
        names = sources_for(changed, compiled)
        print(f"clang_tidy: {len(names)} sources for {len(changed)} files changed since {options.since}")

    begin = time.monotonic()
    deadline = begin + min(options.limit_s, 86_400)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda name: tidy(build, name, deadline), names))
    bad = [name for name, status, _ in results if status]
    for finding in dict.fromkeys(output.strip() for _, status, output in results if status):  # a header's finding comes with every source
        print(finding)
    missed = [name for name, status, _ in results if status is None]
    print(f"clang_tidy: {len(names) - len(missed)} of {len(names)} sources in {time.monotonic() - begin:.0f} s, {len(bad)} with findings")
    if missed:
        print("clang_tidy: out of time before: " + " ".join(missed))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
