#!/usr/bin/env python3
"""Short tasks wait at an agent of one core: never two at once, and what waits goes to another agent that has room."""

import e2e

TASKS = 60
# Takes the place of which there is one; whoever finds it taken says so.
ALONE = "if mkdir at_work; then sleep 0.02; rmdir at_work; echo $STINT_INDEX >>done; else echo $STINT_INDEX >>two_at_once; fi"
MANY = 150
SLOW = "sleep 0.05"  # far below what is short for a scheduler, also where processes wait for a processor


class Prefetch(e2e.Case):
    @classmethod
    def boot(cls):
        cls.cell = e2e.Cell(cls.product)
        cls.api = cls.cell.start()
        cls.cell.add_agent("one", "--cpu", 1, "--prefetch", 4, "--label", "name=one")
        cls.cell.wait_for_agents(cls.api)

    def placed_and_not_running(self, job):
        tasks = self.api.get(f"/v1/jobs/{job}/tasks?limit={MANY}")["items"]
        return [task["id"] for task in tasks if task["state"] == "pending" and task["attempts"] > 0]

    def recalled(self, job):
        tasks = self.api.get(f"/v1/jobs/{job}/tasks?limit={MANY}")["items"]
        attempts = [attempt for task in tasks if task["attempts"] > 1 for attempt in self.task(task["id"])["attempts_list"]]
        return [attempt for attempt in attempts if attempt["reason"] == "recalled"]

    def test_one_runs_and_others_wait_beside_it(self):
        done = self.product.command("run", "--array", f"1-{TASKS}", "--cpu", "1", "--", "sh", "-c", ALONE)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertFalse((self.cwd / "two_at_once").exists())
        self.assertEqual(sorted(range(1, TASKS + 1)), sorted(map(int, (self.cwd / "done").read_text().split())))

    def test_what_waits_is_explained_and_recalled_for_another_agent(self):
        job = self.run_detached("--array", f"1-{MANY}", "--cpu", "1", "--", "sh", "-c", SLOW)
        self.eventually("tasks that wait at the agent", lambda: self.placed_and_not_running(job))

        self.eventually("the agent's own count of them", lambda: self.api.get("/v1/agents/one")["waiting"] > 0)

        def explained():
            waiting = self.placed_and_not_running(job)
            return waiting and "waits at one" in self.api.get(f"/v1/tasks/{waiting[-1]}/explain")["summary"]

        self.eventually("an explanation of one of them", explained)
        self.cell.add_agent("two", "--cpu", 8, "--prefetch", 4)
        self.eventually("all that waited at the first agent", lambda: self.recalled(job))
        self.eventually("the job's end", lambda: self.api.get(f"/v1/jobs/{job}")["state"] == "completed")
        for attempt in self.recalled(job):
            self.assertEqual(("cancelled", None), (attempt["state"], attempt["started_at"]))


if __name__ == "__main__":
    e2e.main()
