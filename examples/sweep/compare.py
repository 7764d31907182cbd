"""Lists what the sweep found, the best first, and keeps the best model: the results and outputs of all tasks lie in $STINT_INPUTS."""

import json
import os
import pathlib

inputs, outputs = pathlib.Path(os.environ["STINT_INPUTS"]), pathlib.Path(os.environ["STINT_OUTPUTS"])
rows = [json.loads(line) for line in (inputs / "train/results.jsonl").read_text().splitlines()]
rows.sort(key=lambda row: (-row["result"]["accuracy"], row["result"]["loss"], row["index"]))
lines = ["task  rate  hidden  accuracy   loss  went on after epoch"]
for row in rows:
    result = row["result"]
    values = (row["index"], result["rate"], result["hidden"], result["accuracy"], result["loss"], result["went_on_after"] or "")
    lines.append("{:4d}  {:4}  {:6d}  {:8.3f}  {:5.3f}  {}".format(*values).rstrip())
(outputs / "table.txt").write_text("\n".join(lines) + "\n")
best = (inputs / f"train/{rows[0]['index']}/model.json").read_text()
(outputs / "best.json").write_text(best)
print("\n".join(lines))
