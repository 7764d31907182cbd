"""What the tasks of the digits job share: a place, files that appear whole, and the report channel.

The tasks are separate processes, perhaps on several agents of one machine, and an attempt may run twice (its agent was lost,
then came back). So every file is written beside its final name and renamed over it: a reader sees all of it or none, and two
attempts of one task write the same bytes, because every program draws from a fixed seed.
"""

import json
import os
import pathlib
import tempfile

import numpy as np

LABELLED = 150
VALIDATION = 50  # the last of the labelled images; the trainers fit the first 100
TEST = 500
FIT_REPORTS = 50  # enough for a curve, few enough to read


def work_dir():
    """The folder of this job's files: two jobs, or two runs of the demo, do not read each other's."""
    folder = pathlib.Path(os.environ.get("DIGITS_DIR", "build/demo/digits")) / ("job-" + os.environ.get("STINT_JOB_ID", "local"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_whole(path, write):
    """Calls `write` with a binary file, then gives that file its name."""
    path = pathlib.Path(path)
    handle, temporary = tempfile.mkstemp(prefix=path.name + ".", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_json(path, value):
    write_whole(path, lambda file: file.write((json.dumps(value, indent=1) + "\n").encode()))


def write_arrays(path, **arrays):
    write_whole(path, lambda file: np.savez(file, **arrays))


def read_json(path):
    return json.loads(pathlib.Path(path).read_text())


def read_arrays(path):
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


class Report:
    """Appends progress and metrics to the file that STINT_REPORT names; silent where there is none.

    One line is one write to a file opened for append, so the reader never sees half a line of ours between two of another's.
    """

    def __init__(self, path=None):
        self.path = path or os.environ.get("STINT_REPORT")

    def __call__(self, progress, step, **metrics):
        if not self.path:
            return
        rounded = {name: round(float(value), 6) for name, value in metrics.items()}
        line = {"progress": round(float(progress), 4), "step": int(step), "metrics": rounded}
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, (json.dumps(line) + "\n").encode())
        finally:
            os.close(handle)


class FitReport:
    """Reports about FIT_REPORTS times during one fit, however many steps it has; `measure()` is the accuracy it reports."""

    def __init__(self, measure):
        self.report, self.measure, self.due = Report(), measure, 0.0

    def __call__(self, fraction, number, loss):
        if fraction < self.due and fraction < 1:
            return
        self.due = fraction + 1 / FIT_REPORTS
        self.report(fraction, number, loss=loss, accuracy=self.measure())
