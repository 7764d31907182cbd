"""Inferencer: what the first model says of a batch of the pool. $STINT_ITEM names the batch; the model is loaded once for it."""

import os

import settings
import workspace


def main():
    items = workspace.read_lines(os.environ["STINT_ITEM"])
    model = settings.load_model(workspace.read_arrays(workspace.left_by("first", "model.npz")))
    probabilities = model.scores(workspace.to_images([item["pixels"] for item in items]))
    rows = [item | {"probabilities": [round(float(value), 6) for value in row]} for item, row in zip(items, probabilities)]
    workspace.write_lines(workspace.output("predictions.jsonl"), rows)
    report = workspace.Report()
    report(1, len(items), images=len(items))
    report.result(images=len(items))
    print(f"{len(items)} images")


if __name__ == "__main__":
    main()
