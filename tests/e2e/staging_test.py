#!/usr/bin/env python3
"""Code and data that travel, with real processes: an agent that shares no path with the client, and deaths of both sides in every phase."""

import hashlib
import json
import os

import e2e


def name_of(content):
    return hashlib.sha256(content).hexdigest()


class Staging(e2e.CellCase):
    @classmethod
    def boot(cls):
        super().boot()
        cls.agent = cls.cell.agents["box"]
        cls.agent_state = cls.folder / "agent-box"

    def upload(self, content):
        blob = name_of(content)
        for offset in range(0, max(len(content), 1), 4 << 20):
            answer = self.request("PATCH", f"/v1/blobs/{blob}?offset={offset}&size={len(content)}", content[offset : offset + (4 << 20)])
            self.assertEqual(200, answer.status, answer.body)
        return blob

    def upload_tree(self, files):
        """The manifest of {path: content}; a path that ends in * is executable."""
        lines = []
        for path, content in sorted(files.items(), key=lambda item: item[0].rstrip("*")):
            mode = 755 if path.endswith("*") else 644
            lines.append(f"{self.upload(content)} {len(content)} {mode} {path.rstrip('*')}\n")
        return self.upload("".join(lines).encode())

    def run_job(self, **task):
        """Submits a job of one entry and returns its number; `script` is a shell line."""
        task["command"] = ["/bin/sh", "-c", task.pop("script")]
        answer = self.submit({"name": "staging", "tasks": [{"name": "main", **task}]})
        self.assertIn(answer.status, (200, 201), answer.body)
        return answer.json()["id"]

    def wait_for_end(self, task, seconds=e2e.PATIENCE):
        self.eventually(f"{task} ended", lambda: self.state_of(task) in ("completed", "failed", "cancelled"), seconds)
        return self.task(task)

    def wait_running(self, task):
        self.eventually(f"{task} running", lambda: self.state_of(task) == "running")

    def run_until_told(self, script, output):
        """A task that waits for the file `go` in its directory. Returns its job, and its directory on the agent."""
        job = self.run_job(script=f"while [ ! -e go ]; do sleep 0.1; done; {script}", own_directory=True, outputs=[output])
        self.wait_running(f"{job}.main")
        return job, self.agent_state / "attempts" / f"{job}.0.0@1"

    def outputs_of(self, task):
        """{path: content} of what the task left, read through the API."""
        left = {}
        job, _, entry = task.partition(".")
        for file in self.api.get(f"/v1/jobs/{job}/outputs?task={entry}")["items"]:
            answer = self.request("GET", f"/v1/blobs/{file['blob']}")
            self.assertEqual(200, answer.status, answer.body[:300])
            self.assertEqual(file["blob"], name_of(answer.body))
            left[file["path"]] = answer.body
        return left

    def directories(self):
        folder = self.agent_state / "attempts"
        return sorted(os.listdir(folder)) if folder.exists() else []

    def test_code_goes_there_and_results_come_back(self):
        inputs = self.upload_tree({"run.sh*": b"#!/bin/sh\ntr a-z A-Z < data/in > $STINT_OUTPUTS/out\n", "data/in": b"abc"})
        script = "./run.sh && mkdir $STINT_OUTPUTS/plots && echo 1 > $STINT_OUTPUTS/plots/1"
        job = self.run_job(script=script, inputs=inputs, outputs=["out", "plots/"])
        self.assertEqual("completed", self.wait_for_end(f"{job}.main")["state"])
        self.assertEqual({"out": b"ABC", "plots/1": b"1\n"}, self.outputs_of(f"{job}.main"))
        self.eventually("its directory to go", lambda: not self.directories())

    def test_a_missing_output_fails_and_says_so(self):
        job = self.run_job(script="echo x > $STINT_OUTPUTS/modell", outputs=["model"])
        task = self.wait_for_end(f"{job}.main")
        self.assertEqual(("failed", "output_missing"), (task["state"], task["reason"]))
        self.assertIn("modell", json.dumps(task))

    def test_an_agent_killed_while_the_task_runs(self):
        job, folder = self.run_until_told("echo done > $STINT_OUTPUTS/out", "out")
        self.assertTrue(self.agent.kill())
        (folder / "work" / "go").touch()
        self.eventually("its output", lambda: (folder / "outputs" / "out").exists())
        self.agent.start()
        self.assertEqual("completed", self.wait_for_end(f"{job}.main")["state"])
        self.assertEqual({"out": b"done\n"}, self.outputs_of(f"{job}.main"))
        self.assertEqual(1, self.api.get(f"/v1/jobs/{job}/outputs")["items"][0]["attempt"])

    def test_a_scheduler_that_is_away_when_the_task_ends(self):
        job, folder = self.run_until_told("head -c 9000000 /dev/zero > $STINT_OUTPUTS/big", "big")
        self.assertTrue(self.cell.scheduler.kill())
        (folder / "work" / "go").touch()
        self.eventually("its output", lambda: (folder / "outputs" / "big").exists())
        self.cell.scheduler.start()
        self.assertEqual("completed", self.wait_for_end(f"{job}.main")["state"])
        self.assertEqual(b"\0" * 9_000_000, self.outputs_of(f"{job}.main")["big"])

    def test_an_agent_killed_while_outputs_are_on_their_way(self):
        job, folder = self.run_until_told("echo x > $STINT_OUTPUTS/x", "x")
        self.assertTrue(self.cell.scheduler.kill())
        (folder / "work" / "go").touch()
        self.eventually("its output", lambda: (folder / "outputs" / "x").exists())
        self.assertTrue(self.agent.kill())
        self.agent.start()
        self.cell.scheduler.start()
        self.assertEqual("completed", self.wait_for_end(f"{job}.main")["state"])
        self.assertEqual({"x": b"x\n"}, self.outputs_of(f"{job}.main"))

    def test_a_checkpoint_survives_a_failed_attempt(self):
        script = "cat $STINT_CHECKPOINT_DIR/step > $STINT_OUTPUTS/found && exit 0; echo 41 > $STINT_CHECKPOINT_DIR/step; exit 1"
        job = self.run_job(script=script, checkpoint=True, retries=1, outputs=["found"])
        self.assertEqual("completed", self.wait_for_end(f"{job}.main")["state"])
        self.assertEqual({"found": b"41\n"}, self.outputs_of(f"{job}.main"))

    def test_values_and_results(self):
        script = 'echo "{\\"result\\":{\\"rate\\":$RATE,\\"index\\":$STINT_INDEX}}" >> $STINT_REPORT; [ "$0" = "$RATE" ]'
        answer = self.submit(
            {
                "name": "sweep",
                "tasks": [
                    {
                        "name": "main",
                        "command": ["/bin/sh", "-c", script, "${{ matrix.rate }}"],
                        "env": {"RATE": "${{ matrix.rate }}"},
                        "matrix": [{"name": "rate", "values": ["0.10", "0.2"]}],
                    }
                ],
            }
        )
        self.assertIn(answer.status, (200, 201), answer.body)
        job = answer.json()["id"]
        for index in range(2):
            self.assertEqual("completed", self.wait_for_end(f"{job}.main.{index}")["state"])
        results = [item["result"] for item in self.api.get(f"/v1/jobs/{job}/results")["items"]]
        self.assertEqual([{"rate": 0.1, "index": 0}, {"rate": 0.2, "index": 1}], results)

    def test_a_result_that_is_too_large(self):
        job = self.run_job(script='printf \'{"result":"%070000d"}\\n\' 0 >> $STINT_REPORT')
        task = self.wait_for_end(f"{job}.main")
        self.assertEqual(("failed", "result_too_large"), (task["state"], task["reason"]))

    def test_files_of_items_are_brought(self):
        items = self.upload_tree({"images/1.jpg": b"one", "images/2.jpg": b"two"})
        each = {"items": items, "count": 2, "kind": "files", "batch": 0}
        job = self.run_job(script="cp $STINT_ITEM $STINT_OUTPUTS/copy", each=each, outputs=["copy"], own_directory=True)
        for index, content in enumerate((b"one", b"two")):
            self.assertEqual("completed", self.wait_for_end(f"{job}.main.{index}")["state"], self.task(f"{job}.main.{index}"))
            self.assertEqual({"copy": content}, self.outputs_of(f"{job}.main.{index}"))

    def test_items_that_need_nothing_else_are_brought(self):
        items = self.upload_tree({"a": b"one"})
        job = self.run_job(script='[ "$(cat $STINT_ITEM)" = one ]', each={"items": items, "count": 1, "kind": "files", "batch": 0})
        self.assertEqual("completed", self.wait_for_end(f"{job}.main.0")["state"], self.task(f"{job}.main.0"))

    def test_a_batch_is_a_file(self):
        items = self.upload(b"a\nb\nc\n")
        each = {"items": items, "count": 3, "kind": "lines", "batch": 2}
        job = self.run_job(script='[ "$(wc -l < $STINT_ITEM)" = "$((2 - STINT_INDEX))" ]', each=each)
        for index in range(2):
            self.assertEqual("completed", self.wait_for_end(f"{job}.main.{index}")["state"], self.task(f"{job}.main.{index}"))

    def test_plain_tasks_leave_no_file(self):
        before = self.directories()
        job = self.run_job(script="true")
        self.assertEqual("completed", self.wait_for_end(f"{job}.main")["state"])
        self.assertEqual(before, self.directories())


if __name__ == "__main__":
    e2e.main()
