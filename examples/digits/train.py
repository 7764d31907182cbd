"""Trainer: task N of the array learns SETTINGS[N] from the images to fit, and says how it does on those to compare.

Metrics: `loss` on the images it learns from, `accuracy` on the validation images.
"""

import os

import models
import settings
import workspace


def main():
    index = int(os.environ.get("STINT_INDEX", "0"))
    folder = workspace.work_dir()
    fit = workspace.read_arrays(folder / "fit.npz")
    validation = workspace.read_arrays(folder / "validation.npz")

    model = settings.make_model(index)
    measure = lambda: models.accuracy(model.scores(validation["images"]), validation["labels"])
    model.fit(fit["images"], fit["labels"], workspace.FitReport(measure))
    workspace.write_arrays(folder / f"candidate-{index}.npz", probabilities=model.scores(validation["images"]))
    print(f"{settings.SETTINGS[index]['name']}: validation accuracy {measure():.3f}")


if __name__ == "__main__":
    main()
