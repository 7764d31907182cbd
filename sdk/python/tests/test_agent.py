"""The agent in a real cell: functions with a warm model, and what happens when something dies in the middle."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_process import Agent
from conftest import PATIENCE_S, Cell, eventually
from proxy import CuttingProxy

from stint_sdk import Client, Job, JobHandle, Task
from stint_sdk.generated import api as documents

SMALL = {"cpu": "50m"}


@pytest.fixture
def make_agent(cell: Cell, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Agent]]:
    agents: list[Agent] = []

    def make(*options: str) -> Agent:
        name = re.sub("[^a-z0-9]+", "-", f"{request.node.name}-{len(agents)}".lower())[-60:]
        agents.append(Agent(cell, tmp_path, name, *options))
        return agents[-1]

    yield make
    for agent in agents:
        if agent.process is not None and agent.process.poll() is None:
            agent.end()
    for agent in agents:
        with contextlib.suppress(OSError):
            print(f"--- {agent.name}\n{agent.log}")


@pytest.fixture
def agent(make_agent: Callable[..., Agent]) -> Agent:
    return make_agent("--cpu", "4").start()


def submit(client: Client, *command: str, **options: Any) -> JobHandle:
    return client.submit(Job("functions", [Task(list(command), driver="python", resources=SMALL, **options)]))


def ended(job: JobHandle) -> documents.TaskDetail:
    job.wait(PATIENCE_S, check=False)
    return job.task().refresh()


def test_a_model_is_loaded_once_for_many_tasks(agent: Agent, client: Client, tmp_path: Path) -> None:
    job = submit(client, "multiply", "plus=0.5", type="inferencer", each=[str(n) for n in range(12)])
    job.wait(PATIENCE_S)
    results = job.results()
    assert [results[f"{job.id}.main.{n}"]["value"] for n in range(12)] == [3 * n + 0.5 for n in range(12)]
    assert [results[f"{job.id}.main.{n}"]["index"] for n in range(12)] == list(range(12))
    assert len({result["pid"] for result in results.values()}) == 1
    assert len((tmp_path / "loads").read_text().splitlines()) == 1
    agent.end()
    assert len((tmp_path / "unloads").read_text().splitlines()) == 1


def test_output_and_reports_come_like_a_programs(agent: Agent, client: Client) -> None:
    job = submit(client, "multiply", type="inferencer", each=["7"])
    job.wait(PATIENCE_S)
    task = job.task("main.0")
    assert task.log_text("stdout") == "multiplying 7\n"
    assert task.log_text("stderr") == "to stderr\n"
    assert task.metrics()[-1]["progress"] == 0.5 and task.metrics()[-1]["metrics"] == {"item": 7.0}
    detail = task.refresh()
    assert (detail["state"], detail["reason"], detail["exit_code"]) == ("completed", "exit", 0)


def test_a_class_is_made_once_and_gets_batches(agent: Agent, client: Client, tmp_path: Path) -> None:
    job = submit(client, "Counter", type="inferencer", each=[{"n": n} for n in range(6)], batch=3)
    job.wait(PATIENCE_S)
    assert sorted((result["calls"], result["sum"], result["lines"]) for result in job.results().values()) in (
        [(1, 3, 3), (2, 12, 3)],
        [(1, 12, 3), (2, 3, 3)],
    )
    agent.end()
    assert (tmp_path / "counter left").exists()


def test_a_function_sees_its_jobs_environment_and_no_others(agent: Agent, client: Client) -> None:
    first = submit(
        client, "environment", 'names=["STINT_INDEX", "MARK", "STINT_TASK_ID"]', env={"MARK": "${{ matrix.a }}"}, matrix={"a": ["x"]}
    )
    first.wait(PATIENCE_S)
    [found] = first.results().values()
    assert found["env"] == {"STINT_INDEX": "0", "MARK": "x", "STINT_TASK_ID": f"{first.id}.main.0"}
    assert found["cwd"].startswith(str(agent.state_dir)) and found["cwd"].endswith("/work")
    second = submit(client, "environment", 'names=["MARK"]')
    second.wait(PATIENCE_S)
    assert second.task().result()["env"] == {"MARK": None}


def test_arguments_are_converted_by_their_annotations_or_refused(agent: Agent, client: Client) -> None:
    good = submit(client, "quick", "n=${{ matrix.n }}", type="crawler", matrix={"n": [5]})
    good.wait(PATIENCE_S)
    assert list(good.results().values()) == [5]
    for word, text in (("n=five", "quick: n: expected int, got 'five'"), ("m=5", "has no parameter 'm'; it has: n"), ("five", "KEY=VALUE")):
        bad = ended(submit(client, "quick", word, type="crawler"))
        assert (bad["state"], bad["reason"]) == ("failed", "start_failed")
        assert text in str(bad["message"])


@pytest.mark.parametrize(
    "how, reason, exit_code, number, text",
    [
        ("raise", "exit", 1, None, "ValueError: not today"),
        ("exit", "exit", 7, None, "SystemExit: 7"),
        ("signal", "signal", None, 9, "the worker process ended"),
        ("large", "result_too_large", None, None, "70002 bytes of JSON"),
        ("odd", "exit", 1, None, "TypeError: Object of type object is not JSON serializable"),
    ],
)
def test_failures(agent: Agent, client: Client, how: str, reason: str, exit_code: int | None, number: int | None, text: str) -> None:
    job = submit(client, "fail", f"how={how}")
    detail = ended(job)
    assert (detail["state"], detail["reason"]) == ("failed", reason)
    attempt = detail["attempts_list"][-1]
    assert (attempt["exit_code"], attempt["signal"]) == (exit_code, number)
    assert text in str(detail["message"])
    if how == "raise":
        trace = job.task().log_text("stderr")
        assert trace.startswith("Traceback") and trace.count("File") == 1 and "not today" in trace
    again = submit(client, "fail", "how=raise")  # and the agent works on
    assert ended(again)["reason"] == "exit"


def test_a_timeout_and_a_cancel_let_the_function_clean_up(agent: Agent, client: Client, tmp_path: Path) -> None:
    timed = ended(submit(client, "wait", "name=timed", timeout="500ms"))
    assert (timed["state"], timed["reason"]) == ("failed", "timeout")
    assert (tmp_path / "timed.cleaned").exists()
    job = submit(client, "wait", "name=cancelled")
    eventually("it runs", (tmp_path / "cancelled.begun").exists)
    job.cancel()
    detail = ended(job)
    assert (detail["state"], detail["reason"]) == ("cancelled", "cancelled")
    assert (tmp_path / "cancelled.cleaned").exists()
    assert submit(client, "quick", "n=1", type="crawler").wait(PATIENCE_S)["state"] == "completed"


def test_a_checkpoint_survives_attempts(agent: Agent, client: Client) -> None:
    job = submit(client, "resume", retries=2)
    job.wait(PATIENCE_S)
    assert job.task().result() == 2
    assert [attempt["exit_code"] for attempt in job.task().refresh()["attempts_list"]] == [1, 1, 0]
    eventually("it is gone with the task", lambda: not list((agent.state_dir / "checkpoints").iterdir()))


def test_a_checkpoint_moves_to_another_agent(make_agent: Callable[..., Agent], client: Client) -> None:
    first = make_agent("--cpu", "1").start()
    job = submit(client, "resume", retries=2)
    eventually("it failed once", lambda: "failed at step" in job.task().log_text("stderr"))
    first.end()
    make_agent("--cpu", "1").start()
    job.wait(PATIENCE_S)
    assert job.task().result() == 2


def test_files_travel_to_functions_and_back(agent: Agent, client: Client, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_text("hello")
    (tmp_path / "in/b.txt").write_text("x" * 5_000_000)
    first = Task(run="echo 1 > $STINT_OUTPUTS/n; echo '{\"result\": 5}' > $STINT_REPORT", name="first", outputs=["n"], resources=SMALL)
    second = Task(
        ["transform", 'files=["a.txt", "b.txt"]'],
        name="second",
        driver="python",
        needs="first",
        inputs={"a.txt": tmp_path / "in/a.txt", "b.txt": tmp_path / "in/b.txt"},
        outputs=["deep/", "to?l"],
        resources=SMALL,
    )
    third = Task(run="cat $STINT_INPUTS/second/deep/a.txt", name="third", needs="second", resources=SMALL)
    job = client.submit(Job("files", [first, second, third]))
    job.wait(PATIENCE_S)
    assert job.task("second").result() == ["first/n", "first/result.json"]
    assert job.task("third").log_text("stdout") == "HELLO"
    job.download(tmp_path / "out", "second")
    found = {path.name: path for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert found["b.txt"].read_text() == "X" * 5_000_000 and os.access(found["tool"], os.X_OK) and len(found) == 3


def test_what_a_function_does_not_leave_fails_it(agent: Agent, client: Client) -> None:
    detail = ended(submit(client, "transform", "files=[]", outputs=["tool", "nothing*"]))
    assert (detail["state"], detail["reason"]) == ("failed", "output_missing")
    assert "'nothing*' is missing below $STINT_OUTPUTS; there is: tool" in str(detail["message"])
    failed = ended(submit(client, "transform", "files=[]", "fail=true", outputs=["tool"]))
    assert (failed["reason"], failed["exit_code"]) == ("exit", 1)


def test_what_a_function_started_ends_with_it(agent: Agent, client: Client, tmp_path: Path) -> None:
    job = submit(client, "spawn", "name=parent", kill_grace="200ms")
    eventually("it has a child", (tmp_path / "parent.child").exists)
    job.cancel()
    ended(job)
    child = int((tmp_path / "parent.child").read_text().split()[0])
    eventually("the child gone", lambda: not is_running(child))


def is_running(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def begun(folder: Path, name: str) -> list[str]:
    return [line.split()[1] for line in (folder / f"{name}.begun").read_text().splitlines()]


def test_killed_agent_its_task_is_lost_and_goes_on_as_another_attempt(agent: Agent, client: Client, tmp_path: Path) -> None:
    job = submit(client, "wait", "name=flow", "output=true")
    eventually("it runs", (tmp_path / "flow.begun").exists)
    worker = int((tmp_path / "flow.begun").read_text().split()[0])
    agent.kill()
    eventually("its worker gone", lambda: not is_running(worker))
    agent.start()
    eventually("a second attempt", lambda: len(begun(tmp_path, "flow")) == 2)
    (tmp_path / "flow.stop").touch()
    job.wait(PATIENCE_S)
    detail = job.task().refresh()
    assert [attempt["reason"] for attempt in detail["attempts_list"]] == ["lost", "exit"]
    assert begun(tmp_path, "flow") == [f"{job.id}.main@1", f"{job.id}.main@2"]
    lines = int((tmp_path / "flow.count").read_text())
    assert job.task().log_text("stdout", attempt=2) == "".join(f"{number:059}\n" for number in range(lines))
    # What the first had printed is not lost with it.
    assert job.task().log_text("stdout", attempt=1).startswith(f"{0:059}\n")


def test_an_end_that_the_killed_agent_never_heard_of_is_told_by_the_next(agent: Agent, client: Client, tmp_path: Path) -> None:
    job = submit(client, "wait", "name=once")
    eventually("it runs", (tmp_path / "once.begun").exists)
    assert agent.process is not None
    agent.process.send_signal(signal.SIGSTOP)
    (tmp_path / "once.stop").touch()
    eventually("its end is written", lambda: list(agent.state_dir.glob("attempts/*/end.json")))
    agent.kill()
    agent.start()
    job.wait(PATIENCE_S)
    detail = job.task().refresh()
    assert len(detail["attempts_list"]) == 1 and job.task().result() == "once"
    assert begun(tmp_path, "once") == [f"{job.id}.main@1"]
    eventually("nothing left behind", lambda: not list((agent.state_dir / "attempts").iterdir()))


def test_killed_scheduler_and_the_task_runs_on(agent: Agent, cell: Cell, client: Client, tmp_path: Path) -> None:
    job = submit(client, "wait", "name=flow", "output=true")
    eventually("it runs", (tmp_path / "flow.begun").exists)
    cell.kill_scheduler()
    eventually("the scheduler back", lambda: agent.log.count("connected to the scheduler") == 2)
    (tmp_path / "flow.stop").touch()
    job.wait(PATIENCE_S)
    assert begun(tmp_path, "flow") == [f"{job.id}.main@1"]
    lines = int((tmp_path / "flow.count").read_text())
    assert job.task().log_text("stdout") == "".join(f"{number:059}\n" for number in range(lines))


def test_a_link_that_is_cut_loses_and_repeats_nothing(make_agent: Callable[..., Agent], cell: Cell, client: Client, tmp_path: Path) -> None:
    where = urllib.parse.urlsplit(cell.server)
    proxy = CuttingProxy(where.hostname or "", where.port or 0, cut_after=2500, cuts=25)
    agent = make_agent("--cpu", "8", "--workers", "2")
    agent.server = proxy.url
    agent.start()
    job = submit(client, "quick", "n=${{ index }}", type="crawler", array=150)
    job.wait(PATIENCE_S)
    assert proxy.cuts_made >= 10, proxy.cuts_made
    assert [job.results()[f"{job.id}.main.{n}"] for n in range(150)] == list(range(150))
    views = [task.refresh() for task in job.tasks()]
    assert all(sum(attempt["is_result"] for attempt in view["attempts_list"]) == 1 for view in views)
    assert {len(view["attempts_list"]) for view in views} == {1}
    proxy.close()


def test_a_rotation_moves_the_session_and_disturbs_no_task(agent: Agent, cell: Cell, client: Client, tmp_path: Path) -> None:
    job = submit(client, "wait", "name=flow", "output=true", on_disconnect="replace")
    eventually("it runs", (tmp_path / "flow.begun").exists)
    before = json.loads(agent.key.read_text())["key_epoch"]
    cell.stint("keys", "rotate")
    eventually("the newer key alone", lambda: not json.loads(agent.key.read_text()).get("older_keys", [0]))
    assert json.loads(agent.key.read_text())["key_epoch"] == before + 1
    assert f"key epoch {before + 1}" in agent.log
    (tmp_path / "flow.stop").touch()
    job.wait(PATIENCE_S)
    assert begun(tmp_path, "flow") == [f"{job.id}.main@1"]
    lines = int((tmp_path / "flow.count").read_text())
    assert job.task().log_text("stdout") == "".join(f"{number:059}\n" for number in range(lines))


def test_revoked_it_is_cut_off(make_agent: Callable[..., Agent], cell: Cell) -> None:
    agent = make_agent("--cpu", "1").start()
    cell.stint("agent", "revoke", agent.name)
    eventually("it was told", lambda: "closed_by_peer" in agent.log and "rejected: unauthenticated" in agent.log)


def test_drained_it_ends_what_it_has_and_takes_nothing_new(agent: Agent, client: Client, tmp_path: Path) -> None:
    running = submit(client, "wait", "name=last")
    eventually("it runs", (tmp_path / "last.begun").exists)
    assert agent.process is not None
    agent.process.send_signal(signal.SIGINT)
    eventually("it says so", lambda: any("draining" in note for note in agent.view()["notes"]))
    waiting = submit(client, "quick", "n=1", type="crawler")
    (tmp_path / "last.stop").touch()
    running.wait(PATIENCE_S)
    assert agent.process.wait(PATIENCE_S) == 0
    assert waiting.refresh()["state"] == "pending"
    waiting.cancel()


def test_told_to_end_it_gives_its_tasks_back(make_agent: Callable[..., Agent], client: Client, tmp_path: Path) -> None:
    first = make_agent("--cpu", "1").start()
    job = submit(client, "wait", "name=moved")
    eventually("it runs", (tmp_path / "moved.begun").exists)
    assert first.end() == 0
    assert (tmp_path / "moved.cleaned").exists()
    make_agent("--cpu", "1").start()
    eventually("it runs again", lambda: len(begun(tmp_path, "moved")) == 2)
    (tmp_path / "moved.stop").touch()
    job.wait(PATIENCE_S)
    assert [attempt["reason"] for attempt in job.task().refresh()["attempts_list"]] == ["lost", "exit"]


def test_an_agent_without_the_function_refuses_and_another_takes_it(
    make_agent: Callable[..., Agent], client: Client, tmp_path: Path
) -> None:
    (tmp_path / "other.py").write_text("from stint_sdk.agent import task\n\n@task(type='crawler')\ndef other(): return 'here'\n")
    make_agent("--cpu", "1").start()
    job = submit(client, "other", type="crawler")
    eventually("it was refused", lambda: "no function 'other'" in json.dumps(job.explain()))
    make_agent("--cpu", "1").start(str(tmp_path / "other.py"))
    job.wait(PATIENCE_S)
    assert job.task().result() == "here"
    assert [attempt["reason"] for attempt in job.task().refresh()["attempts_list"]][-1] == "exit"


def test_what_an_agent_offers_is_what_its_functions_are_for(make_agent: Callable[..., Agent], tmp_path: Path) -> None:
    (tmp_path / "typed.py").write_text("from stint_sdk.agent import task\n\n@task(type='rater')\ndef rate(): pass\n")
    agent = make_agent("--cpu", "2", "--memory", "1Gi", "--label", "zone=b", "--workers", "2").start(str(tmp_path / "typed.py"))
    view = agent.view()
    assert (view["types"], view["drivers"], view["labels"]) == (["rater"], ["python"], {"zone": "b"})
    assert view["resources"]["cpu_millis"] == 2000 and view["resources"]["memory_bytes"] == 1 << 30
    assert any("functions: rate" in note for note in view["notes"])


@pytest.mark.parametrize(
    "source, text",
    [
        ("import nothing_of_that_name", "nothing_of_that_name"),
        ("x = 1", "no function is marked with @task"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_modules_that_cannot_be_loaded_end_it(make_agent: Callable[..., Agent], tmp_path: Path, source: str, text: str) -> None:
    (tmp_path / "broken.py").write_text(source)
    agent = make_agent().start(str(tmp_path / "broken.py"), connected=False)
    assert agent.process is not None and agent.process.wait(PATIENCE_S) == 125
    assert text in agent.log


def test_a_wrong_key_is_told_and_tried_again(make_agent: Callable[..., Agent], tmp_path: Path) -> None:
    agent = make_agent()
    words = json.loads(agent.key.read_text())
    agent.key.write_text(json.dumps({**words, "key": "00" * 32}))
    agent.start(connected=False)
    eventually("it was rejected twice", lambda: agent.log.count("rejected: unauthenticated") >= 2)
    agent.end()
    agent.key.write_text(json.dumps(words))
    agent.key.chmod(0o644)
    agent.start(connected=False)
    assert agent.process is not None and agent.process.wait(PATIENCE_S) == 125
    assert "others may read this key" in agent.log


def test_two_agents_do_not_share_a_state_directory(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["--key-file", str(agent.key), "--state-dir", str(agent.state_dir), "--server", "127.0.0.1:1", "nothing"]
    patience = "import sys; from stint_sdk.agent import __main__ as a; a.LOCK_PATIENCE_S = 0.1; sys.exit(a.main(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-c", patience, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 125 and "in use by another agent" in done.stderr
