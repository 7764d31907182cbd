"""Trainer: task N of the array learns SETTINGS[N] from the images to fit, and says how it does on those to compare.

Metrics: `loss` on the images it learns from, `accuracy` on the validation images.
"""

import os

import models
import settings
import workspace


def main():
    index = int(os.environ.get("STINT_INDEX", "0"))
    fit = workspace.read_arrays(workspace.left_by("prepare", "fit.npz"))
    validation = workspace.read_arrays(workspace.left_by("prepare", "validation.npz"))

    model = settings.make_model(index)
    measure = lambda: models.accuracy(model.scores(validation["images"]), validation["labels"])
    progress = workspace.FitReport(measure)
    model.fit(fit["images"], fit["labels"], progress)
    workspace.write_arrays(workspace.output("candidate.npz"), probabilities=model.scores(validation["images"]))
    progress.report.result(setting=settings.SETTINGS[index]["name"], accuracy=measure())
    print(f"{settings.SETTINGS[index]['name']}: validation accuracy {measure():.3f}")


if __name__ == "__main__":
    main()
