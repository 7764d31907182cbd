#!/usr/bin/env python3
"""Wall clocks that are wrong by ten years, and clocks that jump: sessions, output and timeouts do not notice.

A preloaded library (other_clock.cpp) gives a daemon another wall clock. That it does is read from the daemon's log lines.
"""

import datetime
import os
import pathlib
import shutil
import unittest

import e2e
import flow

LIBRARY = pathlib.Path(os.environ.get("STINT_OTHER_CLOCK", "libother_clock.so"))
YEARS = 10
YEAR_SECONDS = 365 * 24 * 3600


class DaemonOnAnotherClock:
    """A daemon of cell.py that is started with more environment."""

    def __init__(self, daemon, environment):
        self.daemon, self.environment = daemon, environment

    def start(self):
        daemon = self.daemon
        daemon.process = daemon.product.start(daemon.log, *daemon.arguments, **self.environment)

    def __getattr__(self, name):
        return getattr(self.daemon, name)


class Clock:
    """A wall clock with an offset that may be set while a daemon runs."""

    def __init__(self, folder, name, years):
        self.file = folder / f"{name}.clock"
        self.set_years(years)
        self.environment = {"LD_PRELOAD": str(folder / LIBRARY.name), "OTHER_CLOCK_FILE": str(self.file)}

    def set_years(self, years):
        part = self.file.with_suffix(".part")
        part.write_text(str(years * YEAR_SECONDS))
        part.chmod(0o644)
        os.rename(part, self.file)


def years_from_now(text):
    """Of a time of the API, or of a log line."""
    seen = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round((seen - datetime.datetime.now(datetime.timezone.utc)).days / 365)


@unittest.skipUnless(LIBRARY.exists(), f"no {LIBRARY}: ctest builds it and sets STINT_OTHER_CLOCK")
class Clocks(flow.FlowCase):
    """All clocks can be set; `early` and `late` are agents that begin ten years off, `box` with the machine's clock."""

    BEGIN = {"early": -YEARS, "late": YEARS, "box": 0}

    @classmethod
    def boot(cls):
        shutil.copy(LIBRARY, cls.folder)  # where the ordinary user may read it
        cls.cell = e2e.Cell(cls.product)
        cls.clock = Clock(cls.folder, "scheduler", 0)
        cls.cell.scheduler = DaemonOnAnotherClock(cls.cell.scheduler, cls.clock.environment)
        cls.api = cls.cell.start()
        cls.product.write("flow.py", flow.PROGRAM)
        cls.clocks = {name: Clock(cls.folder, name, years) for name, years in cls.BEGIN.items()}
        for name, clock in cls.clocks.items():
            cls.add_agent(name, clock.environment)
        cls.cell.wait_for_agents(cls.api)

    @classmethod
    def add_agent(cls, name, environment):
        key = cls.folder / f"{name}.key"
        cls.product.ensure("agent", "token", "--key-file", key, "--name", name)
        where = ("--key-file", key, "--state-dir", cls.folder / f"agent-{name}")
        daemon = e2e.Daemon(cls.product, f"{name}.log", "agent", "start", *where, "--cpu", 4, "--label", f"clock={name}")
        daemon = DaemonOnAnotherClock(daemon, environment)
        cls.cell.agents[name] = daemon
        daemon.start()

    def tearDown(self):
        self.clock.set_years(0)
        for name, years in self.BEGIN.items():
            self.clocks[name].set_years(years)

    def log_years(self, name):
        return years_from_now((self.folder / f"{name}.log").read_text().split(maxsplit=1)[0])  # as it began

    def run_on(self, name):
        task = {"command": ["sh", "-c", "echo $STINT_TASK_ID"], "workdir": str(self.cwd), "labels": {"clock": name}}
        job = self.submit({"name": self.name, "tasks": [task]}).json()["id"]
        self.eventually(f"completion on {name}", lambda: self.state_of(f"{job}.main") == "completed")
        self.assertEqual(f"{job}.main\n", self.product.ensure("logs", f"{job}.main"))
        return self.task(f"{job}.main")

    def sessions(self):
        return self.metric("stint_sessions_established_total")

    def test_the_clocks_are_wrong(self):
        self.assertEqual([-YEARS, YEARS, 0], [self.log_years(name) for name in ("early", "late", "box")])

    def test_agents_ten_years_off_work(self):
        for name in ("early", "late", "box"):
            self.assertEqual(name, self.run_on(name)["agent"])

    def test_they_come_back_after_a_crash(self):
        for name in ("early", "late"):
            daemon = self.cell.agents[name]
            self.assertTrue(daemon.kill())
            daemon.start()
            self.wait_connected(name)
            self.run_on(name)

    def test_the_scheduler_jumps(self):
        """Forth and back while a task with a timeout of an hour prints: no session ends, nothing is lost, nothing times out."""
        run, task, process = self.begin_flow("--timeout", "1h")
        before = self.sessions()
        for years in (YEARS, -YEARS, 0):
            self.clock.set_years(years)
            self.run_on("box")
            self.wait_for_progress()
            seen = self.submit({"tasks": [{"command": ["true"]}]}).json()["submitted_at"]
            self.assertEqual(years, years_from_now(seen), "the jump has reached the scheduler")
        self.assertTrue(process.is_alive())
        self.assertEqual(before, self.sessions())
        self.stop()
        self.assert_followed(run)
        self.assert_one_result(task)

    def test_the_agents_jump(self):
        """All of them, while a task prints on one: no session ends; and when one has to begin anew, their clocks are no obstacle."""
        run, task, process = self.begin_flow("--timeout", "1h")
        before = self.sessions()
        for years in (YEARS, -YEARS, 2 * YEARS):
            for clock in self.clocks.values():
                clock.set_years(years)
            for name in self.clocks:
                self.run_on(name)
            self.wait_for_progress()
        self.assertTrue(process.is_alive())
        self.assertEqual(before, self.sessions())
        self.assertTrue(self.cell.scheduler.kill())
        self.restart_scheduler()
        for name in self.clocks:
            self.wait_connected(name)
        skews = {item["name"]: round(item["skew_ms"] / 1000 / YEAR_SECONDS) for item in self.api.items("/v1/agents")}
        self.assertEqual(dict.fromkeys(self.clocks, 2 * YEARS), skews, "the jump has reached the agents")
        self.assertTrue(process.is_alive())
        self.stop()
        self.assert_followed(run)
        self.assert_one_result(task)

    def test_the_scheduler_starts_ten_years_later(self):
        """Nor does a restart on another clock end what runs."""
        for years in (YEARS, -YEARS):
            run, task, process = self.begin_flow("--timeout", "1h")
            self.assertTrue(self.cell.scheduler.kill())
            self.clock.set_years(years)
            self.restart_scheduler()
            for name in ("early", "late", "box"):
                self.wait_connected(name)
            self.assertTrue(process.is_alive())
            self.stop()
            self.assert_followed(run)
            self.assert_one_result(task)
            for ending in ("pid", "stop", "begun", "count"):
                (self.cwd / f"{self.name}.{ending}").unlink()


if __name__ == "__main__":
    e2e.main()
