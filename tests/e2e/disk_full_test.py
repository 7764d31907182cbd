#!/usr/bin/env python3
"""A disk that is really full, the scheduler's or the agent's: nothing acknowledged is lost, nobody crashes, space heals everything."""

import hashlib
import json
import random
import unittest

import e2e
import flow
import small_disk

DISK_BYTES = 24 << 20
JOB_OF_60_KB = {"name": "large", "tasks": [{"command": ["true"], "env": {"FILL": "x" * 60_000}}]}


def setUpModule():
    try:
        small_disk.enter_namespace()
    except small_disk.Unavailable as missing:
        raise unittest.SkipTest(f"no tmpfs of our own: {missing}") from None


def mount_for(product, folder):
    owner = product.folder.stat()
    return small_disk.SmallDisk(product.folder / folder, DISK_BYTES, owner.st_uid, owner.st_gid)


class DiskFull(flow.FlowCase):
    DISK = ""

    @classmethod
    def boot(cls):
        cls.disk = mount_for(cls.product, cls.DISK)
        cls.stack.callback(cls.disk.unmount)
        cls.stack.callback(cls.product.end)  # once more, before the disk goes
        super().boot()

    def setUp(self):
        super().setUp()
        self.addCleanup(lambda: (self.disk.path / small_disk.FILLER).exists() and self.disk.free())

    def assert_completes(self, job):
        self.eventually(f"job {job} completed", lambda: (self.api.try_get(f"/v1/jobs/{job}") or {}).get("state") == "completed")


class SchedulerDiskFull(DiskFull):
    DISK = "scheduler"

    def submit_until_refused(self):
        """Numbers of the jobs that were acknowledged on the way, and the refusal."""
        acknowledged = []

        def refused():
            self.disk.fill()  # what a checkpoint gave back too
            answer = self.submit(JOB_OF_60_KB)
            if answer.status == 201:
                acknowledged.append(answer.json()["id"])
            return answer if answer.status != 201 else None

        return acknowledged, self.eventually("a refusal", refused)

    def is_ready(self):
        return self.request("GET", "/readyz").status == 200

    def free(self):
        self.disk.free()
        self.eventually("ready again", self.is_ready)

    def test_new_work_is_refused_and_running_work_survives(self):
        run, task, process = self.begin_flow()
        before = self.run_detached("--array", "0-19", "--", "true")
        acknowledged, refusal = self.submit_until_refused()

        self.assertEqual(507, refusal.status, refusal.body)
        self.assertEqual("application/problem+json", refusal.headers["Content-Type"])
        self.assertEqual("no_space", refusal.json()["code"])
        self.assertIn("free space", refusal.json()["remedy"])
        by_hand = self.product.command("run", "-d", "--", "true")
        self.assertEqual(125, by_hand.returncode)
        self.assertIn("free space", by_hand.stderr)
        self.assertFalse(self.is_ready())
        for job in (before, *acknowledged):
            self.assertEqual(200, self.request("GET", f"/v1/jobs/{job}").status)  # what is known can be read

        self.wait_for_progress()
        self.assertTrue(process.is_alive())
        self.stop()
        self.eventually("the task's end", lambda: not process.is_alive())
        self.assertIsNone(self.cell.scheduler.process.poll())
        self.free()

        self.assert_followed(run)
        self.assert_one_result(task)
        for job in (before, *acknowledged):
            self.assert_completes(job)
        listed = {item["id"] for item in self.api.items("/v1/jobs")}
        self.assertLessEqual({before, *acknowledged}, listed)
        self.assertEqual("all is well\n", self.product.command("run", "--", "echo", "all is well").stdout)

    def test_killed_while_full(self):
        """A scheduler that dies on a full disk comes back with all that it had acknowledged."""
        run, task, process = self.begin_flow()
        acknowledged, refusal = self.submit_until_refused()
        self.assertEqual(507, refusal.status, refusal.body)
        self.assertTrue(self.cell.scheduler.kill())
        self.wait_for_progress()
        self.disk.free()
        self.restart_scheduler()
        self.assertTrue(process.is_alive())
        self.stop()
        self.assert_followed(run)
        self.assert_one_result(task)
        for job in acknowledged:
            self.assert_completes(job)

    def test_started_while_full(self):
        """It says what is wrong and ends, or serves what it has; with space it starts, and nothing is missing."""
        acknowledged, _ = self.submit_until_refused()
        self.assertTrue(self.cell.scheduler.kill())
        self.disk.fill()
        self.cell.scheduler.start()
        ended = lambda: self.cell.scheduler.process.poll()  # noqa: E731
        self.eventually("an end or an API", lambda: ended() is not None or self.api.try_get("/v1/info"))
        self.disk.free()
        if ended() is not None:
            self.assertRegex(self.cell.scheduler.log_end(), "full|[Nn]o space")
            self.restart_scheduler()
        self.eventually("ready", self.is_ready)
        for job in acknowledged:
            self.assert_completes(job)


class BlobsDiskFull(DiskFull):
    DISK = "scheduler"

    def patch(self, content, offset, end, size=None):
        blob = hashlib.sha256(content).hexdigest()
        return self.request("PATCH", f"/v1/blobs/{blob}?offset={offset}&size={size or len(content)}", content[offset:end])

    def test_an_upload_outlives_a_full_disk(self):
        content = random.Random(1).randbytes(2_000_000)
        self.assertEqual({"offset": 1_000_000, "complete": False}, self.patch(content, 0, 1_000_000).json())
        self.disk.fill()
        refusal = self.eventually("a refusal", lambda: self.patch(content, 1_000_000, None))
        self.assertEqual((507, "no_space"), (refusal.status, refusal.json()["code"]), refusal.body)
        self.disk.free()
        self.eventually("ready", lambda: self.request("GET", "/readyz").status == 200)
        upload = self.request("GET", f"/v1/blobs/{hashlib.sha256(content).hexdigest()}/upload").json()
        self.assertEqual({"offset": 1_000_000, "complete": False}, upload)
        self.assertTrue(self.patch(content, 1_000_000, None).json()["complete"])

    def test_what_cannot_fit_is_refused_at_its_first_byte(self):
        refusal = self.patch(b"too large", 0, 1, size=2 * DISK_BYTES)
        self.assertEqual((507, "no_space"), (refusal.status, refusal.json()["code"]), refusal.body)
        self.assertIn(str(2 * DISK_BYTES), refusal.json()["detail"])
        self.assertEqual([], list((self.disk.path / "uploads").glob(hashlib.sha256(b"too large").hexdigest())))


class AgentDiskFull(DiskFull):
    DISK = "agent-box"

    def fill(self):
        self.eventually("a full disk", lambda: self.disk.fill() or self.disk.is_full())

    def test_output_and_journal_wait_for_space(self):
        """The task that prints is held back, new tasks wait or run once: nothing is lost, nothing runs twice, no process dies."""
        run, task, process = self.begin_flow()
        keepers = set(self.processes_named("stint-keeper"))
        self.wait_for_progress()
        self.fill()
        job = self.run_detached("--array", "0-9", "--", "sh", "-c", "echo begun >>begun.$STINT_INDEX; echo $STINT_INDEX")
        self.eventually("tasks on their way", lambda: self.api.get(f"/v1/jobs/{job}")["tasks"]["pending"] < 10 or self.disk.is_full())
        self.fill()

        self.assertTrue(process.is_alive())
        self.assertIsNone(self.agent.process.poll())
        self.disk.free()
        self.wait_for_progress()
        self.stop()
        self.assert_followed(run)
        self.assert_one_result(task)
        self.assert_completes(job)
        for index in range(10):
            self.assertEqual("begun\n", (self.cwd / f"begun.{index}").read_text())
            self.assertEqual(f"{index}\n", self.product.ensure("logs", f"{job}.main.{index}"))
        self.assertEqual(keepers, set(self.processes_named("stint-keeper")))

    def test_agent_killed_while_full(self):
        run, task, process = self.begin_flow()
        self.fill()
        self.assertTrue(self.agent.kill())
        self.agent.start()  # it may say so and end, or wait for space
        self.assertTrue(process.is_alive())
        self.disk.free()
        if e2e.accept.is_soon(1, lambda: self.agent.process.poll() is not None):
            self.assertRegex(self.agent.log_end(), "full|[Nn]o space")
            self.agent.start()
        self.wait_connected()
        self.wait_for_progress()
        self.stop()
        self.assert_followed(run)
        self.assert_one_result(task)

    def test_refused_disk_is_not_a_lost_result(self):
        """Results that cannot be journalled are not reported, and come when there is space."""
        self.fill()
        job = self.run_detached("--name", self.name, "--", "sh", "-c", f"echo ran >>{self.name}.ran; exit 3")
        self.fill()
        self.assertNotEqual("completed", self.state_of(f"{job}.main"))
        self.disk.free()
        self.eventually("the end", lambda: self.state_of(f"{job}.main") == "failed")
        detail = self.task(f"{job}.main")
        self.assertEqual(("exit", 3, 1), (detail["reason"], detail["exit_code"], len(detail["attempts_list"])), json.dumps(detail))
        self.assertEqual("ran\n", (self.cwd / f"{self.name}.ran").read_text())



if __name__ == "__main__":
    e2e.main()
