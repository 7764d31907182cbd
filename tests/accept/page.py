"""Runs a page of docs/ as its reader would: its ```sh blocks in order, in one shell, each compared with the ```text block after it.

In a text block `…` stands for anything within a line, and a line `…` alone for any lines; runs of blanks count as one. What a block
prints on stdout and stderr counts, in the order in which it comes. Every block must end with status 0. Two remarks may stand before one:

    <!-- not run: REASON -->      it is left out
    <!-- keys: q -->              it runs on a terminal that gets these keys; what is shown must contain the lines of the text block
"""

import base64
import os
import pathlib
import re
import secrets
import select
import shlex
import signal
import subprocess
import time

BLOCK_SECONDS = 90  # what is quick on an idle machine, on a loaded one
TERMINAL_SETUP = "stty rows 30 cols 110; "
KEYS_AFTER_SECONDS = 3


class Block:
    def __init__(self, line, commands, remark):
        self.line, self.commands, self.expected = line, commands, None
        self.not_run = remark.partition("not run: ")[2]
        self.keys = remark.partition("keys: ")[2]

    @property
    def title(self):
        first, _, rest = self.commands.partition("\n")
        return first[:60] + (" …" if rest or len(first) > 60 else "")


class Outcome:
    def __init__(self, block, problem="", output="", seconds=0.0):
        self.block, self.problem, self.output, self.seconds = block, problem, output, seconds

    @property
    def word(self):
        return "left out" if self.block.not_run else "FAIL" if self.problem else "ok"


def read_blocks(path):
    """The sh blocks of a page, each with the text block that follows it before the next one."""
    blocks, remark, fence = [], "", None
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
        if fence is not None:
            if line != "```":
                fence[2].append(line)
                continue
            kind, begun, lines = fence
            fence = None
            if kind == "sh":
                blocks.append(Block(begun, "\n".join(lines), remark))
            elif kind == "text" and blocks and blocks[-1].expected is None:
                blocks[-1].expected = lines
            remark = ""
        elif line.startswith("```"):
            fence = (line[3:].strip(), number, [])
        elif line.startswith("<!-- "):
            remark = line.removeprefix("<!-- ").removesuffix("-->").strip()
    if fence is not None:
        raise ValueError(f"{path}:{fence[1]}: the block does not end")
    return blocks


def plain(line):
    return re.sub(r"\s+", " ", line).strip()


def pattern_of(lines):
    parts = []
    for line in map(plain, lines):
        parts.append(r"(?:[^\n]*\n)*?" if line == "…" else r"[^\n]*?".join(map(re.escape, line.split("…"))) + r"\n")
    return "".join(parts)


def matches(expected, output):
    text = "".join(plain(line) + "\n" for line in output.splitlines())
    return re.fullmatch(pattern_of(expected), text) is not None


def shows(expected, screen):
    """Whether each line was drawn at some time; a view draws them where it likes."""
    text = plain(re.sub(r"\x1b[\[(][0-9;?]*[A-Za-z]", " ", screen))
    return all(re.search(r".*?".join(map(re.escape, plain(line).split("…"))), text) for line in expected if plain(line) != "…")


class Shell:
    """One bash that lives as long as the page. `start` is the command that becomes it."""

    def __init__(self, start, **options):
        self.mark = "end-" + secrets.token_hex(8)
        self.process = subprocess.Popen(
            start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, **options
        )

    def run(self, commands, seconds=BLOCK_SECONDS):
        """What they print, and their exit status; None if they do not end. They read nothing, and may change the shell's state."""
        code = base64.b64encode(commands.encode()).decode()
        self.process.stdin.write(f"eval \"$(echo {code} | base64 -d)\" </dev/null; echo; echo {self.mark} $?\n".encode())
        self.process.stdin.flush()
        return self.read_until_mark(time.monotonic() + seconds)

    def read_until_mark(self, end):
        seen = b""
        while True:
            text = seen.decode(errors="replace")
            found = re.search(rf"\n{self.mark} (\d+)\n", text)
            if found:
                return text[: found.start()], int(found.group(1))
            readable, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            piece = os.read(self.process.stdout.fileno(), 65536) if readable else b""
            if not piece:
                return text, None
            seen += piece

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def with_keys(block):
    command = shlex.quote(TERMINAL_SETUP + block.commands)
    return f"(sleep {KEYS_AFTER_SECONDS}; printf %s {shlex.quote(block.keys)}; sleep 1) | TERM=xterm script -qec {command} /dev/null"


def run_block(shell, block):
    if block.not_run:
        return Outcome(block)
    started = time.monotonic()
    output, status = shell.run(with_keys(block) if block.keys else block.commands)
    seconds = time.monotonic() - started
    problem = ""
    if status is None:
        problem = "does not end"
    elif status != 0:
        problem = f"exit status {status}"
    elif block.expected is not None and not (shows if block.keys else matches)(block.expected, output):
        problem = "prints something else"
    return Outcome(block, problem, output, seconds)


def run_page(path, shell):
    """Outcomes up to the first block that does not end: nothing can run after it."""
    outcomes = []
    for block in read_blocks(path):
        outcomes.append(run_block(shell, block))
        if outcomes[-1].problem == "does not end":
            break
    return outcomes


def describe(path, outcome):
    """For the reader of a failure: what was run, wanted and seen."""
    block = outcome.block
    parts = [f"{path}:{block.line}: {outcome.problem}", "--- commands", block.commands]
    if block.expected is not None:
        parts += ["--- expected", *block.expected]
    return "\n".join([*parts, "--- seen", outcome.output.rstrip()])


def table(outcomes):
    return [f"{outcome.word:8} {outcome.seconds:5.1f} s  line {outcome.block.line:4}  {outcome.block.title}" for outcome in outcomes]
