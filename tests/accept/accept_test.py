#!/usr/bin/env python3
"""Tests of what the acceptance programs measure with: a yardstick that cannot say no measures nothing."""

import http.server
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

import accept
import cell
import witness

PROGRAM = """\
import sys
sys.path.insert(0, {folder!r})
import accept
def measure(run):
    {body}
accept.main("T-1", measure)
"""


def run_program(body, *arguments):
    code = PROGRAM.format(folder=str(pathlib.Path(__file__).parent), body=body)
    done = subprocess.run([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.returncode, json.loads(done.stdout)


class Frame(unittest.TestCase):
    def test_all_checks_hold(self):
        status, result = run_program("run.check('a', 1, '==', 1); run.figure('f', 3)", "--seed", "9")
        self.assertEqual(0, status)
        self.assertEqual("stint.accept/1", result["schema"])
        self.assertEqual(("T-1", True, 9, []), (result["id"], result["pass"], result["seed"], result["skipped"]))
        self.assertEqual([{"name": "a", "value": 1, "op": "==", "limit": 1, "pass": True}], result["checks"])
        self.assertEqual({"f": 3}, result["figures"])

    def test_one_check_does_not_hold(self):
        status, result = run_program("run.check('a', 1, '==', 1); run.check('b', 0.84, '>=', 0.85)")
        self.assertEqual((1, False), (status, result["pass"]))

    def test_no_check_is_no_pass(self):
        self.assertEqual(1, run_program("pass")[0])

    def test_set_up_failed_crashed_skipped(self):
        status, result = run_program("raise accept.SetupFailed('no stint')")
        self.assertEqual((2, False, "no stint"), (status, result["pass"], result["error"]))
        self.assertEqual(2, run_program("run.check('a', 1, '==', 1); 1 / 0")[0])
        status, result = run_program("raise accept.Skipped('a GPU')")
        self.assertEqual((77, False, ["a GPU"]), (status, result["pass"], result["skipped"]))

    def test_the_seed_decides_the_draws(self):
        draw = "run.check('draw', run.random.random(), '>=', 0)"
        values = [run_program(draw, "--seed", seed)[1]["checks"][0]["value"] for seed in ("1", "1", "2")]
        self.assertEqual(values[0], values[1])
        self.assertNotEqual(values[0], values[2])


class Judge(unittest.TestCase):
    TASKS = ["1.main.0", "1.main.1"]

    def setUp(self):
        self.lines = [f"{word} {task} 1 {pid} 500" for pid, task in enumerate(self.TASKS, 70) for word in ("begin", "end")]
        self.told = [["event", 10, self.TASKS[0]], ["event", 11, self.TASKS[1]], ["page", None, self.TASKS[0]]]
        self.final = {task: {"state": "completed", "results": [1]} for task in self.TASKS}

    def judge(self):
        return witness.judge(self.TASKS, witness.read(self.lines), self.told, self.final)

    def test_all_is_well(self):
        self.told.append(["event", 10, self.TASKS[0]])  # repeated after a reconnect
        verdict = self.judge()
        self.assertEqual(([], [], [], [], 0, 0), tuple(vars(verdict).values()))

    def test_a_task_that_did_not_complete_or_is_not_known_is_lost(self):
        self.final[self.TASKS[0]]["state"] = "running"
        del self.final[self.TASKS[1]]
        self.told = []
        self.assertEqual(self.TASKS, self.judge().lost)

    def test_a_completion_that_never_happened_is_lost(self):
        self.lines.pop()
        verdict = self.judge()
        self.assertEqual([self.TASKS[1]], verdict.lost)
        self.assertEqual(1, len(verdict.begins_without_end))

    def test_the_result_must_be_of_an_attempt_that_ended(self):
        self.final[self.TASKS[0]]["results"] = [2]
        self.assertEqual([self.TASKS[0]], self.judge().lost)

    def test_two_tellings_or_two_results_are_completed_twice(self):
        self.told.append(["event", 12, self.TASKS[1]])
        self.final[self.TASKS[0]]["results"] = [1, 2]
        self.assertEqual(self.TASKS, self.judge().completed_twice)

    def test_told_and_then_not_there(self):
        self.final[self.TASKS[0]]["state"] = "pending"
        self.told.append(["missing", None, self.TASKS[1]])
        self.assertEqual(self.TASKS, self.judge().told_then_missing)

    def test_a_pid_used_again_is_another_process(self):
        self.lines += ["begin 1.main.0 2 70 900"]
        verdict = self.judge()
        self.assertEqual(1, len(verdict.begins_without_end))
        self.assertEqual(1, verdict.executions_extra)

    def test_torn_lines_are_seen(self):
        self.assertEqual(["begin 1.main", "end x y z 4"], witness.read(["begin 1.main", "end x y z 4"]).malformed)


class Work(unittest.TestCase):
    def test_the_task_writes_what_the_reader_reads(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "witness.txt"
            index = next(i for i in range(2901) if (i * 7919 + 104729) % 2901 < 20)  # one of the shortest
            environment = {"PATH": "/usr/bin:/bin", "WITNESS": str(path), "SEED": "1", "STINT_INDEX": str(index)}
            environment |= {"STINT_TASK_ID": f"3.main.{index}", "STINT_ATTEMPT": "2"}
            process = subprocess.Popen(["sh", "-c", witness.WORK], env=environment)
            self.assertEqual(0, process.wait())
            found = witness.read(path.read_text().splitlines())
            self.assertEqual(found.begun, found.ended)
            self.assertEqual((f"3.main.{index}", 2, process.pid), (found.begun[0].task, found.begun[0].attempt, found.begun[0].pid))
            self.assertGreater(found.begun[0].start, 0)
            self.assertEqual([], found.malformed)

    def test_index_ranges(self):
        self.assertEqual([0, 1, 2, 7, 9, 10], list(witness.expand("0-2,7,9-10")))


class Events(unittest.TestCase):
    def test_an_event_is_whole_at_its_empty_line(self):
        stream = io.BytesIO(b'id: 4\nevent: tasks_ended\ndata: {"job":1,\ndata: "task":"main"}\n\n: keep-alive\n\nid: 5\ndata: {"half":')
        self.assertEqual([(4, "tasks_ended", {"job": 1, "task": "main"})], list(cell.read_events(stream)))


class FlakyScheduler(http.server.BaseHTTPRequestHandler):
    """Six tasks have completed. Every answer breaks the connection; an event stream does so after two events."""

    EVENTS = [(10 + 3 * index, index) for index in range(6)]
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.close_connection = True
        if self.headers["Authorization"] != "Bearer secret":
            return self.answer(b"", status=401)
        path, _, query = self.path.partition("?")
        if path == "/v1/events":
            last = int(self.headers["Last-Event-ID"])
            later = [(number, index) for number, index in self.EVENTS if number > last][:2]
            return self.answer("".join(map(self.event, *zip(*later))).encode() if later else b"")
        return self.answer(json.dumps(self.page(dict(part.split("=") for part in query.split("&")))).encode())

    def event(self, number, index):
        data = json.dumps({"job": 1, "task": "main", "state": "completed", "indexes": str(index)})
        return f"id: {number}\nevent: tasks_ended\ndata: {data}\n\n"

    def page(self, query):
        """Four to a page. Task 5 is never on one: told by an event, then missing."""
        first = int(query.get("after", 0))
        items = [{"id": f"1.main.{index}"} for index in range(5)][first : first + 4]
        return {"items": items, "next": first + 4 if first == 0 else None}

    def answer(self, body, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Listener(unittest.TestCase):
    def test_it_resumes_reads_all_pages_and_misses_what_is_gone(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FlakyScheduler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        with tempfile.TemporaryDirectory() as folder:
            context, book = pathlib.Path(folder) / "context.json", pathlib.Path(folder) / "told.jsonl"
            context.write_text(json.dumps({"server": f"http://127.0.0.1:{server.server_port}", "token": "secret"}))
            script = accept.ROOT / "tests/accept/listener.py"
            process = subprocess.Popen([sys.executable, script, context, "1", book])
            try:
                wanted = {("event", number, f"1.main.{index}") for number, index in FlakyScheduler.EVENTS}
                wanted |= {("page", None, f"1.main.{index}") for index in range(5)} | {("missing", None, "1.main.5")}
                read = lambda: {tuple(json.loads(line)) for line in book.read_text().splitlines()} if book.exists() else set()
                accept.wait_until("all tellings", 30, lambda: read() >= wanted)
                self.assertEqual(wanted, read())
            finally:
                process.kill()
                process.wait()


class Table(unittest.TestCase):
    def test_the_first_failing_check_is_shown(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "x.json"
            limits = (("a", 3), ("b", 0), ("c", 1))
            checks = [{"name": name, "value": 3, "op": "==", "limit": limit, "pass": limit == 3} for name, limit in limits]
            path.write_text(json.dumps({"seconds": 1.25, "checks": checks, "skipped": [], "error": None}))
            script = [sys.executable, accept.ROOT / "tests/accept/accept.py", "row", "A1-4", "1", path]
            printed = subprocess.run(script, check=True, stdout=subprocess.PIPE, text=True).stdout
            self.assertEqual(["A1-4", "fail", "1.2", "b: 3 == 0"], printed.strip().split(maxsplit=3))


if __name__ == "__main__":
    unittest.main()
