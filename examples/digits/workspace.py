"""What the tasks of the digits job share: where files come from and go to, and the report channel.

A task reads the files it was submitted with (its working directory) and what earlier tasks left ($STINT_INPUTS), and leaves its own in
$STINT_OUTPUTS. Both are directories of this attempt alone; the scheduler keeps the outputs whole or not at all, so nothing here has to.
"""

import json
import os
import pathlib

import numpy as np

import split

FIT_REPORTS = 50  # enough for a curve, few enough to read
DARKEST = 16


def given(name):
    """A file the job was submitted with."""
    return pathlib.Path(os.environ.get("DIGITS_DATA", "build/demo/data")) / name


def left_by(task, name):
    """A file that an earlier task left."""
    return pathlib.Path(os.environ["STINT_INPUTS"]) / task / name


def output(name):
    return pathlib.Path(os.environ["STINT_OUTPUTS"]) / name


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1) + "\n")


def write_lines(path, values):
    path.write_text("".join(json.dumps(value) + "\n" for value in values))


def write_arrays(path, **arrays):
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def read_json(path):
    return json.loads(pathlib.Path(path).read_text())


def read_lines(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]


def read_arrays(path):
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def read_pairs(path):
    """A file of lines `NUMBER,TEXT` as a mapping."""
    lines = pathlib.Path(path).read_text().splitlines()
    return {int(number): text for number, text in (line.split(",") for line in lines)}


def to_images(words):
    """Rows of 64 numbers in 0..1, from images in one word each (split.as_hex)."""
    return np.array([list(bytes.fromhex(word)) for word in words], dtype=float).reshape(-1, split.PIXELS) / DARKEST


class Report:
    """Appends progress, metrics and the result to the file that STINT_REPORT names; silent where there is none.

    One line is one write to a file opened for append, so the reader never sees half a line of ours between two of another's.
    """

    def __init__(self, path=None):
        self.path = path or os.environ.get("STINT_REPORT")

    def __call__(self, progress, step, **metrics):
        rounded = {name: round(float(value), 6) for name, value in metrics.items()}
        self.append({"progress": round(float(progress), 4), "step": int(step), "metrics": rounded})

    def result(self, **facts):
        """The task's result, with the places it knew: who looks for a path that two agents share finds none."""
        places = {"directory": os.getcwd(), "inputs": os.environ.get("STINT_INPUTS"), "outputs": os.environ.get("STINT_OUTPUTS")}
        self.append({"result": facts | places})

    def append(self, line):
        if not self.path:
            return
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, (json.dumps(line) + "\n").encode())
        finally:
            os.close(handle)


class FitReport:
    """Reports about FIT_REPORTS times during one fit, however many steps it has; `measure()` is the accuracy it reports."""

    def __init__(self, measure):
        self.report, self.measure, self.due, self.history = Report(), measure, 0.0, []

    def __call__(self, fraction, number, loss):
        if fraction < self.due and fraction < 1:
            return
        self.due = fraction + 1 / FIT_REPORTS
        values = {"loss": float(loss), "accuracy": self.measure()}
        self.report(fraction, number, **values)
        self.history.append({"step": int(number)} | values)
