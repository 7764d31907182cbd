"""Trainer: learns the best setting once more, now from all 150 labelled images, and keeps the model."""

import numpy as np

import models
import settings
import workspace


def main():
    folder = workspace.work_dir()
    best = workspace.read_json(folder / "best.json")["best"]
    parts = [workspace.read_arrays(folder / name) for name in ("fit.npz", "validation.npz")]
    images = np.concatenate([part["images"] for part in parts])
    labels = np.concatenate([part["labels"] for part in parts])

    model = settings.make_model(best["index"])
    # There is nothing left to validate on: this accuracy is of the images it learns from.
    measure = lambda: models.accuracy(model.scores(images), labels)
    model.fit(images, labels, workspace.FitReport(measure))
    workspace.write_arrays(folder / "model.npz", setting=np.array(best["index"]), **model.arrays())
    print(f"{best['name']}: learned from {len(labels)} images")


if __name__ == "__main__":
    main()
