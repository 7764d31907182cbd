#!/usr/bin/env python3
"""Puts the model at build/examples/inference/model.whl, unless it lies there already.

It is the package py3langid of the Python registry as it comes: a naive Bayes classifier over byte n-grams of 139 languages and the code
that applies it, under the BSD licence. `pip download` fetches it; it is kept if its SHA-256 is the known one, and never committed.

Exit status: 0 the file is there, 1 another file came, 69 the package could not be downloaded.
"""

import hashlib
import pathlib
import subprocess
import sys
import tempfile

PACKAGE = "py3langid==0.4.0"
SHA256 = "c25bd038147951ba3a89efe9ec12cc7d2116cb6f311ff8af84ade398a8bc0616"
PATH = pathlib.Path("build/examples/inference/model.whl")
UNAVAILABLE = 69  # EX_UNAVAILABLE of sysexits.h


def is_known(content):
    return hashlib.sha256(content).hexdigest() == SHA256


def main():
    if PATH.exists() and is_known(PATH.read_bytes()):
        return 0
    print(f"fetching {PACKAGE}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="model-") as folder:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        done = subprocess.run([*pip, "--only-binary=:all:", "--dest", folder, PACKAGE], stdout=sys.stderr)
        if done.returncode != 0:
            print(f"pip download {PACKAGE}: exit status {done.returncode}", file=sys.stderr)
            return UNAVAILABLE
        (wheel,) = pathlib.Path(folder).glob("*.whl")
        content = wheel.read_bytes()
    if not is_known(content):
        print(f"{PACKAGE}: SHA-256 {hashlib.sha256(content).hexdigest()}, expected {SHA256}; not kept", file=sys.stderr)
        return 1
    PATH.parent.mkdir(parents=True, exist_ok=True)
    part = PATH.with_suffix(".part")
    part.write_bytes(content)
    part.replace(PATH)
    return 0


if __name__ == "__main__":
    sys.exit(main())
