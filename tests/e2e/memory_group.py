"""A memory cgroup that is handed to the ordinary user, as an administrator or systemd would: only then are memory limits enforced.

For root on cgroup v1; elsewhere the product finds what there is, and says so in the agent's notes.
"""

import contextlib
import os
import pathlib

from e2e import accept

CONTROLLER = pathlib.Path("/sys/fs/cgroup/memory")


def own_group():
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return CONTROLLER / path.lstrip("/")
    return None


def enter(group):
    (group / "cgroup.procs").write_text(str(os.getpid()))


@contextlib.contextmanager
def delegated_to(uid, gid):
    """This process, and what it starts, runs in a group of that user's. Does nothing where that is not possible."""
    home = own_group()
    group = home and home / f"stint-e2e-{os.getpid()}"
    try:
        group.mkdir()
        for path in (group, *group.iterdir()):
            os.chown(path, uid, gid)
        enter(group)
    except (OSError, AttributeError):
        yield False
        return
    try:
        yield True
    finally:
        enter(home)
        accept.is_soon(10, lambda: is_removed(group))


def is_removed(group):
    """The kernel buries the last process in its own time."""
    for folder, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(folder)
    return not group.exists()
