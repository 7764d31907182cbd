"""Crawler: gathers the images into labelled (100 to fit, 50 to compare), pool (1,147) and test (500), as split.py drew them.

It sees 150 labels. Nobody has given the pool's yet, and the test set's are not among its files.
"""

import numpy as np

import split
import workspace


def main():
    report = workspace.Report()
    words = workspace.read_pairs(workspace.given("images.csv"))
    labels = workspace.read_pairs(workspace.given("labelled.csv"))
    report(0.5, 0, images=len(words))

    parts = split.numbers()
    images = {name: workspace.to_images([words[number] for number in numbers]) for name, numbers in parts.items()}
    for name in ("fit", "validation"):
        known = np.array([int(labels[number]) for number in parts[name]])
        workspace.write_arrays(workspace.output(f"{name}.npz"), images=images[name], labels=known)
    workspace.write_arrays(workspace.output("test.npz"), images=images["test"], numbers=np.array(parts["test"]))
    workspace.write_lines(workspace.output("pool.jsonl"), [{"image": number, "pixels": words[number]} for number in parts["pool"]])
    sizes = {name: len(numbers) for name, numbers in parts.items()}
    report(1, 1, **sizes)
    report.result(**sizes)
    print(", ".join(f"{size} images in {name}" for name, size in sizes.items()))


if __name__ == "__main__":
    main()
