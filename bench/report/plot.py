#!/usr/bin/env python3
"""Curves as SVG that reads on white and on black: lines with their points, linear or logarithmic axes, a legend. No packages.

    import plot
    plot.write("growth.svg", "Cost of a placement", plot.Axis("pending tasks", log=True), plot.Axis("us", log=True),
               [("100 agents", [(1000, 2.1), (10000, 2.2)])])

usage: plot.py FILE.json FILE.svg
  FILE.json: {"title", "x": {"label", "log"}, "y": {"label", "log"}, "series": [{"name", "points": [[x, y]]}]}
"""

import dataclasses
import html
import json
import math
import pathlib
import sys

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 76, 20, 44, 54
LEGEND_LINE = 18
TICKS = 6  # about so many on a linear axis
# Apart from one another also for those who do not see red and green apart, and both on white and on black.
COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"]
STYLE = """
  text { font: 12px sans-serif; fill: #333 } .title { font-size: 15px; font-weight: bold }
  .frame { fill: none; stroke: #888 } .grid { stroke: #ddd; stroke-width: 1 } .line { fill: none; stroke-width: 2 }
  @media (prefers-color-scheme: dark) { text { fill: #ddd } .frame { stroke: #777 } .grid { stroke: #444 } }
"""


@dataclasses.dataclass
class Axis:
    label: str
    log: bool = False
    low: float = None  # of what is shown; None: as the values want it
    high: float = None


class Scale:
    """From values of one axis to pixels, and where its ticks are."""

    def __init__(self, axis, values, start, end):
        if axis.log and min(values) <= 0:
            raise ValueError(f"{axis.label}: {min(values)} cannot be shown on a logarithmic axis")
        self.log, self.start, self.end = axis.log, start, end
        low = min(values) if axis.low is None else axis.low
        high = max(values) if axis.high is None else axis.high
        if self.log:
            self.low, self.high = 10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high))
            self.high = self.high if self.high > self.low else self.low * 10
        else:
            low = min(low, 0) if axis.low is None else low
            step = nice_step(high - low)
            self.step = step
            self.low, self.high = math.floor(low / step) * step, math.ceil(high / step) * step
            self.high = self.high if self.high > self.low else self.low + step

    def place(self, value):
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        at = math.log10(value) if self.log else value
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def ticks(self):
        if self.log:
            return [10.0**power for power in range(round(math.log10(self.low)), round(math.log10(self.high)) + 1)]
        return [self.low + self.step * i for i in range(round((self.high - self.low) / self.step) + 1)]


def nice_step(span):
    """1, 2 or 5 times a power of ten."""
    rough = (span or 1) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)


def number(value):
    """1500000 as 1.5M, 0.001 as 0.001."""
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:g}{suffix}"
    return f"{value:g}"


def text(x, y, content, anchor="middle", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{html.escape(content)}</text>'


def draw_axes(x_axis, y_axis, x_scale, y_scale):
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    for tick in x_scale.ticks():
        at = x_scale.place(tick)
        yield f'<line class="grid" x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{bottom}"/>'
        yield text(at, bottom + 17, number(tick))
    for tick in y_scale.ticks():
        at = y_scale.place(tick)
        yield f'<line class="grid" x1="{LEFT}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}"/>'
        yield text(LEFT - 7, at + 4, number(tick), "end")
    yield f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{right - LEFT}" height="{bottom - TOP}"/>'
    yield text((LEFT + right) / 2, HEIGHT - 14, x_axis.label)
    middle = (TOP + bottom) / 2
    yield text(18, middle, y_axis.label, extra=f' transform="rotate(-90 18 {middle:.1f})"')


def draw_series(series, x_scale, y_scale):
    for place, (name, points) in enumerate(series):
        colour = COLOURS[place % len(COLOURS)]
        placed = [(x_scale.place(x), y_scale.place(y)) for x, y in points]
        yield f'<polyline class="line" stroke="{colour}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in placed)}"/>'
        if len(placed) <= 40:
            yield from (f'<circle fill="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in placed)
        y = TOP + 16 + place * LEGEND_LINE
        yield f'<rect fill="{colour}" x="{LEFT + 12}" y="{y - 8}" width="14" height="4"/>' + text(LEFT + 32, y, name, "start")


def svg(title, x_axis, y_axis, series):
    """`series`: (name, [(x, y), …]) each; at least one point."""
    points = [point for _, each in series for point in each]
    if not points:
        raise ValueError(f"{title}: nothing to be shown")
    x_scale = Scale(x_axis, [x for x, _ in points], LEFT, WIDTH - RIGHT)
    y_scale = Scale(y_axis, [y for _, y in points], HEIGHT - BOTTOM, TOP)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">'
    parts = [head, f"<title>{html.escape(title)}</title>", f"<style>{STYLE}</style>"]
    parts.append(text(WIDTH / 2, 24, title, extra=' class="title"'))
    parts += [*draw_axes(x_axis, y_axis, x_scale, y_scale), *draw_series(series, x_scale, y_scale), "</svg>"]
    return "\n".join(parts) + "\n"


def write(path, title, x_axis, y_axis, series):
    pathlib.Path(path).write_text(svg(title, x_axis, y_axis, series), encoding="utf-8")


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    wanted = json.loads(pathlib.Path(sys.argv[1]).read_text())
    series = [(each["name"], each["points"]) for each in wanted["series"]]
    write(sys.argv[2], wanted["title"], Axis(**wanted["x"]), Axis(**wanted["y"]), series)
    return 0


if __name__ == "__main__":
    sys.exit(main())
