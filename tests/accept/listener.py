"""The client of A1-4: writes down every completion that the API tells it of, while schedulers come and go.

usage: listener.py CONTEXT JOB FILE

Two ways at once: the event stream, resumed by Last-Event-ID, and the pages of completed tasks, read over and over. A line of FILE,
written as soon as it is told, is one of
    ["event", NUMBER, TASK]     the event stream said that the task completed
    ["page", null, TASK]        it was on the pages of completed tasks
    ["missing", null, TASK]     it had been told before those pages were asked for, and was not on them
Ends on SIGTERM, and with exit status 1 when a listener cannot go on.
"""

import json
import os
import pathlib
import sys
import threading
import time
import traceback

import cell
import witness


class Book:
    """Appends whole lines, each once; the two listeners share it."""

    def __init__(self, path):
        self.lock, self.lines, self.completed = threading.Lock(), set(), set()
        self.file = open(path, "a", buffering=1)

    def write(self, kind, number, task):
        with self.lock:
            self.completed.add(task)
            if (kind, number, task) not in self.lines:
                self.lines.add((kind, number, task))
                self.file.write(json.dumps([kind, number, task]) + "\n")

    def told(self):
        with self.lock:
            return set(self.completed)


def follow_events(context, job, book):
    api, last = cell.Api(context), 0
    while True:
        for number, kind, data in api.events(f"/v1/events?job={job}&after=0", last):
            last = max(last, number)
            if kind == "tasks_ended" and data["state"] == "completed":
                for index in witness.expand(data["indexes"]):
                    book.write("event", number, f"{job}.{data['task']}.{index}")


def read_pages(context, job, book):
    api = cell.Api(context)
    while True:
        before = book.told()
        shown = {item["id"] for item in api.items(f"/v1/jobs/{job}/tasks?state=completed")}
        for task in sorted(shown):
            book.write("page", None, task)
        for task in sorted(before - shown):
            book.write("missing", None, task)
        time.sleep(0.3)


def go_on(listen, *arguments):
    """A listener never ends: one that does would leave us with half of what there was to hear."""
    try:
        listen(*arguments)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def main():
    context, job, path = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    book = Book(path)
    listeners = [threading.Thread(target=go_on, args=(listen, context, job, book)) for listen in (follow_events, read_pages)]
    for listener in listeners:
        listener.start()
    for listener in listeners:
        listener.join()


if __name__ == "__main__":
    main()
