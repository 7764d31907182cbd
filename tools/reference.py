#!/usr/bin/env python3
"""Writes docs/reference/ from what the programs themselves are held to: help texts, schemas, the default configuration.

usage: tools/reference.py --stint build/release/bin/stint [--check]
       --check changes nothing and exits 1 if a page says something else
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
METHODS = ("get", "head", "post", "put", "patch", "delete")
NOT_FOR_PEOPLE = ("bench",)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--stint", default=ROOT / "build/release/bin/stint")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    pages = {
        "README.md": index_page(),
        "commands.md": commands_page(str(options.stint)),
        "json.md": json_page(json.loads((ROOT / "schema/cli.schema.json").read_text())),
        "api.md": api_page(yaml.safe_load((ROOT / "schema/openapi.yaml").read_text())),
        "job-file.md": job_file_page(json.loads((ROOT / "schema/job.schema.json").read_text())),
        "configuration.md": configuration_page((ROOT / "packaging/stint.toml").read_text()),
    }
    stale = [name for name, text in pages.items() if read(FOLDER / name) != text]
    if options.check:
        if stale:
            print(f"docs/reference: {', '.join(stale)}: not what the sources say; tools/reference.py makes it so", file=sys.stderr)
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(pages[name])
    return 0


def read(path):
    return path.read_text() if path.exists() else ""


def page(title, source, *parts):
    return "\n".join([f"# {title}", "", f"<!-- made by tools/reference.py from {source} -->", "", *parts]).rstrip() + "\n"


def cell(text):
    return re.sub(r"\s+", " ", str(text)).replace("|", "\\|").strip()


def rows(head, lines):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(map(cell, line)) + " |" for line in lines), ""]


def index_page():
    topics = sorted((ROOT / "docs/topics").glob("*.md"))
    return page(
        "Reference",
        "the pages beside it",
        *rows(
            ("page", "what"),
            [
                ("[commands](commands.md)", "every command with its options, as `stint COMMAND --help` says"),
                ("[JSON of the commands](json.md)", "what `--json` prints"),
                ("[HTTP API](api.md)", "every operation; `schema/openapi.yaml` is the contract"),
                ("[job file](job-file.md)", "every key; [explained](../job-file.md) with examples"),
                ("[configuration](configuration.md)", "every setting of `stint.toml`"),
            ],
        ),
        "Topics, as `stint help TOPIC` prints them: " + ", ".join(f"[{topic.stem}](../topics/{topic.name})" for topic in topics) + ".",
    )


# Commands


def help_of(stint, words):
    return subprocess.run([stint, *words, "--help"], check=True, capture_output=True, text=True, env={"LANG": "C.UTF-8"}).stdout


def leaves(stint, *words):
    text = help_of(stint, words)
    below = text.partition("Subcommands:\n")[2].partition("\n\n")[0]
    names = [name for name in re.findall(r"^  ([a-z-]+) {2,}\S", below, re.MULTILINE) if name not in NOT_FOR_PEOPLE]
    if not names or words == ("dev",):
        yield words, text
    for name in names:
        yield from leaves(stint, *words, name)


def without_common(text):
    """Leaves out what every command has."""
    return re.sub(r"\n\nWhere:\n(?:  .*\n)+", "\n", text)


def commands_page(stint):
    where = help_of(stint, ["jobs"]).partition("Where:\n")[2].partition("\n\n")[0]
    parts = ["Every command also takes:", "", "```text", where.rstrip(), "```", ""]
    for words, text in leaves(stint):
        body = re.sub(r"\n{3,}", "\n\n", without_common(text)).strip()
        parts += [f"## stint {' '.join(words)}", "", "```text", body, "```", ""]
    return page("Commands", "the program's own help", *parts)


# JSON of the commands


def type_of(schema):
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join("null" if value is None else f"`{value}`" for value in schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(type_of(one) for one in schema[key]))
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    return " or ".join(kind) if isinstance(kind, list) else kind


def properties(schema, prefix=""):
    required = schema.get("required", [])
    for name, value in schema.get("properties", {}).items():
        yield f"`{prefix}{name}`", type_of(value), "" if name in required else "may be missing", value.get("description", "")
        inner = value.get("items", value) if isinstance(value, dict) else {}
        if "properties" in inner:
            yield from properties(inner, f"{prefix}{name}{'[]' if 'items' in value else ''}.")


def json_page(schema):
    parts = [schema["description"], ""]
    for name, definition in schema["$defs"].items():
        parts += [f"## {name}", ""]
        if "description" in definition:
            parts += [definition["description"] + ".", ""]
        listed = list(properties(definition))
        parts += rows(("key", "value", "", "meaning"), listed) if listed else [type_of(definition), ""]
    return page("JSON of the commands", "schema/cli.schema.json", *parts)


# API


def scope_of(operation):
    scope = operation["x-scope"]
    return " or ".join(f"`{one}`" for one in scope) if isinstance(scope, list) else f"`{scope}`"


def resolved(document, thing):
    while "$ref" in thing:
        found = document
        for part in thing["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        thing = found
    return thing


def operation_parts(document, method, path, item, operation):
    parts = [f"### {method.upper()} {path}", "", f"{operation['summary']}. Scope {scope_of(operation)}.", ""]
    if "description" in operation:
        parts += [operation["description"].strip(), ""]
    given = [resolved(document, one) for one in item.get("parameters", []) + operation.get("parameters", [])]
    if given:
        parts += rows(
            ("parameter", "in", "value", "meaning"),
            [(f"`{one['name']}`", one["in"], type_of(one["schema"]), one.get("description", "")) for one in given],
        )
    body = resolved(document, operation.get("requestBody", {}))
    for kind, content in body.get("content", {}).items():
        listed = list(properties(resolved(document, content.get("schema", {}))))
        parts += [f"Body, `{kind}`: {type_of(content.get('schema', {}))}.", ""]
        if listed and "$ref" not in content["schema"]:
            parts += rows(("key", "value", "", "meaning"), listed)
    answers = []
    for status, response in operation["responses"].items():
        response = resolved(document, response)
        kinds = ", ".join(f"`{kind}`: {type_of(content.get('schema', {}))}" for kind, content in response.get("content", {}).items())
        answers.append((status, kinds, response.get("description", "")))
    return parts + rows(("status", "body", "meaning"), answers)


def api_page(document):
    parts = [document["info"]["description"].strip(), "", "## Operations", ""]
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                parts += operation_parts(document, method, path, item, item[method])
    parts += ["## Schemas", ""]
    for name, schema in document["components"]["schemas"].items():
        parts += [f"### {name}", ""]
        if "description" in schema:
            parts += [schema["description"].strip(), ""]
        listed = list(properties(schema))
        parts += rows(("key", "value", "", "meaning"), listed) if listed else [type_of(schema), ""]
    return page("HTTP API", "schema/openapi.yaml", *parts)


# Job file


def job_keys(schema, task):
    for name, value in schema["properties"].items():
        ref = value.get("$ref", "")
        value = task["properties"][name] if ref.startswith("#/$defs/task/properties/") else value
        yield f"`{name}`", type_of(value), json.dumps(value["default"]) if "default" in value else "", value.get("description", "")


def job_file_page(schema):
    definitions = schema["$defs"]
    task = definitions["task"]
    head = ("key", "value", "default", "meaning")
    own = [name for name in schema["properties"] if name not in task["properties"]]
    top = [row for row in job_keys(schema, task) if row[0].strip("`") in own]
    parts = [schema["description"], "", "## The job", "", *rows(head, top)]
    parts += ["## A task", "", task["description"], "", *rows(head, job_keys(task, task))]
    for name in ("resources", "each", "need", "input", "from_job", "duration", "expression"):
        definition = definitions[name]
        parts += [f"## {name}", "", definition.get("description", type_of(definition)), ""]
        for one in [definition, *definition.get("anyOf", []), *definition.get("oneOf", [])]:
            if "properties" in one:
                parts += rows(head, job_keys(one, task))
    return page("Keys of the job file", "schema/job.schema.json", *parts)


# Configuration


def configuration_page(text):
    section, comment, table, parts = "", [], {}, []
    head_done = False
    for line in text.splitlines():
        setting = re.match(r"(# )?([a-z_]+) = (.+)$", line)
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            table[section] = []
            comment = []
        elif setting and section:
            default = "not set" if setting.group(1) else f"`{setting.group(3)}`"
            table[section].append((f"`{setting.group(2)}`", default, " ".join(comment)))
            comment = []
        elif line.startswith("#"):
            comment.append(line.lstrip("# "))
        elif not line and not head_done:
            parts += [" ".join(comment), ""]
            comment, head_done = [], True
    for name, settings in table.items():
        parts += [f"## [{name}]", "", *rows(("setting", "default", "meaning"), settings)]
    return page("Configuration", "packaging/stint.toml", *parts)


if __name__ == "__main__":
    sys.exit(main())
