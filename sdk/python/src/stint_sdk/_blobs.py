"""Files and bytes to the scheduler and back. A cut connection costs one piece of 4 MiB; whatever comes back is verified."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

from stint_sdk._api import Api
from stint_sdk._flow import Answer, Flow, Patience, Request, Sleep, is_worth_again, together, work
from stint_sdk.errors import ApiError, ConnectionFailed, DigestMismatch, StintError, make_api_error

PIECE_BYTES = 4 << 20
MISSING_MAX = 1000  # blobs of one question
CONFLICTS_MAX = 100  # two clients that send the same blob take turns; they do not do so for ever

OnBytes: TypeAlias = Callable[[int, int], None]  # bytes that are there, bytes wanted


@dataclass(frozen=True)
class Blob:
    """Bytes with their SHA-256 as their name: in memory, or the file at `path`."""

    hex: str
    size: int
    data: bytes | None = None
    path: Path | None = None

    def read(self, offset: int, size: int) -> bytes:
        if self.data is not None:
            return self.data[offset : offset + size]
        assert self.path is not None
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(size)


def blob_of_bytes(data: bytes) -> Blob:
    return Blob(hashlib.sha256(data).hexdigest(), len(data), data=data)


def blob_of_file(path: Path) -> Blob:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
            size += len(piece)
    return Blob(digest.hexdigest(), size, path=path)


class Meter:
    """Adds up what several uploads have brought over."""

    def __init__(self, total: int, tell: OnBytes | None) -> None:
        self.done, self.total, self.tell = 0, total, tell
        self.lock = threading.Lock()  # Client sends several at once, each from a thread

    def add(self, count: int) -> None:
        with self.lock:
            self.done += count
            if self.tell is not None and count:
                self.tell(self.done, self.total)


def upload_blobs(api: Api, blobs: Iterable[Blob], progress: OnBytes | None = None) -> Flow[None]:
    """Sends those that the scheduler does not have."""
    wanted = {blob.hex: blob for blob in blobs}
    missing: list[str] = []
    names = list(wanted)
    for start in range(0, len(names), MISSING_MAX):
        body = {"blobs": names[start : start + MISSING_MAX]}
        missing += (yield from api.fetch(Request("POST", "/v1/blobs/missing", json=body)))["missing"]
    meter = Meter(sum(wanted[name].size for name in missing), progress)
    yield from together([upload_blob(api, wanted[name], meter) for name in missing])


def upload_blob(api: Api, blob: Blob, meter: Meter) -> Flow[None]:
    """Piece by piece, going on where the scheduler says.

    Errors: StintError (the file became shorter), BadRequest digest_mismatch (the file changed), ApiError, ConnectionFailed.
    """
    offset, is_complete = yield from find_offset(api, blob)
    meter.add(offset)
    patience, conflicts = Patience(api.patience_s), 0
    while not is_complete:
        before, start = offset, offset
        piece = yield from work(lambda start=start: blob.read(start, PIECE_BYTES))  # type: ignore[misc]
        if not piece and offset < blob.size:
            raise StintError(f"{blob.path}: has become shorter than {blob.size} bytes while it was sent")
        try:
            upload = yield from send_piece(blob, offset, piece)
            offset, is_complete = upload
            patience.reset()
        except (ApiError, ConnectionFailed) as error:
            if isinstance(error, ApiError) and error.offset is not None and conflicts < CONFLICTS_MAX:
                conflicts += 1
                offset = error.offset
            else:
                yield from pause_or_raise(error, patience)
                offset, is_complete = yield from find_offset(api, blob)
        meter.add(offset - before)


def pause_or_raise(error: ApiError | ConnectionFailed, patience: Patience) -> Flow[None]:
    pause = patience.next_pause() if is_worth_again(error, Request("PATCH", "")) else None
    if pause is None:
        raise error
    yield Sleep(pause)


def send_piece(blob: Blob, offset: int, piece: bytes) -> Flow[tuple[int, bool]]:
    query: dict[str, str | int] = {"offset": offset, "size": blob.size}
    headers = {"Content-Type": "application/octet-stream"}
    request = Request("PATCH", "/v1/blobs/{hex}", values={"hex": blob.hex}, query=query, content=piece, headers=headers)
    answer: Answer = yield request
    if answer.problem is not None:
        raise make_api_error(answer.status, answer.problem, request.name())
    upload = json.loads(answer.body)
    return upload["offset"], upload["complete"]


def find_offset(api: Api, blob: Blob) -> Flow[tuple[int, bool]]:
    """Where to go on, and whether there is nothing left to do."""
    upload = yield from api.get("/v1/blobs/{hex}/upload", values={"hex": blob.hex})
    return upload["offset"], upload["complete"]


def blob_size(api: Api, name: str) -> Flow[int]:
    answer = yield from api.send(Request("HEAD", "/v1/blobs/{hex}", values={"hex": name}))
    return int(answer.headers["content-length"])


def read_pieces(
    api: Api, name: str, size: int, write: Callable[[bytes], object], on_bytes: Callable[[int], None] | None = None
) -> Flow[None]:
    """Errors: DigestMismatch, NotFound, ApiError, ConnectionFailed."""
    digest, offset = hashlib.sha256(), 0

    def take(piece: bytes) -> None:
        digest.update(piece)
        write(piece)

    while offset < size:
        end = min(offset + PIECE_BYTES, size) - 1
        request = Request("GET", "/v1/blobs/{hex}", values={"hex": name}, headers={"Range": f"bytes={offset}-{end}"})
        piece = (yield from api.send(request)).body
        if not 0 < len(piece) <= size - offset:
            raise DigestMismatch(f"blob {name}: {len(piece)} bytes came at offset {offset} of {size}")
        yield from work(lambda piece=piece: take(piece))  # type: ignore[misc]
        offset += len(piece)
        if on_bytes is not None:
            on_bytes(len(piece))
    if digest.hexdigest() != name:
        raise DigestMismatch(f"blob {name}: the {size} bytes that came have the SHA-256 {digest.hexdigest()}")


def download_bytes(api: Api, name: str, size: int | None = None) -> Flow[bytes]:
    pieces: list[bytes] = []
    size = (yield from blob_size(api, name)) if size is None else size
    yield from read_pieces(api, name, size, pieces.append)
    return b"".join(pieces)


def download_file(api: Api, name: str, size: int, target: Path, *, executable: bool, meter: Meter | None = None) -> Flow[Path]:
    """Whole or not at all: the name appears when every byte is there and verified."""

    def start() -> IO[bytes]:
        target.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name[:100]}.", delete=False)  # noqa: SIM115

    file = yield from work(start)
    try:
        yield from read_pieces(api, name, size, file.write, meter.add if meter else None)
        yield from work(lambda: publish(file, target, 0o755 if executable else 0o644))
    except BaseException:
        file.close()
        Path(file.name).unlink(missing_ok=True)
        raise
    return target


def publish(file: IO[bytes], target: Path, mode: int) -> None:
    file.close()
    mask = os.umask(0)
    os.umask(mask)
    Path(file.name).chmod(mode & ~mask)
    Path(file.name).replace(target)


def make_manifest(files: Sequence[tuple[str, Blob, bool]]) -> Blob:
    """The blob that names a tree: path, bytes, whether it is a program. Source: docs/architecture.md, core/model/manifest.hpp."""
    lines = [f"{blob.hex} {blob.size} {755 if executable else 644} {path}\n" for path, blob, executable in sort_by_path(files)]
    return blob_of_bytes("".join(lines).encode())


def sort_by_path(files: Sequence[tuple[str, Blob, bool]]) -> list[tuple[str, Blob, bool]]:
    return sorted(files, key=lambda file: file[0].encode())
