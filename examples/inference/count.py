"""Rater: how many texts the model read right, language by language. What `identify` collected lies in $STINT_INPUTS."""

import json
import os
import pathlib

lines = (pathlib.Path(os.environ["STINT_INPUTS"]) / "identify/predictions.jsonl").read_text().splitlines()
counts = {}
for row in map(json.loads, lines):
    right, total = counts.get(row["language"], (0, 0))
    counts[row["language"]] = (right + (row["says"] == row["language"]), total + 1)
right, total = (sum(column) for column in zip(*counts.values()))
table = [f"{language}  {one} of {all_}" for language, (one, all_) in sorted(counts.items())] + [f"right: {right} of {total}"]
(pathlib.Path(os.environ["STINT_OUTPUTS"]) / "table.txt").write_text("\n".join(table) + "\n")
with open(os.environ["STINT_REPORT"], "a") as file:
    file.write(json.dumps({"result": {"right": right, "total": total}}) + "\n")
print("\n".join(table))
