#!/usr/bin/env python3
"""Answers the labelling tasks as a person would, but faster: claims images through the API, looks, and names the digit.

usage: oracle.py --server URL --token-file FILE --data FILE [--job N]

The token needs the scope work and no other. An image it does not know is skipped, as a person skips what cannot be read. It goes on until
it is told to stop (SIGTERM), since more may come at any time; then it says how many it answered. Needs nothing but Python.
"""

import argparse
import http.client
import pathlib
import signal
import sys
import threading

import api
import split

BATCH = 25  # claimed at once: enough to be quick, few enough that another person finds some too
PAUSE_SECONDS = 0.3
LEASE_MS = 60_000  # what it has claimed and not answered by then is for somebody else


def read_digits(path):
    """The digit on each image, by the image itself."""
    return {split.as_hex(row[: split.PIXELS]): str(row[split.PIXELS]) for row in split.read_rows(path)}


def answer_some(scheduler, digits, job):
    """Claims and answers up to BATCH tasks; how many they were."""
    wish = {"limit": BATCH, "types": ["labeller"], "lease_ms": LEASE_MS} | ({"job": job} if job else {})
    claims = scheduler.post("/v1/work/claim", wish)["items"]
    for claim in claims:
        choice = digits.get(claim["form"]["pixels"], "skip")
        scheduler.post(f"/v1/work/{claim['task']}/answer", {"attempt": claim["attempt"], "result": {"choice": choice}})
    return len(claims)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--token-file", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, default="build/demo/data/digits.csv.gz")
    parser.add_argument("--job", type=int)
    arguments = parser.parse_args()

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    scheduler = api.Api(arguments.server, arguments.token_file.read_text().strip())
    digits = read_digits(arguments.data)
    answered = 0
    while not stopped.is_set():
        try:
            some = answer_some(scheduler, digits, arguments.job)
        except (OSError, http.client.HTTPException, api.Refused) as error:
            print(f"oracle: {error}", file=sys.stderr)
            some = 0
        answered += some
        if not some:
            stopped.wait(PAUSE_SECONDS)
    print(f"oracle: {answered} answers", file=sys.stderr)


if __name__ == "__main__":
    main()
