#!/usr/bin/env python3
"""Draws what `stint bench growth --json` found: docs/images/growth-pending.svg and growth-agents.svg.

usage: bench/core/plot_growth.py FILE.json [FOLDER]     FOLDER: docs/images
"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench/report"))

import plot  # noqa: E402

AXES = {"pending": "pending tasks", "agents": "agents"}


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    rows = json.loads(pathlib.Path(sys.argv[1]).read_text())["rows"]
    folder = pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else ROOT / "docs/images"
    for axis, label in AXES.items():
        series = {}
        for row in rows:
            if row["axis"] == axis:
                series.setdefault(f"place, {row['work']}", []).append((row["number"], row["place_ns"] / 1000))
                series.setdefault(f"report its end, {row['work']}", []).append((row["number"], row["report_ns"] / 1000))
        title = f"What a task costs the scheduler's core, over {label}"
        plot.write(folder / f"growth-{axis}.svg", title, plot.Axis(label, log=True), plot.Axis("us", log=True), sorted(series.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
