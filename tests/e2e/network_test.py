#!/usr/bin/env python3
"""Networks as they are: packets lost, late and out of order, mappings forgotten, resets from nowhere, and lines that are slow.

Real processes on machines of their own (network.py); what the line between them does is bad_line.py's. Needs root.
"""

import hashlib
import json
import os
import random
import time

import e2e
from network import NetworkCase

PRINTED = 60_000  # bytes; on the lines below they take a second or two
BIG, ITEM = 1_000_000, 62_500  # bytes: of a frame of assignments, of the item of one


class BadWeather(NetworkCase):
    HEARTBEAT = "3s"

    def test_loss_delay_and_reordering(self):
        """A tenth of all packets, 150 ms more or less each way: sessions hold or come back, and nobody sees it in the work."""
        with self.line.in_weather(loss=0.1, delay=0.15, jitter=0.05):
            before = self.line.lost_packets
            tasks = self.begin_work(count=12, size=8000, labels={"place": "edge"})
            self.check_done_once(tasks)
            self.assertGreater(self.line.lost_packets, before)

    def test_bursts_of_complete_loss(self):
        with self.line.in_weather(delay=0.05, jitter=0.05, bits_per_second=1_000_000):
            tasks = self.begin_work(count=4, size=PRINTED, labels={"place": "edge"})
            for _ in range(6):
                self.line.cut()
                time.sleep(0.4)  # the burst
                self.line.heal()
                time.sleep(0.3)
            self.check_done_once(tasks)


class Resets(NetworkCase):
    def test_in_the_middle_of_frames(self):
        """Both ends are told that the other one has gone, again and again, while output is on its way."""
        with self.line.in_weather(bits_per_second=2_000_000, delay=0.02):
            tasks = self.begin_work(count=4, size=4 * PRINTED, labels={"place": "edge"})
            self.wait_begun(count=4)
            for number in range(8):
                before, carried = self.line.resets, self.line.carried_bytes
                self.eventually("bytes on their way", lambda: self.line.carried_bytes > carried + 20_000)
                self.line.reset_all()
                self.eventually("a reset", lambda: self.line.resets > before)
            self.check_done_once(tasks)


class ForgetfulNat(NetworkCase):
    """Its mappings last less than the time between two heartbeats: every connection dies young, and nobody is told."""

    def test_work_is_done_all_the_same(self):
        before = self.sessions()
        self.line.forget_idle(0.7)
        for number in range(3):
            self.eventually("another session", lambda: self.sessions() > before + number)
            tasks = self.begin_work(count=2, size=2000, labels={"place": "edge"})
            self.check_done_once(tasks)
            self.lines.write_text("")


class SlowLine(NetworkCase):
    """250 kbit/s and frames of a megabyte, both ways at once: half a minute for one. STINT_LONG=1: more of both."""

    HEARTBEAT = "6s"  # three leases of 18 s are what a frame may take
    LONG = os.environ.get("STINT_LONG") == "1"

    def test_big_frames_both_ways(self):
        """Neither side takes the other for gone, though a heartbeat's answer waits behind a megabyte: not one session is lost."""
        with self.line.in_weather(bits_per_second=250_000, delay=0.03):
            before = self.begin_anew()
            up = self.begin_work(count=2 if self.LONG else 1, size=BIG // 2, labels={"place": "edge"}, resources={"cpu": "200m"})
            down = [self.begin_told(f"{self.name}-{number}") for number in range(3 if self.LONG else 1)]
            told = {task: digest for job in down for task, digest in job.items()}
            self.wait_completed([*told, *up], seconds=600 if self.LONG else 120)
            self.assertEqual(before, self.sessions())
        self.check_done_once(up)
        for task, digest in told.items():
            self.assertEqual(digest, self.output_of(task).decode().strip())

    def begin_anew(self):
        """A session that knows no better line; how many there have been. What a sudden change costs is the other tests' matter."""
        before = self.sessions()
        self.line.reset_all()
        self.eventually("a session on the slow line", lambda: self.sessions() > before)
        self.wait_for_agent("edge", "connected")
        return self.sessions()

    def begin_told(self, name):
        """Tasks whose assignments are a megabyte together, and leave together; for each the digest that it prints of its part."""
        items = [random.randbytes(ITEM // 2).hex() for _ in range(BIG // ITEM)]
        self.product.write(f"{name}.txt", "\n".join(items))
        run = "printf %s \"$STINT_ITEM\" | sha256sum | cut -d' ' -f1"
        job = {"name": name, "run": run, "each": {"file": f"{name}.txt"}, "labels": {"place": "edge"}, "resources": {"cpu": "200m"}}
        number = int(self.product.ensure("run", "-d", self.product.write(f"{name}.json", json.dumps(job))))
        return {f"{number}.main.{index}": hashlib.sha256(item.encode()).hexdigest() for index, item in enumerate(items)}


if __name__ == "__main__":
    e2e.main()
