#!/usr/bin/env python3
"""Wrong and hostile HTTP requests are answered with problem documents that say what to do, and leave no mark."""

import json
import socket

import e2e

BODY_LIMIT = 16 << 20
HEAD_LIMIT = 1 << 20  # far above any limit of a head


class HostileHttp(e2e.CellCase):
    def raw(self, data):
        """The status of whatever answers these bytes, and the whole answer."""
        host, port, _ = self.context()
        with socket.create_connection((host, port), timeout=e2e.PATIENCE) as connection:
            try:
                connection.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it has answered before it had read all
            answer = b""
            try:
                while part := connection.recv(65536):
                    answer += part
            except ConnectionResetError:
                pass
        words = answer.split(None, 2)
        return (int(words[1]) if len(words) > 1 else None), answer

    def assert_problem(self, status, code, answer):
        self.assertEqual(status, answer.status, answer.body)
        self.assertEqual("application/problem+json", answer.headers["Content-Type"])
        problem = answer.json()
        self.assertEqual((status, code), (problem["status"], problem["code"]))
        self.assertTrue(problem["detail"])
        return problem

    def jobs(self):
        return [item["id"] for item in self.api.items("/v1/jobs")]

    def test_no_token_and_wrong_token(self):
        for token in ("", "wrong", "x" * 4000):
            for method, path in (("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("GET", "/v1/events"), ("POST", "/v1/agents")):
                answer = self.request(method, path, "{}" if method == "POST" else None, token=token)
                self.assertIn("token", self.assert_problem(401, "unauthenticated", answer)["remedy"])

    def test_open_routes_need_no_token(self):
        for path in ("/healthz", "/readyz", "/metrics"):
            self.assertEqual(200, self.request("GET", path, token="").status)

    def test_unknown_route(self):
        for path in ("/", "/v2/jobs", "/v1/nothing", "/v1/jobs/1/nothing", "/v1/../etc/passwd", "/v1/jobs/%2e%2e"):
            self.assertIn(self.request("GET", path).status, (400, 404), path)
        self.assert_problem(404, "not_found", self.request("GET", "/v1/nothing"))

    def test_unknown_things(self):
        for path in ("/v1/jobs/999999", "/v1/tasks/999999.main", "/v1/tasks/999999.main/logs", "/v1/jobs/999999/tasks"):
            self.assert_problem(404, "not_found", self.request("GET", path))
        for path in ("/v1/jobs/18446744073709551616", "/v1/tasks/1.main.99999999999999999999", "/v1/jobs/-1"):
            self.assertIn(self.request("GET", path).status, (400, 404), path)

    def test_wrong_method(self):
        for method, path in (("DELETE", "/v1/jobs"), ("PUT", "/v1/info"), ("POST", "/v1/events"), ("GET", "/v1/jobs/1/cancel")):
            self.assert_problem(405, "method_not_allowed", self.request(method, path))

    def test_bad_json(self):
        before = self.jobs()
        for body in ("", "{", "[]", "nonsense", '{"tasks":', "\x00", "[" * 100_000, '{"tasks":[{"command":["true"]}]} trailing'):
            self.assert_problem(400, "invalid_argument", self.request("POST", "/v1/jobs", body, Content_Type="application/json"))
        self.assertEqual(before, self.jobs())

    def test_bad_jobs_say_where(self):
        before = self.jobs()
        task = {"command": ["true"]}
        for job, where in (
            ({"tasks": []}, "tasks"),
            ({"tasks": [task], "nmae": "x"}, "nmae"),
            ({"tasks": [task | {"comand": []}]}, "comand"),
            ({"tasks": [{"command": []}]}, "command"),
            ({"tasks": [task | {"resources": {"cpu_millis": -1}}]}, "cpu_millis"),
            ({"tasks": [task | {"resources": {"cpu_millis": 1e300}}]}, "cpu_millis"),
            ({"tasks": [task | {"retries": "many"}]}, "retries"),
            ({"tasks": [task | {"needs": ["nobody"]}]}, "nobody"),
        ):
            problem = self.assert_problem(400, "invalid_argument", self.submit(job))
            self.assertIn(where, problem.get("where", "") + problem["detail"], job)
        self.assertEqual(before, self.jobs())

    def test_tasks_that_need_each_other(self):
        job = {"tasks": [{"name": "a", "command": ["true"], "needs": ["b"]}, {"name": "b", "command": ["true"], "needs": ["a"]}]}
        self.assert_problem(400, "invalid_argument", self.submit(job))

    def test_huge_body(self):
        """Refused when it is announced: nobody has to send it first."""
        _, _, token = self.context()
        head = f"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {BODY_LIMIT + 1}\r\n\r\n".encode()
        status, answer = self.raw(head)
        self.assertEqual(413, status, answer)
        problem = json.loads(answer.partition(b"\r\n\r\n")[2])
        self.assertEqual((413, "out_of_range"), (problem["status"], problem["code"]))
        self.assertIn(str(BODY_LIMIT), problem["detail"])
        self.assert_alive()

    def test_huge_chunked_body(self):
        head = b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        status, _ = self.raw(head + chunk * 18 + b"0\r\n\r\n")
        self.assertEqual(413, status)
        self.assert_alive()

    def test_header_bomb(self):
        for bomb in (b"X-Bomb: " + b"x" * HEAD_LIMIT, b"".join(b"X-%d: y\r\n" % number for number in range(100_000))):
            status, _ = self.raw(b"GET /v1/jobs HTTP/1.1\r\nHost: x\r\n" + bomb)
            self.assertEqual(431, status)
        status, _ = self.raw(b"GET /" + b"x" * HEAD_LIMIT + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(status, (400, 414, 431))
        self.assert_alive()

    def test_not_http(self):
        negative = b"POST /v1/jobs HTTP/1.1\r\nContent-Length: -1\r\n\r\n"
        for data in (b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\xff" * 100 + b"\r\n\r\n", negative):
            self.assertIn(self.raw(data)[0], (400, 505), data)
        self.assert_alive()

    def test_same_key_same_job(self):
        """A submit that is repeated until it is answered is one job; the key with another job is a conflict."""
        job = {"name": "once", "tasks": [{"command": ["true"]}]}
        first = self.submit(job, Idempotency_Key="e2e-key")
        again = self.submit(job, Idempotency_Key="e2e-key")
        self.assertEqual((201, 200), (first.status, again.status))
        self.assertEqual(first.json()["id"], again.json()["id"])
        other = self.submit(job | {"name": "other"}, Idempotency_Key="e2e-key")
        self.assert_problem(409, "conflict", other)

    def test_same_key_after_a_crash(self):
        job = {"name": "crash", "tasks": [{"command": ["true"]}]}
        first = self.submit(job, Idempotency_Key="crash-key")
        self.assertTrue(self.cell.scheduler.kill())
        self.restart_scheduler()
        again = self.submit(job, Idempotency_Key="crash-key")
        self.assertEqual((201, 200), (first.status, again.status))
        self.assertEqual(first.json()["id"], again.json()["id"])

    def assert_alive(self):
        self.assertIsNone(self.cell.scheduler.process.poll())
        self.assertEqual(200, self.request("GET", "/v1/info").status)


if __name__ == "__main__":
    e2e.main()
