"""A client that submits arrays of `noop` tasks and waits for their ends."""

import http.client
import json
import time
import urllib.parse

import accept


class Client:
    """One kept connection."""

    def __init__(self, context):
        self.context = json.loads(context.read_text())
        where = urllib.parse.urlsplit(self.context["server"])
        self.connection = http.client.HTTPConnection(where.hostname, where.port, timeout=120)

    def ask(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self.context['token']}", "Content-Type": "application/json"}
        self.connection.request(method, path, json.dumps(body) if body else None, headers)
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        if response.status not in (200, 201):
            raise accept.SetupFailed(f"{method} {path}: {response.status} {answer}")
        return answer

    def submit(self, tasks):
        array = {"first": 0, "step": 1, "count": tasks}
        task = {"name": "main", "driver": "noop", "workdir": "/", "resources": {"cpu_millis": 1000}, "array": array}
        return self.ask("POST", "/v1/jobs", {"name": "own", "tasks": [task]})["id"]

    def wait(self, job, pause=0.002):
        """Until it has ended; returns its state."""
        while (state := self.ask("GET", f"/v1/jobs/{job}")["state"]) not in ("completed", "failed", "cancelled"):
            time.sleep(pause)
        return state
