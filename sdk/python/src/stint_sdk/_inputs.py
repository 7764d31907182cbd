"""Which files a task starts with: paths, folders and patterns of this machine, or bytes under a name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeAlias

from stint_sdk._blobs import Blob, blob_of_bytes, blob_of_file
from stint_sdk.errors import InvalidArgument

PathLike: TypeAlias = str | os.PathLike[str]
# A list keeps relative paths; a mapping says the name in the task's directory, and the file, folder or bytes.
Inputs: TypeAlias = PathLike | Iterable[PathLike] | Mapping[str, PathLike | bytes]

NEVER_SENT = (".git", "__pycache__", ".venv", ".ipynb_checkpoints")
FILES_MAX = 500_000  # of one manifest

TreeFile: TypeAlias = tuple[str, Blob, bool]  # path in the task's directory, bytes, whether it is a program


def read_inputs(inputs: Inputs, base: Path, ignore: Iterable[str]) -> list[TreeFile]:
    """Errors: InvalidArgument (nothing there, outside of `base`, two files of one name); OSError."""
    files: dict[str, TreeFile] = {}
    for name, source in named_sources(inputs, base):
        for file in read_source(name, source, tuple(ignore)):
            if files.setdefault(file[0], file)[1] != file[1]:
                raise InvalidArgument(f"inputs: two different files would be {file[0]!r} in the task's directory")
            if len(files) > FILES_MAX:
                raise InvalidArgument(f"inputs: more than {FILES_MAX} files, the limit; pack small files into larger ones")
    for name in files:
        check_name(name)
    return list(files.values())


def named_sources(inputs: Inputs, base: Path) -> Iterator[tuple[str, Path | bytes]]:
    if isinstance(inputs, Mapping):
        for name, source in inputs.items():
            yield name.strip("/"), source if isinstance(source, bytes) else base / source
        return
    for entry in [inputs] if isinstance(inputs, (str, os.PathLike)) else inputs:
        text = os.fspath(entry)
        paths = sorted(base.glob(text)) if is_pattern(text, base) else [base / text]
        if not paths:
            raise InvalidArgument(f"inputs: {text!r} matches nothing below {base}")
        for path in paths:
            if path.is_dir() and is_pattern(text, base):
                continue  # a pattern means files, as in the job file
            yield relative_name(path, base, text), path


def is_pattern(text: str, base: Path) -> bool:
    return any(sign in text for sign in "*?[") and not (base / text).exists()


def relative_name(path: Path, base: Path, text: str) -> str:
    name = os.path.relpath(os.path.normpath(path), os.path.normpath(base))
    if name.startswith(".."):
        raise InvalidArgument(f'inputs: {text!r} lies outside of {base}; name it: inputs={{"{Path(text).name}": "{text}"}}')
    return "" if name == "." else name


def read_source(name: str, source: Path | bytes, ignore: tuple[str, ...]) -> Iterator[TreeFile]:
    if isinstance(source, bytes):
        yield name, blob_of_bytes(source), False
    elif source.is_dir():
        for path in walk(source, ignore):
            relative = path.relative_to(source).as_posix()
            yield f"{name}/{relative}".strip("/"), blob_of_file(path), is_program(path)
    elif source.is_file():
        yield name, blob_of_file(source), is_program(source)
    else:
        raise InvalidArgument(f"inputs: {source} is not there, or neither file nor folder")


def walk(folder: Path, ignore: tuple[str, ...]) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_ignored(Path(root) / name, folder, ignore))
        for name in sorted(names):
            path = Path(root) / name
            if path.is_file() and not is_ignored(path, folder, ignore):
                yield path


def is_ignored(path: Path, folder: Path, ignore: tuple[str, ...]) -> bool:
    relative = path.relative_to(folder).as_posix()
    return any(fnmatch(path.name, pattern) or fnmatch(relative, pattern.rstrip("/")) for pattern in (*NEVER_SENT, *ignore))


def is_program(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IXUSR)


def check_name(name: str) -> None:
    parts = name.split("/")
    if not name or any(part in ("", ".", "..") for part in parts) or any(ord(sign) < 32 or ord(sign) == 127 for sign in name):
        raise InvalidArgument(f"inputs: {name!r} is no relative path without empty parts, '..' and control characters")
    if len(os.fsencode(name)) > 4096:
        raise InvalidArgument(f"inputs: {name[:60]!r}… is longer than 4096 bytes")
