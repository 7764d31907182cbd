#!/usr/bin/env python3
"""What the program says of itself: every command has examples and they parse, topics, manual pages, completion with live ids."""

import re
import shlex
import subprocess
import time

import e2e
from e2e import accept




class Help(e2e.Case):
    def leaf_commands(self, *words):
        """Down to the commands that have no further ones; `dev` does something by itself too."""
        text = self.product.ensure(*words, "--help")
        names = re.findall(r"^  ([a-z-]+) {2,}\S", text.partition("Subcommands:\n")[2].partition("\n\n")[0], re.MULTILINE)
        found = {} if names and words != ("dev",) else {" ".join(words): text}
        for name in names:
            found |= self.leaf_commands(*words, name)
        return found

    def test_every_command_has_examples_that_parse(self):
        for command, text in self.leaf_commands().items():
            examples = re.findall(r"^ +(stint .*)$", text.partition("Examples:\n")[2], re.MULTILINE)
            self.assertTrue(examples, f"stint {command} --help has no examples")
            for example in examples:
                self.assert_parses(example)

    def test_every_example_of_the_topics_parses(self):
        topics = self.product.ensure("help").partition("Topics (stint help TOPIC):\n")[2]
        names = re.findall(r"^  ([a-z-]+) ", topics, re.MULTILINE)
        self.assertLessEqual({"job-file", "exit-status", "environment", "quantities", "selectors", "states"}, set(names))
        for name in names:
            text = self.product.ensure("help", name)
            self.assertTrue(text.startswith(f"{name}: "), text[:80])
            for example in re.findall(r"^    (stint .*)$", text.partition("Examples\n")[2], re.MULTILINE):
                self.assert_parses(example)

    def assert_parses(self, example):
        example = re.split(r" {2,}| && | \|\| | \| | > ", example)[0]  # a remark, or what a shell does with it
        words = shlex.split(example)[1:]
        done = self.product.command("__parse", *words)
        self.assertEqual(0, done.returncode, f"{example}: {done.stderr}{done.stdout}")

    def test_an_unknown_topic_is_told_with_a_suggestion(self):
        done = self.product.command("help", "exit-statu")
        self.assertEqual(2, done.returncode)
        self.assertIn("exit-status", done.stderr)

    def test_a_mistyped_command_line_is_told_with_what_was_meant(self):
        for words, told in (
            (("run", "--cpus", "4", "--", "true"), '--cpus is no option of `stint run`; did you mean "--cpu"?'),
            (("dev", "stpo"), '"stpo" is no command of `stint dev`; did you mean "stop"?'),
            (("agent", "lst"), '"lst" is no command of `stint agent`; did you mean "list"?'),
            (("run", "python3", "train.py"), '"train.py" is one argument too many; a command to run stands after --'),
            (("jobs", "12"), '"12" is one argument too many; see `stint jobs --help`'),
            (("cancel",), "WHAT is missing (12, 12-15"),
            (("token", "create", "x"), "--scope is missing (read, submit"),
            (("agent",), "a command is missing; see `stint agent --help`"),
        ):
            done = self.product.command(*words)
            self.assertEqual(2, done.returncode, words)
            self.assertTrue(done.stderr.startswith(f"stint: {told}"), done.stderr)
        self.assertRegex(self.product.ensure("--version"), r"^stint \d+\.\d+\.\d+\n$")

    def test_manual_pages_and_completions_are_installed(self):
        share = self.folder / "cwd" / "share"
        self.product.ensure("__install", share)
        for name in ("man/man1/stint.1", "man/man1/stint-run.1", "man/man1/stint-agent-start.1", "man/man7/stint-exit-status.7"):
            text = (share / name).read_text()
            self.assertTrue(text.startswith('.TH "'), name)
            self.assertIn(".SH NAME\n", text)
        self.assertIn("\\-\\-array", (share / "man/man1/stint-run.1").read_text())
        for name in ("bash-completion/completions/stint", "zsh/site-functions/_stint", "fish/vendor_completions.d/stint.fish"):
            self.assertIn("__complete", (share / name).read_text())


class Completion(e2e.CellCase):
    @classmethod
    def boot(cls):
        super().boot()
        cls.job = int(cls.product.ensure("run", "-d", "--name", "named", "--array", "0-2", "--", "true"))
        cls.product.command("wait", cls.job)
        cls.product.write("job.yaml", "run: true\n")

    def words(self, *words, **environment):
        lines = self.product.ensure("__complete", *words, **environment).splitlines()
        return {line.partition("\t")[0]: line.partition("\t")[2] for line in lines}

    def test_commands_options_and_choices(self):
        self.assertLessEqual({"run", "watch", "agent"}, set(self.words("")))
        self.assertEqual({"watch"}, set(self.words("wat")))
        self.assertLessEqual({"list", "show", "drain"}, set(self.words("agent", "")))
        self.assertEqual({"--failed"}, set(self.words("tasks", "--fa")))
        self.assertEqual({"failed"}, set(self.words("tasks", "--state", "f")))
        self.assertEqual({"failed"}, set(self.words("tasks", "--state", "=", "f")), "as bash splits --state=f")
        self.assertEqual({"bash", "zsh", "fish"}, set(self.words("completion", "")))
        self.assertLessEqual({"exit-status", "agent"}, set(self.words("help", "")))

    def test_live_ids(self):
        self.assertEqual("named, completed", self.words("watch", "")[str(self.job)])
        self.assertIn("last", self.words("cancel", ""))
        self.assertEqual({f"{self.job}.main"}, set(self.words("logs", f"{self.job}.")))
        self.assertEqual({f"{self.job}.main.{index}": "completed" for index in range(3)}, self.words("logs", f"{self.job}.main."))
        self.assertEqual({"box": "connected"}, self.words("agent", "show", ""))

    def test_files(self):
        self.assertEqual([":files"], list(self.words("run", "")))
        self.assertEqual([":files"], list(self.words("job", "validate", "")))
        self.assertEqual([":files"], list(self.words("agent", "start", "--key-file", "")))

    def test_without_a_scheduler_it_is_silent_and_quick(self):
        for server in ("http://127.0.0.1:1", "http://192.0.2.1:7464"):  # refuses; TEST-NET-1, which nobody answers for
            begun = time.monotonic()
            done = self.product.command("__complete", "watch", "", STINT_SERVER=server, STINT_TOKEN="x")
            self.assertEqual((0, "", ""), (done.returncode, done.stdout, done.stderr))
            self.assertLess(time.monotonic() - begun, 5)

    def test_bash_completes(self):
        script = (
            'eval "$(stint completion bash)"\n'
            'complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _stint; printf "%s\\n" "${COMPREPLY[@]}"; }\n'
            f"complete_words stint wat; complete_words stint logs {self.job}.main.; complete_words stint job validate jo"
        )
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.cwd,
            env=self.product.environment | {"PATH": f"{self.product.bin}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=e2e.PATIENCE,
            **accept.as_ordinary_user(),
        )
        expected = ["watch", *(f"{self.job}.main.{index}" for index in range(3)), "job.yaml"]
        self.assertEqual(expected, done.stdout.split(), done.stderr)


class Logs(e2e.CellCase):
    @classmethod
    def boot(cls):
        super().boot()
        script = "for line in 1 2 3; do echo $STINT_INDEX line $line; done; test $STINT_INDEX != 1 || { echo broken >&2; exit 4; }"
        cls.job = int(cls.product.ensure("run", "-d", "--array", "0-2", "--", "sh", "-c", script))
        cls.product.command("wait", cls.job)

    def test_of_an_array_all_in_order_behind_their_names(self):
        lines = self.product.ensure("logs", self.job).splitlines()
        expected = [f"main.{task} | {task} line {line}" for task in (0, 2) for line in (1, 2, 3)]
        self.assertEqual(expected, [line for line in lines if "main.1" not in line])
        self.assertEqual(4, sum(line.startswith("main.1 | ") for line in lines))

    def test_the_last_lines_of_each(self):
        self.assertEqual(["main.0 | 0 line 3", "main.2 | 2 line 3"], self.product.ensure("logs", self.job, "--tail", 1).splitlines()[::2])

    def test_of_the_failed_ones_under_headings(self):
        lines = self.product.ensure("logs", self.job, "--failed", "--tail", 2).splitlines()
        self.assertEqual(f"==> {self.job}.main.1 failed: exit 4 on box <==", lines[0])
        self.assertEqual(3, len(lines))
        self.assertIn("broken", lines)

    def test_a_tail_of_one_task(self):
        self.assertEqual("2 line 2\n2 line 3\n", self.product.ensure("logs", f"{self.job}.main.2", "--tail", 2))
        self.assertEqual("2 line 3\n", self.product.ensure("logs", "-f", f"{self.job}.main.2", "--tail", 1))

    def test_a_long_line_is_found_whole(self):
        done = self.product.command("run", "--", "sh", "-c", "echo first; head -c 300000 /dev/zero | tr '\\0' x; echo; echo last")
        self.assertEqual(0, done.returncode)
        lines = self.product.ensure("logs", "last", "--tail", 2).splitlines()
        self.assertEqual([300_000, 4], [len(line) for line in lines])

    def test_follow_is_for_one_task(self):
        self.assertEqual(2, self.product.command("logs", "-f", self.job).returncode)

    def test_failed_tasks_are_listed(self):
        self.assertRegex(self.product.ensure("tasks", self.job, "--failed"), rf"(?s)TASK.*\n{self.job}\.main\.1 +failed +exit 4 .*")
        self.assertEqual(2, len(self.product.ensure("tasks", self.job, "--failed").splitlines()))


if __name__ == "__main__":
    e2e.main()
