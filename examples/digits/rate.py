"""Rater: compares the settings by what they said of the validation images, and names the best.

The more accurate wins; between equals the one with the lower cross-entropy, which is the one that was less sure of its mistakes.
"""

import models
import settings
import workspace


def rate(candidates, labels):
    """One row for each setting, the best first. `candidates` has the probabilities that each gave, by index."""
    rows = [
        {
            "index": index,
            "name": settings.SETTINGS[index]["name"],
            "accuracy": models.accuracy(probabilities, labels),
            "loss": models.cross_entropy(probabilities, labels),
        }
        for index, probabilities in enumerate(candidates)
    ]
    return sorted(rows, key=lambda row: (-row["accuracy"], row["loss"], row["index"]))


def main():
    folder = workspace.work_dir()
    labels = workspace.read_arrays(folder / "validation.npz")["labels"]
    candidates = [workspace.read_arrays(folder / f"candidate-{index}.npz")["probabilities"] for index in range(len(settings.SETTINGS))]
    rows = rate(candidates, labels)
    workspace.write_json(folder / "best.json", {"best": rows[0], "compared": rows})
    workspace.Report()(1, len(rows), accuracy=rows[0]["accuracy"], loss=rows[0]["loss"])
    for row in rows:
        print(f"{row['accuracy']:.3f}  loss {row['loss']:.3f}  {row['name']}")


if __name__ == "__main__":
    main()
