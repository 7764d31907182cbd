"""Rater: scores both models on the 500 test images. The only program that is given their labels, and it runs once, at the end."""

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
    test = workspace.read_arrays(workspace.left_by("prepare", "test.npz"))
    known = workspace.read_pairs(workspace.given("test-labels.csv"))
    labels = np.array([int(known[number]) for number in test["numbers"]])
    answers = {}
    for task in ("first", "again"):
        model = settings.load_model(workspace.read_arrays(workspace.left_by(task, "model.npz")))
        answers[task] = model.scores(test["images"]).argmax(axis=1)

    before, after = (float((answers[task] == labels).mean()) for task in ("first", "again"))
    table = confusion(labels, answers["again"])
    name = workspace.read_json(workspace.left_by("choose", "best.json"))["best"]["name"]
    score = {"accuracy_before": before, "accuracy_after": after, "setting": name, "images": len(labels), "confusion": table.tolist()}
    workspace.write_json(workspace.output("score.json"), score)
    workspace.output("confusion.txt").write_text(as_text(table) + "\n")
    rows = [
        {"image": int(number), "before": int(one), "after": int(two)}
        for number, one, two in zip(test["numbers"], answers["first"], answers["again"])
    ]
    workspace.write_lines(workspace.output("answers.jsonl"), rows)
    report = workspace.Report()
    report(1, len(labels), before=before, after=after)
    report.result(accuracy_before=before, accuracy_after=after)
    print(f"{name}: test accuracy {before:.3f} before, {after:.3f} after, on {len(labels)} images")


if __name__ == "__main__":
    main()
