"""schema/openapi.yaml and schema/cli.schema.json as things to hold an answer against.

Both say that readers ignore keys they do not know. The product itself has no such freedom: here a key that no schema names is an error, so
that nothing is answered that is not described.
"""

import copy
import json
import pathlib

import jsonschema
import yaml

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "schema"
METHODS = ("get", "head", "put", "post", "delete", "patch")


class Broken(AssertionError):
    """An answer that its contract does not allow."""


def close(schema, definitions):
    """The schema with every object closed to keys it does not name.

    `allOf` is merged first: each part alone would refuse the others' keys.
    """
    if isinstance(schema, list):
        return [close(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "allOf" in schema:
        schema = _merge([_follow(part, definitions) for part in schema["allOf"]])
    closed = {key: value if key in ("enum", "const", "examples") else close(value, definitions) for key, value in schema.items()}
    if isinstance(closed.get("properties"), dict) and "type" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


def _follow(schema, definitions):
    return definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _merge(parts):
    merged = {"type": "object", "required": [], "properties": {}}
    for part in parts:
        merged["required"] += part.get("required", [])
        merged["properties"] |= part.get("properties", {})
    return merged


def validate(schema, root, value, what):
    validator = jsonschema.Draft202012Validator(schema, resolver=jsonschema.RefResolver.from_schema(root))
    problem = jsonschema.exceptions.best_match(validator.iter_errors(value))
    if problem is not None:
        where = "/".join(map(str, problem.absolute_path))
        raise Broken(f"{what}: at /{where}: {problem.message[:400]}")


class OpenApi:
    def __init__(self):
        self.document = yaml.safe_load((SCHEMA / "openapi.yaml").read_text())
        self.root = copy.deepcopy(self.document)
        schemas = self.root["components"]["schemas"]
        self.root["components"]["schemas"] = {name: close(schema, schemas) for name, schema in schemas.items()}

    def operations(self):
        """(METHOD, path) of everything described."""
        return {(method.upper(), path) for path, item in self.document["paths"].items() for method in item if method in METHODS}

    def resolve(self, reference):
        found = self.root
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        return found

    def schema(self, name):
        return self.root["components"]["schemas"][name]

    def check(self, method, path, answer):
        """Holds the answer to one request against the operation it belongs to; returns its values (one, or one for each line)."""
        what = f"{method} {path} -> {answer.status}"
        responses = self.document["paths"][path][method.lower()]["responses"]
        response = responses.get(str(answer.status), responses.get("default") if answer.status >= 400 else None)
        if response is None:
            raise Broken(f"{what}: a status that is not described: {answer.body[:300]!r}")
        response = self.resolve(response["$ref"]) if "$ref" in response else response
        kind = answer.headers["Content-Type"].partition(";")[0]
        if kind not in response["content"]:
            raise Broken(f"{what}: {kind} is none of {', '.join(response['content'])}")
        schema = response["content"][kind]["schema"]
        values = list(read_body(kind, answer.body))
        for value in values:
            validate(schema, self.root, value, what)
            if isinstance(value, dict) and "code" in value and value.get("status") != answer.status:
                raise Broken(f"{what}: the problem says {value.get('status')}")
        return values


def read_body(kind, body):
    if kind in ("application/json", "application/problem+json"):
        yield json.loads(body)
    elif kind == "application/x-ndjson":
        yield from map(json.loads, body.splitlines())
    else:
        yield body.decode()


class Cli:
    # Parts that others are made of.
    PARTS = {"state", "reason", "exit_status", "strings", "resources", "task_counts"} | {
        "job_view", "task_view", "clause", "agent", "token", "enrol_token", "keys", "job_spec", "remark"
    }

    def __init__(self):
        document = json.loads((SCHEMA / "cli.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(document)
        self.root = {"$defs": {name: close(schema, document["$defs"]) for name, schema in document["$defs"].items()}}
        self.used = set()

    def outputs(self):
        return set(self.root["$defs"]) - self.PARTS

    def check(self, definition, value, what):
        self.used.add(definition)
        validate({"$ref": f"#/$defs/{definition}"}, self.root, value, what)
        return value
