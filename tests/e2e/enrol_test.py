"""Machines join with a pasted line: once, whatever is lost on the way, and nobody who listens learns anything."""

import base64
import json
import os
import shutil
import subprocess

import e2e
from relay import Relay


class Enrolment(e2e.Case):
    @classmethod
    def boot(cls):
        cls.cell = e2e.Cell(cls.product)
        cls.api = cls.cell.start()
        cls.machines = 0

    def make_token(self, *options):
        return json.loads(self.product.ensure("agent", "token", "--json", *options))

    def new_machine(self):
        """A state directory of its own."""
        type(self).machines += 1
        return self.product.folder / f"machine-{self.machines}"

    def join(self, address, token, state, *options):
        return self.product.command("agent", "join", address, token, "--state-dir", state, *options)

    def start_join(self, name, address, token, state, *options):
        return self.follow(name, "agent", "join", address, token, "--state-dir", state, *options)

    def agents(self):
        return {item["name"]: item for item in self.api.items("/v1/agents")}

    def address(self):
        return "{}:{}".format(*self.cell.address())

    def assert_refused(self, done, code):
        self.assertEqual(done.returncode, 125, done.stderr)
        self.assertIn(f"({code})", done.stderr)

    def test_a_pasted_line_makes_an_agent_that_runs_tasks(self):
        told = self.product.command("agent", "token", "--name", "pasted", "--type", "trainer", "--label", "zone=b")
        self.assertEqual(told.returncode, 0, told.stderr)
        line = told.stdout.strip()
        self.assertEqual(len(line.splitlines()), 1, "one line to paste")
        words = line.split()
        self.assertEqual(words[:3], ["stint", "agent", "join"])
        state = self.new_machine()
        done = self.product.command(*words[1:], "--state-dir", state)
        self.assertEqual(done.returncode, 0, done.stderr)
        key_file = state / "agent.json"
        self.assertIn(f"stint agent start --key-file {key_file}", done.stdout)
        for file in (key_file, state / "agent.json.ed25519"):
            self.assertEqual(file.stat().st_mode & 0o777, 0o600, file)
        self.cell.agents["pasted"] = e2e.Daemon(
            self.product, "pasted.log", "agent", "start", "--state-dir", state, "--cpu", 2, "--label", "zone=a", "--label", "fast=yes"
        )
        self.cell.agents["pasted"].start()
        self.eventually("the agent", lambda: self.agents()["pasted"]["state"] == "connected")
        agent = self.agents()["pasted"]
        self.assertEqual(agent["types"], ["trainer"], "bound by the token")
        self.assertEqual(agent["labels"], {"zone": "b"}, "bound by the token")
        self.assertEqual(self.product.ensure("run", "--type", "trainer", "--", "echo", "hello"), "hello\n")

        again = self.product.command(*words[1:], "--state-dir", state)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("had joined already", again.stdout)
        elsewhere = self.product.command(*words[1:], "--state-dir", self.new_machine())
        self.assert_refused(elsewhere, "token_used")
        self.assertIn("stint agent token", elsewhere.stderr, "the remedy")

    def test_a_lost_answer_locks_nobody_out(self):
        token = self.make_token("--name", "unlucky")["token"]
        with Relay(*self.cell.address(), lost=3) as relay:
            done = self.join(relay.address, token, self.new_machine())
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(relay.lost_answers, 3)
            self.assertEqual(relay.connections, 4)
        self.assertIn("unlucky", self.agents())
        self.assertEqual(sum(name.startswith("unlucky") for name in self.agents()), 1)

    def test_a_machine_that_lost_its_key_file_asks_again_as_who_it_was(self):
        token = self.make_token("--name", "forgetful")["token"]
        state = self.new_machine()
        self.assertEqual(self.join(self.address(), token, state).returncode, 0)
        first = (state / "agent.json").read_bytes()
        (state / "agent.json").unlink()  # as after a crash before it was written
        done = self.join(self.address(), token, state)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((state / "agent.json").read_bytes(), first)

    def test_expired_and_revoked_tokens_are_refused(self):
        expired = self.make_token("--ttl", "1ms")
        revoked = self.make_token()
        self.product.ensure("agent", "tokens", "--revoke", revoked["id"])
        self.assert_refused(self.join(self.address(), expired["token"], self.new_machine()), "token_expired")
        self.assert_refused(self.join(self.address(), revoked["token"], self.new_machine()), "token_revoked")

    def test_of_two_that_race_one_wins(self):
        for round in range(3):
            token = self.make_token("--name", f"race-{round}")["token"]
            racers = [self.start_join(f"racer-{round}-{i}", self.address(), token, self.new_machine()) for i in range(2)]
            results = [racer.end() for racer in racers]
            self.assertEqual(sorted(status for status, _, _ in results), [0, 125], results)
            loser = next(err for status, _, err in results if status == 125)
            self.assertIn(b"(token_used)", loser)
        self.assertEqual(sum(name.startswith("race-") for name in self.agents()), 3)

    def test_who_listens_learns_neither_secret_nor_key(self):
        token = self.make_token("--name", "overheard")["token"]
        state = self.new_machine()
        with Relay(*self.cell.address()) as relay:
            self.assertEqual(self.join(relay.address, token, state).returncode, 0)
            seen = bytes(relay.seen)
        self.assertIn(b"overheard", seen, "the capture holds the enrolment")
        packed = base64.urlsafe_b64decode(token.removeprefix("st1_"))
        secrets = {
            "token": packed[8:24],
            "agent key": bytes.fromhex(json.loads((state / "agent.json").read_text())["key"]),
            "signing key": bytes.fromhex((state / "agent.json.ed25519").read_text()),
        }
        for what, secret in secrets.items():
            for form in (secret, secret[:8], secret.hex().encode(), base64.b64encode(secret)[:12], base64.urlsafe_b64encode(secret)[:12]):
                self.assertNotIn(form, seen, what)

    def test_a_mistyped_token_is_told_before_anybody_is_asked(self):
        token = self.make_token()["token"]
        wrong = token[:30] + ("A" if token[30] != "A" else "B") + token[31:]
        done = self.join("127.0.0.1:1", wrong, self.new_machine())
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("mistyped", done.stderr)
        self.assertNotIn(wrong, done.stderr)

    def test_a_token_of_another_cell_is_unknown_here(self):
        token = self.make_token()["token"]
        packed = bytearray(base64.urlsafe_b64decode(token.removeprefix("st1_")))
        import hashlib

        packed[0] ^= 1
        packed[56:] = hashlib.sha256(packed[:56]).digest()[:4]
        foreign = "st1_" + base64.urlsafe_b64encode(packed).decode()
        self.assert_refused(self.join(self.address(), foreign, self.new_machine()), "unauthenticated")

    def test_a_scheduler_that_is_away_is_waited_for(self):
        token = self.make_token("--name", "patient")["token"]
        self.cell.scheduler.kill()
        waiting = self.start_join("patient", self.address(), token, self.new_machine())
        self.eventually("its first failure", lambda: b"trying again" in waiting.err.read_bytes())
        self.restart_scheduler()
        status, out, err = waiting.end()
        self.assertEqual(status, 0, err)
        self.assertIn(b"agent patient", out)

    def test_patience_ends(self):
        token = self.make_token()["token"]
        done = self.join(f"127.0.0.1:{e2e.free_port()}", token, self.new_machine(), "--timeout", "300ms")
        self.assert_refused(done, "unreachable")

    def test_a_key_file_of_another_agent_is_not_overwritten(self):
        token, other = self.make_token("--name", "first")["token"], self.make_token("--name", "second")["token"]
        state = self.new_machine()
        self.assertEqual(self.join(self.address(), token, state).returncode, 0)
        done = self.join(self.address(), other, state)
        self.assertEqual(done.returncode, 125)
        self.assertIn("--key-file", done.stderr)
        self.assertNotIn("second", self.agents())

    def test_the_small_agent_joins_too(self):
        small = self.product.bin / "stint-agent"
        if not small.exists():
            self.skipTest("no stint-agent is built")
        token = self.make_token("--name", "small")["token"]
        key = self.new_machine().with_suffix(".json")
        done = subprocess.run(
            [small, "join", self.address(), token, "--key-file", key],
            cwd=self.cwd, env=self.product.environment, capture_output=True, text=True, timeout=60, **e2e.accept.as_ordinary_user(),
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(key.read_text())["name"], "small")
        self.assertIn(f"stint-agent --key-file {key}", done.stdout)

    def restart_scheduler(self):
        self.cell.scheduler.start()
        self.eventually("the API", lambda: self.api.try_get("/v1/info"))


class Restored(e2e.Case):
    """A restore voids every enrolment token: what was burned after the backup would count again."""

    @classmethod
    def boot(cls):
        cls.cell = e2e.Cell(cls.product)
        cls.api = cls.cell.start()

    def test_a_restore_voids_tokens(self):
        token = json.loads(self.product.ensure("agent", "token", "--json", "--ttl", "1h"))["token"]
        backup, restored = self.product.folder / "backup", self.product.folder / "restored"
        self.product.ensure("backup", backup)
        address = "{}:{}".format(*self.cell.address())
        self.cell.scheduler.kill()
        self.product.ensure("restore", backup, "--state-dir", restored)
        shutil.rmtree(self.cell.state)
        os.rename(restored, self.cell.state)
        self.cell.scheduler.start()
        self.eventually("the API", lambda: self.api.try_get("/v1/info"))
        done = self.product.command("agent", "join", address, token, "--state-dir", self.product.folder / "machine")
        self.assertEqual(done.returncode, 125)
        self.assertIn("(token_revoked)", done.stderr)


if __name__ == "__main__":
    e2e.main()
