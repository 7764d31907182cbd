"""A network that only this test sees, with an address that is none of loopback's: a network namespace whose `lo` has one more.

Root gets the namespace alone; anyone else one inside a user namespace, where the kernel allows those. Unavailable says what is missing.
"""

import fcntl
import os
import pathlib
import socket
import struct

from small_disk import CLONE_NEWUSER, Unavailable, call

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x8914, 0x8916, 0x891C
IFF_UP = 1
ADDRESS = "10.99.0.1"


def enter_namespace():
    """This process and all that it starts from now on. Once, before there is a second thread."""
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        call("unshare", CLONE_NEWNET)
    else:
        call("unshare", CLONE_NEWNET | CLONE_NEWUSER)
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
            for request, address in ((SIOCSIFADDR, ADDRESS), (SIOCSIFNETMASK, "255.255.255.255")):
                fcntl.ioctl(control, request, struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(address)))
    except OSError as error:
        raise Unavailable(f"an address for lo: {error}") from None
