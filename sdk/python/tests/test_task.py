"""The helper for programs that run as tasks, in an environment as a task has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stint_sdk import InvalidArgument, task
from stint_sdk.errors import NotInTask


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in (("TASK_ID", "3.main.5"), ("ATTEMPT", "2"), ("INDEX", "5"), ("ARRAY_SIZE", "9"), ("ITEM", '{"url": "x"}')):
        monkeypatch.setenv(f"STINT_{name}", value)
    for name in ("INPUTS", "OUTPUTS", "CHECKPOINT_DIR"):
        monkeypatch.setenv(f"STINT_{name}", str(tmp_path / name.lower()))
    monkeypatch.setenv("STINT_REPORT", str(tmp_path / "report"))
    return tmp_path / "report"


def test_what_a_task_got(report: Path) -> None:
    assert (task.task_id(), task.attempt(), task.index(), task.array_size()) == ("3.main.5", 2, 5, 9)
    assert task.item() == '{"url": "x"}'
    assert task.item_json() == {"url": "x"}
    assert task.outputs() == report.parent / "outputs"
    assert task.checkpoint_dir().name == "checkpoint_dir"


def test_a_batch_is_a_file_of_lines(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (report.parent / "batch").write_text('1\n{"a": 2}\n')
    monkeypatch.setenv("STINT_ITEM", str(report.parent / "batch"))
    assert list(task.items()) == ["1", '{"a": 2}']
    assert list(task.items_json()) == [1, {"a": 2}]


def test_results_of_needs(report: Path) -> None:
    folder = report.parent / "inputs" / "train"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text('{"acc": 1}')
    (folder / "results.jsonl").write_text('{"index": 0, "item": null, "result": 4}\n')
    assert task.need_result("train") == {"acc": 1}
    assert [row["result"] for row in task.need_results("train")] == [4]


def test_reports_are_lines_of_json(report: Path) -> None:
    assert task.report(0.5, step=3, metrics={"loss": 0.1, "bad": float("nan")}, message="half")
    assert task.report(7)
    assert task.result({"x": 1})
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert lines == [
        {"progress": 0.5, "step": 3, "metrics": {"loss": 0.1}, "message": "half"},
        {"progress": 1.0},
        {"result": {"x": 1}},
    ]


def test_a_result_over_the_limit_is_not_written(report: Path) -> None:
    with pytest.raises(InvalidArgument, match="limit 65536"):
        task.result("x" * 65_536)
    with pytest.raises(InvalidArgument, match="no JSON"):
        task.result({"x": {1}})
    assert not report.exists()
    task.result("x" * 65_534)  # and two quotes


def test_outside_of_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STINT_TASK_ID", "STINT_REPORT", "STINT_ITEM"):
        monkeypatch.delenv(name, raising=False)
    assert not task.report(0.5)
    assert not task.result(1)
    with pytest.raises(NotInTask, match="does not run as a task"):
        task.item()
