#!/usr/bin/env python3
"""Ends the demo: prints accuracy, confusion and where the files are, and writes them as one JSON file.

usage: summarise.py --work DIR --agents FILE --seconds N --report FILE
`--agents` is what `stint agent list --json` printed while the job ran. Needs nothing but Python.
"""

import argparse
import json
import pathlib
import sys


def newest_job(work):
    """The folder of the last job, `job-N`; the numbers rise."""
    jobs = [folder for folder in work.glob("job-*") if folder.name[4:].isdigit()]
    if not jobs:
        sys.exit(f"summarise: no job-N in {work}")
    return max(jobs, key=lambda folder: int(folder.name[4:]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--agents", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--report", type=pathlib.Path, required=True)
    arguments = parser.parse_args()

    folder = newest_job(arguments.work)
    score = json.loads((folder / "score.json").read_text())
    outputs = [str(folder / name) for name in ("best.json", "model.npz", "score.json", "confusion.txt")]
    report = {
        "job": int(folder.name[4:]),
        "setting": score["setting"],
        "test_accuracy": score["test_accuracy"],
        "test_images": score["images"],
        "confusion": score["confusion"],
        "agents": len(json.loads(arguments.agents.read_text())["items"]),
        "outputs": outputs,
        "seconds": arguments.seconds,
    }
    arguments.report.write_text(json.dumps(report, indent=1) + "\n")

    print(f"\n{(folder / 'confusion.txt').read_text()}")
    print(f"test accuracy   {score['test_accuracy']:.3f} on {score['images']} images, learned from 150 ({score['setting']})")
    print(f"agents          {report['agents']}")
    print(f"time            {report['seconds']:.0f} s")
    for place, path in enumerate(outputs):
        print(f"{'' if place else 'outputs':16}{path}")
    print(f"{'report':16}{arguments.report}")


if __name__ == "__main__":
    main()
