"""A command on a terminal of its own, and what a person would see there: a small VT100 for what `stint` sends.

It knows what the product uses: text, CR, LF, backspace, and the CSI commands for position, erasing, moving up and colours. Anything else
is remembered in `unknown`, so that a test may say that there was none.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from e2e import accept

CSI = re.compile(r"\x1b\[([?0-9;]*)([@-~])")


class Screen:
    def __init__(self, columns, rows):
        self.columns, self.rows, self.unknown = columns, rows, []
        self.x = self.y = 0
        self.clear()

    def clear(self):
        self.cells = [[" "] * self.columns for _ in range(self.rows)]

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.x = self.y = 0
        self.clear()

    def text(self):
        return "\n".join("".join(row).rstrip() for row in self.cells)

    def feed(self, text):
        """Returns what is not whole yet."""
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                command = CSI.match(text, at)
                if command is None:
                    if len(text) - at < 12:
                        return text[at:]
                    self.unknown.append(text[at : at + 8])
                    at += 1
                    continue
                self.command(command[1], command[2])
                at = command.end()
                continue
            self.put(text[at])
            at += 1
        return ""

    def put(self, character):
        if character == "\r":
            self.x = 0
        elif character == "\n":
            self.line_feed()
        elif character == "\b":
            self.x = max(0, self.x - 1)
        elif character >= " ":
            if self.x == self.columns:
                self.x = 0
                self.line_feed()
            self.cells[self.y][self.x] = character
            self.x += 1

    def line_feed(self):
        if self.y + 1 < self.rows:
            self.y += 1
        else:
            self.cells = self.cells[1:] + [[" "] * self.columns]

    def command(self, argument, letter):
        number = int(argument) if argument.isdigit() else 0
        if letter == "H":
            self.x = self.y = 0
        elif letter == "K":
            self.cells[self.y][self.x :] = [" "] * (self.columns - self.x)
        elif letter == "J":
            self.cells[self.y][self.x :] = [" "] * (self.columns - self.x)
            for y in range(self.y + 1, self.rows):
                self.cells[y] = [" "] * self.columns
        elif letter == "A":
            self.y = max(0, self.y - max(number, 1))
        elif letter not in "mhl":
            self.unknown.append(argument + letter)
        elif argument in ("?1049h", "?1049l"):
            self.clear()


class Terminal:
    """`stint ARGUMENTS` in the foreground of a new terminal, where Ctrl-C reaches it as from a keyboard."""

    def __init__(self, product, *arguments, columns=100, rows=30, **environment):
        self.screen, self.bytes, self.partial = Screen(columns, rows), b"", ""
        self.master, slave = pty.openpty()
        self.set_size(columns, rows)
        # A controlling terminal of its own, also where the tests run as root and the product as an ordinary user.
        take = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
        os.fchmod(slave, 0o666)
        self.process = subprocess.Popen(
            ["python3", "-c", take, str(product.stint), *map(str, arguments)],
            cwd=product.cwd,
            env=product.environment | {"LANG": "C.UTF-8", "TERM": "xterm-256color"} | environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            **accept.as_ordinary_user(),
        )
        os.close(slave)

    def set_size(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        self.screen.resize(columns, rows)
        self.set_size(columns, rows)

    def send(self, keys):
        os.write(self.master, keys.encode())

    def read(self, seconds=0.1):
        """Takes what comes within that time. False: the terminal is closed."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            got = os.read(self.master, 65536)
        except OSError:  # EIO: nobody holds the other side any more
            return False
        self.bytes += got
        self.partial = self.screen.feed(self.partial + got.decode(errors="replace"))
        return bool(got)

    def text(self):
        return self.screen.text()

    def shows(self, pattern, seconds=40):
        """Waits until the screen shows it; the match, or None."""
        deadline = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.text(), re.MULTILINE)
            if found or time.monotonic() > deadline or not self.read():
                return found or re.search(pattern, self.text(), re.MULTILINE)

    def end(self, seconds=40):
        """The exit status, after everything has been read; None if it goes on and had to be killed."""
        deadline = time.monotonic() + seconds
        while self.read() and time.monotonic() < deadline and self.process.poll() is None:
            pass
        while self.process.poll() is not None and self.read(0.05) and select.select([self.master], [], [], 0)[0]:
            pass
        try:
            return self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return None

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self.master)
