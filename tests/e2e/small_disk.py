"""A file system of a few megabytes that only this test sees: a tmpfs in a mount namespace of its own, filled to the last page at will.

Root gets a mount namespace; anyone else one inside a user namespace, where the kernel allows those. Unavailable says what is missing.
"""

import ctypes
import os
import pathlib

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
FILLER = "filler"


class Unavailable(Exception):
    pass


libc = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
    if getattr(libc, name)(*arguments) != 0:
        error = ctypes.get_errno()
        raise Unavailable(f"{name}: {os.strerror(error)}")


def enter_namespace():
    """This process and all that it starts from now on. Once, before there is a second thread."""
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        call("unshare", CLONE_NEWNS)
    else:
        call("unshare", CLONE_NEWNS | CLONE_NEWUSER)
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)


class SmallDisk:
    """Mounted at `path`, owned by that user; gone with the namespace."""

    def __init__(self, path, size_bytes, uid, gid):
        self.path = pathlib.Path(path)
        self.path.mkdir()
        options = f"size={size_bytes},mode=0700,uid={uid},gid={gid}".encode()
        call("mount", b"tmpfs", os.fsencode(self.path), b"tmpfs", 0, options)

    def fill(self):
        """Takes whatever is free, page by page at the end; the number of bytes taken."""
        taken = 0
        descriptor = os.open(self.path / FILLER, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for size in (1 << 20, 1 << 12):
                try:
                    while True:
                        taken += os.write(descriptor, bytes(size))
                except OSError:
                    pass
        finally:
            os.close(descriptor)
        return taken

    def free(self):
        (self.path / FILLER).unlink()

    def is_full(self):
        return os.statvfs(self.path).f_bfree == 0

    def unmount(self):
        libc.umount2(os.fsencode(self.path), 2)  # MNT_DETACH: whatever still runs there
