"""The simulation as a judge of planted bugs: a copy of the tree with one patch of tests/sim/mutants in it, built, run until a seed fails.

The product's own tests have no part in it. A bug only counts as caught if the same program without it is clean.

`planted_bugs.py [NAME...]` tries bugs by hand, all without a name, and prints which seed caught each.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import accept

JOBS = 2
PATCHES = accept.ROOT / "tests/sim/mutants"


def names():
    """All planted bugs, by the names of their patches."""
    return sorted(patch.stem for patch in PATCHES.glob("*.patch"))


def built_program():
    program = pathlib.Path(os.environ.get("STINT_BIN_DIR", accept.ROOT / "build/release/bin")) / "stint-sim"
    if not program.exists():
        raise accept.SetupFailed(f"no {program}; build it: cmake --preset release && cmake --build --preset release")
    return program


def simulate(program, first, count, *options):
    """stint-sim over that many seeds: its JSON object and its exit status."""
    arguments = [program, "--seeds", f"{first}..{first + count - 1}", "--jobs", JOBS, "--json", *options]
    done = accept.run_command(arguments, 7200)
    accept.say(done.stderr.rstrip())
    try:
        return json.loads(done.stdout), done.returncode
    except ValueError:
        raise accept.SetupFailed(f"{program}: exit status {done.returncode}, and no JSON") from None


def ensure(arguments, seconds, **options):
    done = accept.run_command(arguments, seconds, **options)
    if done.returncode != 0:
        accept.say(done.stdout + done.stderr)
        raise accept.SetupFailed(f"{' '.join(map(str, arguments))}: exit status {done.returncode}")
    return done.stdout


class Copy:
    """The tree with at most one planted bug in it, built in its own folder: from one to the next only the files it touches are compiled."""

    def __init__(self, folder):
        self.tree = folder / "tree"
        self.build = folder / "build"
        # ccache finds what another folder has compiled if paths count from the tree's root.
        self.environment = os.environ | {"CCACHE_BASEDIR": str(folder), "CCACHE_NOHASHDIR": "1"}
        listed = ensure(["git", "-C", accept.ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], 60)
        for name in filter(None, listed.split("\0")):
            source = accept.ROOT / name
            if not source.is_file():
                continue  # deleted and not yet committed
            target = self.tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        ensure(["cmake", "--preset", "release", "-B", self.build], 300, cwd=self.tree, env=self.environment)
        subprocess.run(["git", "init", "-q"], cwd=self.tree, check=True)  # so that `git apply` sees the copy, not a repository above it

    def make(self):
        ensure(["cmake", "--build", self.build, "--target", "stint-sim", "-j", JOBS], 3600, cwd=self.tree, env=self.environment)
        return self.build / "bin" / "stint-sim"

    def patch(self, bug, *options):
        ensure(["git", "apply", *options, PATCHES / f"{bug}.patch"], 60, cwd=self.tree)

    def hunt(self, bug, first, seeds):
        """Runs the copy with the bug in it: what the simulation's report says."""
        self.patch(bug)
        report, _ = simulate(self.make(), first, seeds, "--mutant", bug, "--no-shrink")
        self.patch(bug, "--reverse")
        return report


def check_caught(run, copy, bug, seeds):
    """One check: the bug is caught, within so many seeds. Two figures: after how many, and what was found."""
    report = copy.hunt(bug, run.seed, seeds)
    caught = report["failures"][:1]
    if caught:
        run.figure(f"{bug}: caught after seeds", report["seeds"])
        run.figure(f"{bug}: found", caught[0]["findings"][0])
    run.check(f"{bug}: caught", len(caught), "==", 1)


def main(bugs):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="stint-planted-bugs-"))
    try:
        copy = Copy(folder)
        for bug in bugs or names():
            started = time.monotonic()
            report = copy.hunt(bug, 1, 1000)
            found = report["failures"][0] if report["failures"] else None
            caught = f"seed {found['seed']}, after {report['seeds']} seeds: {found['findings'][0]}" if found else "NOT CAUGHT"
            print(f"{bug}: {caught} ({time.monotonic() - started:.0f} s)", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
