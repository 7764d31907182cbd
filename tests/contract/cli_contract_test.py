#!/usr/bin/env python3
"""Every command with --json against schema/cli.schema.json, on a running cell."""

import json
import pathlib
import re
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import contracts  # noqa: E402
from dev_cell import DevCase  # noqa: E402

import e2e  # noqa: E402

# Commands that run until they are ended, or only print help: they have no --json output of their own to hold against the schema here.
WITHOUT_OUTPUT = {"agent start", "scheduler start", "help"}
# Minutes of measuring; `bench dispatch` and `bench latency` print the same kind of object and are asked for little.
TOO_LONG = {"bench wire", "bench agent"}


class CliContract(DevCase):
    @classmethod
    def setUpClass(cls):
        cls.contract = contracts.Cli()
        cls.called = {"run"}
        super().setUpClass()

    def run_json(self, *arguments, status=0):
        command = " ".join(map(str, arguments))
        done = self.product.command(*arguments)
        self.assertEqual(status, done.returncode, f"stint {command}: {done.stderr}{done.stdout}")
        return done.stdout

    def ask(self, definition, command, *arguments, status=0):
        """`stint COMMAND ARGUMENTS --json` prints one object as the definition says."""
        self.called.add(command)
        words = command.split()
        end = arguments.index("--") if "--" in arguments else len(arguments)
        output = self.run_json(*words, *arguments[:end], "--json", *arguments[end:], status=status)
        self.assertEqual(1, output.count("\n"), f"{command}: one line: {output[:300]!r}")
        return self.contract.check(definition, json.loads(output), f"stint {command}")

    def ask_lines(self, definition, command, *arguments):
        self.called.add(command)
        lines = self.run_json(*command.split(), *arguments, "--json").splitlines()
        self.assertTrue(lines, command)
        return [self.contract.check(definition, json.loads(line), f"stint {command}") for line in lines]

    def leaf_commands(self, *words):
        """What `--help` names, down to the commands that have no further ones. `dev` does something by itself too."""
        text = self.product.ensure(*words, "--help")
        names = re.findall(r"^  ([a-z-]+) {2,}\S", text.partition("Subcommands:\n")[2].partition("\n\n")[0], re.MULTILINE)
        found = set() if names and words != ("dev",) else {" ".join(words)}
        for name in names:
            found |= self.leaf_commands(*words, name)
        return found

    def test_1_reading(self):
        self.assertEqual([*reversed(self.jobs)][:3], [job["id"] for job in self.ask("jobs", "jobs", "--limit", 3)["items"]])
        self.assertEqual(2, len(self.ask("tasks", "tasks", self.array, "--limit", 2)["items"]))
        one = self.ask("tasks", "tasks", f"{self.array}.main.2")["items"]
        self.assertEqual([(2, 1)], [(task["index"], len(task["attempts_list"])) for task in one])
        for job in self.jobs:
            self.ask("tasks", "tasks", job)
            self.ask("job_show", "job show", job)
            self.ask("explain", "explain", job)
        waiting = self.ask("explain", "explain", f"{self.waiting}.main")
        self.assertEqual(("pending", "no_agent_fits"), (waiting["state"], waiting["why"]))
        clauses = {clause["clause"]: clause for clause in waiting["agents"][0]["clauses"]}
        self.assertEqual(10**12, clauses["memory"]["wanted_bytes"])
        self.assertEqual(64, clauses["gpu"]["wanted"])
        lines = self.ask_lines("logs", "logs", f"{self.failed}.main")
        self.assertEqual({1, 2}, {line["attempt"] for line in lines})
        self.assertTrue(self.ask_lines("logs", "logs", f"{self.failed}.main", "--follow")[-1]["end"])
        lines = self.ask_lines("logs", "logs", self.array, "--tail", 1)
        expected = [(f"{self.array}.main.{index}", str(index)) for index in range(5)]
        self.assertEqual(expected, [(line["task"], line["line"]) for line in lines])

    def test_2_running_and_waiting(self):
        self.assertGreater(self.ask("run_detached", "run", "-d", "--", "true")["job"], self.cancelled)
        for script, state, status in (("true", "completed", 0), ("exit 7", "failed", 7), ("kill -9 $$", "failed", 137)):
            result = self.ask("run", "run", "--", "sh", "-c", script, status=status)
            self.assertEqual((state, status), (result["state"], result["exit_status"]), script)
        for words in (["--failed"], []):
            again = self.ask("run_detached", "retry", self.failed, *words)["job"]
            self.assertGreater(again, self.failed)
            self.assertEqual(3, self.ask("wait", "wait", again, status=3)["items"][0]["exit_status"])
        self.assertEqual(1, self.ask("wait", "wait", self.completed, self.failed, status=1)["exit_status"])
        self.assertEqual(3, self.ask("wait", "wait", self.failed, status=3)["items"][0]["exit_status"])

    def test_3_agents(self):
        key = self.folder / "cwd" / "guest.key"
        self.assertEqual("guest", self.ask("agent_key_file", "agent token", "--name", "guest", "--key-file", key)["name"])
        self.assertEqual({"connected", "disconnected"}, {agent["state"] for agent in self.ask("agent_list", "agent list")["items"]})
        self.ask("agent_show", "agent show", "guest")
        self.ask("agent_show", "agent drain", "guest")
        self.assertIsNotNone(self.ask("agent_show", "agent drain", "guest", "--deadline", "10m", "--wait")["drain_by"])
        self.assertIsNone(self.ask("agent_show", "agent drain", "guest", "--undo")["drain_by"])
        self.assertEqual("revoked", self.ask("agent_show", "agent revoke", "guest")["state"])

    def test_3_people(self):
        job = {"name": "ask", "tasks": [{"driver": "human", "form": {"choice": ["cat"]}, "array": {"count": 2}}]}
        number = json.loads(self.request("POST", "/v1/jobs", json.dumps(job)).body)["id"]
        task = json.loads(self.request("POST", "/v1/work/claim", json.dumps({"job": number})).body)["items"][0]["task"]
        held = self.ask("tasks", "tasks", number)["items"][0]
        self.assertEqual(("running", "local"), (held["state"], held["agent"]))
        self.assertEqual("claimed", self.ask("explain", "explain", task)["why"])
        person = next(agent for agent in self.ask("agent_list", "agent list")["items"] if agent["kind"] == "person")
        self.assertEqual([task], [claim["task"] for claim in person["claims"]])
        told = self.product.ensure("agent", "list")
        self.assertRegex(told, rf"(?s)AGENT .*\n\nPERSON .*\nlocal +working +1 +{task} +20")
        self.assertRegex(self.product.ensure("tasks", number), rf"(?s)TASK .* CLAIMED UNTIL .*\n{task} +running .* local ")
        answer = json.dumps({"attempt": 1, "result": {"choice": "cat"}})
        self.assertEqual(200, self.request("POST", f"/v1/work/{task}/answer", answer).status)
        self.assertRegex(self.product.ensure("tasks", number), rf'(?s)TASK .* RESULT\n{task} +completed .*{{"choice":"cat"}}\n')
        self.product.ensure("cancel", number)

    def test_3_context(self):
        context = self.ask("context", "context")
        self.assertEqual(self.dev["server"], context["server"])
        self.assertEqual(("local", ["admin"], None), (context["token"]["name"], context["token"]["scopes"], context["problem"]))
        self.assertEqual(context["server"] + "\n", self.product.ensure("context", "--address"))
        other = self.product.command("context", "--json", STINT_TOKEN="stint_9_" + 40 * "0")
        self.assertEqual(1, other.returncode)
        told = self.contract.check("context", json.loads(other.stdout), "an unknown token")
        self.assertEqual(("STINT_TOKEN", None), (told["token_from"], told["token"]))
        self.assertIn("not known", told["problem"])

    def test_3_joining(self):
        made = self.ask("agent_token", "agent token", "--name", "newcomer", "--type", "trainer", "--label", "zone=b", "--ttl", "1h")
        self.assertEqual(["stint", "agent", "join", made["addresses"][0], made["token"]], made["line"].split())
        self.assertNotIn(made["token"], json.dumps(self.ask("agent_tokens", "agent tokens")))
        words = [made["addresses"][0], made["token"], "--key-file", self.folder / "cwd" / "newcomer.json"]
        for _ in range(2):
            self.assertEqual("newcomer", self.ask("agent_join", "agent join", *words)["name"])
        self.assertEqual(["trainer"], self.ask("agent_show", "agent show", "newcomer")["allowed_types"])
        self.assertEqual("revoked", self.ask("agent_tokens_revoke", "agent tokens", "--revoke", made["id"])["state"])

    def test_3_tokens(self):
        made = self.ask("token_create", "token create", "viewer", "--scope", "read,submit", "--ttl", "1h")
        self.assertEqual(["read", "submit"], made["scopes"])
        self.assertNotIn(made["token"], json.dumps(self.ask("token_list", "token list")))
        self.assertEqual("revoked", self.ask("token_revoke", "token revoke", "viewer")["state"])

    def test_3_keys(self):
        before = self.ask("keys_status", "keys status")["current"]
        rotated = self.ask("keys_rotate", "keys rotate", "--grace", "1h")
        self.assertGreater(rotated["current"], before)
        retired = self.ask("keys_retire", "keys retire", str(before))
        self.assertEqual(["retired"], [key["state"] for key in retired["items"] if key["key_epoch"] == before])

    def test_4_without_a_cell(self):
        good = self.product.write("good.yaml", "name: good\nrun: echo hello\n")
        self.assertTrue(self.ask("job_validate", "job validate", good)["valid"])
        self.assertIsNone(self.ask("job_show", "job show", good)["job"])
        self.assertEqual("sweep", self.ask("job_init", "job init", "sweep", "-o", "sweep.yaml")["shape"])
        bad = self.product.write("bad.yaml", "name: bad\nrun: echo hello\nretrys: 2\n")
        report = self.ask("job_validate", "job validate", bad, status=2)
        self.assertEqual((False, 3), (report["valid"], report["items"][0]["problems"][0]["line"]))
        self.assertTrue(self.ask("scheduler_check_config", "scheduler check-config", "--listen", "127.0.0.1:0")["valid"])
        toml = self.product.write("bad.toml", '[log]\nlevel = "loud"\n')
        report = self.ask("scheduler_check_config", "scheduler check-config", toml, status=2)
        self.assertEqual((2, 9), (report["problems"][0]["line"], report["problems"][0]["column"]))
        self.assertIn("[scheduler]", self.ask("scheduler_check_config", "scheduler check-config", "--print-defaults")["defaults"])
        self.ask("version", "version")
        away = self.ask("context", "context", "--server", f"http://127.0.0.1:{e2e.free_port()}", status=1)
        self.assertEqual(("--server", None, None), (away["server_from"], away["token"], away["scheduler"]))
        for shell in ("bash", "zsh", "fish"):
            self.assertEqual(shell, self.ask("completion", "completion", shell)["shell"])

    def test_4_blobs(self):
        text = self.product.write("text.txt", "hello, blobs\n")
        for was_missing in (True, False):
            item = self.ask("blob_put", "blob put", text)["items"][0]
            self.assertEqual((13, str(text), was_missing), (item["size_bytes"], item["file"], item["was_missing"]))
        copy = self.folder / "cwd" / "copy.txt"
        self.assertEqual(13, self.ask("blob_get", "blob get", item["blob"], "-o", copy)["size_bytes"])
        self.assertEqual(text.read_bytes(), copy.read_bytes())
        self.run_json("blob", "get", item["blob"], "--json", status=2)

    def test_4_planning(self):
        again = self.product.write("again.yaml", "name: again\nrun: echo hello\narray: 0-3\n")
        self.assertIsNone(self.ask("plan", "plan", again)["previous"])
        self.product.ensure("run", "-d", again)
        planned = self.ask("plan", "plan", again, "--retries", 2)
        self.assertEqual([{"key": "main.retries", "before": "0", "after": "2"}], planned["previous"]["changes"])
        large = self.product.write("large.yaml", "run: echo hello\nresources: {gpu: 64}\n")
        self.assertFalse(self.ask("plan", "plan", large, status=3)["placeable"])

    def test_4_outputs(self):
        job = self.product.write("leave.yaml", "run: echo $STINT_INDEX > $STINT_OUTPUTS/n.txt\narray: 0-2\noutputs: [n.txt]\n"
                                               "collect: {file: n.txt, into: all.txt}\nresources: {cpu: 100m}\n")
        number = self.product.ensure("run", "-d", job).strip()
        self.product.ensure("wait", number)
        items = self.ask("outputs", "outputs", number)["items"]
        self.assertEqual([f"{number}.main.{i}" for i in range(3)] + [None], [item["task"] for item in items])
        place = self.folder / "cwd" / "fetched"
        for _ in range(2):  # what is there stays
            fetched = self.ask("outputs_to", "outputs", number, "--to", place)["items"]
            self.assertEqual(4, len(fetched))
        self.assertEqual("1\n", (place / "main/1/n.txt").read_text())
        self.assertEqual("0\n1\n2\n", (place / "main/all.txt").read_text())
        self.assertEqual(4, len([path for path in place.rglob("*") if path.is_file()]), "nothing half is left")
        self.assertIn("all.txt", self.product.ensure("outputs", number))
        one = self.ask("outputs", "outputs", f"{number}.main.2")["items"]
        self.assertEqual(["n.txt"], [item["path"] for item in one])

    def test_5_errors(self):
        for code, status, *arguments in (
            ("not_found", 125, "tasks", 999),
            ("not_found", 125, "logs", "999.main"),
            ("not_found", 125, "agent", "show", "nobody"),
            ("usage", 2, "jobs", "--limit", 0),
            ("usage", 2, "token", "create", "x", "--scope", "reed"),
            ("invalid_argument", 125, "token", "create", "7", "--scope", "read"),
            ("conflict", 125, "token", "revoke", "local"),
            ("usage", 2, "run"),
            ("usage", 2, "tasks", "one.two.three.four"),
            ("usage", 2, "nothing"),
        ):
            output = self.run_json(*arguments, "--json", status=status)
            self.assertEqual(code, self.contract.check("error", json.loads(output), str(arguments))["error"]["code"], arguments)

    def test_6_watch_and_cancel(self):
        watch = self.follow("watch", "watch", "--json")

        def something_is_told():
            self.product.ensure("run", "-d", "--memory", "1000G", "--", "true")
            return watch.out.stat().st_size > 0

        self.eventually("a line of watch", something_is_told)  # it tells what happens from when it is connected
        self.ask("cancel", "cancel", self.running)
        self.eventually("the end of the job", lambda: b"job_ended" in watch.out.read_bytes())
        watch.process.send_signal(signal.SIGINT)
        _, output, _ = watch.end()
        self.called.add("watch")
        for line in output.splitlines():
            self.contract.check("watch", json.loads(line), "stint watch")

    def test_7_backup(self):
        state, backup = self.product.ensure_json("dev", "status")["state_dir"], self.folder / "backup"
        taken = self.ask("backup", "backup", backup, "--state-dir", f"{state}/scheduler")
        restored = self.ask("restore", "restore", backup, "--state-dir", self.folder / "restored")
        self.assertEqual((taken["cell"], taken["incarnation"] + 1), (restored["cell"], restored["incarnation"]))

    def test_7_bench(self):
        noop = ("dispatch", "--tasks", 1000, "--jobs", 10, "--rounds", 1)
        for arguments in (noop, ("dispatch", "--driver", "exec", "--tasks", 20, "--rounds", 1), ("latency", "--rounds", 3)):
            output = self.product.command("bench", *arguments, "--json").stdout
            self.called.add(f"bench {arguments[0]}")
            self.contract.check("bench", json.loads(output), f"stint bench {arguments[0]}")

    def test_7_bench_scale(self):
        agents = ("--agents", 20, "--tls-agents", 5, "--heartbeat-seconds", 1)
        work = ("--cost-tasks", 1000, "--cost-jobs", 5, "--pending", 1000, "--jobs", 2, "--items", 10, "--rounds", 1)
        output = self.product.command("bench", "scale", *agents, *work, "--json").stdout
        self.called.add("bench scale")
        self.contract.check("bench", json.loads(output), "stint bench scale")

    def test_7_bench_growth(self):
        output = self.product.command("bench", "growth", "--pending", 1000, "--agents", 10, "--rounds", 1, "--json").stdout
        self.called.add("bench growth")
        self.contract.check("bench", json.loads(output), "stint bench growth")

    def test_8_dev(self):
        self.contract.check("dev", self.dev, "stint dev --detach")
        self.called.add("dev")
        self.assertTrue(self.ask("dev", "dev status")["running"])
        self.assertTrue(self.ask("dev_stop", "dev stop")["stopped"])
        self.assertFalse(self.ask("dev_stop", "dev stop")["stopped"])
        self.assertFalse(self.ask("dev", "dev status", status=1)["running"])

    def test_9_every_command_and_every_definition_was_used(self):
        self.assertEqual(self.leaf_commands(), self.called | WITHOUT_OUTPUT | TOO_LONG)
        self.assertEqual(self.contract.outputs(), self.contract.used)


if __name__ == "__main__":
    e2e.main()
