"""The other end of map(): runs in the task, out of an archive that travels with the job, with nothing installed but Python.

It takes the function and this task's items, calls, and leaves the results: small ones as the task's result, others as a file. What the
function raises is told on stderr, once for people and once, in a line of its own, for the client; the task then fails: `retries` count.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import pickle
import sys
import traceback
import zlib
from pathlib import Path
from typing import Any, NoReturn

from stint_sdk import task

MARK = "stint-exception:"  # then base64 of zlib of JSON, up to the line's end
TOLD_BYTES_MAX = 256 * 1024  # of an exception; a larger one is told by its text alone
TEXT_MAX = 64 * 1024  # of a traceback
FUNCTION_FILE = "function.pickle"
RESULT_FILE = "result.pickle"
NO_FILE = "result.none"  # an output pattern must match something


def main(call: dict[str, Any]) -> None:
    if call["requirements"]:
        sys.path.insert(1, str(install(call["requirements"])))
    function, items = load(call["items"])
    results = []
    for position, item in enumerate(items):
        try:
            results.append(function(item))
        except Exception as error:
            fail(error, position)
        except SystemExit as error:
            fail(RuntimeError(f"the function ended the program: SystemExit({error.code!r})"), position)
    leave(results)


def load(kind: str) -> tuple[Any, list[Any]]:
    try:
        with Path(FUNCTION_FILE).open("rb") as file:
            function = pickle.load(file)
        item = task.item()
        data = Path(item).read_bytes() if kind == "files" else base64.b64decode(item)
        return function, pickle.loads(data)
    except ModuleNotFoundError as error:
        fail(error, 0, MISSING)
    except Exception as error:
        fail(error, 0)


MISSING = "The function or an item needs this module on the agent: install it there, or name its package in map(…, requirements=[…]).\n"


def leave(results: list[Any]) -> None:
    import cloudpickle

    data = cloudpickle.dumps(results)
    text = base64.b64encode(data).decode()
    if len(text) + 100 <= task.RESULT_BYTES_MAX:
        (task.outputs() / NO_FILE).touch()
        task.result({"pickle": text})
        return
    (task.outputs() / RESULT_FILE).write_bytes(data)
    task.result({"file": RESULT_FILE, "size_bytes": len(data)})


def fail(error: BaseException, position: int, hint: str = "") -> NoReturn:
    """Tells of the exception and ends this program."""
    # Frames of this file are of no use to who wrote the function.
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals is globals() and trace.tb_next is not None:
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(error), error, trace)) + hint
    sys.stdout.flush()
    sys.stderr.write(text)
    told = {"kind": "exception", "summary": f"{type(error).__name__}: {error}"[:1000], "traceback": text[-TEXT_MAX:], "position": position}
    data = dump_exception(error)
    if data is not None and len(data) <= TOLD_BYTES_MAX:
        told["pickle"] = base64.b64encode(data).decode()
    sys.stderr.write(f"\n{MARK}{base64.b64encode(zlib.compress(json.dumps(told).encode())).decode()}\n")
    sys.stderr.flush()
    sys.exit(1)


def dump_exception(error: BaseException) -> bytes | None:
    """None: it cannot travel. One that pickles but does not come back is as bad as one that does not pickle."""
    import cloudpickle

    try:
        data: bytes = cloudpickle.dumps(error.with_traceback(None))
        pickle.loads(data)
    except Exception:
        return None
    return data


def cache_dir() -> Path:
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"])
    if os.environ.get("HOME"):
        return Path(os.environ["HOME"]) / ".cache"
    return Path(os.environ.get("TMPDIR", "/tmp")) / f"stint-sdk-{os.getuid()}"


def install(requirements: list[str]) -> Path:
    """A folder with the packages, made once for each agent, list and version of Python."""
    import subprocess
    import tempfile

    name = hashlib.sha256(json.dumps([sys.version, requirements]).encode()).hexdigest()[:32]
    cache = cache_dir() / "stint-sdk" / "requirements"
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = cache / name
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            draft = tempfile.mkdtemp(dir=cache, prefix=f"{name}.")
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--target", draft]
            done = subprocess.run([*pip, *requirements], stdout=sys.stderr, stderr=subprocess.PIPE, text=True, check=False)
            sys.stderr.write(done.stderr)
            if done.returncode != 0:
                fail(RuntimeError(f"pip install {' '.join(requirements)}: exit status {done.returncode}: {done.stderr[-2000:].strip()}"), 0)
            Path(draft).rename(folder)
    return folder
