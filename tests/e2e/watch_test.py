#!/usr/bin/env python3
"""The live view on a terminal: lists, bars, curves, keys, small sizes, other locales; progress bars; what Ctrl-C does."""

import json
import re
import signal

import e2e
from terminal import Terminal

# Reports a metric that falls, and goes on until told to stop; the third of an array fails at once.
WORK = """\
import json, os, pathlib, sys, time
if os.environ.get("STINT_INDEX") == "2":
    print("no such luck", file=sys.stderr)
    sys.exit(3)
step = 0
while not pathlib.Path(sys.argv[1]).exists():
    step += 1
    with open(os.environ["STINT_REPORT"], "a") as report:
        report.write(json.dumps({"progress": min(0.9, step / 20), "metrics": {"loss": 1 / step}, "message": "\\x1b[31mred"}) + "\\n")
    print("step", step, flush=True)
    time.sleep(0.4)
"""

BLOCKS = "▁▂▃▄▅▆▇█"


class Watching(e2e.CellCase):
    @classmethod
    def boot(cls):
        super().boot()
        cls.product.write("work.py", WORK)
        sweep = ("--name", "sweep", "--cpu", "100m", "--array", "0-3")
        cls.array = int(cls.product.ensure("run", "-d", *sweep, "--", "python3", "work.py", "never"))
        cls.waiting = int(cls.product.ensure("run", "-d", "--name", "giant", "--memory", "1000G", "--", "true"))

    def terminal(self, *arguments, **options):
        terminal = Terminal(self.product, *arguments, **options)
        self.addCleanup(terminal.close)
        return terminal

    def assert_shows(self, terminal, pattern):
        found = terminal.shows(pattern)
        self.assertTrue(found, f"{pattern!r} is not shown:\n{terminal.text()}")
        return found

    def leave(self, terminal):
        terminal.send("q")
        self.assertEqual(0, terminal.end())
        self.assertIn(b"\x1b[?1049l", terminal.bytes)
        self.assertEqual([], terminal.screen.unknown)

    def test_lists_bars_curves_and_keys(self):
        watch = self.terminal("watch", columns=110)
        self.assert_shows(watch, rf" {self.waiting} giant +░+ +pending")
        self.assert_shows(watch, rf" {self.array} sweep +█+░+ running +0/4 3 running 1 failed")
        self.assert_shows(watch, r"box +3 running +cpu █.*0\.3/8")
        self.assert_shows(watch, r"^q quit +\? help .*tab .*f failed.*c cancel")
        watch.send("/sweep\r")
        self.assert_shows(watch, rf"^› +{self.array} sweep")
        watch.send("\r")
        self.assert_shows(watch, rf"^› {self.array}\.main\.2 +failed +exit 3")
        watch.send("\x1b[B")
        self.assert_shows(watch, rf"^› {self.array}\.main\.0 +running")
        curve = self.assert_shows(watch, rf"^ +loss +([{BLOCKS}]{{3,}}) ")[1]
        self.assertEqual(("█", "▁"), (curve[0], curve[-1]), "it falls")
        self.assertNotIn("\x1b[31mred", watch.text())
        self.assertIn("?[31mred", watch.text(), "a task cannot command the terminal")
        self.leave(watch)

    def test_pages_of_a_task(self):
        watch = self.terminal("watch", self.array)
        self.assert_shows(watch, rf"^› {self.array}\.main\.2 +failed")
        watch.send("f")
        self.assert_shows(watch, r"failed only")
        watch.send("l")
        self.assert_shows(watch, r"^no such luck")
        watch.send("\x1b")
        watch.send("f/1")
        self.assert_shows(watch, r"^/1_")
        watch.send("\r")
        self.assert_shows(watch, rf"^› {self.array}\.main\.1 +running")
        watch.send("\r")
        self.assert_shows(watch, r"^loss +0\.\d+ +0\.\d+ to (1|0\.\d+)$")
        self.assert_shows(watch, r"[⠀-⣿]{3}")
        self.assert_shows(watch, r"^step \d+")
        watch.send("?")
        self.assert_shows(watch, r"quit; nothing is cancelled")
        self.leave(watch)

    def test_explain_and_cancel_after_asking(self):
        job = self.run_detached("--memory", "1000G", "--", "true")
        watch = self.terminal("watch")
        self.assert_shows(watch, rf"^› +{job} ")
        watch.send("e")
        self.assert_shows(watch, r"memory")
        watch.send("\x1b")
        watch.send("c")
        self.assert_shows(watch, rf"cancel {job}\?")
        watch.send("n")
        self.assert_shows(watch, r"^q quit")
        self.assertEqual("pending", self.api.get(f"/v1/jobs/{job}")["state"])
        watch.send("cy")
        self.assert_shows(watch, rf"^› +{job} .*cancelled")
        self.assertEqual("cancelled", self.api.get(f"/v1/jobs/{job}")["state"])
        self.leave(watch)

    def test_any_size(self):
        watch = self.terminal("watch", columns=40, rows=30)
        self.assert_shows(watch, r"sweep +[█░]{6} 0/4")
        self.assert_shows(watch, r"^q quit +\? help")
        for columns, rows in ((20, 4), (60, 8), (200, 60), (10, 2), (100, 30)):
            watch.resize(columns, rows)
            self.assert_shows(watch, r"q quit")
        self.assert_shows(watch, r"^q quit .*filter$")
        self.leave(watch)

    def test_ascii_without_colours(self):
        watch = self.terminal("watch", self.array, LC_ALL="C", NO_COLOR="1")
        self.assert_shows(watch, r"sweep +#+\.+ +running")
        watch.send("j")
        self.assert_shows(watch, r"^ +loss +#[_.=*#-]{2,} ")
        self.leave(watch)
        text = watch.bytes.decode("ascii")
        self.assertIsNone(re.search(r"\x1b\[3\dm", text))

    def test_the_scheduler_goes_away_and_comes_back(self):
        watch = self.terminal("watch")
        self.assert_shows(watch, r"giant")
        self.cell.scheduler.kill()
        self.assert_shows(watch, r"trying again")
        self.assertIn("giant", watch.text(), "what was known stays")
        self.restart_scheduler()
        self.wait_connected()
        self.assert_shows(watch, r"^stint .*1 agent, ")
        self.leave(watch)

    def test_a_hundred_thousand_tasks_cost_a_few_small_requests(self):
        task = {"name": "main", "command": ["true"], "array": {"count": 100_000}, "resources": {"gpu": 900}}
        job = self.submit({"name": "huge", "tasks": [task]})
        self.assertEqual(201, job.status, job.body)
        number = job.json()["id"]
        watch = self.terminal("watch", number)
        self.assert_shows(watch, rf"^› {number}\.main\.0 +pending")
        watch.send("/77777\r")
        self.assert_shows(watch, rf"^› {number}\.main\.77777 +pending")
        self.leave(watch)
        self.product.ensure("cancel", number)

    def test_into_a_pipe_it_prints_lines(self):
        watch = self.follow("pipe", "watch")
        self.eventually("a line", lambda: self.run_detached("--", "true") and watch.out.stat().st_size > 0)
        watch.process.send_signal(signal.SIGINT)
        _, out, _ = watch.end()
        self.assertNotIn(b"\x1b", out)

    def test_what_has_ended_is_told_once(self):
        number = self.run_detached("--name", "brief", "--", "true")
        self.product.ensure("wait", number)
        self.assertEqual(f"job {number} brief: completed, 1 of 1 task completed\n", self.product.ensure("watch", number))
        states = [json.loads(line) for line in self.product.ensure("watch", number, "--json").splitlines()]
        self.assertEqual([("state", "completed")], [(line["kind"], line["jobs"][0]["state"]) for line in states])

    def test_states_as_json(self):
        watch = self.follow("states", "watch", "--json", self.array)
        line = self.eventually("a state", lambda: next(iter(watch.out.read_text().splitlines()), None))
        state = json.loads(line)
        self.assertEqual(("state", self.array, 1), (state["kind"], state["job"], state["jobs"][0]["tasks"]["failed"]))
        watch.process.send_signal(signal.SIGINT)
        watch.end()

    def test_progress_of_run(self):
        run = self.terminal("run", "--cpu", "100m", "--array", "0-19%2", "--", "sleep", "0.3")
        self.assert_shows(run, r"main +\[=+> *\] +\d+/20 · \d running · [0-9.]+/(s|min) · [0-9.]+s left")
        self.assertEqual(0, run.end())
        self.assertRegex(run.text(), r"main +\[=+\] +20/20")

    def test_tables_have_colours_on_terminals_only(self):
        for arguments in (("jobs",), ("tasks", self.array), ("agent", "list")):
            table = self.terminal(*arguments)
            self.assertEqual(0, table.end())
            self.assertIn(b"\x1b[3", table.bytes, arguments)
            self.assertNotIn("\x1b", self.product.ensure(*arguments))

    def test_first_interrupt_says_how_to_come_back_second_cancels(self):
        for options, way_back in (((), "stint logs -f"), (("--array", "0-1"), "stint watch")):
            run = self.terminal("run", *options, "--", "sleep", "600", columns=200)
            job = int(self.assert_shows(run, r"job (\d+) submitted")[1])
            self.eventually("it runs", lambda: self.api.get(f"/v1/jobs/{job}")["state"] == "running")
            run.send("\x03")
            self.assert_shows(run, rf"job {job} goes on.*Again within a second")
            self.assertIn(way_back, run.text().replace("\n", ""))
            run.shows("never", seconds=1.2)  # too late to be a second one
            self.assertIsNone(run.process.poll())
            run.send("\x03")
            run.shows("never", seconds=0.2)
            run.send("\x03")
            self.assertEqual(130, run.end())
            self.assertIn(f"cancelling job {job}", run.text())
            self.eventually("cancelled", lambda: self.api.get(f"/v1/jobs/{job}")["state"] == "cancelled")

    def test_who_only_looks_leaves_at_the_first_interrupt(self):
        for command in (("wait",), ("logs", "-f"), ("wait", "-p")):
            look = self.terminal(*command, f"{self.array}.main.0" if command[0] == "logs" else self.array, columns=200)
            look.shows("step" if command[0] == "logs" else "never", seconds=2)
            look.send("\x03")
            self.assertEqual(130, look.end(), command)
            self.assertRegex(look.text().replace("\n", ""), rf"job {self.array} goes on; `stint {command[0]}")
        self.assertEqual("running", self.api.get(f"/v1/jobs/{self.array}")["state"])


if __name__ == "__main__":
    e2e.main()
