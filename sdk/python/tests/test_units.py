"""What needs no scheduler: words into documents, where the scheduler is, lines, patience."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stint_sdk import Collect, EachFrom, InvalidArgument, Job, Need, StopAfter, Task
from stint_sdk._blobs import blob_of_bytes
from stint_sdk._flow import Answer, Command, Flow, Request, Sleep, send
from stint_sdk._http import LineSplitter, make_answer
from stint_sdk._inputs import read_inputs
from stint_sdk._job_flows import output_path
from stint_sdk._map import find_told, make_archive, parse_indexes
from stint_sdk._settings import Settings, parse_server
from stint_sdk._streams import EventParser
from stint_sdk.errors import BadRequest, ConnectionFailed, NoServer, Unavailable
from stint_sdk.quantities import byte_count, cpu_millis, milliseconds


@pytest.mark.parametrize(("text", "millis"), [("500m", 500), ("4", 4000), (0.5, 500), (2, 2000), ("0.0001", 1)])
def test_cpu_is_in_thousandths_rounded_up(text: str | float, millis: int) -> None:
    assert cpu_millis(text) == millis


@pytest.mark.parametrize(("text", "count"), [("4Gi", 4 << 30), ("4G", 4 * 10**9), ("1.5Ki", 1536), (1000, 1000), ("512k", 512_000)])
def test_bytes_as_in_kubernetes(text: str | int, count: int) -> None:
    assert byte_count(text) == count


@pytest.mark.parametrize(("text", "ms"), [("90s", 90_000), ("1h30m", 5_400_000), ("500ms", 500), (2, 2000), (0.25, 250), ("0", 0)])
def test_durations(text: str | float, ms: int) -> None:
    assert milliseconds(text) == ms
    assert milliseconds(timedelta(seconds=3)) == 3000


@pytest.mark.parametrize("wrong", ["-1", "4Q", "", "nan", "1e400x"])
def test_a_wrong_amount_is_shown(wrong: str) -> None:
    for parse in (cpu_millis, byte_count, milliseconds):
        with pytest.raises(InvalidArgument):
            parse(wrong)


def test_server_is_written_as_on_the_command_line() -> None:
    assert parse_server("localhost") == "http://localhost:7464"
    assert parse_server("http://h:1/") == "http://h:1"
    assert parse_server("[::1]:9") == "http://[::1]:9"
    assert parse_server("https://h") == "https://h:7464"
    assert parse_server("h:1") == "https://h:1"
    assert parse_server("127.0.0.1:1") == "http://127.0.0.1:1"
    for wrong in ("https://", "http://", "h:x", "h:0", "h:99999", "ftp://h", "http://h/path", "u:p@h"):
        with pytest.raises(InvalidArgument, match="expected https://HOST:PORT or http://HOST:PORT"):
            parse_server(wrong)


def test_arguments_come_before_environment_before_context(tmp_path: Path) -> None:
    (tmp_path / "context.json").write_text(json.dumps({"server": "http://c:1", "token": "from-context"}))
    environment = {"STINT_STATE_DIR": str(tmp_path)}
    assert Settings().find_endpoint(environment).token == "from-context"
    assert Settings().find_endpoint({**environment, "STINT_TOKEN": "t"}).token == "t"
    assert Settings("http://a:1", "t").find_endpoint({}).url == "http://a:1"
    assert Settings().find_endpoint({**environment, "STINT_SERVER": "http://e:1"}) == Settings("http://e:1").find_endpoint(environment)
    # The token of one scheduler is never sent to another.
    assert Settings("http://elsewhere:1").find_endpoint(environment).token == ""


def test_the_pin_of_one_scheduler_says_nothing_of_another(tmp_path: Path) -> None:
    pin, other = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    (tmp_path / "context.json").write_text(json.dumps({"server": "https://c:1", "token": "t", "tls_pin": pin}))
    environment = {"STINT_STATE_DIR": str(tmp_path)}
    assert Settings().find_endpoint(environment).pins == (pin,)
    assert Settings("c:1").find_endpoint(environment).pins == (pin,)
    assert Settings("https://elsewhere:1", "t").find_endpoint(environment).pins == ()
    assert Settings(pin=other).find_endpoint(environment).pins == (other,)
    assert Settings().find_endpoint({**environment, "STINT_CELL_PIN": other}).pins == (other,)
    assert Settings(ca_file="ca.pem").find_endpoint(environment).pins == ()
    with pytest.raises(InvalidArgument, match="64 hexadecimal digits"):
        Settings(pin="sha256:12").find_endpoint(environment)


def test_without_a_server_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoServer, match="stint dev"):
        Settings(state_dir=tmp_path).find_endpoint({})
    (tmp_path / "context.json").write_text("[]")
    with pytest.raises(NoServer, match="a context file holds"):
        Settings(state_dir=tmp_path).find_endpoint({})


def make(task: Task, directory: Path = Path()) -> Mapping[str, Any]:
    return task.make(directory)[0]


def test_a_task_in_the_words_of_the_job_file() -> None:
    task = Task(
        run="python3 train.py",
        name="train",
        type="trainer",
        env={"SEED": 7, "FAST": True},
        resources={"cpu": "500m", "memory": "1Gi", "gpu": 1},
        array=range(0, 10, 2),
        needs=["prepare", Need("check", on="always")],
        outputs="model.npz",
        collect=Collect("pred.jsonl", "all.jsonl"),
        retries=2,
        timeout="2h",
        on_disconnect=StopAfter("5m"),
    )
    assert make(task) == {
        "name": "train",
        "command": ["sh", "-c", "python3 train.py"],
        "driver": "exec",
        "own_directory": True,
        "outputs": ["model.npz"],
        "collect": {"file": "pred.jsonl", "into": "all.jsonl"},
        "array": {"first": 0, "step": 2, "count": 5},
        "type": "trainer",
        "env": {"SEED": "7", "FAST": "true"},
        "resources": {"cpu_millis": 500, "memory_bytes": 1 << 30, "gpu": 1},
        "retries": 2,
        "timeout_ms": 7_200_000,
        "on_disconnect": "stop_after",
        "lost_after_ms": 300_000,
        "needs": [{"task": "prepare", "on": "success"}["task"], {"task": "check", "on": "always"}],
    }


def test_arrays_as_slurm_writes_them() -> None:
    assert make(Task(["x"], array="0-99:2%10"))["array"] == {"first": 0, "step": 2, "count": 50, "max_parallel": 10}
    assert make(Task(["x"], array="5"))["array"] == make(Task(["x"], array=5))["array"] == {"first": 0, "step": 1, "count": 5}
    for wrong in ("", "9-1", "0-9:0", "x", "0"):
        with pytest.raises(InvalidArgument, match="array"):
            make(Task(["x"], array=wrong))
    with pytest.raises(InvalidArgument, match="array"):
        make(Task(["x"], array=range(3, 0, -1)))


def test_items_travel_as_lines() -> None:
    document, blobs = Task(["x"], each=["a", {"url": "ü"}, 3], batch=2).make(Path())
    assert document["each"] == {"items": blobs[0].hex, "count": 3, "batch": 2}
    assert blobs[0].data == 'a\n{"url": "ü"}\n3\n'.encode()
    assert make(Task(["x"], each=EachFrom("crawl", "items.jsonl")))["each"] == {"from": "crawl", "file": "items.jsonl", "batch": 0}


@pytest.mark.parametrize(
    ("task", "what"),
    [
        (Task(), "what does it run"),
        (Task(["x"], run="y"), "both run and command"),
        (Task("echo hello"), "a list of arguments"),
        (Task(["x"], array=3, each=["a"]), "only one of"),
        (Task(["x"], each=["a\nb"]), "one line"),
        (Task(["x"], each=["a" * 70_000]), "limit 65536"),
        (Task(["x"], resources={"cpus": 1}), "unknown cpus"),
        (Task(["x"], inputs="no-such-file"), "is not there"),
        (Task(["x"], inputs="*.nothing"), "matches nothing"),
        (Task(["x"], inputs="/etc/hostname"), "lies outside"),
        (Task(["x"], inputs={"../x": b""}), "no relative path"),
        (Task(["x"], timeout="soon"), "expected a duration"),
    ],
)
def test_a_wrong_task_is_refused_with_what_to_do(task: Task, what: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=what):
        Job(tasks=[task], directory=tmp_path).make()


def test_inputs_keep_relative_paths_and_leave_caches_out(tmp_path: Path) -> None:
    for name in ("train.py", "data/a.csv", "data/deep/b.csv", "data/.git/x", "data/__pycache__/c.pyc", "data/skip.log"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "train.py").chmod(0o755)
    files = read_inputs(["train.py", "data/"], tmp_path, ["*.log"])
    assert {(path, blob.size, executable) for path, blob, executable in files} == {
        ("train.py", 8, True),
        ("data/a.csv", 10, False),
        ("data/deep/b.csv", 15, False),
    }
    assert [path for path, _, _ in read_inputs("data/**/*.csv", tmp_path, [])] == ["data/a.csv", "data/deep/b.csv"]
    named = read_inputs({"x/y.txt": b"bytes", "code": tmp_path / "data/deep"}, tmp_path, [])
    assert [path for path, _, _ in named] == ["x/y.txt", "code/b.csv"]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    with pytest.raises(InvalidArgument, match="two different files"):
        read_inputs({"code/": tmp_path, "code/a": b"2"}, tmp_path, [])


def test_events_are_parsed_line_by_line() -> None:
    parser = EventParser()
    lines = [": stint events", "", "id: 7", "event: job_ended", 'data: {"at":"2026-01-01T00:00:00.000Z","job":3}', ""]
    events = [event for line in lines if (event := parser.feed(line)) is not None]
    assert events == [
        {"seq": 7, "kind": "job_ended", "at": "2026-01-01T00:00:00.000Z", "data": {"at": "2026-01-01T00:00:00.000Z", "job": 3}}
    ]


def test_only_a_line_feed_ends_a_line() -> None:
    splitter = LineSplitter()
    text = "a\u2028b\n\nc\r\n".encode()
    assert [line for byte in text for line in splitter.feed(bytes([byte]))] == ["a\u2028b", "", "c"]


def test_indexes_of_an_event() -> None:
    assert parse_indexes("0-3,7,10-14:2") == [0, 1, 2, 3, 7, 10, 12, 14]


def test_outputs_stay_below_their_folder() -> None:
    def output(path: str, task: str | None = "3.train.5") -> Path:
        return output_path(
            {"entry": "train", "task": task, "path": path, "blob": "", "size_bytes": 0, "executable": False, "attempt": 1}, Path("to")
        )

    assert output("a/b") == Path("to/train/5/a/b")
    assert output("all.jsonl", None) == Path("to/train/all.jsonl")
    for wrong in ("../x", "/etc/passwd", "a//b", ""):
        with pytest.raises(InvalidArgument):
            output(wrong)


def test_an_archive_is_the_same_every_time() -> None:
    first = make_archive()
    make_archive.cache_clear()
    assert blob_of_bytes(make_archive()) == blob_of_bytes(first)


def test_garbage_is_no_exception() -> None:
    assert find_told("no mark") is None
    assert find_told("stint-exception:!!!!\n") is None


def play(flow: Flow[Answer], outcomes: list[Answer | Exception]) -> tuple[Answer, int]:
    """The result of a flow, and how many requests it made, with these outcomes in turn; pauses take no time."""
    requests = 0
    command: Command = next(flow)
    try:
        while True:
            if isinstance(command, Sleep):
                command = flow.send(None)
                continue
            requests += 1
            outcome = outcomes.pop(0)
            command = flow.throw(outcome) if isinstance(outcome, Exception) else flow.send(outcome)
    except StopIteration as stop:
        answer: Answer = stop.value
        return answer, requests


def problem(status: int, code: str) -> Answer:
    return make_answer(status, json.dumps({"code": code, "detail": "why", "remedy": "what to do"}).encode(), {})


FINE = Answer(200, b"{}", {})
REFUSED, CUT = ConnectionFailed("refused", was_sent=False), ConnectionFailed("cut", was_sent=True)


def test_what_is_harmless_is_sent_again() -> None:
    again: list[Answer | Exception] = [REFUSED, CUT, problem(503, "unavailable"), problem(503, "outcome_unknown"), FINE]
    assert play(send(Request("GET", "/v1/info"), 30), again) == (FINE, 5)


@pytest.mark.parametrize("failure", [CUT, problem(503, "outcome_unknown")])
def test_what_may_have_happened_is_not_sent_again_unless_it_may_happen_twice(failure: Answer | Exception) -> None:
    with pytest.raises((ConnectionFailed, Unavailable)):
        play(send(Request("POST", "/v1/work/claim", is_idempotent=False), 30), [failure, FINE])
    assert play(send(Request("POST", "/v1/work/claim", is_idempotent=False), 30), [REFUSED, problem(503, "unavailable"), FINE])[1] == 3


def test_a_refusal_is_told_once_and_whole() -> None:
    with pytest.raises(BadRequest) as caught:
        play(send(Request("GET", "/v1/jobs/{job}", values={"job": "7"}), 30), [problem(400, "invalid_argument"), FINE])
    error = caught.value
    assert (error.status, error.code, error.detail, error.remedy) == (400, "invalid_argument", "why", "what to do")
    assert str(error) == "why; what to do [invalid_argument, GET /v1/jobs/7]"


def test_patience_ends() -> None:
    with pytest.raises(ConnectionFailed):
        play(send(Request("GET", "/v1/info"), 0), [REFUSED, FINE])
