"""What the tasks themselves wrote down, what a client was told, and what the two say about the scheduler's memory.

A task is `sh work.sh`: it appends `begin TASK ATTEMPT PID START`, sleeps, appends `end` with the same words. START is the process's
start time in clock ticks since boot (field 22 of /proc/PID/stat), so that a pid used twice is two processes. Each line is one write
to a file opened for append.
"""

import collections
import dataclasses

WORK = """\
# A task of 0.1 to 3 s, by its index; prime steps spread the lengths.
read -r stat </proc/$$/stat
rest=${stat##*) }
set -- $rest
shift 19
me="$STINT_TASK_ID $STINT_ATTEMPT $$ $1"
echo "begin $me" >>"$WITNESS"
ms=$((100 + (STINT_INDEX * 7919 + SEED * 104729) % 2901))
sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
echo "end $me" >>"$WITNESS"
"""


@dataclasses.dataclass(frozen=True)
class Process:
    task: str
    attempt: int
    pid: int
    start: int


@dataclasses.dataclass
class Witness:
    begun: list
    ended: list
    malformed: list


def read(lines):
    found = Witness([], [], [])
    for line in lines:
        words = line.split()
        if len(words) != 5 or words[0] not in ("begin", "end") or not all(word.isdigit() for word in words[2:]):
            found.malformed.append(line.rstrip("\n"))
            continue
        process = Process(words[1], int(words[2]), int(words[3]), int(words[4]))
        (found.begun if words[0] == "begin" else found.ended).append(process)
    return found


def expand(indexes):
    """`0-2,7` is 0, 1, 2, 7."""
    for part in indexes.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


@dataclasses.dataclass
class Verdict:
    lost: list
    completed_twice: list
    told_then_missing: list
    begins_without_end: list
    executions_extra: int
    attempts_begun_twice: int


def judge(tasks, witness, told, final):
    """Compares three independent memories.

    tasks: the ids of all tasks submitted.
    told:  what a client was told while it happened, the lines of listener.py: a completion with its event number (a number that
           comes again is the same telling, repeated after a reconnect), one seen on a page, one missed on a later page.
    final: for each task id, after everything: {"state", "results": [attempt numbers whose result counts]}.
    """
    done = {(process.task, process.attempt) for process in witness.ended}

    def is_kept(task):
        record = final.get(task)
        return record is not None and record["state"] == "completed"

    def has_happened(task):
        return any((task, attempt) in done for attempt in final[task]["results"])

    tellings = collections.defaultdict(set)
    for kind, number, task in told:
        if kind == "event":
            tellings[task].add(number)
    missed = {task for kind, _, task in told if kind == "missing"}
    counted_twice = {task for task, record in final.items() if len(record["results"]) > 1}
    attempts = collections.Counter((process.task, process.attempt) for process in witness.begun)
    return Verdict(
        lost=[task for task in tasks if not is_kept(task) or not has_happened(task)],
        completed_twice=sorted({task for task, numbers in tellings.items() if len(numbers) > 1} | counted_twice),
        told_then_missing=sorted(missed | {task for _, _, task in told if not is_kept(task)}),
        begins_without_end=sorted(str(process) for process in set(witness.begun) - set(witness.ended)),
        executions_extra=len(witness.begun) - len(tasks),
        attempts_begun_twice=sum(count > 1 for count in attempts.values()),
    )
