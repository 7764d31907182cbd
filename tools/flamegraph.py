#!/usr/bin/env python3
"""Draws what `perf script` printed as one flame graph for each part of a cell: how wide a frame is, is the time spent in it.

    cmake --preset release -B build/profile -DCMAKE_CXX_FLAGS=-fno-omit-frame-pointer
    cmake --build build/profile --target stint
    perf record -F 299 -g -o perf.data build/profile/bin/stint bench dispatch
    perf script -i perf.data -F comm,tid,ip,sym,dso | tools/flamegraph.py --title "noop tasks" > dispatch.svg

All processes of a cell have the same name, so a thread is known by a function that stands in its stacks. Frames below 0.3 % of everything
are left out. The picture is one SVG without scripts: a frame's full name and share show when the pointer rests on it.
"""

import argparse
import collections
import html
import re
import sys

# A function on the stack, and whose thread has it. The first that fits counts.
THREADS = (
    ("SqliteStore::work", "scheduler: store"),
    ("scheduler_host", "scheduler: loop"),
    ("SchedulerLoop", "scheduler: loop"),
    ("scheduler::Daemon", "scheduler: loop"),
    ("AgentLoop", "agent"),
    ("run_dispatch_bench", "the benchmark itself"),
)
WIDTH, ROW, MARGIN, LETTER = 1180, 17, 10, 6.2
LEAST = 0.003
FRAME = re.compile(r"^\s+[0-9a-f]+ (.*) \((.*)\)$")
# Loops and calls between the parts that are meant: they would only lift everything up.
NOISE = re.compile(r"boost::|std::|execute_native_thread|start_thread|_*clone|__libc_start|_start$|main$|CLI::|\[unknown\]|operator\(\)")


def shorten(name):
    """`a::b<c>::d(e)` as `a::b::d`: arguments of templates and functions say little and take the room."""
    depth, out = 0, []
    for char in name.replace("(anonymous namespace)::", "").replace("operator()", "call").replace("stint::", ""):
        if char in "<(":
            depth += 1
        elif char in ">)":
            depth -= 1
        elif depth == 0:
            out.append(char)
    return "".join(out).strip() or name


def read_stacks(lines):
    """(thread, [name, whether of the kernel], from the root on) of every sample."""
    thread, frames = None, []
    for line in lines:
        found = FRAME.match(line)
        if found:
            name, binary = found.groups()
            frames.append((name, "kernel" in binary))
        elif line.strip():
            thread = line.split()[-1]
        elif thread is not None:
            yield thread, frames[::-1]
            thread, frames = None, []
    if thread is not None:
        yield thread, frames[::-1]


def label_threads(samples):
    seen = collections.defaultdict(collections.Counter)
    for thread, frames in samples:
        for part, label in THREADS:
            if any(part in name for name, _ in frames):
                seen[thread][label] += 1
                break
    return {thread: labels.most_common(1)[0][0] for thread, labels in seen.items()}


class Node:
    def __init__(self, is_kernel=False):
        self.count, self.is_kernel, self.children = 0, is_kernel, {}

    def add(self, frames):
        self.count += 1
        node = self
        for name, is_kernel in frames:
            node = node.children.setdefault(name, Node(is_kernel))
            node.count += 1


def tidy(frames):
    kept = [(shorten(name), is_kernel) for name, is_kernel in frames if not NOISE.match(name)]
    return tuple(frame for i, frame in enumerate(kept) if i == 0 or frame != kept[i - 1])


def build(samples):
    labels = label_threads(samples)
    root = Node()
    for thread, frames in samples:
        if thread in labels:
            root.add([(labels[thread], False), *tidy(frames)])
    return root


def colour(name, depth, node):
    if node.is_kernel:
        return "#c9ccd1"
    return "#8fb7e8" if depth == 0 else f"hsl({20 + sum(map(ord, name)) % 35},85%,{64 + len(name) % 12}%)"


def cut(name, width):
    """As much of the name as fits a box of so many units."""
    fits = int(width / LETTER)
    if len(name) <= fits:
        return name
    return name[: fits - 1] + "…" if fits > 3 else ""


def draw(root, title):
    boxes, deepest = [], 0

    def place(node, left, depth):
        nonlocal deepest
        for name, child in sorted(node.children.items()):
            width = child.count / root.count * WIDTH
            if child.count >= LEAST * root.count:
                boxes.append((left, depth, width, name, child))
                deepest = max(deepest, depth)
                place(child, left, depth + 1)
            left += width

    place(root, 0, 0)
    height = (deepest + 1) * ROW + 60
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 2 * MARGIN} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="100%" height="100%" fill="#fff"/><text x="{MARGIN}" y="20" font-size="14">{html.escape(title)}</text>',
        f'<text x="{MARGIN}" y="36" fill="#555">{root.count} samples; width: share of processor time; grey: the kernel</text>',
    ]
    for left, depth, width, name, node in boxes:
        share = 100 * node.count / root.count
        y = height - (depth + 1) * ROW - 6
        box = f'x="{MARGIN + left:.1f}" y="{y}" width="{max(width - 0.4, 0.4):.1f}" height="{ROW - 1}" rx="1"'
        out.append(
            f"<g><title>{html.escape(name)}: {share:.1f} %</title>"
            f'<rect {box} fill="{colour(name, depth, node)}"/>'
            f'<text x="{MARGIN + left + 3:.1f}" y="{y + 12}">{html.escape(cut(name, width))}</text></g>'
        )
    return "\n".join([*out, "</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0], formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--title", default="stint", help="written above the picture")
    options = parser.parse_args()
    root = build(list(read_stacks(sys.stdin)))
    if root.count == 0:
        sys.exit("flamegraph: no sample of a known thread on standard input; see --help for how to record")
    sys.stdout.write(draw(root, options.title))


if __name__ == "__main__":
    main()
