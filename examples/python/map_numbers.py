#!/usr/bin/env python3
"""Estimates pi: throws darts on many tasks at once. Usage: map_numbers.py [TASKS] [DARTS]

Needs a scheduler (`stint dev`) and the package stint-sdk here; the agents need only Python of the same version.
"""

import random
import sys

from stint_sdk import Client


def darts_within(seed: int) -> int:
    dice = random.Random(seed)
    return sum(dice.random() ** 2 + dice.random() ** 2 <= 1 for _ in range(DARTS))


TASKS = int(sys.argv[1]) if len(sys.argv) > 1 else 20
DARTS = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000


def main() -> None:
    with Client() as client:
        hits = client.map(
            darts_within,
            range(TASKS),
            resources={"cpu": "500m"},
            progress=lambda done, total: print(f"{done} of {total}", file=sys.stderr),
        )
    print(f"pi is about {4 * sum(hits) / (TASKS * DARTS):.3f}")


if __name__ == "__main__":
    main()
