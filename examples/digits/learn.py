"""Trainer: learns the best setting from all that is labelled, and keeps the model.

Those are the 150 images, and with them, if people have answered (`label` is among the needs), the images they named.
"""

import json

import numpy as np

import models
import settings
import workspace


def read_answers(path):
    """Images and labels of what people answered. Whoever skipped an image said nothing of it."""
    rows = [row for row in workspace.read_lines(path) if str(row["result"].get("choice")) in "0123456789"]
    items = [row["item"] if isinstance(row["item"], dict) else json.loads(row["item"]) for row in rows]
    return workspace.to_images([item["pixels"] for item in items]), np.array([int(row["result"]["choice"]) for row in rows])


def main():
    best = workspace.read_json(workspace.left_by("choose", "best.json"))["best"]
    parts = [workspace.read_arrays(workspace.left_by("prepare", name)) for name in ("fit.npz", "validation.npz")]
    images = np.concatenate([part["images"] for part in parts])
    labels = np.concatenate([part["labels"] for part in parts])
    answers = workspace.left_by("label", "results.jsonl")
    if answers.exists():
        more_images, more_labels = read_answers(answers)
        images, labels = np.concatenate([images, more_images]), np.concatenate([labels, more_labels])

    model = settings.make_model(best["index"])
    # There is nothing left to validate on: this accuracy is of the images it learns from.
    progress = workspace.FitReport(lambda: models.accuracy(model.scores(images), labels))
    model.fit(images, labels, progress)
    workspace.write_arrays(workspace.output("model.npz"), setting=np.array(best["index"]), **model.arrays())
    workspace.write_lines(workspace.output("history.jsonl"), progress.history)
    progress.report.result(setting=best["name"], learned_from=len(images))
    print(f"{best['name']}: learned from {len(images)} images")


if __name__ == "__main__":
    main()
