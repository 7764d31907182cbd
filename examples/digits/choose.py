"""Rater: compares the settings by what they said of the validation images, and names the best.

The more accurate wins; between equals the one with the lower cross-entropy, which is the one that was less sure of its mistakes.
"""

import models
import settings
import workspace


def compare(candidates, labels):
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
    labels = workspace.read_arrays(workspace.left_by("prepare", "validation.npz"))["labels"]
    files = [workspace.left_by("train", f"{index}/candidate.npz") for index in range(len(settings.SETTINGS))]
    rows = compare([workspace.read_arrays(file)["probabilities"] for file in files], labels)
    workspace.write_json(workspace.output("best.json"), {"best": rows[0], "compared": rows})
    report = workspace.Report()
    report(1, len(rows), accuracy=rows[0]["accuracy"], loss=rows[0]["loss"])
    report.result(best=rows[0]["name"])
    for row in rows:
        print(f"{row['accuracy']:.3f}  loss {row['loss']:.3f}  {row['name']}")


if __name__ == "__main__":
    main()
