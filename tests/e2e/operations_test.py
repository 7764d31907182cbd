#!/usr/bin/env python3
"""What an operator does to a cell that works: drains, upgrades and backups, all with tasks running."""

import os
import shutil

import e2e

# Prints its attempt, then waits for a file; ends by itself when asked to.
WAITING = "echo $STINT_ATTEMPT $$ >> begun.txt; while [ ! -e {end} ]; do sleep 0.05; done; echo $STINT_ATTEMPT >> ended.txt"


class Operations(e2e.Case):
    @classmethod
    def boot(cls):
        cls.cell = e2e.Cell(cls.product)
        cls.api = cls.cell.start()
        for name in ("first", "second"):
            cls.cell.add_agent(name, "--cpu", 2, "--memory", "1Gi", "--label", f"name={name}")
        cls.cell.wait_for_agents(cls.api)

    def agent_view(self, name):
        return self.api.get(f"/v1/agents/{name}")

    def begin_waiting(self, end):
        job = self.run_detached("--name", self._testMethodName, "--", "sh", "-c", WAITING.format(end=end))
        self.eventually("the task runs", lambda: self.state_of(f"{job}.main") == "running")
        return job

    def attempts(self, job):
        return self.task(f"{job}.main")["attempts_list"]

    def test_drain_with_a_deadline_moves_what_runs_and_costs_no_retry(self):
        job = self.begin_waiting("never")
        first = self.attempts(job)[0]["agent"]
        self.addCleanup(self.product.command, "agent", "drain", "--undo", first)
        done = self.product.command("agent", "drain", first, "--deadline", "1s", "--wait")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(0, self.agent_view(first)["running"])
        self.assertIsNotNone(self.agent_view(first)["drain_by"])
        self.eventually("a second attempt runs", lambda: len(self.attempts(job)) == 2 and self.state_of(f"{job}.main") == "running")
        before, after = self.attempts(job)
        self.assertEqual(("cancelled", "superseded"), (before["state"], before["reason"]))
        self.assertNotEqual(first, after["agent"])
        (self.cwd / "never").touch()
        self.addCleanup((self.cwd / "never").unlink)
        self.eventually("the job's end", lambda: self.state_of(f"{job}.main") == "completed")  # `retries` is 0

    def test_upgrade_with_a_running_task(self):
        """Scheduler and agents are ended and started anew from another copy of the programs; the task does not notice."""
        job = self.begin_waiting("upgraded")
        begun = (self.cwd / "begun.txt").read_text().split()
        process = e2e.Process(begun[-1])
        for daemon in (self.cell.scheduler, *self.cell.agents.values()):
            self.assertEqual(0, e2e.end_in_order(daemon))
        self.assertTrue(process.is_alive())
        newer = self.product.bin / "newer"
        newer.mkdir(exist_ok=True)
        for name in ("stint", "stint-keeper"):
            shutil.copy2(self.product.bin / name, newer / name)
        self.product.stint = newer / "stint"
        self.cell.scheduler.start()
        for agent in self.cell.agents.values():
            agent.start()
        self.eventually("the API", lambda: self.api.try_get("/v1/info"))
        self.eventually("agents", lambda: all(self.agent_view(name)["state"] == "connected" for name in self.cell.agents))
        self.assertTrue(process.is_alive())
        self.assertEqual("running", self.state_of(f"{job}.main"))
        self.assertIn(str(newer), self.process_path(self.cell.scheduler.process.pid))
        (self.cwd / "upgraded").touch()
        self.eventually("the job's end", lambda: self.state_of(f"{job}.main") == "completed")
        attempts = self.attempts(job)
        self.assertEqual([(1, True)], [(attempt["attempt"], attempt["is_result"]) for attempt in attempts])

    @staticmethod
    def process_path(pid):
        return os.readlink(f"/proc/{pid}/exe")


if __name__ == "__main__":
    e2e.main()
