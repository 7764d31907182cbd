#!/usr/bin/env python3
"""The quick cases of stint-conform hold for the scheduler and the agent of this build. All of them: tests/accept/B-4.

Run it alone:  STINT_BIN_DIR=build/release/bin python3 tests/conform/conform_test.py
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / folder) for folder in ("e2e", "accept")]

import accept  # noqa: E402
import conform  # noqa: E402
import e2e  # noqa: E402

# Those that wait for a timeout are left to B-4.
SCHEDULER = [f"S{section}" for section in (*range(1, 8), 10, 11, *range(14, 24), 26, 27)] + "S24.0 S25.0 S25.12 S25.14 S25.15".split()
AGENT = "A1.01 A1.08 A1.10 A2.0 A3.0 A4.0 A6 A7.0 A10.0 A14 A15 A17.01 A17.03 A18.0 A18.13 A19.03".split()
AGENT += "A23.01 A23.03 A23.08 A23.10 A23.31 A23.43 A24.01 A24.02 A24.05 A24.21 A25.01 A25.05 A25.06 A25.13 A27.01 A27.04".split()


class Conform(e2e.Case):
    def check(self, report, at_least):
        broken = [item["id"] for item in report["items"] if item["verdict"] != "pass"]
        self.assertEqual([], broken)
        self.assertGreaterEqual(report["passed"], at_least)

    def test_scheduler(self):
        self.check(conform.against_scheduler(self.product, *SCHEDULER), 200)

    def test_agent(self):
        self.check(conform.against_cpp_agent(accept_bin(), *AGENT), 60)

    def test_list_names_every_case_and_its_sentence(self):
        for side in ("scheduler", "agent"):
            listed = subprocess.run([conform.program(), side, "--list"], capture_output=True, text=True, check=True).stdout
            self.assertGreaterEqual(len(listed.splitlines()), 2 * 100)

    def test_wrong_command_lines_are_told(self):
        start = ("agent", "--start", "true")
        wrong_agents = ("A99",), ("--jobs", "0"), ("--without", "all")
        for arguments in ((), ("both",), ("scheduler",), ("agent",), *((*start, *wrong) for wrong in wrong_agents)):
            done = subprocess.run([conform.program(), *arguments], capture_output=True, text=True)
            self.assertEqual(2, done.returncode, arguments)
            self.assertTrue(done.stderr.startswith("stint-conform: "), done.stderr)

    def test_agent_that_ends_at_once_is_a_failure(self):
        done = subprocess.run([conform.program(), "agent", "--start", "false", "--json", "A1.01"], capture_output=True, text=True)
        self.assertEqual(1, done.returncode)
        self.assertEqual("stint.conform/1", json.loads(done.stdout)["schema"])

    def test_what_cannot_be_asked_for_is_skipped_and_says_so(self):
        start = f"{accept_bin()}/stint-agent --key-file {{key_file}} --state-dir {{state_dir}}"
        arguments = ["agent", "--start", start, "--driver", "none", "--json", "A18.01"]
        done = subprocess.run([conform.program(), *arguments], capture_output=True, text=True)
        self.assertEqual(77, done.returncode)
        self.assertIn("--task ok=", json.loads(done.stdout)["items"][0]["needs"])

    def test_what_an_implementation_lacks_is_skipped_and_not_passed(self):
        done = subprocess.run(
            [conform.program(), "agent", "--start", "false", "--without", "tls", "--json", "A25"], capture_output=True, text=True
        )
        report = json.loads(done.stdout)
        self.assertEqual((77, report["cases"], 0), (done.returncode, report["skipped"], report["passed"]))
        self.assertEqual("tls, which --without left out", report["items"][0]["needs"])

    @unittest.skipUnless(shutil.which("git"), "no git to apply patches with")
    def test_every_planted_bug_can_be_planted(self):
        """What they change moves on; B-4, which builds them, is not run as often as this is."""
        for patch in sorted((accept.ROOT / "tests/conform/mutants").glob("*.patch")):
            done = subprocess.run(["git", "apply", "-C1", "--check", patch], cwd=accept.ROOT, capture_output=True, text=True)
            self.assertEqual(0, done.returncode, f"{patch.name}: {done.stderr}")


def accept_bin():
    return pathlib.Path(os.environ.get("STINT_BIN_DIR", accept.ROOT / "build/release/bin"))


if __name__ == "__main__":
    e2e.main()
