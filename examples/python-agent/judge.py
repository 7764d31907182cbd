"""Compares what was read with the labels of the test images. Exit status 1: fewer than nine of ten are right."""

import json
import os
import pathlib
import sys

results = [json.loads(line)["result"] for line in (pathlib.Path(os.environ["STINT_INPUTS"]) / "read/results.jsonl").open()]
labels = dict(line.split(",") for line in pathlib.Path(sys.argv[1]).read_text().splitlines())
read = {number: digit for result in results for number, digit in result["digits"].items()}
right = sum(str(digit) == labels[number] for number, digit in read.items())
processes = len({result["process"] for result in results})
print(f"{right} of {len(labels)} digits right; {len(results)} batches, the model learned {processes} times")
with open(os.environ["STINT_REPORT"], "a") as report:
    print(json.dumps({"result": {"right": right, "of": len(labels), "batches": len(results), "models": processes}}), file=report)
sys.exit(0 if read.keys() == labels.keys() and right >= 0.9 * len(labels) else 1)
