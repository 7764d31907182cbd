#!/usr/bin/env python3
"""Job files of the documentation, the examples and `stint job init` against schema/job.schema.json and the program."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
STINT = pathlib.Path(os.environ.get("STINT_BIN_DIR", ROOT / "build/release/bin")) / "stint"
SHAPES = ("command", "sweep", "array", "batch", "pipeline", "crawl")


class Loader(yaml.SafeLoader):
    """YAML 1.2, as the program reads it: `on` is a word."""


Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))


def load(text):
    return yaml.load(text, Loader)


def documented():
    """The blocks of the documentation, by the line they begin at."""
    text = (ROOT / "docs/job-file.md").read_text()
    for match in re.finditer(r"```yaml\n(.*?)```", text, re.DOTALL):
        yield f"docs/job-file.md:{text.count(chr(10), 0, match.start()) + 1}", match.group(1)


def stint(*arguments):
    return subprocess.run([STINT, *arguments], capture_output=True, text=True, timeout=60)


class JobFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.schema = json.loads((ROOT / "schema/job.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(cls.schema)
        cls.validator = jsonschema.Draft202012Validator(cls.schema)
        cls.folder = tempfile.TemporaryDirectory(prefix="stint-job-files-")
        cls.addClassCleanup(cls.folder.cleanup)

    def problems(self, text):
        return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in self.validator.iter_errors(load(text))]

    def check(self, where, text, *options):
        self.assertEqual([], self.problems(text), where)
        path = pathlib.Path(self.folder.name) / "job.yaml"
        path.write_text(text)
        done = stint("job", "validate", path, *options)
        self.assertEqual(0, done.returncode, f"{where}: {done.stderr}")

    def test_those_of_the_documentation_are_valid(self):
        blocks = list(documented())
        self.assertGreaterEqual(len(blocks), 8)
        for where, text in blocks:
            self.check(where, text, *(("-p", "dataset=mnist") if "params.dataset" in text else ()))

    def test_those_of_the_examples_are_valid(self):
        files = [path for path in ROOT.glob("examples/**/*.yaml") if "run:" in path.read_text()]
        self.assertTrue(files)
        for path in files:
            self.check(path, path.read_text())

    def test_those_of_init_are_valid(self):
        for shape in SHAPES:
            done = stint("job", "init", shape, "-o", "-")
            self.assertEqual(0, done.returncode, done.stderr)
            self.check(shape, done.stdout)

    def test_init_does_not_overwrite(self):
        path = pathlib.Path(self.folder.name) / "mine.yaml"
        path.write_text("run: mine\n")
        self.assertEqual(2, stint("job", "init", "-o", path).returncode)
        self.assertEqual("run: mine\n", path.read_text())

    def test_what_show_prints_is_yaml(self):
        for where, text in documented():
            path = pathlib.Path(self.folder.name) / "shown.yaml"
            path.write_text(text)
            options = ("-p", "dataset=mnist") if "params.dataset" in text else ()
            shown = stint("job", "show", path, *options)
            self.assertEqual(0, shown.returncode, f"{where}: {shown.stderr}")
            spec = json.loads(stint("job", "show", path, *options, "--json").stdout)["spec"]
            self.assertEqual(spec, load(shown.stdout), where)

    def test_the_schema_refuses_what_is_no_key(self):
        for text in (
            "rnu: x",
            "run: x\nresources: {memroy: 4Gi}",
            "run: x\ncommand: [y]",
            "run: x\narray: 0-9\nmatrix: {a: [1]}",
            "name: x",
            "tasks: {a: {run: x, name: y}}",
            "run: x\neach: {glob: '*', file: x}",
            "run: x\nform: {}",
            "run: x\nneeds: y",
            "tasks: {a: {driver: human}}",
        ):
            self.assertNotEqual([], self.problems(text), text)

    def test_every_key_is_explained(self):
        text = (ROOT / "docs/job-file.md").read_text()
        for key in self.schema["properties"]:
            self.assertIn(f"`{key}`", text)
        for definition in ("resources", "from_job", "each"):
            for key in self.schema["$defs"][definition]["properties"]:
                self.assertRegex(text, rf"`{key}`|{{{key}:|, {key}:|`{key}: ", f"{definition}.{key}")


if __name__ == "__main__":
    if not STINT.exists():
        sys.exit(f"no {STINT}; build it: cmake --preset release && cmake --build --preset release")
    unittest.main(verbosity=2)
