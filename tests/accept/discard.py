"""The server that a flood is aimed at for comparison: takes every connection and reads what comes, until the other side has gone.

usage: discard.py HOST PORT
"""

import selectors
import socket
import sys


def main(host, port):
    selector = selectors.DefaultSelector()
    listener = socket.create_server((host, port), backlog=4096)
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ, None)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                side, _ = listener.accept()
                side.setblocking(False)
                selector.register(side, selectors.EVENT_READ, True)
                continue
            try:
                more = key.fileobj.recv(65536)
            except BlockingIOError:
                continue
            except OSError:
                more = b""
            if not more:
                selector.unregister(key.fileobj)
                key.fileobj.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
