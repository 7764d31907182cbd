"""Puts what both levels found together: one item for every text, however many addresses show it."""

import hashlib
import json
import os
import pathlib

inputs, outputs = pathlib.Path(os.environ["STINT_INPUTS"]), pathlib.Path(os.environ["STINT_OUTPUTS"])
rows = [json.loads(line) for level in ("first", "second") for line in (inputs / level / "pages.jsonl").read_text().splitlines()]
items, repeated, missing = {}, 0, 0
for row in rows:
    if "text" not in row:
        missing += 1
        continue
    digest = hashlib.sha256(row["text"].encode()).hexdigest()
    if digest in items:
        items[digest]["also"].append(row["url"])
        repeated += 1
    else:
        items[digest] = {"url": row["url"], "title": row["title"], "text": row["text"], "sha256": digest, "also": []}
(outputs / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items.values()))
counts = {"pages": len(rows), "items": len(items), "repeated": repeated, "missing": missing}
with open(os.environ["STINT_REPORT"], "a") as file:
    file.write(json.dumps({"result": counts}) + "\n")
print(", ".join(f"{count} {name}" for name, count in counts.items()))
