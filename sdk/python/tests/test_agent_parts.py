"""The agent's parts: arguments, reports, addresses, key files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from protocol_samples import REF

from stint_sdk.agent import task, tasks
from stint_sdk.agent.address import Address, choose_transport, parse_address
from stint_sdk.agent.held_keys import HeldKey, read_key_file
from stint_sdk.agent.launch import Refusal, Values
from stint_sdk.agent.reports import ReportFile
from stint_sdk.agent.staging import OutputMissing, StageFailed, find_outputs, is_named, parse_manifest
from stint_sdk.agent.tasks import TaskFunction, registry
from stint_sdk.errors import InvalidArgument
from stint_sdk.protocol.messages import AssignedExtra, Metric


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tasks, "registry", {})
    yield


def marked(function: Any, **options: Any) -> TaskFunction:
    task(**options)(function)
    return tasks.registry[options.get("name") or function.__name__]


def test_arguments_become_what_their_annotations_say() -> None:
    def f(a: int, b: float, c: bool, d: dict[str, int], e: str, g, h: list[int] | None = None): ...  # type: ignore[no-untyped-def]

    bound = marked(f).bind(["a=5", "b=0.5", "c=true", 'd={"x": 1}', "e=7", "g=8", "h=[1]"], None, None)
    assert bound == {"a": 5, "b": 0.5, "c": True, "d": {"x": 1}, "e": "7", "g": "8", "h": [1]}


@pytest.mark.parametrize(
    "words, text",
    [
        (["a"], "KEY=VALUE"),
        (["a b=1"], "KEY=VALUE"),
        (["z=1"], "has no parameter 'z'; it has: a, item"),
        (["a=x"], "a: expected int, got 'x'"),
        ([], "no value for a"),
    ],
)
def test_arguments_that_do_not_fit(words: list[str], text: str) -> None:
    def f(a: int, *, item: dict[str, int] | None = None) -> None: ...

    with pytest.raises(InvalidArgument, match=text):
        marked(f).bind(words, None, None)


def test_items() -> None:
    def one(item: dict[str, int]) -> None: ...
    def many(items: list[int]) -> None: ...
    def texts(items) -> None: ...  # type: ignore[no-untyped-def]
    def none() -> None: ...

    assert marked(one).bind([], '{"a": 1}', None) == {"item": {"a": 1}}
    assert marked(many).bind([], None, ["1", "2"]) == {"items": [1, 2]}
    assert marked(texts).bind([], None, ["1", "b"]) == {"items": ["1", "b"]}
    assert marked(none).bind([], "item", None) == {}
    with pytest.raises(InvalidArgument, match=r"items\[1\]: expected int"):
        marked(many).bind([], None, ["1", "x"])
    with pytest.raises(InvalidArgument, match="no value for item"):
        marked(one).bind([], None, ["1"])


def test_what_is_set_up_is_the_first_argument_and_stays() -> None:
    made: list[str] = []

    def load() -> dict[str, int]:
        made.append("model")
        return {"k": 2}

    def f(model: dict[str, int], x: int = 1) -> int:
        return model["k"] * x

    function = marked(f, setup=load)
    assert list(function.parameters()) == ["x"]
    for x in (3, 4):
        function.warm_up()
        assert function.call(function.bind([f"x={x}"], None, None)) == 2 * x
    assert made == ["model"]


def test_context_managers_are_entered_and_left_once() -> None:
    said: list[str] = []

    class Model:
        def __enter__(self) -> Model:
            said.append("enter")
            return self

        def __exit__(self, *_: object) -> None:
            said.append("exit")

        def __call__(self, x: int) -> int:
            return x + 1

    function = marked(Model)
    for _ in range(2):
        function.warm_up()
        assert function.call(function.bind(["x=1"], None, None)) == 2
    function.cool_down()
    assert said == ["enter", "exit"]


def test_marks_that_make_no_sense() -> None:
    with pytest.raises(InvalidArgument, match="expected one of trainer"):
        task(type="trianer")(len)
    marked(lambda: None, name="f")
    with pytest.raises(InvalidArgument, match="two functions are named 'f'"):
        task(name="f")(len)
    with pytest.raises(InvalidArgument, match="leave setup out"):
        task(setup=dict)(int)
    assert task(repr) is repr and "repr" in tasks.registry


def test_the_registry_is_the_packages() -> None:
    assert registry is not tasks.registry  # the fixture's


# Reports.


def report(tmp_path: Path, *lines: str, end: str = "\n") -> ReportFile:
    (tmp_path / "report").write_text("\n".join(lines) + end)
    found = ReportFile(tmp_path / "report")
    found.read()
    return found


def test_reports_are_merged(tmp_path: Path) -> None:
    found = report(
        tmp_path,
        '{"progress": 0.1, "step": 3, "metrics": {"a": 1, "b": 2}}',
        "no JSON",
        "[]",
        '{"progress": 9, "metrics": {"a": 5}, "message": "m"}',
    )
    update = found.take_update(REF, 0)
    assert update is not None
    assert (update.progress, update.metrics, update.detail) == (1.0, (Metric("a", 5, 3), Metric("b", 2, 3)), "m")
    assert found.take_update(REF, 5_000_000_000) is None


@pytest.mark.parametrize(
    "line",
    [
        '{"progress": "x"}',
        '{"progress": true}',
        '{"metrics": {"": 1, "a": "b", "c": null}}',
        '{"metrics": []}',
        '{"step": -1}',
        '{"progress": NaN}',
    ],
)
def test_values_that_mean_nothing_are_left_out(tmp_path: Path, line: str) -> None:
    update = report(tmp_path, line).take_update(REF, 0)
    assert update is not None and (update.progress, update.metrics) == (0.0, ())


def test_a_line_counts_when_it_is_whole(tmp_path: Path) -> None:
    found = report(tmp_path, '{"progress":', end="")
    assert found.take_update(REF, 0) is None
    with (tmp_path / "report").open("a") as file:
        file.write("0.5}\n")
    found.read()
    update = found.take_update(REF, 0)
    assert update is not None and update.progress == 0.5


def test_the_last_result_counts(tmp_path: Path) -> None:
    found = report(tmp_path, '{"result": 1}', '{"result": {"é": [1.5, null]}}')
    assert (found.result, found.is_result_too_large) == ('{"é":[1.5,null]}', False)
    assert report(tmp_path, json.dumps({"result": "x" * 70_000})).is_result_too_large
    assert report(tmp_path, '{"result": "\\ud800"}').result == '"\\ud800"'
    assert report(tmp_path, '{"result": Infinity}').result is None
    assert report(tmp_path, '{"result": ' + "[" * 5000 + "]" * 5000 + "}").result is None
    odd = report(tmp_path, '{"message": "\\ud800", "metrics": {"\\ud800": 1}}').take_update(REF, 0)
    assert odd is not None


def test_an_endless_line_costs_a_bounded_amount(tmp_path: Path) -> None:
    found = ReportFile(tmp_path / "report")
    with (tmp_path / "report").open("a") as file:
        for _ in range(50):
            file.write("x" * 65_536)
            file.flush()
            found.read()
            assert len(found._rest) < 300_000


# Files.


@pytest.mark.parametrize(
    "pattern, names, others",
    [
        ("a", ["a", "a/b", "a/b/c"], ["b", "b/a"]),
        ("a/", ["a/b"], ["a"]),
        ("*.txt", ["x.txt", "x.txt/y"], [".txt", "d/x.txt", "x.csv"]),
        ("**/*.txt", ["x.txt", "d/x.txt", "d/e/x.txt"], ["d/.x.txt"]),
        ("d/**", ["d/x", "d/e/x"], ["e/x"]),
        ("./a//b", ["a/b"], ["a"]),
        ("[ab]?", ["ax", "b1"], ["a", "cx"]),
        (".*", [".x"], ["x"]),
    ],
)
def test_patterns_of_outputs(pattern: str, names: list[str], others: list[str]) -> None:
    assert [path for path in names if not is_named(pattern, path)] == []
    assert [path for path in others if is_named(pattern, path)] == []


def test_links_that_leave_the_outputs_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/link").symlink_to(tmp_path / "secret")
    (tmp_path / "out/file").write_text("f")
    assert find_outputs(tmp_path / "out", ["file"]) == ["file"]
    with pytest.raises(OutputMissing, match="'link' is missing"):
        find_outputs(tmp_path / "out", ["link"])


def test_manifests() -> None:
    line = "a" * 64 + " 5 755 d/x y\n"
    assert parse_manifest(line.encode()) == [("d/x y", "a" * 64, 5, True)]
    assert parse_manifest(b"") == []
    for bad in (line[:-1], line.replace("755", "777"), line.replace("d/", "../"), line.replace("d/", "/"), line.upper(), line + "x\n"):
        with pytest.raises(StageFailed):
            parse_manifest(bad.encode())


# Values in braces.


def test_values() -> None:
    values = Values(3, AssignedExtra(0, item='{"a": {"b": 1}, "c": "d"}', values=(("matrix.lr", "0.1"),)))
    assert values.fill_in("${{ index }} ${{matrix.lr}} ${{ item.c }} ${{ item.a }}!") == '3 0.1 d {"b":1}!'
    assert values.fill_in("${{ item.a.b }}") == "1"
    for text in ("${{ item.x }}", "${{ nothing }}", "${{ item.c.d }}"):
        with pytest.raises(Refusal):
            values.fill_in(text)
    with pytest.raises(Refusal, match="batch"):
        Values(0, AssignedExtra(0, item="a\nb", is_batch=True)).fill_in("${{ item }}")


# The link's surroundings.


@pytest.mark.parametrize(
    "text, address, is_loopback",
    [
        ("127.0.0.1:80", Address("127.0.0.1", 80), True),
        ("http://localhost:81/", Address("localhost", 81, False), True),
        ("https://localhost:81", Address("localhost", 81, True), True),
        ("host", Address("host", 7464), False),
        ("[::1]:82", Address("::1", 82), True),
        ("[fe80::1]", Address("fe80::1", 7464), False),
        ("10.0.0.1:7464", Address("10.0.0.1", 7464), False),
    ],
)
def test_addresses(text: str, address: Address, is_loopback: bool) -> None:
    assert parse_address(text) == address and address.is_loopback is is_loopback
    assert parse_address(str(address)) == Address(address.host, address.port)


@pytest.mark.parametrize(
    "text, insecure_plaintext, is_tls",
    [
        ("127.0.0.1:80", False, False),
        ("http://[::1]:80", False, False),
        ("https://127.0.0.1:80", False, True),
        ("host", False, True),
        ("https://host", True, True),
        ("host", True, False),
        ("http://host", True, False),
        ("http://host", False, None),
    ],
)
def test_what_leaves_the_machine_is_encrypted(text: str, insecure_plaintext: bool, is_tls: bool | None) -> None:
    address = parse_address(text)
    if is_tls is None:
        with pytest.raises(InvalidArgument, match="--insecure-plaintext"):
            choose_transport(address, insecure_plaintext=insecure_plaintext)
        return
    chosen = choose_transport(address, insecure_plaintext=insecure_plaintext)
    assert chosen.is_tls is is_tls
    if not insecure_plaintext:
        assert choose_transport(parse_address(chosen.in_key_file), insecure_plaintext=False) == chosen, "the key file leads to the same"


@pytest.mark.parametrize("text", ["", ":80", "host:x", "host:0", "host:65536", "ftp://host", "://host", "https://"])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_address(text)


def test_key_files(tmp_path: Path) -> None:
    path = tmp_path / "key"
    good = {"server": "http://a:1", "agent": 3, "name": "box", "key_epoch": 2, "key": "ab" * 32}
    path.write_text(json.dumps(good))
    path.chmod(0o600)
    key = read_key_file(path)
    assert (key.server, key.name, key.agent, key.keys) == ("http://a:1", "box", 3, [HeldKey(2, bytes([0xAB]) * 32)])
    for change in ({"agent": 0}, {"key_epoch": 65_536}, {"key": "ab"}, {"key": "xy" * 32}, {"agent": "x"}):
        path.write_text(json.dumps({**good, **change}))
        with pytest.raises(InvalidArgument):
            read_key_file(path)
    path.write_text("[]")
    with pytest.raises(InvalidArgument):
        read_key_file(path)
    path.chmod(0o640)
    with pytest.raises(InvalidArgument, match="chmod 600"):
        read_key_file(path)
