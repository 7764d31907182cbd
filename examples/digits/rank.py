"""Rater: lists the 300 images of the pool that the model is least certain of, the least certain first.

Certainty is the margin between the two likeliest digits: a model that hesitates between two learns most from being told which.
"""

import workspace

WANTED = 300


def margin(row):
    second, first = sorted(row["probabilities"])[-2:]
    return first - second


def least_certain(rows, count):
    return sorted(rows, key=lambda row: (margin(row), row["image"]))[:count]


def main():
    rows = workspace.read_lines(workspace.left_by("infer", "predictions.jsonl"))
    chosen = least_certain(rows, WANTED)
    # People see the image and not what the model thinks: it would lead them.
    lines = [{"image": row["image"], "pixels": row["pixels"], "margin": round(margin(row), 6)} for row in chosen]
    workspace.write_lines(workspace.output("uncertain.jsonl"), lines)
    report = workspace.Report()
    report(1, len(rows), largest_margin=lines[-1]["margin"])
    report.result(pool=len(rows), chosen=len(lines))
    print(f"{len(lines)} of {len(rows)} images to label, margins {lines[0]['margin']:.3f} to {lines[-1]['margin']:.3f}")


if __name__ == "__main__":
    main()
