#!/usr/bin/env python3
"""What a user does in the first week, on `stint dev` with two agents: run, arrays, graphs, retries, cancel, timeouts, logs, explain."""

import hashlib
import json
import os
import signal

import e2e
import memory_group

GRAPH = """\
name: graph
tasks:
  first:
    run: echo first >>order.txt
  left:
    needs: first
    array: 0-2
    run: echo left >>order.txt
  right:
    needs: [first]
    run: echo right >>order.txt
  last:
    needs: [left, right]
    run: echo last >>order.txt
"""

BIG_OUTPUT = """\
import sys
block = bytes(range(256)) * 4096
for stream in (sys.stdout.buffer, sys.stderr.buffer):
    for number in range(5):
        stream.write(bytes([number]) + block)
    stream.flush()
"""


class Lifecycle(e2e.Case):
    @classmethod
    def boot(cls):
        cls.state = cls.folder / "state"
        cls.product.environment["STINT_STATE_DIR"] = str(cls.state)
        said = cls.product.ensure("dev", "--detach", "--agents", "2", "--listen", f"127.0.0.1:{e2e.free_port()}")
        assert "stint run" in said, said
        cls.api = e2e.Api(cls.context_file())

    @classmethod
    def context_file(cls):
        return cls.state / "context.json"

    def run_job(self, *arguments, **options):
        return self.product.command("run", *arguments, **options)

    def last_job(self):
        return self.api.get("/v1/jobs?limit=1")["items"][0]["id"]

    def test_output_is_exact(self):
        """10 MB over both streams, zero bytes and all, with no newline at the end."""
        self.product.write("big.py", BIG_OUTPUT)
        run = self.follow("big", "run", "--", "python3", "big.py")
        status, out, err = run.end()
        expected = b"".join(bytes([number]) + bytes(range(256)) * 4096 for number in range(5))
        self.assertEqual(0, status)
        self.assertEqual(len(expected), len(out))
        self.assertEqual(hashlib.sha256(expected).digest(), hashlib.sha256(out).digest())
        self.assertIn(expected, err)
        again = self.follow("big-logs", "logs", f"{self.last_job()}.main").end()
        self.assertEqual((0, expected), again[:2])

    def test_exit_statuses(self):
        for status, arguments in (
            (0, ("--", "true")),
            (7, ("--", "sh", "-c", "exit 7")),
            (128 + 9, ("--", "sh", "-c", "kill -KILL $$")),
            (124, ("--timeout", "200ms", "--", "sleep", "600")),
            (1, ("--array", "0-3", "--", "sh", "-c", "exit $STINT_INDEX")),
            (2, ("--no-such-option",)),
        ):
            self.assertEqual(status, self.run_job(*arguments).returncode, arguments)

    def test_array(self):
        done = self.run_job("--array", "10-20:5%2", "--", "sh", "-c", "echo $STINT_INDEX of $STINT_ARRAY_SIZE")
        self.assertEqual(0, done.returncode, done.stderr)
        job = self.last_job()
        tasks = list(self.api.items(f"/v1/jobs/{job}/tasks"))
        self.assertEqual([10, 15, 20], [task["index"] for task in tasks])
        for task in tasks:
            self.assertEqual(f"{task['index']} of 3\n", self.product.ensure("logs", task["id"]))

    def test_graph_from_a_file(self):
        self.product.write("graph.yaml", GRAPH)
        done = self.run_job("graph.yaml")
        self.assertEqual(0, done.returncode, done.stderr)
        lines = (self.cwd / "order.txt").read_text().split()
        self.assertEqual(("first", "last", 6), (lines[0], lines[-1], len(lines)))
        self.assertEqual(["left", "left", "left", "right"], sorted(lines[1:-1]))

    def test_needs_failed(self):
        self.product.write("fails.yaml", "tasks:\n  a:\n    run: exit 3\n  b:\n    needs: a\n    run: touch never\n")
        self.assertEqual(1, self.run_job("fails.yaml").returncode)
        job = self.last_job()
        self.assertEqual(["failed", "cancelled"], [self.task(f"{job}.{name}")["state"] for name in "ab"])
        self.assertEqual("failed", self.api.get(f"/v1/jobs/{job}")["state"])
        self.assertFalse((self.cwd / "never").exists())

    def test_retries(self):
        """Fails twice, then completes: three attempts, the last one counts, and each knows its number."""
        done = self.run_job("--retries", "2", "--", "sh", "-c", "echo $STINT_ATTEMPT >>attempts.txt; test $STINT_ATTEMPT = 3")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual("1\n2\n3\n", (self.cwd / "attempts.txt").read_text())
        attempts = self.task(f"{self.last_job()}.main")["attempts_list"]
        self.assertEqual(["failed", "failed", "completed"], [attempt["state"] for attempt in attempts])
        self.assertEqual([False, False, True], [attempt["is_result"] for attempt in attempts])

    def test_retries_used_up(self):
        self.assertEqual(5, self.run_job("--retries", "1", "--", "sh", "-c", "exit 5").returncode)
        self.assertEqual(2, self.task(f"{self.last_job()}.main")["attempts"])

    def test_cancel(self):
        """The task gets SIGTERM and may say goodbye; `run` ends with 130, at once."""
        script = "trap 'echo goodbye; exit 0' TERM; echo $$ >cancel.part; mv cancel.part cancel.pid; while :; do sleep 0.05; done"
        run = self.follow("cancel", "run", "--", "sh", "-c", script)
        process = self.process_of("cancel.pid")
        self.product.ensure("cancel", "last")
        self.assertEqual(130, run.end()[0])
        self.eventually("the task's death", lambda: not process.is_alive())
        self.eventually("its last words", lambda: self.product.ensure("logs", f"{self.last_job()}.main") == "goodbye\n")
        self.assertEqual(130, self.product.command("wait", "last").returncode)

    def test_timeout_hard(self):
        """A task that does not hear SIGTERM is killed, with what it started."""
        script = "trap '' TERM; sleep 600 & echo $! >child.part; mv child.part child.pid; while :; do sleep 0.05; done"
        task = {"command": ["sh", "-c", script], "workdir": str(self.cwd), "timeout_ms": 300, "kill_grace_ms": 200}
        answer = self.submit({"tasks": [task]})
        self.assertEqual(201, answer.status, answer.body)
        job = answer.json()["id"]
        child = self.process_of("child.pid")
        self.assertEqual(124, self.product.command("wait", job).returncode)
        self.assertEqual("timeout", self.task(f"{job}.main")["reason"])
        self.eventually("the child's death", lambda: not child.is_alive())

    def test_logs_follow_and_wait(self):
        job = self.run_detached("--", "sh", "-c", "echo one; while ! test -e go; do sleep 0.02; done; echo two")
        logs = self.follow("logs", "logs", "-f", f"{job}.main")
        waiting = self.follow("waiting", "wait", job)
        self.eventually("the first line", lambda: logs.out.read_bytes() == b"one\n")
        self.assertIsNone(waiting.process.poll())
        self.product.write("go", "")
        self.assertEqual((0, b"one\ntwo\n"), logs.end()[:2])
        self.assertEqual(0, waiting.end()[0])

    def test_lists_as_json(self):
        self.assertEqual(0, self.run_job("--name", "listed", "--array", "0-1", "--", "true").returncode)
        jobs = json.loads(self.product.ensure("jobs", "--json"))
        self.assertEqual("listed", jobs["items"][0]["name"])
        tasks = json.loads(self.product.ensure("tasks", "last", "--json"))
        self.assertEqual(["completed", "completed"], [task["state"] for task in tasks["items"]])
        agents = json.loads(self.product.ensure("agent", "list", "--json"))
        self.assertEqual(["connected", "connected"], [agent["state"] for agent in agents["items"]])

    def test_explain(self):
        job = self.run_detached("--memory", "1000G", "--", "true")
        explained = json.loads(self.product.ensure("explain", job, "--json"))
        self.assertEqual(2, len(explained["agents"]))
        for agent in explained["agents"]:
            self.assertIn("memory", [clause["clause"] for clause in agent["clauses"]])
        self.product.ensure("cancel", job)

    def test_job_file_errors_name_the_line(self):
        for text, line, word in (
            ("name: x\nrun: true\nretires: 2\n", 3, "retries"),
            ("name: x\ntasks:\n  a:\n    run: true\n    array: many\n", 5, "array"),
            ("name: x\nrun: [unclosed\n", 3, ""),
        ):
            self.product.write("wrong.yaml", text)
            done = self.run_job("wrong.yaml")
            self.assertIn(done.returncode, (2, 125))
            self.assertRegex(done.stderr, rf"wrong\.yaml:{line}\b")
            self.assertIn(word, done.stderr)

    def test_environment(self):
        done = self.run_job("--env", "GREETING=hello there", "--", "env")
        self.assertEqual(0, done.returncode)
        found = dict(line.split("=", 1) for line in done.stdout.splitlines())
        job = str(self.last_job())
        wanted = {"STINT_JOB_ID": job, "STINT_TASK_ID": f"{job}.main", "STINT_ATTEMPT": "1", "GREETING": "hello there"}
        self.assertEqual(wanted, {name: found.get(name) for name in wanted})
        self.assertIn("STINT_REPORT", found)
        self.assertNotIn("STINT_TOKEN", found)

    def test_report(self):
        line = json.dumps({"progress": 0.25, "step": 120, "metrics": {"loss": 0.21}, "message": "half way to half"})
        job = self.run_detached("--", "sh", "-c", f"echo '{line}' >>\"$STINT_REPORT\"; while ! test -e enough; do sleep 0.02; done")
        seen = self.eventually("progress", lambda: (view := self.task(f"{job}.main"))["progress"] and view)
        self.assertEqual((0.25, {"loss": 0.21}, "half way to half"), (seen["progress"], seen["metrics"], seen["message"]))
        self.assertEqual("running", seen["state"])
        self.product.write("enough", "")
        self.assertEqual(0, self.product.command("wait", job).returncode)

    def test_two_agents_share(self):
        """A task for each agent: both run at once, each waits for the other."""
        cpus = min(agent["resources"]["cpu_millis"] for agent in self.api.items("/v1/agents"))
        meet = "touch met.$STINT_INDEX; while ! test -e met.0 || ! test -e met.1; do sleep 0.02; done"
        done = self.run_job("--array", "0-1", "--cpu", f"{cpus}m", "--timeout", "60s", "--", "sh", "-c", meet)
        self.assertEqual(0, done.returncode, done.stderr)
        agents = {task["agent"] for task in self.api.items(f"/v1/jobs/{self.last_job()}/tasks")}
        self.assertEqual(2, len(agents))

    def test_not_found_program(self):
        done = self.run_job("--", "no-such-program-anywhere")
        self.assertNotEqual(0, done.returncode)
        self.assertIn("no-such-program-anywhere", done.stderr)
        self.assertEqual("start_failed", self.task(f"{self.last_job()}.main")["reason"])


    def test_what_init_writes_runs_as_it_stands(self):
        for shape in ("command", "sweep", "array", "batch", "pipeline", "crawl"):
            folder = self.cwd / f"init-{shape}"
            folder.mkdir()
            e2e.accept.give_to_ordinary_user(folder)
            script = f"stint job init {shape} >job.yaml; stint plan job.yaml; stint run job.yaml; stint wait last"
            path = f"{self.product.bin}:{os.environ['PATH']}"
            done = e2e.accept.run_command(
                ["sh", "-ec", script], 60, cwd=folder, env=self.product.environment | {"PATH": path}, **e2e.accept.as_ordinary_user()
            )
            self.assertEqual(0, done.returncode, f"{shape}: {done.stderr}")


class DevAgents(e2e.Case):
    def test_those_of_an_earlier_start_are_gone(self):
        """And come back under their name when they are asked for again."""
        self.product.environment["STINT_STATE_DIR"] = str(self.folder / "state")

        def agents_of_dev(count):
            self.product.ensure("dev", "--detach", "--agents", count, "--listen", f"127.0.0.1:{e2e.free_port()}")
            found = {agent["name"]: agent["state"] for agent in self.product.ensure_json("agent", "list")["items"]}
            explained = {agent["agent"] for agent in self.product.ensure_json("explain", self.job)["agents"]} if self.job else None
            listed = self.product.ensure("agent", "list")
            if not self.job:
                self.job = self.run_detached("--memory", "1000000Gi", "--", "true")
            self.product.ensure("dev", "stop")
            return found, explained, listed

        self.job = None
        self.assertEqual({"local-1": "connected", "local-2": "connected"}, agents_of_dev(2)[0])
        found, explained, listed = agents_of_dev(1)
        self.assertEqual({"local-1": "connected", "local-2": "revoked"}, found)
        self.assertEqual({"local-1"}, explained)
        self.assertNotIn("local-2", listed)
        self.assertEqual("connected", agents_of_dev(2)[0]["local-2"])


class DevStop(e2e.Case):
    def test_nothing_is_left(self):
        """Daemons, keepers, tasks and what the tasks started, one of them in a session of its own: by the kernel's word."""
        self.product.environment["STINT_STATE_DIR"] = str(self.folder / "state")
        self.product.ensure("dev", "--detach", "--agents", "2", "--listen", f"127.0.0.1:{e2e.free_port()}")
        script = "sleep 600 & echo $! >child; setsid sleep 600 & echo $! >far; echo $$ >main.part; mv main.part main.pid; wait"
        self.run_detached("--", "sh", "-c", script)
        processes = [self.process_of(name) for name in ("main.pid", "child", "far")]
        self.assertTrue(all(process.is_alive() for process in processes))
        self.product.ensure("dev", "stop")
        self.eventually("no process left", lambda: not self.product.processes() and not any(process.is_alive() for process in processes))


class Gpus(e2e.CellCase):
    AGENT_OPTIONS = ("--cpu", 8, "--memory", "4Gi", "--gpu", 2)

    def test_tasks_get_different_indices(self):
        """Two at once, each waits for the other; a third one waits until an index is free."""
        script = 'echo "$CUDA_VISIBLE_DEVICES" >gpu.$STINT_INDEX; while ! test -e gpu.0 || ! test -e gpu.1; do sleep 0.02; done'
        done = self.product.command("run", "--array", "0-2", "--gpu", "1", "--", "sh", "-c", script)
        self.assertEqual(0, done.returncode, done.stderr)
        found = [(self.cwd / f"gpu.{index}").read_text().strip() for index in range(3)]
        self.assertEqual({"0", "1"}, set(found[:2]))
        self.assertIn(found[2], ("0", "1"))

    def test_both_and_none(self):
        both = self.product.ensure("run", "--gpu", "2", "--", "sh", "-c", "echo $CUDA_VISIBLE_DEVICES")
        self.assertEqual("0,1\n", both)
        none = self.product.ensure("run", "--", "sh", "-c", "echo \"[${CUDA_VISIBLE_DEVICES}]\"")
        self.assertEqual("[]\n", none)


class Memory(e2e.CellCase):
    @classmethod
    def boot(cls):
        owner = cls.folder.stat()
        cls.stack.enter_context(memory_group.delegated_to(owner.st_uid, owner.st_gid))
        cls.stack.callback(cls.product.end)  # first, so that the group is empty
        super().boot()

    def test_out_of_memory_is_told_apart(self):
        self.product.ensure("run", "--", "true")  # by then the agent has looked at its cgroups
        notes = " ".join(self.api.get("/v1/agents")["items"][0]["notes"])
        if "memory" in notes:
            self.skipTest(f"no writable memory cgroup: {notes}")
        hungry = "x = bytearray(512 << 20); print(len(x))"
        done = self.product.command("run", "--memory", "32Mi", "--", "python3", "-c", hungry)
        self.assertEqual(128 + signal.SIGKILL, done.returncode)
        job = self.api.get("/v1/jobs?limit=1")["items"][0]["id"]
        self.assertEqual("oom", self.task(f"{job}.main")["reason"])


if __name__ == "__main__":
    e2e.main()
