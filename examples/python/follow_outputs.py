#!/usr/bin/env python3
"""Submits a sweep with its program, tells what happens, fetches what it leaves. Usage: follow_outputs.py [FOLDER]

Needs a scheduler (`stint dev`) and the package stint-sdk here; the program that runs as a task needs nothing but Python.
"""

import sys
from pathlib import Path

from stint_sdk import Client, Job, Task

TRAIN = b"""\
import json, os, sys

rate = float(sys.argv[1])
with open(os.environ["STINT_REPORT"], "a") as report:
    for step in range(5):
        loss = (1 - rate) ** step
        print(json.dumps({"progress": (step + 1) / 5, "metrics": {"loss": loss}}), file=report)
    print(json.dumps({"result": {"rate": rate, "loss": loss}}), file=report)
with open(os.environ["STINT_OUTPUTS"] + "/model.json", "w") as model:
    json.dump({"rate": rate}, model)
"""

SWEEP = Job(
    name="sweep",
    tasks=[
        Task(
            name="train",
            command=["python3", "train.py", "${{ matrix.rate }}"],
            inputs={"train.py": TRAIN},
            matrix={"rate": [0.1, 0.3, 0.5]},
            outputs=["model.json"],
            retries=1,
        )
    ],
)


def main(folder: Path) -> None:
    with Client() as client:
        job = client.submit(SWEEP)
        for event in job.follow():
            print(f"{event['at']} {event['kind']}", file=sys.stderr)
        job.wait()
        best = min(job.results().values(), key=lambda result: float(result["loss"]))
        for task in job.tasks():
            reports = task.metrics()
            print(f"{task.id}: loss {reports[-1]['metrics'] if reports else 'not told'}", file=sys.stderr)
        for path in job.download(folder):
            print(f"{path.stat().st_size:5} bytes {path}", file=sys.stderr)
    print(f"best rate {best['rate']}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "outputs"))
