#!/usr/bin/env python3
"""Whatever dies, the work goes on: agents, schedulers and keepers are killed -9 while a task prints (flow.py)."""

import os
import pathlib
import signal
import time

import e2e
import flow


def comm_of(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


class Survival(flow.FlowCase):
    def test_agent_killed(self):
        """The task goes on as the same process; the agent finds it again; its result counts once."""
        run, task, process = self.begin_flow()
        self.assertTrue(self.agent.kill())
        self.wait_for_progress()
        self.assertTrue(process.is_alive())
        self.agent.start()
        self.wait_connected()
        self.wait_for_progress()
        self.assertTrue(process.is_alive())
        self.stop()
        self.assert_followed(run)
        self.assert_one_result(task)

    def test_agent_killed_task_ends_meanwhile(self):
        run, task, process = self.begin_flow()
        self.assertTrue(self.agent.kill())
        self.stop()
        self.eventually("the task's end", lambda: not process.is_alive())
        self.agent.start()
        self.assert_followed(run)
        self.assert_one_result(task)

    def test_scheduler_killed_again_and_again(self):
        """Clients that follow get every byte exactly once."""
        run, task, process = self.begin_flow()
        logs = self.follow(f"{self.name}-logs", "logs", "-f", task)
        for kill in range(3):
            self.wait_for_progress()
            self.eventually("output at the client", lambda: run.out.stat().st_size > kill * 20 * flow.LINE)
            self.assertTrue(self.cell.scheduler.kill())
            self.wait_for_progress()
            self.restart_scheduler()
        self.assertTrue(process.is_alive())
        self.stop()
        self.assert_followed(run)
        self.assert_followed(logs)
        self.assert_one_result(task)

    def test_scheduler_killed_right_after_the_submit(self):
        """What was acknowledged is there; it was durable before."""
        job = self.run_detached("--name", self.name, "--", "sh", "-c", "echo done")
        self.assertTrue(self.cell.scheduler.kill())
        self.restart_scheduler()
        self.eventually("completion", lambda: self.state_of(f"{job}.main") == "completed")
        self.assertEqual("done\n", self.product.ensure("logs", f"{job}.main"))

    def test_scheduler_killed_right_after_one_of_many_submits(self):
        """On a quiet cell the last one is durable before the database has it."""
        acknowledged = []
        for _ in range(3):
            for _ in range(12):  # so many until it knows that the disk is fast
                time.sleep(0.003)
                answer = self.submit({"name": self.name, "tasks": [{"command": ["true"]}]})
                self.assertEqual(201, answer.status, answer.body)
                acknowledged.append(answer.json()["id"])
            self.assertTrue(self.cell.scheduler.kill())
            self.restart_scheduler()
        self.assertEqual(sorted(set(acknowledged)), acknowledged)
        for job in acknowledged:
            self.eventually(f"completion of {job}", lambda: self.request("GET", f"/v1/jobs/{job}").json()["state"] == "completed")
            submitted = [event for event in self.api.items(f"/v1/events?job={job}") if event["kind"] == "job_submitted"]
            self.assertEqual(1, len(submitted))

    def test_both_killed(self):
        run, task, process = self.begin_flow()
        self.assertTrue(self.cell.scheduler.kill())
        self.assertTrue(self.agent.kill())
        self.wait_for_progress()
        self.agent.start()  # first, so that it has to wait for a scheduler
        self.restart_scheduler()
        self.wait_connected()
        self.assertTrue(process.is_alive())
        self.stop()
        self.assert_followed(run)
        self.assert_one_result(task)

    def test_both_killed_task_ends_meanwhile(self):
        run, task, process = self.begin_flow()
        self.assertTrue(self.agent.kill())
        self.assertTrue(self.cell.scheduler.kill())
        self.stop()
        self.eventually("the task's end", lambda: not process.is_alive())
        self.restart_scheduler()
        self.agent.start()
        self.assert_followed(run)
        self.assert_one_result(task)

    def kill_keeper(self, *names):
        """The keeper is two processes: the one that works, and its guard, which ends the tasks when that one dies."""
        found = {comm_of(pid): pid for pid in self.processes_named("stint-keeper")}
        self.assertEqual({"stint-keeper", "stint-guard"}, set(found))
        for name in names:
            os.kill(found[name], signal.SIGKILL)

    def check_keeper_killed(self, *names):
        """Its tasks die with it; a new attempt starts, and no retry is spent: this job has none."""
        run, task, process = self.begin_flow("--retries", "0")
        (self.cwd / f"{self.name}.pid").unlink()
        self.kill_keeper(*names)
        self.eventually("the task's death", lambda: not process.is_alive())
        again = self.process_of(f"{self.name}.pid")
        self.assertNotEqual((process.pid, process.start), (again.pid, again.start))
        self.stop()
        status, out, err = run.end()
        self.assertEqual(0, status, err.decode())
        self.assertTrue(out.endswith(flow.expected_output(self.lines_printed())), "the second attempt's output is complete")
        self.assert_one_result(task, attempts=2)
        self.assertEqual("lost", self.task(task)["attempts_list"][0]["reason"])

    def test_keeper_killed(self):
        self.check_keeper_killed("stint-keeper")

    def test_guard_killed(self):
        self.check_keeper_killed("stint-guard")

    def test_keeper_and_guard_killed(self):
        self.check_keeper_killed("stint-guard", "stint-keeper")

    def test_agent_leaves(self):
        """SIGTERM: the agent ends, its tasks run on, and end while it is away."""
        run, task, process = self.begin_flow()
        self.assertEqual(0, e2e.end_in_order(self.agent))
        self.eventually("the agent shown as disconnected", lambda: self.agent_state() == "disconnected")
        self.wait_for_progress()
        self.assertTrue(process.is_alive())
        self.stop()
        self.eventually("the task's end", lambda: not process.is_alive())
        self.assertEqual("running", self.task(task)["state"])  # nobody has told the scheduler
        self.agent.start()
        self.assert_followed(run)
        self.assert_one_result(task)

    def test_cancel_while_the_agent_is_down(self):
        """The agent learns of it when it comes back, and stops the task that went on."""
        run, task, process = self.begin_flow()
        self.assertTrue(self.agent.kill())
        self.product.ensure("cancel", task.partition(".")[0])
        self.wait_for_progress()
        self.agent.start()
        self.eventually("the task's death", lambda: not process.is_alive())
        self.assertEqual(130, run.end()[0])
        self.assertEqual("cancelled", self.task(task)["state"])


if __name__ == "__main__":
    e2e.main()
