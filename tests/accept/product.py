"""Stint as its users have it: binaries that anyone may read, a home of its own, commands, daemons, processes seen by the kernel."""

import json
import os
import pathlib
import shutil
import signal
import subprocess

import accept

BINARIES = ("stint", "stint-keeper")
# The small agent is for small machines, `stint agent start` serves here; the last is what `stint bench latency` starts.
WHERE_BUILT = ("stint-agent", "stint-first-instruction", "stint-sim")


def kill_all(pids):
    """Those that are still there."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


class Product:
    """The release binaries, copied into the run's folder, with an empty home directory; commands run there as the ordinary user.

    The checkout may lie where the ordinary user cannot look. And every process of this run, detached ones included, is then
    one whose executable lies in the run's folder: that is how those that should be gone are found.
    """

    def __init__(self, run, built=None):
        """`built`: the folder of the binaries; the release build's, or STINT_BIN_DIR, if none is given."""
        built = pathlib.Path(built or os.environ.get("STINT_BIN_DIR", accept.ROOT / "build/release/bin"))
        self.folder = run.folder
        self.bin, self.home, self.cwd = self.folder / "bin", self.folder / "home", self.folder / "cwd"
        for folder in (self.bin, self.home, self.cwd):
            folder.mkdir()
        for name in (*BINARIES, *WHERE_BUILT):
            if (built / name).exists():
                shutil.copy2(built / name, self.bin / name)
            elif name in BINARIES:
                raise accept.SetupFailed(f"no {name} in {built}; build it: cmake --preset release && cmake --build --preset release")
        accept.give_to_ordinary_user(self.folder)
        self.stint = self.bin / "stint"
        self.uid = self.folder.stat().st_uid
        self.environment = accept.clean_environment(self.home)

    def command(self, *arguments, seconds=60, **environment):
        """Runs `stint ARGUMENTS` to its end."""
        return accept.run_command(
            [self.stint, *arguments], seconds, cwd=self.cwd, env=self.environment | environment, **accept.as_ordinary_user()
        )

    def ensure(self, *arguments, seconds=60, **environment):
        """As command(); an exit status other than 0 means that there is nothing to measure."""
        done = self.command(*arguments, seconds=seconds, **environment)
        if done.returncode != 0:
            raise accept.SetupFailed(f"stint {' '.join(map(str, arguments))}: exit status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def ensure_json(self, *arguments, **options):
        text = self.ensure(*arguments, "--json", **options)
        try:
            return json.loads(text)
        except ValueError:
            raise accept.SetupFailed(f"stint {' '.join(map(str, arguments))} --json printed {text[:200]!r}") from None

    def start(self, log, *arguments, **environment):
        """Starts a daemon whose output goes to `log`; its pid is the one that a test may kill."""
        with open(self.folder / log, "ab") as output:
            return subprocess.Popen(
                [self.stint, *map(str, arguments)],
                cwd=self.cwd,
                env=self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **accept.as_ordinary_user(),
            )

    def write(self, name, text):
        """A file in the directory that commands run in."""
        path = self.cwd / name
        path.write_text(text)
        accept.give_to_ordinary_user(path)
        return path

    def processes(self):
        """Pids whose executable is one of ours, by the kernel's word."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    executable = os.readlink(entry / "exe")
                except OSError:
                    continue
                if executable.startswith(str(self.bin)):
                    found.append(int(entry.name))
        return found

    def keepers(self):
        """Pids of the keepers, their guards and the children they have ready; any of them may end the moment another one does."""
        found = []
        for pid in self.processes():
            try:
                if os.readlink(f"/proc/{pid}/exe").endswith("stint-keeper"):
                    found.append(pid)
            except OSError:
                continue
        return found

    def kill_keepers(self):
        kill_all(self.keepers())

    def end(self):
        """Whatever is still there ends now; keepers take their tasks with them."""
        kill_all(self.processes())
