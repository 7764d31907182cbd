"""Files of an attempt: brought before its function is called, taken when it has returned. Runs in the worker, which waits for it anyway.

The attempt's token opens its blobs at the scheduler while it is live. What comes is verified; what is taken is durable there before the end
is told. A manifest has a line for each file: SHA-256, size, mode (644 or 755), path.
Source: docs/architecture.md, src/core/model/manifest.hpp.
"""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import hashlib
import http.client
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from stint_sdk._tls import ALPN_HTTP, Trust
from stint_sdk.errors import NotTrusted, StintError

PIECE_BYTES = 4 << 20
MISSING_MAX = 1000  # blobs of one question
MANIFEST_BYTES_MAX = 64 << 20
OUTPUT_FILES_MAX = 4096
TIMEOUT_S = 60.0  # of one request
BRING_PATIENCE_S = 60.0
TAKE_PATIENCE_S = 24 * 3600.0  # what was computed is not given up because the scheduler is away
PAUSE_MAX_S = 5.0
LINE = re.compile(rb"([0-9a-f]{64}) (0|[1-9][0-9]*) (644|755) ([^\x00-\x1f\x7f]+)")

Value = TypeVar("Value")


class StageFailed(StintError):
    """Files could not be brought or taken."""


class OutputMissing(StintError):
    """The function left something else than its task declares."""


class NotNow(Exception):
    """Worth another try."""


def bring(order: Mapping[str, Any]) -> None:
    """Errors: StageFailed, OSError."""
    stage, folder = order["stage"], Path(order["folder"])
    blobs = Blobs(stage["server"], stage["token"], BRING_PATIENCE_S)
    for manifest, to in ((stage["inputs"], "work"), (stage["needs_inputs"], "inputs")):
        if manifest:
            blobs.lay_out(manifest, folder / to)
    for path, name, size, is_executable in stage["files"]:
        blobs.download(name, size, folder / "work" / checked(path), is_executable)
    checkpoint = order["env"].get("STINT_CHECKPOINT_DIR")
    if stage["checkpoint"] and not any(Path(checkpoint).iterdir()):  # else it is our own, and as new
        blobs.lay_out(stage["checkpoint"], Path(checkpoint))


def take(order: Mapping[str, Any]) -> list[list[Any]]:
    """Path, SHA-256, size and mode of each output, when the scheduler has them all. Errors: OutputMissing, StageFailed, OSError."""
    stage, root = order["stage"], Path(order["folder"]) / "outputs"
    files = [(path, digest_of(root / path), (root / path).stat()) for path in find_outputs(root, stage["outputs"])]
    if len(files) > OUTPUT_FILES_MAX:
        raise OutputMissing(f"outputs of {len(files)} files, limit {OUTPUT_FILES_MAX}: pack them into fewer")
    blobs = Blobs(stage["server"], stage["token"], TAKE_PATIENCE_S)
    sizes = {name: (root / path, status.st_size) for path, name, status in files}
    for name in blobs.find_missing(list(sizes)):
        blobs.upload(name, *sizes[name])
    return [[path, name, status.st_size, bool(status.st_mode & 0o100)] for path, name, status in files]


def push_checkpoint(order: Mapping[str, Any]) -> None:
    """For an attempt on another agent. Errors: StageFailed, OSError."""
    stage = order["stage"]
    if not stage["has_checkpoint"]:
        return
    root = Path(order["env"]["STINT_CHECKPOINT_DIR"])
    paths = sorted((str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and is_inside(path, root)), key=os.fsencode)
    if not paths:
        return
    blobs = Blobs(stage["server"], stage["token"], BRING_PATIENCE_S)
    lines, files = [], {}
    for path in paths:
        name, status = digest_of(root / path), (root / path).stat()
        lines.append(f"{name} {status.st_size} {755 if status.st_mode & 0o100 else 644} {path}\n")
        files[name] = (root / path, status.st_size)
    text = os.fsencode("".join(lines))
    manifest = hashlib.sha256(text).hexdigest()
    (Path(order["folder"]) / "manifest").write_bytes(text)
    files[manifest] = (Path(order["folder"]) / "manifest", len(text))
    for name in blobs.find_missing(list(files)):
        blobs.upload(name, *files[name])
    blobs.persist(lambda: blobs.ask_json("PUT", f"/v1/attempts/{stage['attempt']}/checkpoint", {"manifest": manifest}))


def find_outputs(root: Path, patterns: Sequence[str]) -> list[str]:
    """Files below `root` that the patterns name: files, directories with all below them, globs. Sorted. Errors: OutputMissing."""
    there = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and is_inside(path, root))
    named: set[str] = set()
    for pattern in patterns:
        found = [path for path in there if is_named(pattern, path)]
        if not found:
            what = f"there is: {', '.join(there[:10])}" if there else "no file is there"
            raise OutputMissing(f"output {pattern!r} is missing below $STINT_OUTPUTS; {what}")
        named.update(found)
    return sorted(named, key=os.fsencode)


def is_inside(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve())


def is_named(pattern: str, path: str) -> bool:
    """Whether the pattern names the path, or a directory that holds it. `**` is any number of parts; a leading dot must be written."""
    parts, words = path.split("/"), [part for part in pattern.split("/") if part not in ("", ".")]
    most = len(parts) - 1 if pattern.endswith("/") else len(parts)
    return any(matches(words, parts[:length]) for length in range(most + 1))


def matches(words: Sequence[str], parts: Sequence[str]) -> bool:
    if not words:
        return not parts
    if words[0] == "**":
        return any(matches(words[1:], parts[at:]) for at in range(len(parts) + 1))
    if not parts:
        return False
    is_same = words[0] == parts[0]
    is_like = fnmatch.fnmatchcase(parts[0], words[0]) and (words[0].startswith(".") or not parts[0].startswith("."))
    return (is_same or is_like) and matches(words[1:], parts[1:])


def checked(path: str) -> str:
    """Stays below where it is laid out. Errors: StageFailed."""
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise StageFailed(f"path {path!r}: expected a relative path without empty parts, `.` or `..`")
    return path


def parse_manifest(text: bytes) -> list[tuple[str, str, int, bool]]:
    """Errors: StageFailed."""
    files = []
    for line in text.split(b"\n")[:-1]:
        found = LINE.fullmatch(line)
        if found is None:
            raise StageFailed(f"manifest: expected SHA-256, size, mode and path, got {line[:100]!r}")
        name, size, mode, path = found.groups()
        files.append((checked(os.fsdecode(path)), name.decode(), int(size), mode == b"755"))
    if text and not text.endswith(b"\n"):
        raise StageFailed("manifest: the text was cut")
    return files


def digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
        os.fsync(file.fileno())
    return digest.hexdigest()


class Blobs:
    """The scheduler's blobs, as far as one attempt may see them. A request that failed for the moment is made again within the patience."""

    def __init__(self, server: Mapping[str, Any], token: str, patience_s: float) -> None:
        """server: launch.describe_server(). Errors: InvalidArgument, if TLS needs a file that cannot be used."""
        self.host, self.port = server["host"], server["port"]
        self.tls = Trust.from_words(server["tls"]).make_context(ALPN_HTTP) if server["tls"] else None
        self.headers = {"Authorization": f"Bearer {token}"}
        self.patience_s = patience_s

    def lay_out(self, manifest: str, folder: Path) -> None:
        text = self.persist(lambda: self.read(manifest, 0, MANIFEST_BYTES_MAX))
        if hashlib.sha256(text).hexdigest() != manifest:
            raise StageFailed(f"manifest {manifest}: other bytes came")
        for path, name, size, is_executable in parse_manifest(text):
            self.download(name, size, folder / path, is_executable)

    def download(self, name: str, size: int, target: Path, is_executable: bool) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        digest, at = hashlib.sha256(), 0
        with target.open("wb") as file:
            while at < size:
                piece = self.persist(functools.partial(self.read, name, at, min(PIECE_BYTES, size - at)))
                if not piece:
                    raise StageFailed(f"blob {name}: it ends at {at} of {size} bytes")
                digest.update(piece)
                file.write(piece)
                at += len(piece)
        if digest.hexdigest() != name:
            raise StageFailed(f"blob {name}: the {size} bytes that came have the SHA-256 {digest.hexdigest()}")
        target.chmod(0o755 if is_executable else 0o644)

    def read(self, name: str, at: int, size: int) -> bytes:
        return self.ask("GET", f"/v1/blobs/{name}", headers={"Range": f"bytes={at}-{at + size - 1}"})

    def find_missing(self, names: Sequence[str]) -> list[str]:
        missing: list[str] = []
        for start in range(0, len(names), MISSING_MAX):
            ask = functools.partial(self.ask_json, "POST", "/v1/blobs/missing", {"blobs": names[start : start + MISSING_MAX]})
            missing += json.loads(self.persist(ask))["missing"]
        return missing

    def upload(self, name: str, path: Path, size: int) -> None:
        """Going on where the scheduler says, whoever else sends the same."""
        with path.open("rb") as file:
            while not self.persist(lambda: self.upload_piece(name, file.fileno(), size)):
                pass

    def upload_piece(self, name: str, file: int, size: int) -> bool:
        upload = json.loads(self.ask("GET", f"/v1/blobs/{name}/upload"))
        if upload["complete"]:
            return True
        piece = os.pread(file, PIECE_BYTES, upload["offset"])
        headers = {"Content-Type": "application/octet-stream"}
        answer = json.loads(self.ask("PATCH", f"/v1/blobs/{name}?offset={upload['offset']}&size={size}", piece, headers))
        return bool(answer["complete"])

    def persist(self, attempt: Callable[[], Value]) -> Value:
        """Errors: StageFailed."""
        end, pause = time.monotonic() + self.patience_s, 0.1
        while True:
            try:
                return attempt()
            except (OSError, http.client.HTTPException, NotNow, NotTrusted) as error:  # who is in between may go away again
                if time.monotonic() + pause > end:
                    raise StageFailed(f"the scheduler at {self.host}:{self.port}: {error}") from None
            time.sleep(pause)
            pause = min(2 * pause, PAUSE_MAX_S)

    def ask_json(self, method: str, path: str, document: object) -> bytes:
        return self.ask(method, path, json.dumps(document).encode(), {"Content-Type": "application/json"})

    def connect(self) -> http.client.HTTPConnection:
        if self.tls is None:
            return http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        return http.client.HTTPSConnection(self.host, self.port, timeout=TIMEOUT_S, context=self.tls)

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
        """Errors: NotNow, NotTrusted, StageFailed, OSError, http.client.HTTPException."""
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, body, {**self.headers, **(headers or {})})
            response = connection.getresponse()
            data = response.read()
        if response.status < 300:
            return data
        text = f"{method} {path}: {response.status} {data[:500].decode('utf-8', 'replace')}"
        # 401, 403: a scheduler that has just come back may not know the attempt yet. 409: somebody else sends the same blob.
        if response.status >= 500 or response.status in (401, 403, 409, 429):
            raise NotNow(text)
        raise StageFailed(text)
