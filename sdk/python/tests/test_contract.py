"""The package against schema/openapi.yaml, and the two clients against each other."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from stint_sdk import aio, client
from stint_sdk.generated import api as documents

PACKAGE = Path(client.__file__).parent
PYTHON = Path(__file__).resolve().parents[1]


def test_the_generated_types_are_those_of_the_description() -> None:
    done = subprocess.run([sys.executable, PYTHON / "tools/generate_types.py", "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_generated_tables_are_those_of_the_schema() -> None:
    done = subprocess.run(
        [sys.executable, PYTHON / "tools/generate_wire_schema.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_generated_type_can_be_resolved() -> None:
    for value in vars(documents).values():
        if isinstance(value, type) and value.__module__ == documents.__name__:
            typing.get_type_hints(value)


def test_every_route_in_use_is_described() -> None:
    used = set()
    for source in PACKAGE.glob("*.py"):
        text = source.read_text()
        used |= {(method, route) for method, route in re.findall(r'Request\(\s*"([A-Z]+)", "(/[^"]+)"', text)}
        used |= {("GET", route) for route in re.findall(r'(?:\.get|\.get_lines|\.all_items|\.page_through)\(\s*"(/[^"]+)"', text)}
    assert len(used) > 20
    assert used <= documents.ROUTES, used - documents.ROUTES


@pytest.mark.parametrize("name", ["Client", "JobHandle", "TaskHandle", "Claim"])
def test_both_clients_say_the_same(name: str) -> None:
    def parameters(owner: type) -> dict[str, list[str]]:
        methods = {key: value for key, value in vars(owner).items() if inspect.isfunction(value) and not key.startswith("_")}
        return {key: list(inspect.signature(value).parameters) for key, value in methods.items()}

    assert parameters(getattr(client, name)) == parameters(getattr(aio, f"Async{name}"))


def test_tasks_load_neither_httpx_nor_cloudpickle() -> None:
    program = "import sys; from stint_sdk import task; sys.exit(bool({'httpx', 'cloudpickle'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_types_hold() -> None:
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict"], cwd=PYTHON, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
