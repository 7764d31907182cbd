"""Learns to tell two interleaved half-moons apart with one hidden layer, by stochastic gradient descent; plain Python.

Every EPOCHS / 20 epochs it keeps all that it needs to go on in $STINT_CHECKPOINT_DIR; a further attempt starts from there. The draws of
an epoch depend on the seed and the epoch alone, so an interrupted run learns the very same model.
"""

import argparse
import json
import math
import os
import pathlib
import random
import signal

EPOCHS = 60
EVERY = EPOCHS // 20
POINTS = 160
SEED = 7


def moons(generator):
    points = []
    for number in range(POINTS):
        angle, upper = generator.uniform(0, math.pi), number % 2
        x, y = (math.cos(angle), math.sin(angle)) if upper else (1 - math.cos(angle), 0.4 - math.sin(angle))
        points.append((x + generator.gauss(0, 0.1), y + generator.gauss(0, 0.1), upper))
    return points


class Network:
    def __init__(self, hidden, generator):
        self.inner = [[generator.gauss(0, 1) for _ in range(3)] for _ in range(hidden)]  # of x, y and 1
        self.outer = [generator.gauss(0, 1) / math.sqrt(hidden) for _ in range(hidden + 1)]

    def forward(self, x, y):
        """The hidden units, and how likely the point is of the upper moon."""
        units = [math.tanh(a * x + b * y + c) for a, b, c in self.inner]
        total = sum(weight * unit for weight, unit in zip(self.outer, units)) + self.outer[-1]
        return units, 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))

    def learn(self, x, y, upper, rate):
        """One step; the cross-entropy before it."""
        units, likely = self.forward(x, y)
        error = likely - upper
        for place, unit in enumerate(units):
            inner_error = error * self.outer[place] * (1 - unit * unit)
            self.outer[place] -= rate * error * unit
            for column, value in enumerate((x, y, 1)):
                self.inner[place][column] -= rate * inner_error * value
        self.outer[-1] -= rate * error
        return -math.log(max(1e-12, likely if upper else 1 - likely))

    def accuracy(self, points):
        return sum((self.forward(x, y)[1] > 0.5) == bool(upper) for x, y, upper in points) / len(points)


def report(**line):
    if os.environ.get("STINT_REPORT"):
        with open(os.environ["STINT_REPORT"], "a") as file:
            file.write(json.dumps(line) + "\n")


def write_whole(path, value):
    """A checkpoint is all there or it is the one before."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value))
    part.replace(path)


def is_to_die(epoch):
    """The demonstration: the first attempt of the task that INTERRUPT names ends half-way, as if its machine had."""
    me = (os.environ.get("STINT_INDEX"), os.environ.get("STINT_ATTEMPT"))
    return epoch == EPOCHS // 2 and me == (os.environ.get("INTERRUPT"), "1")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--hidden", type=int, required=True)
    options = parser.parse_args()
    checkpoint = pathlib.Path(os.environ["STINT_CHECKPOINT_DIR"]) / "network.json"

    learned, seen = moons(random.Random(SEED)), moons(random.Random(SEED + 1))
    network, first = Network(options.hidden, random.Random(SEED)), 0
    if checkpoint.exists():
        kept = json.loads(checkpoint.read_text())
        network.inner, network.outer, first = kept["inner"], kept["outer"], kept["epoch"]
        print(f"goes on after epoch {first}")
    for epoch in range(first, EPOCHS):
        if is_to_die(epoch):
            os.kill(os.getpid(), signal.SIGKILL)
        random.Random(SEED * EPOCHS + epoch).shuffle(order := list(learned))
        loss = sum(network.learn(*point, options.rate) for point in order) / len(order)
        if (epoch + 1) % EVERY == 0:
            write_whole(checkpoint, {"epoch": epoch + 1, "inner": network.inner, "outer": network.outer})
            report(progress=(epoch + 1) / EPOCHS, step=epoch + 1, metrics={"loss": loss, "accuracy": network.accuracy(seen)})
    accuracy = network.accuracy(seen)
    model = {"rate": options.rate, "hidden": options.hidden, "inner": network.inner, "outer": network.outer}
    (pathlib.Path(os.environ["STINT_OUTPUTS"]) / "model.json").write_text(json.dumps(model) + "\n")
    report(result={"rate": options.rate, "hidden": options.hidden, "loss": loss, "accuracy": accuracy, "went_on_after": first})
    print(f"rate {options.rate}, {options.hidden} hidden: accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
