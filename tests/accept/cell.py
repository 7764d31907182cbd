"""A scheduler and its agents as processes of their own, which a test may kill -9 and start again; and the HTTP API as a client sees it."""

import http.client
import json
import signal
import socket
import ssl
import time
import urllib.parse

import accept

TALK_SECONDS = 15  # longer than a restart; shorter than a test's patience


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    """One process that is started again with the same arguments after every kill."""

    def __init__(self, product, log, *arguments):
        self.product, self.log, self.arguments = product, log, arguments
        self.process = None

    def start(self):
        self.process = self.product.start(self.log, *self.arguments)

    def kill(self):
        """kill -9, of this process alone: keepers live in the same session and must not notice. False: it had ended by itself."""
        running = self.process.poll() is None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        return running

    def log_end(self):
        return "\n".join((self.product.folder / self.log).read_text(errors="replace").splitlines()[-15:])


class Cell:
    def __init__(self, product, name="scheduler", host="127.0.0.1", options=()):
        self.product = product
        self.state = product.folder / name
        arguments = ("scheduler", "start", "--state-dir", self.state, "--listen", f"{host}:{free_port()}", *options)
        self.scheduler = Daemon(product, f"{name}.log", *arguments)
        self.agents = {}
        product.environment["STINT_STATE_DIR"] = str(self.state)

    def start(self, **tls):
        """`tls` as Api takes it."""
        self.scheduler.start()
        api = Api(self.state / "context.json", **tls)

        def ready():
            if self.scheduler.process.poll() is not None:
                raise accept.SetupFailed(f"the scheduler ended with {self.scheduler.process.returncode}:\n{self.scheduler.log_end()}")
            return api.try_get("/v1/info")

        accept.wait_until("the scheduler's API", 30, ready)
        return api

    def address(self):
        """Host and port of the running scheduler."""
        where = urllib.parse.urlsplit(json.loads((self.state / "context.json").read_text())["server"])
        return where.hostname, where.port

    def add_agent(self, name, *options):
        """An agent with a key of its own, made as an operator makes it on the scheduler's machine."""
        key = self.product.folder / f"{name}.key"
        self.product.ensure("agent", "token", "--key-file", key, "--name", name)
        state = self.product.folder / f"agent-{name}"
        self.agents[name] = Daemon(self.product, f"{name}.log", "agent", "start", "--key-file", key, "--state-dir", state, *options)
        self.agents[name].start()

    def wait_for_agents(self, api):
        wanted = set(self.agents)

        def all_connected():
            page = api.try_get("/v1/agents") or {"items": []}
            return wanted <= {item["name"] for item in page["items"] if item["state"] == "connected"}

        try:
            accept.wait_until(f"{len(wanted)} agents connected", 30, all_connected)
        except accept.SetupFailed as error:
            raise accept.SetupFailed(f"{error}\n" + "\n".join(agent.log_end() for agent in self.agents.values())) from None


class Api:
    """GET requests over kept connections. The context file is read anew for each connection: a restarted scheduler may have moved.

    Of a scheduler with TLS, `authority` is the certificate that is trusted, by default its own; `client` one to show, and its key.
    """

    def __init__(self, context, authority=None, client=None):
        self.context, self.connection, self.headers = context, None, {}
        self.authority, self.client = authority or context.with_name("tls.crt"), client

    def connect(self):
        context = json.loads(self.context.read_text())
        where = urllib.parse.urlsplit(context["server"])
        self.headers = {"Authorization": f"Bearer {context['token']}"}
        if where.scheme == "http":
            self.connection = http.client.HTTPConnection(where.hostname, where.port, timeout=TALK_SECONDS)
            return
        tls = ssl.create_default_context(cafile=self.authority)
        if self.client:
            tls.load_cert_chain(*self.client)
        self.connection = http.client.HTTPSConnection(where.hostname, where.port, timeout=TALK_SECONDS, context=tls)

    def try_get(self, path):
        """The answer to one request; None when there was none, or one that says `not now`."""
        try:
            if self.connection is None:
                self.connect()
            self.connection.request("GET", path, headers=self.headers)
            response = self.connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            return None
        if response.status >= 500:
            return None
        if response.status != 200:
            raise RuntimeError(f"GET {path}: {response.status} {body[:300]!r}")
        return json.loads(body)

    def get(self, path, seconds=60):
        return accept.wait_until(f"GET {path}", seconds, lambda: self.try_get(path))

    def items(self, path, limit=500):
        """All pages of a list."""
        separator = "&" if "?" in path else "?"
        after = ""
        while True:
            page = self.get(f"{path}{separator}limit={limit}{after}")
            yield from page["items"]
            if page["next"] is None:
                return
            after = f"&after={urllib.parse.quote(str(page['next']))}"

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def events(self, path, last_id=None):
        """One SSE stream, from after `last_id`, until it breaks: yields (id, kind, data)."""
        self.close()
        try:
            self.connect()
            headers = self.headers | {"Accept": "text/event-stream"}
            if last_id is not None:
                headers["Last-Event-ID"] = str(last_id)
            self.connection.request("GET", path, headers=headers)
            response = self.connection.getresponse()
            if response.status == 200:
                yield from read_events(response)
        except (OSError, http.client.HTTPException, ValueError):
            pass
        finally:
            self.close()
            time.sleep(0.02)  # a scheduler that is down is asked 50 times a second, not as often as a loop can


def read_events(lines):
    """Fields of the event stream format; an event is whole at its empty line."""
    number, kind, data = None, "message", []
    for raw in lines:
        line = raw.decode().rstrip("\r\n")
        if not line:
            if data:
                yield number, kind, json.loads("\n".join(data))
            kind, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if field == "id":
            number = int(value)
        elif field == "event":
            kind = value
        elif field == "data":
            data.append(value)
