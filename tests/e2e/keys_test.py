#!/usr/bin/env python3
"""Key epochs with real processes: rotations under load and across deaths, an agent that slept through one, what is refused, revocation; and
tasks that may not run on without their scheduler."""

import json

import e2e

WAITING = "echo $$ > {name}.pid; while [ ! -e {name}.end ]; do sleep 0.05; done"


class Keys(e2e.Case):
    @classmethod
    def boot(cls):
        cls.cell = e2e.Cell(cls.product)
        cls.api = cls.cell.start()
        for name in ("box", "sleeper"):
            cls.cell.add_agent(name, "--cpu", 4, "--memory", "2Gi", "--label", f"name={name}")
        cls.cell.wait_for_agents(cls.api)

    def keys(self, *arguments):
        return json.loads(self.product.ensure("keys", *arguments, "--json"))

    def state_of_epoch(self, epoch):
        return next(key["state"] for key in self.keys("status")["items"] if key["key_epoch"] == epoch)

    def rotate(self, grace):
        """The epoch that was current, and the one that is. What an earlier test left within its grace is retired first."""
        for key in self.keys("status")["items"]:
            if key["state"] == "accepted":
                self.keys("retire", key["key_epoch"])
        before = self.keys("status")["current"]
        return before, self.keys("rotate", "--grace", grace)["current"]

    def wait_for_epoch(self, name, epoch):
        def works():
            view = self.api.try_get(f"/v1/agents/{name}")
            return view and view["key_epoch"] == epoch and view["state"] == "connected"

        self.eventually(f"{name} works with a key of epoch {epoch}", works)
        self.eventually(f"{name} has forgotten its older key", lambda: self.kept_by(name) == [epoch])

    def kept_by(self, name):
        file = json.loads((self.folder / f"{name}.key").read_text())
        return [file["key_epoch"], *(key["key_epoch"] for key in file.get("older_keys", []))]

    def begin_waiting(self, agent):
        """A task on that agent, and its process."""
        name = self._testMethodName
        command = WAITING.format(name=name)
        job = self.product.write(f"{name}.yaml", f"name: {name}\nlabels: {{name: {agent}}}\nrun: {json.dumps(command)}\n")
        number = self.run_detached(job)
        return f"{number}.main", self.process_of(f"{name}.pid")

    def end_waiting(self, task):
        (self.cwd / f"{self._testMethodName}.end").touch()
        self.eventually("the task's end", lambda: self.state_of(task) == "completed")
        self.assertEqual(1, len(self.task(task)["attempts_list"]))

    def test_1_rotation_under_load_with_an_agent_away(self):
        """Nobody's work is lost or done twice; who slept through the grace comes back by itself."""
        self.assertTrue(self.cell.agents["sleeper"].kill())
        task, process = self.begin_waiting("box")
        load = self.run_detached("--name", "load", "--array", "0-199", "--", "true")
        before, after = self.rotate("1s")
        self.wait_for_epoch("box", after)
        self.eventually("the end of the grace", lambda: self.state_of_epoch(before) == "retired")
        self.assertEqual(["sleeper"], [agent["agent"] for agent in self.keys("status")["behind"]])
        self.cell.agents["sleeper"].start()
        self.wait_for_epoch("sleeper", after)
        self.assertEqual([], self.keys("status")["behind"])
        self.eventually("the load", lambda: self.api.get(f"/v1/jobs/{load}")["tasks"]["completed"] == 200)
        attempts = [len(self.task(item["id"])["attempts_list"]) for item in self.api.items(f"/v1/jobs/{load}/tasks")]
        self.assertEqual([1] * 200, attempts)
        self.assertTrue(process.is_alive(), "a task notices nothing")
        self.end_waiting(task)

    def test_2_deaths_between_the_steps(self):
        _, after = self.rotate("1h")
        self.assertTrue(self.cell.scheduler.kill())  # installed, and hardly offered
        self.cell.scheduler.start()
        for name in ("box", "sleeper"):
            self.wait_for_epoch(name, after)
        _, after = self.rotate("1h")
        self.assertTrue(self.cell.agents["box"].kill())  # somewhere between the offer and the end
        self.cell.agents["box"].start()
        for name in ("box", "sleeper"):
            self.wait_for_epoch(name, after)

    def test_3_an_old_key_is_refused_once_it_is_removed(self):
        old = self.product.write("stolen.key", (self.folder / "sleeper.key").read_text())
        old.chmod(0o600)
        before, after = self.rotate("1h")
        self.wait_for_epoch("sleeper", after)
        self.wait_for_epoch("box", after)
        self.keys("retire", "--now", before)
        options = ("--key-file", old, "--state-dir", self.folder / "thief", "--name", "thief")
        thief = e2e.Daemon(self.product, "thief.log", "agent", "start", *options)
        thief.start()
        self.addCleanup(thief.kill)
        log = self.folder / "thief.log"
        self.eventually("the refusal", lambda: "unauthenticated" in log.read_text(errors="replace"))
        self.assertEqual(before, json.loads(old.read_text())["key_epoch"], "it was given no newer key")
        self.assertEqual("connected", self.api.get("/v1/agents/sleeper")["state"])

    def test_4_audit(self):
        events = [event for event in self.api.items("/v1/events") if event["kind"] in ("key_rotated", "key_retired")]
        self.assertIn("local", {event["data"]["by"] for event in events})
        self.assertIn("schedule", {event["data"]["by"] for event in events}, "the end of a grace is nobody's request")

    def test_5_without_a_session_a_task_is_stopped(self):
        """The keeper does it, also when the agent is dead; the scheduler hears that it was lost, and another attempt goes on."""
        name = self._testMethodName
        command = WAITING.format(name=name)
        job = self.product.write(
            f"{name}.yaml",
            f"name: {name}\non_disconnect: {{stop_after: 1s}}\nlabels: {{name: box}}\nkill_grace: 1s\nrun: {json.dumps(command)}\n",
        )
        number = self.run_detached(job)
        process = self.process_of(f"{name}.pid")
        self.assertTrue(self.cell.scheduler.kill())
        self.eventually("the task's end without a scheduler", lambda: not process.is_alive())
        (self.cwd / f"{name}.pid").unlink()
        self.cell.scheduler.start()
        process = self.process_of(f"{name}.pid")
        (self.cwd / f"{name}.pid").unlink()
        self.assertTrue(self.cell.agents["box"].kill())
        self.eventually("the task's end without an agent", lambda: not process.is_alive())
        self.cell.agents["box"].start()
        self.process_of(f"{name}.pid")
        (self.cwd / f"{name}.end").touch()
        self.eventually("the end", lambda: self.state_of(f"{number}.main") == "completed")
        attempts = self.task(f"{number}.main")["attempts_list"]
        self.assertEqual(["lost", "lost", "exit"], [attempt["reason"] for attempt in attempts])

    def test_6_revocation_cuts_what_is_open(self):
        """When the answer is there, nothing that the agent says counts any more."""
        task, process = self.begin_waiting("sleeper")
        self.product.ensure("agent", "revoke", "sleeper")
        self.assertEqual("revoked", self.api.get("/v1/agents/sleeper")["state"])
        lost = self.task(task)["attempts_list"][0]
        self.assertEqual(("failed", "lost"), (lost["state"], lost["reason"]), "as soon as the answer")
        log = self.folder / "sleeper.log"
        self.eventually("the agent hears it", lambda: "revoked" in log.read_text(errors="replace"))

        def is_refused():
            return "unauthenticated" in log.read_text(errors="replace").rpartition("this agent's key was revoked")[2]

        self.eventually("and is refused from then on", is_refused)
        (self.cwd / f"{self._testMethodName}.end").touch()
        self.eventually("its process ends", lambda: not process.is_alive())
        self.assertNotEqual("completed", self.state_of(task), "by its word alone nothing completes")


if __name__ == "__main__":
    e2e.main()
