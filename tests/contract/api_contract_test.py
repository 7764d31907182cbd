#!/usr/bin/env python3
"""Every route of schema/openapi.yaml against a running cell: what is answered is what is described, and nothing else is."""

import hashlib
import http.client
import json
import pathlib
import subprocess
import sys

import jsonschema

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import contracts  # noqa: E402
import prometheus  # noqa: E402
from dev_cell import DevCase  # noqa: E402

import e2e  # noqa: E402


STARTS_WITH_NOTHING = {("PATCH", "/v1/blobs/{hex}"), ("GET", "/v1/blobs/{hex}/upload")}  # a blob that is not there is not an error


class ApiContract(DevCase):
    @classmethod
    def setUpClass(cls):
        cls.contract = contracts.OpenApi()
        super().setUpClass()

    def ask(self, method, path, body=None, query="", **options):
        """One request to a path of the contract; `{…}` are given as options of that name. Returns the answer's values."""
        target = path
        for name in ("job", "task", "agent", "hex", "name", "attempt", "enrol_token"):
            if name in options:
                target = target.replace(f"{{{name}}}", str(options.pop(name)))
        answer = self.request(method, target + query, body, **options)
        return answer, self.contract.check(method, path, answer)

    def get(self, path, query="", **options):
        answer, values = self.ask("GET", path, query=query, **options)
        self.assertEqual(200, answer.status, f"{path}{query}: {answer.body[:300]!r}")
        return values

    def test_every_get_route_answers_as_described(self):
        called = set()

        def get(path, query="", **options):
            called.add(path)
            return self.get(path, query, **options)

        service = ("/healthz", "/readyz", "/metrics")
        lists = ("/v1/jobs", "/v1/agents", "/v1/agents/tokens", "/v1/events", "/v1/tokens")
        for path in (*service, *lists, "/v1/info", "/v1/keys", "/v1/whoami"):
            self.assertTrue(get(path), path)
        for state in ("pending", "running", "completed", "failed", "cancelled"):
            self.assertTrue(get("/v1/jobs", f"?state={state}")[0]["items"], state)
        for job in (*self.jobs, "last"):
            for path in ("/v1/jobs/{job}", "/v1/jobs/{job}/spec", "/v1/jobs/{job}/tasks", "/v1/jobs/{job}/explain",
                         "/v1/jobs/{job}/outputs", "/v1/jobs/{job}/results"):
                get(path, job=job)
        for task in self.tasks():
            for path in ("/v1/tasks/{task}", "/v1/tasks/{task}/explain", "/v1/tasks/{task}/reports", "/v1/tasks/{task}/logs"):
                get(path, task=task)
        self.assertEqual({"answer": 42}, get("/v1/tasks/{task}/result", task=f"{self.completed}.main")[0]["result"])
        for agent in self.get("/v1/agents")[0]["items"]:
            get("/v1/agents/{agent}", agent=agent["name"])
        blob = self.upload(b"hello, blobs")
        get("/v1/blobs/{hex}", hex=blob)
        get("/v1/blobs/{hex}/upload", hex=blob)
        described = {path for method, path in self.contract.operations() if method == "GET"}
        self.assertEqual(described, called, "every GET route of the contract is asked")

    def test_answers_hold_what_happened(self):
        """Values, not only shapes: an answer of nulls would pass any schema that allows them."""
        completed = self.get("/v1/tasks/{task}", task=f"{self.completed}.main")[0]
        self.assertEqual(("completed", "exit", 0), (completed["state"], completed["reason"], completed["exit_code"]))
        self.assertEqual((0.5, 0.25, 1), (completed["progress"], completed["metrics"]["loss"], completed["attempts"]))
        self.assertEqual(("half way", True, {"answer": 42}), (completed["message"], completed["has_result"], completed["result"]))
        listed = self.get("/v1/jobs/{job}/tasks", job=self.completed)[0]["items"][0]
        self.assertEqual(listed, {key: value for key, value in completed.items() if key not in ("attempts_list", "result")})
        failed = self.get("/v1/tasks/{task}", task=f"{self.failed}.main")[0]
        self.assertEqual(("failed", 3, 2), (failed["state"], failed["exit_code"], failed["attempts"]))
        self.assertEqual([1, 2], [attempt["attempt"] for attempt in failed["attempts_list"]])
        self.assertEqual("timeout", self.get("/v1/tasks/{task}", task=f"{self.timed_out}.main")[0]["reason"])
        reports = self.get("/v1/tasks/{task}/reports", task=f"{self.failed}.main")[0]["items"]
        self.assertEqual([(2, 3, 0.25)], [(item["attempt"], item["step"], item["metrics"]["loss"]) for item in reports])
        waiting = self.get("/v1/tasks/{task}/explain", task=f"{self.waiting}.main")[0]
        clauses = {clause["clause"] for clause in waiting["agents"][0]["clauses"]}
        self.assertLessEqual({"memory", "gpu"}, clauses)

    def test_followed_logs_end_with_how_the_task_ended(self):
        lines = self.get("/v1/tasks/{task}/logs", "?follow=1", task=f"{self.failed}.main")
        self.assertEqual({1, 2}, {line["attempt"] for line in lines[:-1]})
        self.assertEqual({"stdout", "stderr"}, {line["stream"] for line in lines[:-1]})
        self.assertEqual(("failed", 3), (lines[-1]["state"], lines[-1]["exit_code"]))

    def all_pages(self, path):
        items, after = [], ""
        while after is not None:
            page = self.get(path, f"?limit=2{after}", job=self.array)[0]
            items += page["items"]
            after = None if page["next"] is None else f"&after={page['next']}"
        return items

    def test_lists_have_an_end(self):
        for path in ("/v1/jobs", "/v1/agents", "/v1/events", "/v1/jobs/{job}/tasks"):
            key = "seq" if path == "/v1/events" else "number" if path == "/v1/agents" else "id"
            for _ in range(5):  # what other tests began may go on meanwhile
                whole = [item[key] for item in self.get(path, "?limit=1000", job=self.array)[0]["items"]]
                paged = [item[key] for item in self.all_pages(path)]
                if whole == paged:
                    break
            self.assertEqual(whole, paged, path)

    def test_events_stream_from_the_last_one_seen(self):
        host, port, token = self.context()
        connection = http.client.HTTPConnection(host, port, timeout=e2e.PATIENCE)
        self.addCleanup(connection.close)
        headers = {"Accept": "text/event-stream", "Last-Event-ID": "2", "Authorization": f"Bearer {token}"}
        connection.request("GET", "/v1/events", headers=headers)
        response = connection.getresponse()
        self.assertEqual((200, "text/event-stream"), (response.status, response.headers["Content-Type"]))
        events = []
        while len(events) < 5:
            lines = iter(lambda: response.readline().decode().rstrip("\n"), "")
            fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
            if fields:
                self.assertEqual({"id", "event", "data"}, set(fields))
                events.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
        self.assertEqual([3, 4, 5, 6, 7], [event[0] for event in events])
        page = self.get("/v1/events", "?after=2&limit=5")[0]["items"]
        self.assertEqual([(item["seq"], item["kind"], item["data"]) for item in page], events)

    def test_changes_are_answered_as_described(self):
        job = json.dumps({"name": "contract", "tasks": [{"command": ["true"], "resources": {"memory_bytes": 1 << 60}}]})
        other = json.dumps({"name": "other", "tasks": [{"command": ["true"]}]})
        for body, status in ((job, 201), (job, 200), (other, 409)):
            answer, _ = self.ask("POST", "/v1/jobs", body, Idempotency_Key="contract-1")
            self.assertEqual(status, answer.status)
        number = json.loads(self.request("GET", "/v1/jobs/last").body)["id"]
        for body, status in (('{"task":"main"}', 200), (None, 200), ('{"task":"nobody"}', 404), ("{", 400)):
            self.assertEqual(status, self.ask("POST", "/v1/jobs/{job}/cancel", body, job=number)[0].status, body)
        for body, status in (('{"name":"guest"}', 201), ('{"name":"guest"}', 409), ('{"name":"a b"}', 400)):
            self.assertEqual(status, self.ask("POST", "/v1/agents", body)[0].status, body)
        for body, status in (('{"draining":true}', 200), ('{"draining":false}', 200), (None, 400)):
            self.assertEqual(status, self.ask("POST", "/v1/agents/{agent}/drain", body, agent="guest")[0].status, body)
        answer, values = self.ask("POST", "/v1/agents/{agent}/revoke", agent="guest")
        self.assertEqual((200, "revoked"), (answer.status, values[0]["state"]))

    def test_enrolment_tokens_are_answered_as_described(self):
        wanted = '{"name":"joiner","types":["trainer"],"labels":{"zone":"b"},"ttl_ms":60000}'
        for body, status in ((wanted, 201), (wanted, 409), ('{"ttl_ms":0}', 400), ("{}", 201)):
            answer, values = self.ask("POST", "/v1/agents/tokens", body)
            self.assertEqual(status, answer.status, body)
        listed = self.get("/v1/agents/tokens")[0]["items"]
        self.assertIn(("joiner", ["trainer"], {"zone": "b"}), [(item["name"], item["types"], item["labels"]) for item in listed])
        for word, status in (("joiner", 200), (values[0]["id"], 200), ("nobody", 404)):
            self.assertEqual(status, self.ask("DELETE", "/v1/agents/tokens/{enrol_token}", enrol_token=word)[0].status, word)

    def test_plans_and_retries_are_answered_as_described(self):
        small = {"command": ["true"], "array": {"count": 3}}
        job = {"name": "planned", "tasks": [small, {"name": "large", "command": ["x"], "resources": {"gpu": 64}}]}
        plan = self.ask("POST", "/v1/plan", json.dumps(job))[1][0]
        self.assertEqual([(3, True), (1, False)], [(entry["count"], entry["placeable"]) for entry in plan["tasks"]])
        for body, status in (("{}", 400), ("[", 400)):
            self.assertEqual(status, self.ask("POST", "/v1/plan", body)[0].status)
        for number, body, status in ((self.failed, "{", 400), (self.running, None, 409), (self.failed, '{"failed_only":true}', 201)):
            answer, _ = self.ask("POST", "/v1/jobs/{job}/retry", body, job=number, Idempotency_Key=f"retry-{status}")
            self.assertEqual(status, answer.status, body)
        self.assertEqual(200, self.ask("POST", "/v1/jobs/{job}/retry", None, job=self.failed, Idempotency_Key="retry-201")[0].status)

    def test_work_is_answered_as_described(self):
        job = {"name": "ask", "tasks": [{"driver": "human", "form": {"choice": ["cat", "dog"]}, "type": "labeller", "array": {"count": 2}}]}
        number = json.loads(self.ask("POST", "/v1/jobs", json.dumps(job))[0].body)["id"]
        self.get("/v1/jobs/{job}/spec", job=number)
        self.assertEqual("waits_for_people", self.get("/v1/jobs/{job}/explain", job=number)[0]["why"])
        answer, values = self.ask("POST", "/v1/work/claim", json.dumps({"limit": 5, "job": number}))
        self.assertEqual((200, 2), (answer.status, len(values[0]["items"])))
        first, second = values[0]["items"]
        held = self.get("/v1/tasks/{task}", task=first["task"])[0]
        self.assertEqual(("running", "local", first["lease_until"]), (held["state"], held["agent"], held["lease_until"]))
        why = self.get("/v1/tasks/{task}/explain", task=first["task"])[0]
        self.assertEqual("claimed", why["why"])
        self.assertIn(f"claimed by local until {first['lease_until']}", why["summary"])
        person = self.get("/v1/agents/{agent}", agent="local")[0]
        self.assertEqual(("person", "working", 2), (person["kind"], person["state"], person["running"]))
        self.assertEqual([first["task"], second["task"]], [claim["task"] for claim in person["claims"]])
        result = json.dumps({"attempt": first["attempt"], "result": {"is": "cat"}})
        for task, what, body, status in (
            (first["task"], "answer", "{}", 400),
            (first["task"], "answer", result, 200),
            (first["task"], "answer", result, 409),
            (second["task"], "release", json.dumps({"attempt": second["attempt"], "why": "blurred"}), 200),
        ):
            self.assertEqual(status, self.ask("POST", "/v1/work/{task}/" + what, body, task=task)[0].status, body)
        self.assertEqual({"is": "cat"}, self.get("/v1/tasks/{task}/result", task=first["task"])[0]["result"])
        self.ask("POST", "/v1/jobs/{job}/cancel", job=number)
        self.assertEqual(400, self.ask("POST", "/v1/work/claim", '{"x":1}')[0].status)

    def test_keys_are_answered_as_described(self):
        before = self.get("/v1/keys")[0]["current"]
        for body in ('{"grace_ms":1}', '{"grace":1}', "[1]"):
            self.assertEqual(400, self.ask("POST", "/v1/keys/rotate", body)[0].status, body)
        self.assertEqual(200, self.ask("POST", "/v1/keys/rotate", '{"grace_ms":3600000}')[0].status)
        self.assertEqual(409, self.ask("POST", "/v1/keys/rotate", "{}")[0].status)
        for status, body in ((400, "{}"), (400, '{"key_epoch":0}'), (404, '{"key_epoch":999}'), (409, '{"key_epoch":%d}' % (before + 1))):
            self.assertEqual(status, self.ask("POST", "/v1/keys/retire", body)[0].status, body)
        answer, values = self.ask("POST", "/v1/keys/retire", '{"key_epoch":%d}' % before)
        self.assertEqual((200, "retired"), (answer.status, values[0]["items"][before - 1]["state"]))

    def test_tokens_are_answered_as_described(self):
        good = '{"name":"viewer","scopes":["read"],"ttl_ms":3600000}'
        answer, values = self.ask("POST", "/v1/tokens", good)
        self.assertEqual(201, answer.status)
        token = values[0]["token"]
        self.assertEqual("viewer", self.get("/v1/whoami", token=token)[0]["name"])
        for body, status in ((good, 409), ('{"name":"viewer2"}', 400)):
            self.assertEqual(status, self.ask("POST", "/v1/tokens", body)[0].status, body)
        answer, values = self.ask("POST", "/v1/jobs", "{}", token=token)
        self.assertEqual((403, "forbidden"), (answer.status, values[0]["code"]))
        for which, status in (("viewer", 200), ("viewer", 200), ("nobody", 404), ("local", 409)):
            self.assertEqual(status, self.ask("DELETE", "/v1/tokens/{name}", name=which)[0].status, which)
        self.assertEqual(401, self.ask("GET", "/v1/whoami", token=token)[0].status)

    def test_problems_are_problem_documents(self):
        for method, path in sorted(self.contract.operations()):
            where = {"job": 999, "task": "999.main", "agent": "nobody", "name": "nobody", "hex": "0" * 64, "attempt": "999.0.0.1"}
            if path.startswith("/v1/"):
                answer = self.request(method, path, token="wrong") if method == "HEAD" else None
                answer, values = (answer, [{"code": "unauthenticated"}]) if answer else self.ask(method, path, **where, token="wrong")
                self.assertEqual((401, "unauthenticated"), (answer.status, values[0]["code"]), path)
            if path.endswith("/checkpoint"):  # for the token of that attempt alone
                self.assertEqual(403, self.ask(method, path, "{}", **where)[0].status)
            elif "{" in path and method != "HEAD" and (method, path) not in STARTS_WITH_NOTHING:
                answer, values = self.ask(method, path, '{"draining":true}' if path.endswith("/drain") else None, **where)
                self.assertEqual((404, "not_found"), (answer.status, values[0]["code"]), path)
        for path in ("/v1/jobs", "/v1/agents", "/v1/events", "/v1/jobs/{job}/tasks", "/v1/tasks/{task}/reports"):
            answer, values = self.ask("GET", path, query="?limit=0", job=self.array, task=f"{self.completed}.main")
            self.assertEqual((400, "invalid_argument"), (answer.status, values[0]["code"]), path)

    def upload(self, content):
        blob = hashlib.sha256(content).hexdigest()
        answer, values = self.ask("PATCH", "/v1/blobs/{hex}", content, query=f"?offset=0&size={len(content)}", hex=blob)
        self.assertEqual((200, {"offset": len(content), "complete": True}), (answer.status, values[0]))
        return blob

    def test_blobs_are_answered_as_described(self):
        blob = self.upload(b"0123456789")
        nobody = hashlib.sha256(b"nobody").hexdigest()
        answer, values = self.ask("POST", "/v1/blobs/missing", json.dumps({"blobs": [nobody, blob]}))
        self.assertEqual((200, [nobody]), (answer.status, values[0]["missing"]))
        self.assertEqual(400, self.ask("POST", "/v1/blobs/missing", "{}")[0].status)
        for value, status, content in (("bytes=2-4", 206, b"234"), ("bytes=10-", 416, None), ("nonsense", 200, b"0123456789")):
            answer, _ = self.ask("GET", "/v1/blobs/{hex}", hex=blob, Range=value)
            self.assertEqual(status, answer.status, value)
            if content is not None:
                self.assertEqual((content, str(len(content))), (answer.body, answer.headers["Content-Length"]))
        for name, status in ((blob, 200), (nobody, 404)):
            answer = self.request("HEAD", f"/v1/blobs/{name}")
            self.assertEqual((status, b""), (answer.status, answer.body))
        self.assertEqual("10", self.request("HEAD", f"/v1/blobs/{blob}").headers["Content-Length"])
        for query, content, status in (
            ("?offset=1&size=6", b"x", 409),
            ("?offset=0&size=6", b"wrong!", 422),
            ("?offset=0&size=5", b"wrong!", 400),
            ("", b"wrong!", 400),
            (f"?offset=0&size={1 << 62}", b"x", 413),
        ):
            self.assertEqual(status, self.ask("PATCH", "/v1/blobs/{hex}", content, query=query, hex=nobody)[0].status, query)

    def test_a_body_over_the_limit_is_refused(self):
        answer, values = self.ask("POST", "/v1/jobs", b" " * ((4 << 20) + 1))
        self.assertEqual((413, "out_of_range"), (answer.status, values[0]["code"]))

    def test_metrics_are_what_a_scraper_reads(self):
        families = prometheus.parse(self.get("/metrics")[0])
        for name, family in families.items():
            self.assertTrue(name.startswith("stint_"), name)
            self.assertTrue(family.samples, name)
        tasks = {dict(labels)["state"]: value for labels, value in families["stint_tasks"].samples.items()}
        self.assertEqual({"pending", "running", "completed", "failed", "cancelled"}, set(tasks))
        self.assertEqual((1, 6, 2), (tasks["running"], tasks["completed"], tasks["failed"]))
        self.assertEqual(2, families["stint_agents_connected"].samples[()])
        self.assertGreater(families["stint_commits_total"].samples[()], 0)


class Document(e2e.unittest.TestCase):
    """The contract itself."""

    def setUp(self):
        self.contract = contracts.OpenApi()

    def test_schemas_are_schemas_and_references_lead_somewhere(self):
        for name, schema in self.contract.document["components"]["schemas"].items():
            with self.subTest(name):
                jsonschema.Draft202012Validator.check_schema(schema)

        def walk(value):
            if isinstance(value, dict):
                if isinstance(value.get("$ref"), str):
                    self.contract.resolve(value["$ref"])
                value = list(value.values())
            if isinstance(value, list):
                for item in value:
                    walk(item)

        walk(self.contract.document)

    def test_the_page_on_access_says_the_same(self):
        done = subprocess.run([contracts.SCHEMA.parent / "tools/access_table.py", "--check"], capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stderr)

    def test_the_example_is_a_job(self):
        content = self.contract.document["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]
        contracts.validate(self.contract.schema("Job"), self.contract.root, content["example"], "example")

    def test_a_key_that_no_schema_names_is_seen(self):
        for name, value in (("Health", {"status": "ok", "x": 1}), ("TaskDetail", {"x": 1}), ("Info", {})):
            with self.assertRaises(contracts.Broken):
                contracts.validate(self.contract.schema(name), self.contract.root, value, name)


class PrometheusText(e2e.unittest.TestCase):
    HEAD = "# HELP a_total Words.\n# TYPE a_total counter\n"

    def test_reads_families_labels_and_values(self):
        family = prometheus.parse(self.HEAD + 'a_total{b="c\\"d",e="f"} 7\na_total{b="x"} 1e3\n')["a_total"]
        self.assertEqual({(("b", 'c\\"d'), ("e", "f")): 7, (("b", "x"),): 1000}, family.samples)

    def test_refuses_what_a_scraper_may_stumble_over(self):
        for text in (
            self.HEAD + "a_total 1",
            "a_total 1\n",
            self.HEAD + "b_total 1\n",
            self.HEAD + "a_total 1\na_total 2\n",
            self.HEAD + "a_total one\n",
            self.HEAD + "a_total{b=c} 1\n",
            self.HEAD + 'a_total{b="c",b="d"} 1\n',
            self.HEAD + self.HEAD + "a_total 1\n",
            "# TYPE a_total counter\na_total 1\n",
            "# HELP a Words.\n# TYPE a counter\na 1\n",
        ):
            with self.assertRaises(prometheus.Malformed, msg=text):
                prometheus.parse(text)


if __name__ == "__main__":
    e2e.main()
