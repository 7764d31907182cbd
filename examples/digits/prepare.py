"""Crawler: shuffles the 1,797 images by a fixed seed into labelled (150), pool and test (500).

The pool's labels are dropped: nobody has given them. The test set's labels go into a file of their own, which score.py alone reads.
"""

import gzip
import os

import numpy as np

import workspace

SEED = 20260
IMAGES = 1797
PIXELS = 64
DARKEST = 16


def load(path):
    """Images as rows of 64 numbers in 0..1, and their labels."""
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",")
    if table.shape != (IMAGES, PIXELS + 1):
        raise SystemExit(f"{path}: {table.shape[0]} x {table.shape[1]} numbers, expected {IMAGES} x {PIXELS + 1}")
    return table[:, :PIXELS] / DARKEST, table[:, PIXELS].astype(int)


def main():
    report = workspace.Report()
    folder = workspace.work_dir()
    images, labels = load(os.environ.get("DIGITS_DATA", "build/demo/data/digits.csv.gz"))
    report(0.5, 0, images=len(images))

    order = np.random.default_rng(SEED).permutation(IMAGES)
    labelled, pool, test = np.split(order, [workspace.LABELLED, IMAGES - workspace.TEST])
    fit, validation = np.split(labelled, [workspace.LABELLED - workspace.VALIDATION])
    workspace.write_arrays(folder / "fit.npz", images=images[fit], labels=labels[fit])
    workspace.write_arrays(folder / "validation.npz", images=images[validation], labels=labels[validation])
    workspace.write_arrays(folder / "pool.npz", images=images[pool])
    workspace.write_arrays(folder / "test.npz", images=images[test])
    workspace.write_arrays(folder / "test-labels.npz", labels=labels[test])
    report(1, 1, labelled=len(labelled), pool=len(pool), test=len(test))
    print(f"{len(fit)} images to fit, {len(validation)} to compare, {len(pool)} in the pool, {len(test)} to test")


if __name__ == "__main__":
    main()
