"""As much of the scheduler's HTTP API as this example speaks, with nothing but Python: schema/openapi.yaml describes it."""

import http.client
import json
import pathlib
import urllib.parse

TALK_SECONDS = 30


class Refused(Exception):
    """The scheduler answered, but not with what was asked for."""


class Api:
    """Requests over one kept connection; not for several threads."""

    def __init__(self, server, token):
        where = urllib.parse.urlsplit(server)
        self.connection = http.client.HTTPConnection(where.hostname, where.port, timeout=TALK_SECONDS)
        self.headers = {"Authorization": f"Bearer {token}"}

    def request(self, method, path, body=None):
        """The bytes of the answer."""
        headers = self.headers | ({"Content-Type": "application/json"} if body is not None else {})
        try:
            self.connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = self.connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()  # the next request opens another
            raise
        if response.status != 200:
            raise Refused(f"{method} {path}: {response.status} {content[:300]!r}")
        return content

    def get(self, path):
        return json.loads(self.request("GET", path))

    def post(self, path, body):
        return json.loads(self.request("POST", path, body))

    def items(self, path):
        """All items of a list, page by page."""
        after = ""
        while True:
            page = self.get(path + ("&" if "?" in path else "?") + "limit=1000" + after)
            yield from page["items"]
            if page["next"] is None:
                return
            after = f"&after={urllib.parse.quote(str(page['next']))}"


def read_context(state_dir):
    """The API of the scheduler whose state lies there, as the user who started it."""
    context = json.loads((pathlib.Path(state_dir) / "context.json").read_text())
    return Api(context["server"], context["token"])
