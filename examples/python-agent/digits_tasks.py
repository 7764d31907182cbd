"""What the agent of this example can do: read handwritten digits. The model is learned once for each worker process and stays warm.

    PYTHONPATH=sdk/python/src examples/digits/python -m stint_sdk.agent --key-file KEY examples/python-agent/digits_tasks.py
"""

import os
import pathlib
import sys
import time

from stint_sdk.agent import task

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "digits"))

import settings  # noqa: E402
import workspace  # noqa: E402

SETTING = 4  # of examples/digits/settings.py: a Gaussian kernel


class Reader:
    """A model, and what it took to have one."""

    def __init__(self):
        begun = time.monotonic()
        images = workspace.read_pairs(workspace.given("images.csv"))
        labels = workspace.read_pairs(workspace.given("labelled.csv"))
        self.model = settings.make_model(SETTING)
        labels = {number: int(label) for number, label in labels.items()}
        rows = workspace.to_images([images[number] for number in labels])
        self.model.fit(rows, workspace.np.array(list(labels.values())), lambda *_: None)
        self.seconds = time.monotonic() - begun
        print(f"learned from {len(labels)} images in {self.seconds:.2f} s, process {os.getpid()}")


@task(type="inferencer", setup=Reader)
def read_digits(reader: Reader, items: list[dict], least: float = 0.0):
    """The digit in each image of a batch, or null where the model is less certain than `least`."""
    scores = reader.model.scores(workspace.to_images([item["pixels"] for item in items]))
    digits = [int(row.argmax()) if row.max() >= least else None for row in scores]
    print(f"{len(items)} images: {digits}")
    return {"digits": {item["image"]: digit for item, digit in zip(items, digits)}, "process": os.getpid()}
