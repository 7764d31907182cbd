#!/usr/bin/env python3
"""Checks that includes and CMake dependencies go one way.

usage: tools/check_layers.py [--self-test]

  1. A folder of src/ includes only the folders that LAYERS gives it; so do the DEPS of its library.
  2. No two folders include each other, not even through a third; only a folder and its own sub-folder may.
  3. The pure folders include no header that reaches a clock, socket, file, thread or random device.
  4. A third-party header is included only where OWNERS says; generated schema types only in protocol.

Tests (*_test.cpp) may include what they like: they play the part of the daemon around the code under test.
--self-test plants one violation of each kind in a copy of a small tree and expects every one to be found.
"""
import argparse
import pathlib
import re
import sys
import tempfile

# Folder -> the folders it may include, each with what lies below it. The most specific entry counts.
LAYERS = {
    "base": set(),
    "hash": {"base"},
    "net": {"base"},
    "wire": {"base"},
    "protocol": {"wire", "base"},
    "proof": {"base"},
    "core/model": {"base"},
    "core": {"core/model", "base"},
    "ports": {"core/model", "base"},
    "scheduler": {"hash", "core", "protocol", "wire", "proof", "ports", "base"},
    "agent": {"hash", "core/model", "protocol", "wire", "proof", "ports", "base"},
    "client": {"hash", "core", "protocol", "wire", "proof", "ports", "base"},
    "adapters": {"ports", "core/model", "net", "hash", "base"},
    "apps": {"adapters", "scheduler", "agent", "client", "core", "protocol", "proof", "wire", "net", "hash", "ports", "base"},
}
PURE = {"base", "hash", "wire", "protocol", "proof", "core", "ports", "scheduler", "agent", "client"}

# <chrono> is allowed for its types; tools/check_symbols.py sees whether anybody asks a clock.
IMPURE_HEADERS = re.compile(
    r"^(thread|mutex|shared_mutex|condition_variable|future|stop_token|semaphore|barrier|latch"
    r"|fstream|filesystem|random|ctime|csignal|iostream"
    r"|(time|unistd|fcntl|poll|pthread|signal|netdb|dirent|sched|spawn|stdio_ext)\.h"
    r"|(sys|netinet|arpa|linux|net)/.*|boost/(asio|beast|process|filesystem|thread|interprocess)[./].*|sqlite3\.h|libpq-fe\.h|curl/.*)$"
)
# Third-party header -> the folders that may include it: one place per library, so that it can be replaced in one place.
OWNERS = [
    (re.compile(r"^lz4"), {"wire"}),
    # stint-conform speaks TLS as net will not: other versions, certificates of others.
    (re.compile(r"^openssl/"), {"hash", "wire", "proof", "net", "adapters", "apps/stint-conform"}),
    # stint-conform makes the buffers that the codec refuses to make.
    (re.compile(r"^flatbuffers/|_generated\.h$"), {"protocol", "apps/stint-conform"}),
    (re.compile(r"^sqlite3\.h$"), {"adapters/sqlite"}),
    (re.compile(r"^toml\+\+/"), {"adapters/config"}),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
LIBRARY = re.compile(r"stint_library\(\s*(\w+)([^)]*)\)")
KEYWORDS = {"DEPS", "FOLDERS", "SOURCES"}


def is_within(folder, ancestor):
    return folder == ancestor or folder.startswith(ancestor + "/")


def layer_of(folder):
    """The entry of LAYERS that speaks for `folder`, or None."""
    return max((name for name in LAYERS if is_within(folder, name)), key=len, default=None)


def may_use(folder, other):
    """True if a file of `folder` may include a file of `other`."""
    layer = layer_of(folder)
    if layer is None or layer_of(other) is None:
        return False
    if layer == "adapters":  # one folder per outside thing, and none knows another
        if is_within(other, "adapters"):
            return adapter_of(folder) == adapter_of(other)
    elif layer_of(other) == layer:
        return True
    return any(is_within(other, allowed) for allowed in LAYERS[layer])


def adapter_of(folder):
    return folder.split("/")[1] if "/" in folder else ""


def is_pure(folder):
    return folder.split("/")[0] in PURE


def check_includes(src):
    """Yields findings; src is the source root as a Path."""
    edges = {}
    for path in sorted([*src.rglob("*.hpp"), *src.rglob("*.cpp")]):
        if path.name.endswith("_test.cpp"):
            continue
        folder = path.parent.relative_to(src).as_posix()
        text = path.read_text(encoding="utf-8")
        for match in INCLUDE.finditer(text):
            quote, header = match.groups()
            line = text.count("\n", 0, match.start(1)) + 1
            where = f"{path.relative_to(src.parent).as_posix()}:{line}"
            if quote == '"' and not (src / header).exists() and (path.parent / header).exists():
                yield f"{where}: includes start at src/: {folder}/{header}"
            elif quote == "<" or not (src / header).exists():
                yield from check_foreign(where, folder, header)
            else:
                other = pathlib.PurePosixPath(header).parent.as_posix()
                if not may_use(folder, other):
                    yield f"{where}: {folder} must not include {other} ({header})"
                elif not is_within(folder, other) and not is_within(other, folder):
                    edges.setdefault(folder, {}).setdefault(other, where)
    yield from check_cycles(edges)


def check_foreign(where, folder, header):
    if is_pure(folder) and IMPURE_HEADERS.match(header):
        yield f"{where}: {folder} has no clock, socket, file, thread or random device, but includes <{header}>"
        return
    for pattern, owners in OWNERS:
        if pattern.search(header) and not any(is_within(folder, owner) for owner in owners):
            yield f"{where}: {header} belongs to {', '.join(sorted(owners))}, not to {folder}"


def check_cycles(edges):
    """A cycle of folders is a folder that has not been thought about."""
    done, trail = set(), []

    def visit(folder):
        if folder in trail:
            ring = [*trail[trail.index(folder):], folder]
            yield f"{edges[ring[0]][ring[1]]}: folders include each other: {' -> '.join(ring)}"
            return
        if folder in done:
            return
        trail.append(folder)
        for other in sorted(edges.get(folder, {})):
            yield from visit(other)
        trail.pop()
        done.add(folder)

    for folder in sorted(edges):
        yield from visit(folder)


def check_cmake(src):
    libraries = {}  # target -> (folder, dependencies, file)
    for path in sorted(src.rglob("CMakeLists.txt")):
        text = re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
        for name, arguments in LIBRARY.findall(text):
            dependencies, keyword = [], None
            for word in arguments.split():
                if word in KEYWORDS:
                    keyword = word
                elif keyword == "DEPS":
                    dependencies.append(word)
            libraries[name] = (path.parent.relative_to(src).as_posix(), dependencies, path.relative_to(src.parent).as_posix())
    for name, (folder, dependencies, where) in libraries.items():
        for dependency in dependencies:
            if dependency in libraries and not may_use(folder, libraries[dependency][0]):
                yield f"{where}: {name} must not depend on {dependency}"


def check(src):
    return [*check_includes(src), *check_cmake(src)]


# Each: the file to plant, its text, and a part of the finding that must follow.
PLANTS = [
    ("core/plant.cpp", '#include "protocol/session.hpp"\n', "core must not include protocol"),
    ("protocol/plant.cpp", '#include "core/model/job.hpp"\n', "protocol must not include core/model"),
    ("agent/plant.hpp", '#include "core/scheduler.hpp"\n', "agent must not include core "),
    ("core/model/plant.hpp", '#include "core/scheduler.hpp"\n', "core/model must not include core "),
    ("adapters/http/plant.cpp", '#include "adapters/sqlite/store.hpp"\n', "adapters/http must not include adapters/sqlite"),
    ("ports/plant.hpp", '#include "adapters/sqlite/store.hpp"\n', "ports must not include adapters/sqlite"),
    ("newcomer/plant.hpp", '#include "base/ids.hpp"\n', "newcomer must not include base"),
    ("scheduler/plant.cpp", "  #  include <thread>\n", "includes <thread>"),
    ("client/plant.cpp", "#include <sys/socket.h>\n", "includes <sys/socket.h>"),
    ("agent/plant.cpp", "#include <boost/asio/ip/tcp.hpp>\n", "includes <boost/asio/ip/tcp.hpp>"),
    ("protocol/plant2.cpp", "#include <lz4.h>\n", "lz4.h belongs to wire"),
    ("scheduler/plant2.cpp", '#include "session_generated.h"\n', "session_generated.h belongs to apps/stint-conform, protocol"),
    ("core/model/plant2.cpp", '#include "job.hpp"\n', "includes start at src/: core/model/job.hpp"),
    ("core/queue/plant.hpp", '#include "core/placement/plant.hpp"\n', "folders include each other"),
    ("core/CMakeLists.txt", "stint_library(core FOLDERS queue\n  DEPS core_model protocol)  # DEPS base\n", "must not depend on protocol"),
]
SOUND = {
    "base/ids.hpp": "#include <chrono>\n",
    "core/model/job.hpp": '#include "base/ids.hpp"\n',
    "core/model/CMakeLists.txt": "stint_library(core_model DEPS base)\n",
    "core/scheduler.hpp": '#include "core/model/job.hpp"\n#include "core/queue/order.hpp"\n',
    "core/queue/order.hpp": '#include "core/model/job.hpp"\n#include "core/scheduler.hpp"\n',
    "core/placement/plant.hpp": '#include "core/queue/plant.hpp"\n',
    "core/queue/plant.hpp": "\n",
    "core/scheduler_test.cpp": '#include <thread>\n#include "adapters/sqlite/store.hpp"\n',
    "protocol/session.hpp": '#include "base/ids.hpp"\n#include <flatbuffers/flatbuffers.h>\n',
    "protocol/CMakeLists.txt": "stint_library(protocol DEPS wire)\n",
    "adapters/sqlite/store.hpp": '#include "ports/store.hpp"\n#include <sqlite3.h>\n#include <thread>\n',
    "ports/store.hpp": '#include "core/model/job.hpp"\n',
    "apps/main.cpp": '#include "adapters/sqlite/store.hpp"\n#include "core/scheduler.hpp"\n',
}


def write(src, files):
    for name, text in files.items():
        path = src / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def self_test():
    problems = []
    with tempfile.TemporaryDirectory() as stage:
        src = pathlib.Path(stage, "src")
        write(src, SOUND)
        problems += [f"sound tree, but: {finding}" for finding in check(src)]
    for name, text, expected in PLANTS:
        with tempfile.TemporaryDirectory() as stage:
            src = pathlib.Path(stage, "src")
            write(src, {**SOUND, name: text})
            findings = check(src)
            if len(findings) != 1 or expected not in findings[0]:
                problems.append(f"planted {name}: expected one finding with '{expected}', got {findings}")
    return problems


def main():
    parser = argparse.ArgumentParser(description="Checks that includes and CMake dependencies go one way.")
    parser.add_argument("--self-test", action="store_true", help="plant violations and expect each to be found")
    options = parser.parse_args()
    if options.self_test:
        findings, done = self_test(), f"self-test: {len(PLANTS)} planted violations found"
    else:
        findings, done = check(pathlib.Path(__file__).resolve().parent.parent / "src"), "includes go one way"
    for finding in findings:
        print(finding)
    if findings:
        print(f"check_layers: {len(findings)} findings", file=sys.stderr)
        return 1
    print(f"check_layers: {done}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
