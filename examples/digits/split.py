"""Which image goes where, and a file for each part that may be seen: the pool's labels are in none, the test set's in one of their own.

Plain Python, because it runs where the job is submitted, which may lack NumPy. The shuffle is by a fixed seed.
"""

import gzip
import random

SEED = 20260
IMAGES = 1797
PIXELS = 64
LABELLED = 150
VALIDATION = 50  # the last of the labelled images; the trainer array fits the first 100
TEST = 500


def numbers():
    """The numbers of the images in each part; an image's number is its line in the data."""
    order = list(range(IMAGES))
    random.Random(SEED).shuffle(order)
    return {
        "fit": order[: LABELLED - VALIDATION],
        "validation": order[LABELLED - VALIDATION : LABELLED],
        "pool": order[LABELLED : IMAGES - TEST],
        "test": order[IMAGES - TEST :],
    }


def read_rows(path):
    """One list of 65 whole numbers for each image: 64 pixels and the label."""
    with gzip.open(path, "rt") as file:
        rows = [[int(float(field)) for field in line.split(",")] for line in file]
    if len(rows) != IMAGES or any(len(row) != PIXELS + 1 for row in rows):
        raise SystemExit(f"{path}: {len(rows)} x {len(rows[0]) if rows else 0} numbers, expected {IMAGES} x {PIXELS + 1}")
    return rows


def as_hex(pixels):
    """The pixels as text, two digits each: an image in one word."""
    return "".join(f"{pixel:02x}" for pixel in pixels)


def write_parts(rows, folder):
    """images.csv: number and pixels of all. labelled.csv and test-labels.csv: number and label of those alone."""
    parts = numbers()
    files = {
        "images.csv": [f"{number},{as_hex(row[:PIXELS])}" for number, row in enumerate(rows)],
        "labelled.csv": [f"{number},{rows[number][PIXELS]}" for number in parts["fit"] + parts["validation"]],
        "test-labels.csv": [f"{number},{rows[number][PIXELS]}" for number in parts["test"]],
    }
    for name, lines in files.items():
        (folder / name).write_text("\n".join(lines) + "\n")
