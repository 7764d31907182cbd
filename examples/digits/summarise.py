#!/usr/bin/env python3
"""Ends the demo: prints what came of the job, and writes it as one JSON file.

usage: summarise.py --state-dir DIR --agents FILE --outputs DIR --started TIME --report FILE
`--agents` is what `stint agent list --json` printed before people joined, `--outputs` where `stint outputs --to` put the files.
Needs nothing but Python.
"""

import argparse
import json
import pathlib
import time

import api

BARS = "▁▂▃▄▅▆▇█"
CURVE_WIDTH = 50


def find_roots(scheduler, job, entries):
    """The directories below which each agent's tasks ran, as the tasks saw them: {agent: [root]}."""
    roots = {}
    for entry in entries:
        places = {row["task"]: row["result"] for row in scheduler.items(f"/v1/jobs/{job}/results?task={entry}")}
        for task in scheduler.items(f"/v1/jobs/{job}/tasks?task={entry}"):
            for key in ("directory", "inputs", "outputs"):
                path = places.get(task["id"], {}).get(key)
                if path:  # STATE/attempts/ATTEMPT/…
                    roots.setdefault(task["agent"], set()).add(path.partition("/attempts/")[0])
    return {agent: sorted(found) for agent, found in sorted(roots.items())}


def curve(values):
    """A line of bars, the lowest value the lowest bar."""
    values = values[:: max(1, len(values) // CURVE_WIDTH)]
    low, high = min(values), max(values)
    return "".join(BARS[int((value - low) / ((high - low) or 1) * (len(BARS) - 1))] for value in values)


def print_report(report, outputs, history):
    losses, accuracies = ([row[name] for row in history] for name in ("loss", "accuracy"))
    print(f"\n{(outputs / 'score/confusion.txt').read_text()}")
    print(f"loss            {curve(losses)}  {losses[0]:.3f} to {losses[-1]:.3f} while learning again")
    print(f"accuracy        {curve(accuracies)}  {accuracies[0]:.3f} to {accuracies[-1]:.3f} on what it learned from")
    print(f"\ntest accuracy   {report['accuracy_before']:.3f} before, learned from 150 labels ({report['setting']})")
    print(f"{'':16}{report['accuracy_after']:.3f} after, with {report['items_labelled']} more; {report['test_images']} images to test")
    print(f"agents          {report['agents']}, of types {', '.join(report['agent_types'])}")
    for agent, roots in report["agent_roots"].items():
        print(f"  {agent:14}{', '.join(roots)}")
    print(f"time            {report['seconds']:.0f} s")
    print(f"outputs         {outputs}/: {len(report['outputs'])} files, among them")
    for name in ("rank/uncertain.jsonl", "again/model.npz", "score/score.json"):
        print(f"                {outputs / name}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--state-dir", type=pathlib.Path, required=True)
    parser.add_argument("--agents", type=pathlib.Path, required=True)
    parser.add_argument("--outputs", type=pathlib.Path, required=True)
    parser.add_argument("--started", type=float, required=True, help="seconds since 1970")
    parser.add_argument("--report", type=pathlib.Path, required=True)
    arguments = parser.parse_args()

    scheduler = api.read_context(arguments.state_dir)
    job, outputs = max(item["id"] for item in scheduler.items("/v1/jobs?name=digits")), arguments.outputs
    entries = scheduler.get(f"/v1/jobs/{job}/spec")["tasks"]
    score = json.loads((outputs / "score/score.json").read_text())
    answers = [row["result"]["choice"] for row in scheduler.items(f"/v1/jobs/{job}/results?task=label")]
    report = {
        "job": job,
        "setting": score["setting"],
        "test_accuracy": score["accuracy_after"],
        "accuracy_before": score["accuracy_before"],
        "accuracy_after": score["accuracy_after"],
        "test_images": score["images"],
        "confusion": score["confusion"],
        "uncertain_lines": len((outputs / "rank/uncertain.jsonl").read_text().splitlines()),
        "items_labelled": sum(choice != "skip" for choice in answers),
        "agents": len(json.loads(arguments.agents.read_text())["items"]),
        "agent_types": sorted({entry["type"] for entry in entries}),
        "agent_roots": find_roots(scheduler, job, [entry["name"] for entry in entries]),
        "outputs": sorted(str(path) for path in outputs.rglob("*") if path.is_file()),
        "seconds": round(time.time() - arguments.started, 1),
    }
    arguments.report.write_text(json.dumps(report, indent=1) + "\n")
    history = [json.loads(line) for line in (outputs / "again/history.jsonl").read_text().splitlines()]
    print_report(report, outputs, history)
    print(f"{'report':16}{arguments.report}")


if __name__ == "__main__":
    main()
