"""Rater: scores the model once on the 500 test images. The only program that reads their labels."""

import numpy as np

import models
import settings
import workspace


def confusion(labels, answers):
    """Row: what the digit is. Column: what it was taken for."""
    table = np.zeros((models.CLASSES, models.CLASSES), dtype=int)
    np.add.at(table, (labels, answers), 1)
    return table


def as_text(table):
    lines = ["is \\ read  " + "".join(f"{digit:4d}" for digit in range(models.CLASSES))]
    for digit, row in enumerate(table):
        lines.append(f"{digit:9d}  " + "".join(f"{count:4d}" if count else "   ." for count in row))
    return "\n".join(lines)


def main():
    folder = workspace.work_dir()
    learned = workspace.read_arrays(folder / "model.npz")
    index = int(learned["setting"])
    model = settings.make_model(index)
    model.load(learned)

    probabilities = model.scores(workspace.read_arrays(folder / "test.npz")["images"])
    labels = workspace.read_arrays(folder / "test-labels.npz")["labels"]
    accuracy = models.accuracy(probabilities, labels)
    table = confusion(labels, probabilities.argmax(axis=1))
    workspace.write_json(
        folder / "score.json",
        {"test_accuracy": accuracy, "setting": settings.SETTINGS[index]["name"], "images": len(labels), "confusion": table.tolist()},
    )
    workspace.write_whole(folder / "confusion.txt", lambda file: file.write((as_text(table) + "\n").encode()))
    workspace.Report()(1, len(labels), accuracy=accuracy, loss=models.cross_entropy(probabilities, labels))
    print(f"{settings.SETTINGS[index]['name']}: test accuracy {accuracy:.3f} on {len(labels)} images")


if __name__ == "__main__":
    main()
