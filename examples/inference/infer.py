"""Names the language of every text of a batch. $STINT_ITEM names the batch, one JSON object a line.

Loading the model takes longer than all the texts of a batch, which is what batches are for.
"""

import json
import os
import pathlib
import sys
import time
import zipfile

started = time.monotonic()
with zipfile.ZipFile("build/examples/inference/model.whl") as package:
    package.extractall("model")  # of this attempt's own directory
sys.path.insert(0, "model")
import py3langid

py3langid.classify("once, because the model is loaded with the first text")
loaded = time.monotonic()
items = [json.loads(line) for line in pathlib.Path(os.environ["STINT_ITEM"]).read_text().splitlines()]
with open(pathlib.Path(os.environ["STINT_OUTPUTS"]) / "predictions.jsonl", "w") as file:
    for item in items:
        language, score = py3langid.classify(item["text"])
        row = item | {"says": language, "score": round(float(score), 3)}
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
if os.environ.get("STINT_REPORT"):
    with open(os.environ["STINT_REPORT"], "a") as file:
        file.write(json.dumps({"progress": 1, "step": len(items), "metrics": {"load_seconds": round(loaded - started, 3)}}) + "\n")
print(f"{len(items)} texts in {time.monotonic() - loaded:.3f} s, after {loaded - started:.1f} s to load the model")
