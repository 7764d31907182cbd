"""What the programs of single peers share: rounds, and the line that bench/peers/run reads."""

import json
import statistics
import sys
import time


def arguments():
    """NUMBER-OF-TASKS ROUNDS CORES, as run passes them."""
    tasks, rounds, cores = map(int, sys.argv[1:4])
    return tasks, rounds, cores


def rate(tasks, rounds, carry_out):
    """Tasks a second, the median of the rounds; a first one warms up."""
    carry_out(max(1, tasks // 10))
    seconds = []
    for _ in range(rounds):
        begun = time.monotonic()
        carry_out(tasks)
        seconds.append(time.monotonic() - begun)
    return tasks / statistics.median(seconds)


def tell(who, version, setting, rates):
    """`rates`: tasks a second by class."""
    print(json.dumps({"who": who, "version": version, "setting": setting, "tasks_per_s": rates}), flush=True)
