"""Runs `stint bench` for the acceptance programs, and finds the programs of peers."""

import json
import os
import pathlib
import shutil

import accept

# Where a real file system is: many machines have /tmp in memory, and nothing there is durable.
FOLDER = "/var/tmp"
PEERS = {"STINT_PEER_HQ": "hq", "STINT_PEER_HQ_ZERO": "hq-zero"}


def report(product, *arguments, seconds=600, **environment):
    """Exit status and report of `stint bench ARGUMENTS --json`."""
    done = product.command("bench", *arguments, "--json", seconds=seconds, TMPDIR=FOLDER, **environment)
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        said = (done.stdout + done.stderr).strip()[:300]
        raise accept.SetupFailed(f"stint bench {' '.join(map(str, arguments))}: exit status {done.returncode}: {said}") from None


def peer(product, variable):
    """The program that the environment names, or bench/peers/build-hyperqueue left in the cache, where the ordinary user can run it."""
    base = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    cache = os.environ.get("STINT_PEERS_CACHE") or base / "stint/peers"
    found = pathlib.Path(os.environ.get(variable) or pathlib.Path(cache) / PEERS[variable])
    if not found.exists():
        raise accept.Skipped(f"{variable} names no program; bench/peers/build-hyperqueue makes one from HyperQueue's source")
    own = product.bin / PEERS[variable]
    shutil.copy2(found, own)
    own.chmod(0o755)
    return {variable: str(own)}

