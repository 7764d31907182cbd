"""What is written for people, carried out: the examples, and every block of the tutorial and the README."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, STINT, Cell

EXAMPLES = ROOT / "examples/python"
PAGES = (ROOT / "docs/python.md", ROOT / "sdk/python/README.md")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n(?:\nIt prints:\n\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def run_example(name: str, cell: Cell, folder: Path, *arguments: str) -> str:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, cwd=folder, env=cell.environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_example_map_numbers(cell: Cell, tmp_path: Path) -> None:
    assert re.fullmatch(r"pi is about 3\.1\d\d\n", run_example("map_numbers.py", cell, tmp_path, "4", "20000"))


def test_example_follow_outputs(cell: Cell, tmp_path: Path) -> None:
    assert run_example("follow_outputs.py", cell, tmp_path, "to") == "best rate 0.5\n"
    assert (tmp_path / "to/train/2/model.json").read_text() == '{"rate": 0.5}'


def python_blocks(page: Path) -> list[tuple[str, str, str]]:
    return BLOCK.findall(page.read_text())


@pytest.fixture(scope="module")
def fresh_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a reader installs the package: an environment of their own, so that it does not replace what is tested here."""
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder / "bin"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of(page: Path, cell: Cell, fresh_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, in one program and one folder."""
    monkeypatch.setenv("STINT_SOURCE", str(ROOT))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STINT_STATE_DIR", str(cell.state))
    monkeypatch.setenv("PATH", f"{fresh_python}:{STINT.parent}:{os.environ['PATH']}")
    for name in ("STINT_SERVER", "STINT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    names: dict[str, Any] = {"__name__": "__main__"}
    blocks = python_blocks(page)
    fences = len(re.findall("^```", page.read_text(), re.MULTILINE))
    assert fences == 2 * len(blocks) + 2 * sum(bool(expected) for _, _, expected in blocks), "a block that the test does not see"
    try:
        for language, text, expected in blocks:
            printed = run_python(text, page, names) if language == "python" else run_shell(language, text)
            if expected:
                assert re.fullmatch(re.escape(expected).replace(r"…", ".*"), printed), printed
    finally:
        if "agent" in names:  # that the page started, and ends unless something else fails before
            names["agent"].kill()


def run_python(text: str, page: Path, names: dict[str, Any]) -> str:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(text, str(page), "exec"), names)
    return output.getvalue()


def run_shell(language: str, text: str) -> str:
    assert language == "sh", f"a block of {language} is not carried out"
    done = subprocess.run(["sh", "-euc", text], capture_output=True, text=True, timeout=300, cwd=Path.cwd(), check=False)
    assert done.returncode == 0, f"{text}\n{done.stderr}"
    return done.stdout
